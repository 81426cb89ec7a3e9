"""Asking a shop's schemas for another shop's things: what of it comes through."""

import itertools
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema

from keystall.graphql.context import RequestContext
from keystall.graphql.executor import SCHEMAS, Surface, execute
from keystall.graphql.ids import encode
from keystall.graphql.operation import ANY, LIVE
from keystall.platform.ids import new_id
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.graphql.asking import buyer, merchant
from tests.isolation.asking import Filled, documents, kind_of, positions, tells
from tests.isolation.goods import Goods, fingerprint

MINE, THEIRS = "minnow", "canary7q"
SHOP_SURFACES: tuple[Surface, ...] = ("storefront", "admin")
_WORDS = ("slug", "categorySlug", "query", "token")


@dataclass
class Shops:
    """Two shops with everything in them, and who may operate them."""

    installation: Installation
    mine: Goods
    theirs: Goods
    superuser_url: str
    operator: Viewer | None = None

    def context(self, surface: Surface, goods: Goods) -> RequestContext:
        if surface == "storefront":
            context = buyer(self.installation, goods.shop)
            context.customer = goods.customer
            return context
        if surface == "operator":
            assert self.operator is not None
            return merchant(self.installation, None, self.operator)
        return merchant(self.installation, goods.shop, goods.owner)

    async def ask(
        self, surface: Surface, goods: Goods, text: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        context = self.context(surface, goods)
        try:
            answer = await execute(surface, text, None, variables, context, allowed=ANY | LIVE)
        finally:
            await context.reader.finish()
        return answer.as_json()


def built(surface: Surface) -> GraphQLSchema:
    """The schema as it runs."""
    return SCHEMAS[surface]._schema


def roots(surface: Surface) -> list[tuple[str, str, Any]]:
    """Operation, name and field of everything at the schema's roots."""
    schema = built(surface)
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    followed = schema.subscription_type.fields if schema.subscription_type else {}
    return [
        *(("query", name, one) for name, one in schema.query_type.fields.items()),
        *(("mutation", name, one) for name, one in schema.mutation_type.fields.items()),
        *(("subscription", name, one) for name, one in followed.items()),
    ]


def fields_of(schema: GraphQLSchema) -> set[tuple[str, str]]:
    """Every field of every object but the roots."""
    outer = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return {
        (kind.name, name)
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind not in outer
        if not kind.name.startswith("__")
        for name in kind.fields
    }


def is_text(schema: GraphQLSchema, kind: str, name: str) -> bool:
    """Whether a field answers texts."""
    found = schema.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    return str(found.fields[name].type).strip("[]!") == "String"


@dataclass
class Sweep:
    """What was asked of one schema as `mine`, and what was wrong with the answers. `only`: asks one
    root field by ids, in place of them all."""

    shops: Shops
    surface: Surface
    tried: int = 0
    only: str = ""

    async def ids(self) -> list[str]:
        """Every place that takes an id, with every kind of id of the other shop's: answered like
        the id of something missing, refused where it would change something."""
        found = []
        for operation, name, field in roots(self.surface):
            if self.only and name != self.only:
                continue
            texts = documents(built(self.surface), operation, name)
            for place, (kind, foreign) in itertools.product(
                positions(field),
                [
                    *self.shops.theirs.ids.items(),
                    ("Upload", self.shops.theirs.codes_file),
                    ("Code", self.shops.theirs.packed),
                ],
            ):
                kind_of(name, place)
                text = next((one for one in texts if f"... on {kind} " in one), texts[0])
                where = f"{name}({'.'.join(place)}) with a {kind}"
                given = (foreign, encode(kind, new_id()))
                answer, missing = [
                    await self._asked(text, Filled(name, self.shops.mine.ids, place, one), field)
                    for one in given
                ]
                found += self._judged(where, answer, missing)
                if operation == "mutation" and not (answer.get("data") or {name: {}})[name].get(
                    "userErrors"
                ):
                    found.append(f"{where}: was not refused")
        return found

    async def words(self) -> list[str]:
        """Every word that names something, as the other shop says it: answered like an unknown
        one."""
        found = []
        for operation, name, field in roots(self.surface):
            text = documents(built(self.surface), operation, name)[0]
            for place in positions(field, "String"):
                if place[-1] not in _WORDS or len(place) > 1:
                    continue
                for key, word in self.shops.theirs.words.items():
                    unknown = word[:-4] + ("AAAA" if word[-4:] != "AAAA" else "BBBB")
                    answer, missing = [
                        await self._asked(
                            text, Filled(name, self.shops.mine.ids, place, one), field
                        )
                        for one in (word, unknown)
                    ]
                    found += self._judged(f"{name}({place[-1]}) with a {key}", answer, missing)
        return found

    async def purchases(self) -> list[str]:
        """The other shop's purchase, sent again with all that it was sent with at first: no answer
        tells of its order or where it is paid."""
        found = []
        for operation, name, field in roots(self.surface):
            if operation != "mutation" or set(field.args) != set(self.shops.theirs.placed):
                continue
            (text,) = documents(built(self.surface), operation, name)
            given = self.shops.theirs.placed
            unknown = {
                "cartId": encode("Cart", new_id()),
                "paymentMethod": encode("PaymentMethod", new_id()),
                "idempotencyKey": str(new_id()),
            }
            self.tried += 2
            answer, missing = [
                await self.shops.ask(self.surface, self.shops.mine, text, one)
                for one in (given, unknown)
            ]
            found += self._judged(f"{name} again", answer, missing)
        return found

    async def lists(self) -> list[str]:
        """Every query with nothing of the other shop's in it."""
        found = []
        for operation, name, field in roots(self.surface):
            if operation == "mutation":
                continue
            for text in documents(built(self.surface), operation, name):
                answer = await self._asked(text, Filled(name, self.shops.mine.ids), field)
                found += self._judged(name, answer, answer)
        return found

    async def all(self) -> list[str]:
        """All of these, and that no row of either shop has changed."""
        before = await self._rows()
        found = [
            *await self.ids(), *await self.words(), *await self.purchases(), *await self.lists()
        ]  # fmt: skip
        after = await self._rows()
        return found + [f"rows of {name} changed" for name in before if before[name] != after[name]]

    async def _rows(self) -> dict[str, str]:
        both = (self.shops.mine, self.shops.theirs)
        return {
            f"{name} of {goods.canary}": digest
            for goods in both
            for name, digest in (await fingerprint(self.shops.superuser_url, goods.shop.id)).items()
        }

    async def _asked(self, text: str, filled: Filled, field: Any) -> dict[str, Any]:
        self.tried += 1
        return await self.shops.ask(self.surface, self.shops.mine, text, filled.of(field.args))

    def _judged(self, where: str, answer: dict[str, Any], missing: dict[str, Any]) -> list[str]:
        found = []
        if "data" not in answer or "errors" in answer:
            found.append(f"{where}: {answer.get('errors')}")
        if answer != missing:
            found.append(f"{where}: is not answered like what is missing")
        if tells(answer, THEIRS):
            found.append(f"{where}: tells of the other shop")
        return found
