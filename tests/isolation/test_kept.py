"""Pages and answers from memory: what one shop's visitors were given, no other shop's are."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from keystall.platform.asgi.application import application
from keystall.platform.asgi.front import Front
from keystall.platform.live import Live
from keystall.tenants.installation import Installation
from keystall.themes.engine import Cache, Page, vouched
from keystall.themes.storefront.pages import PAGES
from tests.isolation.goods import Goods, resume, suspend
from tests.isolation.leaks import Shops
from tests.isolation.visiting import Call, Visiting, named, own_values

FOR_EVERYONE = [page for page in PAGES if page.cache is Cache.EVERYONE]


@pytest.fixture
def front(installation: Installation) -> Front:
    """One memory for both shops, as in one process; no news arrive."""
    front = Front(installation)
    front.line_up()
    return front


@pytest.fixture
async def visiting(shops: Shops, front: Front) -> AsyncIterator[Visiting]:
    """Both shops open to everyone."""
    await resume(shops.installation, shops.theirs)
    app = application(shops.installation, Live(shops.installation.queue), front)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        yield Visiting(shops, client, "")
    await suspend(shops.installation, shops.theirs)


def addresses(visiting: Visiting, page: Page, whose: Goods, at: Goods) -> list[str]:
    """Where a page of `whose` things would be at the shop of `at`."""
    return [visiting.address(page, values, at) for values in own_values(whose, page)]


async def test_each_shops_visitors_are_given_its_own_pages_however_often_they_ask(
    shops: Shops, visiting: Visiting, front: Front
) -> None:
    mine, theirs = shops.mine, shops.theirs
    first: dict[str, bytes] = {}
    for _ in ("drawn", "from memory"):
        for page in FOR_EVERYONE:
            for own, other in ((mine, theirs), (theirs, mine)):
                for url in addresses(visiting, page, own, own):
                    answer = await visiting.ask(Call(url))
                    assert (answer.status_code, own.canary in answer.text) == (200, True), url
                    assert other.canary not in answer.text, url
                    assert first.setdefault(url, answer.content) == answer.content
    # Both are in memory now: one's addresses at the other's host are still nobody's.
    for page in FOR_EVERYONE:
        if not named(page):
            continue
        for own, other in ((mine, theirs), (theirs, mine)):
            for url in addresses(visiting, page, other, own):
                answer = await visiting.ask(Call(url))
                assert (answer.status_code, other.canary in answer.text) == (404, False), url
    keys = [key for key in [*front.kept._once, *front.kept._often] if isinstance(key, tuple)]
    assert {key[0] for key in keys} == {mine.shop.id, theirs.shop.id}
    assert len(keys) == len(first)


async def test_each_shops_programs_are_given_its_own_answers(
    shops: Shops, visiting: Visiting
) -> None:
    mine, theirs = shops.mine, shops.theirs
    for _ in ("made", "from memory"):
        for sha256, text in vouched(FOR_EVERYONE).items():
            if not text.startswith("query Home"):
                continue
            for own, other in ((mine, theirs), (theirs, mine)):
                base = shops.installation.settings.shop_url(own.shop.slug)
                url = f"{base}/graphql/storefront?documentId=sha256:{sha256}"
                answer = await visiting.ask(Call(url))
                assert own.canary in answer.text
                assert other.canary not in answer.text


async def test_a_visitor_who_is_somebody_is_given_what_everyone_is(
    shops: Shops, visiting: Visiting
) -> None:
    for page in FOR_EVERYONE:
        for url in addresses(visiting, page, shops.mine, shops.mine):
            known = await visiting.ask(
                Call(url, session=shops.mine.customer_secret, cart=shops.mine.ids["Cart"])
            )
            nobody = await visiting.ask(Call(url))
            assert known.content == nobody.content
            assert "buyer@" not in known.text
            assert shops.mine.ids["Cart"] not in known.text
