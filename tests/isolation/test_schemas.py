"""Every field and mutation of the schemas, asked by one shop with another's ids and words."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema

from keystall.graphql.context import RequestContext
from keystall.graphql.executor import SCHEMAS, Surface, execute
from keystall.graphql.ids import encode
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from tests.graphql.asking import buyer, merchant
from tests.isolation.asking import Filled, documents, kind_of, positions, reached, tells
from tests.isolation.goods import (
    Goods,
    a_cart,
    a_full_shop,
    an_account_link,
    fingerprint,
    fresh_code,
    stock,
)

MINE, THEIRS = "minnow", "canary7q"
SHOP_SURFACES: tuple[Surface, ...] = ("storefront", "admin")


@dataclass
class Shops:
    """Two shops with everything in them."""

    installation: Installation
    mine: Goods
    theirs: Goods
    superuser_url: str

    def context(self, surface: Surface, goods: Goods) -> RequestContext:
        if surface == "storefront":
            return buyer(self.installation, goods.shop)
        return merchant(self.installation, goods.shop, goods.owner)

    async def ask(
        self, surface: Surface, goods: Goods, text: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        context = self.context(surface, goods)
        try:
            answer = await execute(surface, text, None, variables, context)
        finally:
            await context.reader.finish()
        return answer.as_json()


@pytest.fixture(scope="module")
async def shops(installation: Installation, superuser_url: str) -> Shops:
    mine = await a_full_shop(installation, MINE)
    theirs = await a_full_shop(installation, THEIRS)
    return Shops(installation, mine, theirs, superuser_url)


def built(surface: Surface) -> GraphQLSchema:
    """The schema as it runs."""
    return SCHEMAS[surface]._schema


def roots(surface: Surface) -> list[tuple[str, str, Any]]:
    """Operation, name and field of everything at the schema's roots."""
    schema = built(surface)
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    return [
        *(("query", name, one) for name, one in schema.query_type.fields.items()),
        *(("mutation", name, one) for name, one in schema.mutation_type.fields.items()),
    ]


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_another_shops_ids_answer_exactly_like_missing_ones(
    shops: Shops, surface: Surface
) -> None:
    tried = 0
    before = [await fingerprint(shops.superuser_url, g.shop.id) for g in (shops.mine, shops.theirs)]
    for operation, name, field_ in roots(surface):
        texts = documents(built(surface), operation, name)
        for place, (kind, foreign) in itertools.product(
            positions(field_), shops.theirs.ids.items()
        ):
            text = next((one for one in texts if f"... on {kind} " in one), texts[0])
            kind_of(name, place)
            answers = []
            for given in (foreign, encode(kind, new_id())):
                filled = Filled(name, shops.mine.ids, place, given)
                answers.append(await shops.ask(surface, shops.mine, text, filled.of(field_.args)))
            where = f"{name}({'.'.join(place)}) with a {kind}"
            assert "data" in answers[0], (where, answers[0])
            assert answers[0] == answers[1], where
            assert not tells(answers[0], THEIRS), where
            if operation == "mutation":
                (payload,) = answers[0]["data"].values()
                assert payload["userErrors"] != [], where
            tried += 1
        after = [
            await fingerprint(shops.superuser_url, g.shop.id) for g in (shops.mine, shops.theirs)
        ]
        assert after == before, name
    print(f"{surface}: {tried} attempts with another shop's ids")
    assert tried >= 100


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_another_shops_words_and_tokens_answer_exactly_like_unknown_ones(
    shops: Shops, surface: Surface
) -> None:
    before = await fingerprint(shops.superuser_url, shops.theirs.shop.id)
    tried = 0
    for operation, name, field_ in roots(surface):
        text = documents(built(surface), operation, name)[0]
        for place in positions(field_, "String"):
            if place[-1] not in ("slug", "categorySlug", "query", "token") or len(place) > 1:
                continue
            for word in shops.theirs.words.values():
                answers = []
                unknown = word[:-4] + ("AAAA" if word[-4:] != "AAAA" else "BBBB")
                for given in (word, unknown):
                    filled = Filled(name, shops.mine.ids, place, given)
                    answers.append(
                        await shops.ask(surface, shops.mine, text, filled.of(field_.args))
                    )
                assert answers[0] == answers[1], f"{name}({place}) {word}"
                assert not tells(answers[0], THEIRS), name
                tried += 1
    assert await fingerprint(shops.superuser_url, shops.theirs.shop.id) == before
    assert tried >= 6


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_what_is_listed_is_the_shops_own(shops: Shops, surface: Surface) -> None:
    for operation, name, field_ in roots(surface):
        if operation == "query":
            for text in documents(built(surface), operation, name):
                filled = Filled(name, shops.mine.ids).of(field_.args)
                answer = await shops.ask(surface, shops.mine, text, filled)
                assert "errors" not in answer, name
                assert not tells(answer, THEIRS), name


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
