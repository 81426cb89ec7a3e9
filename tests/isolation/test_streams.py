"""What subscriptions hear of: each shop its own, whatever ids and words it subscribes with."""

from typing import Any

import pytest

from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.streams.watching import watch_of
from tests.isolation.asking import Filled, documents, positions
from tests.isolation.goods import Goods
from tests.isolation.leaks import SHOP_SURFACES, Shops, built, roots


def topics(shops: Shops, surface: Surface, mine: Goods, given: Goods) -> set[str]:
    """What `mine` would hear of by every id and word of `given`."""
    found = set()
    for operation, name, field in roots(surface):
        if operation != "subscription":
            continue
        (text,) = documents(built(surface), operation, name)
        tried: list[dict[str, Any]] = [
            Filled(name, mine.ids, place, one).of(field.args)
            for place in positions(field)
            for one in given.ids.values()
        ]
        tried += [
            Filled(name, mine.ids, place, word).of(field.args)
            for place in positions(field, "String")
            for word in given.words.values()
        ]
        for variables in tried:
            watch = watch_of(SCHEMAS[surface], text, None, variables)
            assert watch is not None
            topic = watch.topic(shops.context(surface, mine))
            found |= {topic} if topic else set()
    return found


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_nobody_hears_of_another_shops_things(shops: Shops, surface: Surface) -> None:
    own = topics(shops, surface, shops.theirs, shops.theirs)
    assert own
    assert all(topic.startswith(f"{shops.theirs.shop.id}:") for topic in own)
    foreign = topics(shops, surface, shops.mine, shops.theirs)
    assert all(topic.startswith(f"{shops.mine.shop.id}:") for topic in foreign)
    if surface == "storefront":
        assert foreign == set()
