"""The audit log as the API writes and tells it."""

from typing import Any

import pytest

from keystall.graphql.admin.activity import ActivityKind
from keystall.graphql.admin.schema import Mutation, Query
from keystall.graphql.arrival import by_token
from keystall.graphql.deeds import ADMIN, OPERATOR, recorded
from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.graphql.schema import KeystallSchema
from keystall.graphql.wording import known
from keystall.platform import database
from keystall.tenants.audit.recorded import RECORDED
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import memberships_of
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from tests.factories import a_product, a_shop, a_viewer
from tests.graphql.asking import CountingReader, ask, caller, merchant

_LOG = """
query ($actor: String, $kind: ActivityKind, $first: Int, $after: String) {
  activity(first: $first, after: $after, actor: $actor, kind: $kind) {
    nodes {
      operation message kind objectId label address userAgent actor { key kind name }
      changes { change kind label fields { key name before after } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


async def log(installation: Installation, shop: Shop, owner: Any, **asked: Any) -> Any:
    found = await ask("admin", merchant(installation, shop, owner), _LOG, **asked)
    return found["activity"]


async def test_a_mutation_is_told_with_its_person_place_and_what_it_changed(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    context = merchant(installation, shop, owner, user_agent="Firefox")
    await ask("admin", context, 'mutation { shopUpdate(input: {contact: "new"}) { shop { id } } }')

    found = await log(installation, shop, owner)
    entry = found["nodes"][0]
    assert (entry["operation"], entry["message"], entry["kind"], entry["label"]) == (
        "shopUpdate", "Changed the shop's settings", "SHOP", "Lulu Cards",
    )  # fmt: skip
    assert (entry["address"], entry["userAgent"]) == (context.address, "Firefox")
    assert entry["actor"] == {
        "key": f"account:{owner.account_id}", "kind": "ACCOUNT", "name": owner.email,
    }  # fmt: skip
    assert entry["changes"] == [
        {
            "change": "UPDATE", "kind": "shop", "label": "Lulu Cards",
            "fields": [{"key": "contact", "name": "contact", "before": "", "after": "new"}],
        }
    ]  # fmt: skip


async def test_opening_a_shop_is_the_first_thing_in_its_log(installation: Installation) -> None:
    owner = await a_viewer(installation)
    text = """mutation { shopCreate(input: {name: "Moon", slug: "moon-log", currency: "CNY"}) {
      shop { id } } }"""
    made = await ask("admin", merchant(installation, None, owner), text)
    async with database.transaction(None) as tx:
        (place,) = await memberships_of(tx, owner.secret_hash)
    shop = place.shop
    entry = (await log(installation, shop, owner))["nodes"][-1]
    assert (entry["operation"], entry["objectId"]) == (
        "shopCreate", made["shopCreate"]["shop"]["id"],
    )  # fmt: skip
    assert entry["actor"]["name"] == owner.email


async def test_a_program_goes_by_the_name_of_its_token(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    product = await a_product(installation, shop, "Moon Card")
    _, secret = await api_token_create(installation, shop.id, "Robot")
    context = await by_token(installation, secret, caller())
    assert context is not None
    await ask(
        "admin", context, "mutation ($id: ID!) { productArchive(id: $id) { product { id } } }",
        id=encode("Product", product.id),
    )  # fmt: skip
    found = await log(installation, shop, owner)
    entry = found["nodes"][0]
    assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("TOKEN", "Robot")
    assert (entry["objectId"], entry["label"]) == (encode("Product", product.id), "Moon Card")
    own = await log(installation, shop, owner, actor=entry["actor"]["key"])
    assert own["nodes"] == [entry]


async def test_an_operator_is_told_of_without_a_name(installation: Installation) -> None:
    owner, operator = await a_viewer(installation), await a_viewer(installation, operator=True)
    shop = await a_shop(installation, owner)
    text = 'mutation ($id: ID!) { shopSuspend(id: $id, reason: "Stolen") { shop { id } } }'
    await ask("operator", merchant(installation, None, operator), text, id=encode("Shop", shop.id))
    found = await log(installation, shop, owner)
    assert found["nodes"][0]["actor"] == {"key": "operator", "kind": "OPERATOR", "name": ""}
    assert operator.email not in str(found)
    only = await log(installation, shop, owner, actor="operator")
    assert [one["operation"] for one in only["nodes"]] == ["shopSuspend"]


async def test_what_is_refused_is_not_told(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    before = await log(installation, shop, owner)
    text = 'mutation { apiTokenRevoke(id: "none") { userErrors { code } } }'
    await ask("admin", merchant(installation, shop, owner), text)
    assert await log(installation, shop, owner) == before


async def test_the_log_goes_on_page_by_page_and_by_kind(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    for name in ("One", "Two", "Three"):
        await ask(
            "admin", merchant(installation, shop, owner),
            "mutation ($n: String!) { apiTokenCreate(name: $n, scopes: [ORDERS]) {"
            " apiToken { id } } }", n=name,
        )  # fmt: skip
    labels: list[str] = []
    after, more = None, True
    while more:
        page = await log(installation, shop, owner, kind="API_TOKEN", first=2, after=after)
        labels += [one["label"] for one in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert labels == ["Three", "Two", "One"]


async def test_a_list_of_deeds_costs_the_same_however_long_it_is(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    await a_product(installation, shop, "One")
    await a_product(installation, shop, "Two")
    counts = []
    for size in (1, 50):
        context = merchant(installation, shop, owner)
        context.reader = counting = CountingReader(context.reader)
        await ask("admin", context, _LOG, first=size)
        counts.append(len(counting.statements))
    assert counts == [2, 2]


@pytest.mark.parametrize("actor", ["nobody", "account:x", "a:b:c"])
async def test_a_made_up_actor_is_bad_input(installation: Installation, actor: str) -> None:
    owner = await a_viewer(installation)
    context = merchant(installation, await a_shop(installation, owner), owner)
    answer = await execute("admin", _LOG, None, {"actor": actor}, context)
    await context.reader.finish()
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_mutation_that_nobody_classified_builds_no_schema() -> None:
    with pytest.raises(LookupError, match="shopClose"):
        recorded(
            KeystallSchema(Query, Mutation, suggestions=False),
            {name: kind for name, kind in ADMIN.items() if name != "shopClose"},
        )


def test_every_deed_and_every_recorded_value_has_its_words() -> None:
    kinds = {kind.value for kind in ActivityKind}
    assert {*ADMIN.values(), *OPERATOR.values(), *(one.kind for one in RECORDED.values())} <= kinds
    assert [name for name in ("system", *ADMIN, *OPERATOR) if not known(f"deed.{name}")] == []
    columns = {column for one in RECORDED.values() for column in one.columns}
    assert [column for column in columns if not known(f"field.{column}")] == []
