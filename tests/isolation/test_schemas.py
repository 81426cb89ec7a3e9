"""Every field and mutation of the schemas, asked by one shop for another's things.

Shops are parted by two walls: each query names its shop, and each transaction is bound to one. They
are proven together, and each while the other is down.
"""

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from graphql import GraphQLObjectType, GraphQLSchema

from keystall.graphql.executor import Surface
from keystall.platform.database import Reads
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.queries import ProductView
from keystall.tenants.installation import Installation
from tests.isolation import catalogue, shape
from tests.isolation.asking import Filled, documents, positions, reached, tells
from tests.isolation.goods import (
    a_cart,
    a_full_shop,
    an_account_link,
    fresh_code,
    stock,
)
from tests.isolation.leaks import MINE, SHOP_SURFACES, THEIRS, Shops, Sweep, built, roots


@pytest.fixture(scope="module")
async def shops(installation: Installation, superuser_url: str) -> Shops:
    mine = await a_full_shop(installation, MINE)
    theirs = await a_full_shop(installation, THEIRS)
    return Shops(installation, mine, theirs, superuser_url)


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_what_is_another_shops_is_answered_exactly_like_what_is_missing(
    shops: Shops, surface: Surface
) -> None:
    sweep = Sweep(shops, surface)
    assert await sweep.all() == []
    assert sweep.tried >= 400
    print(f"{surface}: {sweep.tried} requests for another shop's things")


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_first_wall_holds_where_the_second_is_down(
    shops: Shops, without_second_wall: None, surface: Surface
) -> None:
    assert await Sweep(shops, surface).all() == []


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_second_wall_holds_where_a_query_forgets_the_first(
    shops: Shops, forgetful_query: None, surface: Surface
) -> None:
    found = await Sweep(shops, surface).all()
    # The shop misses its own products, then: an error of ours, and no leak.
    assert [one for one in found if "INTERNAL" not in one] == []


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_where_both_walls_are_down_the_sweep_tells(
    shops: Shops, forgetful_query: None, without_second_wall: None, surface: Surface
) -> None:
    found = await Sweep(shops, surface).all()
    assert "node(id) with a Product: tells of the other shop" in found


@pytest.fixture
async def without_second_wall(
    shops: Shops, superuser_url: str, owner_url: str
) -> AsyncIterator[None]:
    """Row-level security lets everything through, until the end of the test."""
    connection = await asyncpg.connect(owner_url)
    try:
        tables = shape.tenant_tables(await catalogue.tables(connection)).values()
        walls = {
            table.name: one for table in tables for one in table.policies if one.check != "true"
        }
        assert len(walls) == len(tables)
        async with connection.transaction():
            for name, wall in walls.items():
                await connection.execute(
                    f'alter policy "{wall.name}" on "{name}" using (true) with check (true)'
                )
        try:
            yield
        finally:
            async with connection.transaction():
                for name, wall in walls.items():
                    await connection.execute(
                        f'alter policy "{wall.name}" on "{name}"'
                        f" using ({wall.using}) with check ({wall.check})"
                    )
        assert shape.of_table((await catalogue.tables(connection))["orders"]) == []
    finally:
        await connection.close()


@pytest.fixture
def forgetful_query(shops: Shops, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are read for the wrong shop."""
    real = queries.products_by_ids

    async def forgets(db: Reads, shop: UUID, ids: Sequence[UUID]) -> Mapping[UUID, ProductView]:
        return await real(db, shops.theirs.shop.id, ids)

    monkeypatch.setattr(queries, "products_by_ids", forgets)


def fields_of(schema: GraphQLSchema) -> set[tuple[str, str]]:
    """Every field of every object but the roots."""
    outer = {schema.query_type, schema.mutation_type}
    return {
        (kind.name, name)
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind not in outer
        if not kind.name.startswith("__")
        for name in kind.fields
    }


async def _own(shops: Shops, surface: Surface) -> dict[tuple[str, str], list[Any]]:
    """What the rightful owner sees through each field, by asking all the schema has."""
    goods = shops.theirs
    seen: dict[tuple[str, str], list[Any]] = {}
    for operation, name, field_ in roots(surface):
        if operation == "mutation":
            continue
        ways = [Filled(name, goods.ids)]
        if name in ("order", "orders"):
            ways = [Filled(name, goods.ids | {"Order": order}) for order in goods.orders.values()]
        ways += [
            Filled(name, goods.ids, place, word)
            for place in positions(field_, "String")
            for key, word in goods.words.items()
            if place[-1] in key or (place == ("slug",) and "lug" in key)
        ]
        ways += [
            Filled(name, goods.ids, place, given)
            for place in positions(field_)
            for given in goods.ids.values()
        ]
        if name == "cart":
            ways.append(Filled(name, goods.ids | {"Cart": goods.completed_cart}))
        if name == "accountLink":
            ways.append(
                Filled(
                    name, goods.ids, ("token",), await an_account_link(shops.installation, goods)
                )
            )
        for way, text in itertools.product(ways, documents(built(surface), operation, name)):
            await _see(shops, surface, text, way.of(field_.args), seen)
    return seen


async def _see(
    shops: Shops,
    surface: Surface,
    text: str,
    variables: dict[str, Any],
    seen: dict[tuple[str, str], list[Any]],
) -> None:
    answer = await shops.ask(surface, shops.theirs, text, variables)
    assert "errors" not in answer, (text[:80], answer["errors"])
    for kind, name, value in reached(answer["data"]):
        seen.setdefault((kind, name), []).append(value)


NOT_OURS = frozenset({
    "accountConfirm", "accountCreate", "passwordReset", "passwordResetRequest", "sessionCreate",
    "sessionEnd", "shopCreate",
})  # fmt: skip
"""Mutations outside of any shop: they take no id and no shop's word."""


async def _done(shops: Shops, surface: Surface) -> dict[tuple[str, str], list[Any]]:
    """What the rightful owner sees as she does everything, each mutation on fresh goods."""
    goods = shops.theirs.again()
    seen: dict[tuple[str, str], list[Any]] = {}
    for operation, name, field_ in roots(surface):
        if operation == "query" or name in NOT_OURS:
            continue
        await stock(shops.installation, goods)
        await a_cart(shops.installation, goods)
        await fresh_code(shops.installation, goods)
        own = goods.ids | {"Order": goods.orders["delivered"]}
        filled = Filled(name, own)
        if name == "codesPreview":
            filled = Filled(name, own, ("input", "text"), f"X\nX\n{goods.stocked}\n{'y' * 9000}\n")
        if name == "orderCancel":
            filled = Filled(name, own, ("token",), goods.words["pending token"])
        (text,) = documents(built(surface), operation, name)
        answer = await shops.ask(surface, goods, text, filled.of(field_.args))
        assert "errors" not in answer, (name, answer)
        assert answer["data"][name]["userErrors"] == [], name
        for kind, one, value in reached(answer["data"]):
            seen.setdefault((kind, one), []).append(value)
    return seen


VOCABULARY = frozenset({
    "amount", "batch", "currencies", "currencyCode", "cursor", "date", "defaultCurrency",
    "defaultLocale", "deletedId", "encoding", "endCursor", "formatted", "hint", "key", "kind",
    "locale", "locales", "masked", "message", "methodName", "number", "path",
    "paymentMethodName", "preset", "purpose", "startCursor", "statusNote", "themePreset", "token",
})  # fmt: skip
"""Texts that are the product's words or numbers, not the merchant's or buyer's."""
OURS = {
    ("ApiTokenCreatePayload", "secret"),
    ("AccountLink", "email"), ("BadLine", "reason"), ("Job", "result"), ("PaymentMethod", "name"),
    ("Refund", "reason"), ("Shop", "slug"), ("Shop", "statusReason"), ("ThemeToken", "name"),
    ("Viewer", "email"),
}  # fmt: skip
NULL_HERE = {
    ("Shop", "statusReason"),  # only suspended shops have one
    ("CartCompletePayload", "redirectUrl"),  # no provider answers in this test
}


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_owner_reaches_every_field_and_sees_her_own_words(
    shops: Shops, surface: Surface
) -> None:
    seen = await _own(shops, surface)
    for key, values in (await _done(shops, surface)).items():
        seen.setdefault(key, []).extend(values)

    schema = built(surface)
    outside = {f"{name[0].upper()}{name[1:]}Payload" for name in NOT_OURS}
    wanted = {
        (kind, name)
        for kind, name in fields_of(schema)
        if kind not in outside and not kind.endswith("UserError")
    }
    assert wanted - set(seen) == set()
    assert {key for key in wanted if all(one is None for one in seen[key])} <= NULL_HERE
    texts = {
        (kind, name)
        for kind, name in wanted - OURS
        if name not in VOCABULARY and _text(schema, kind, name)
    }
    telling = {key for key in texts if tells({"seen": seen[key]}, THEIRS)}
    assert texts - telling == set()
    print(f"{surface}: {len(wanted)} fields reached, {len(telling)} of them with a canary")


def _text(schema: GraphQLSchema, kind: str, name: str) -> bool:
    found = schema.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    return str(found.fields[name].type).strip("[]!") == "String"
