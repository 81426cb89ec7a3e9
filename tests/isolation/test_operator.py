"""The operator's schema, made from itself: all of it for an operator, nothing of it for others.

The operator reads every shop, so no shop parts what is asked here: who asks does. Each field is
asked by the operator as the control, and by everyone else there is.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import pytest

from keystall.graphql.context import Program, RequestContext
from keystall.graphql.executor import execute
from keystall.graphql.operator import access
from keystall.tenants.desk import forbidden_goods, work
from keystall.tenants.identity.service import Viewer, Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.mails import trial
from keystall.tenants.persons import erasure
from keystall.tenants.shops import operating
from keystall.tenants.staff.roles import PROGRAM
from tests.factories import PASSWORD, a_viewer
from tests.graphql.asking import CountingReader, buyer, merchant
from tests.isolation.asking import Filled, documents, kind_of, positions, reached, tells
from tests.isolation.goods import fingerprint
from tests.isolation.leaks import THEIRS, Shops, built, fields_of, is_text, roots

OURS = {
    ("Shop", "slug"), ("ShopBrief", "slug"), ("Viewer", "email"), ("Viewer", "locale"),
    ("FailedWork", "kind"), ("FailedWorkCount", "kind"),
    ("OperatorAction", "action"), ("OperatorAction", "operatorEmail"),
    ("OperatorAction", "subject"), ("Hindrance", "about"), ("MailTest", "reason"),
    ("ForbiddenTextTryPayload", "terms"),
}  # fmt: skip
"""The product's or the operator's own words, no merchant's."""
CURSORS = frozenset({"cursor", "startCursor", "endCursor"})

BEFORE = {
    "shopSuspend": "open", "shopResume": "suspended", "shopApprove": "pending",
    "shopDecline": "pending", "shopLook": "open",
}  # fmt: skip
"""The state in which the shop is when something is done to it."""

Asked = tuple[str, str, str, dict[str, Any]]


def everything(shops: Shops) -> Iterator[Asked]:
    """Operation, root field, document and variables: each root field with every id of the shop's
    at each place that takes one. What suspends comes before what lets go on."""
    ids: Mapping[str, str] = shops.theirs.ids
    for operation, name, field in sorted(roots("operator"), key=lambda one: one[1] == "shopResume"):
        texts = documents(built("operator"), operation, name)
        ways = [
            Filled(name, ids, place, ids["Shop" if "node" in name else kind_of(name, place)])
            for place in positions(field)
        ]
        ways = ways or [Filled(name, ids), Filled(name, ids, ("query",), THEIRS)]
        for text, way in itertools.product(texts, ways):
            variables = way.of(field.args)
            variables |= {one: f"{THEIRS} again" for one in ("reason", "note") if one in variables}
            if name == "personPreview":  # whose orders are in flight, so nobody is erased
                variables["email"] = f"{THEIRS}@keystall.test"
            if name == "personErase":
                variables["email"] = "nobody-at-all@keystall.test"
            yield operation, name, text, variables


async def test_the_operator_reaches_every_field_and_reads_every_shop(
    shops: Shops, superuser_url: str
) -> None:
    operator = await a_viewer(shops.installation, operator=True)
    other = await fingerprint(superuser_url, shops.mine.shop.id)
    seen: dict[tuple[str, str], list[Any]] = {}
    asked = list(everything(shops))
    connection = await asyncpg.connect(superuser_url)
    for operation, name, text, variables in asked:
        if name in BEFORE:
            await connection.execute(
                "update shops set status = $2, reviewed_at = null where id = $1",
                shops.theirs.shop.id, BEFORE[name],
            )  # fmt: skip
        context = merchant(shops.installation, None, operator)
        answer = (await execute("operator", text, None, variables, context)).as_json()
        await context.reader.finish()
        assert "errors" not in answer, (name, answer)
        if operation == "mutation":
            assert answer["data"][name]["userErrors"] == [], name
        for kind, one, value in reached(answer["data"]):
            seen.setdefault((kind, one), []).append(value)

    await connection.close()
    schema = built("operator")
    wanted = {key for key in fields_of(schema) if not key[0].endswith("UserError")}
    assert wanted - set(seen) == set()
    assert {key for key in wanted if all(one is None for one in seen[key])} == set()
    texts = {key for key in wanted - OURS if is_text(schema, *key) and key[1] not in CURSORS}
    telling = {key for key in texts if tells({"seen": seen[key]}, THEIRS)}
    assert texts - telling == set()
    assert await fingerprint(superuser_url, shops.mine.shop.id) == other
    print(f"operator: {len(asked)} requests, {len(wanted)} fields, {len(telling)} with a canary")


def nobody(shops: Shops) -> RequestContext:
    """A caller of whom nothing is known."""
    return replace(buyer(shops.installation, shops.mine.shop), shop=None)


def a_buyer(shops: Shops) -> RequestContext:
    """A buyer, as if the storefront's context could get here."""
    return buyer(shops.installation, shops.theirs.shop)


def a_merchant(shops: Shops) -> RequestContext:
    """A merchant with a session, bound to no shop, as the operator's pages ask."""
    return merchant(shops.installation, None, shops.mine.owner)


def the_owner(shops: Shops) -> RequestContext:
    """The very owner of the shop that is asked for, as if bound to it."""
    return merchant(shops.installation, shops.theirs.shop, shops.theirs.owner)


def a_program(shops: Shops) -> RequestContext:
    """A program with an API token of the shop that is asked for."""
    context = merchant(shops.installation, shops.theirs.shop, shops.theirs.owner)
    return replace(context, viewer=Program(shops.theirs.rows["ApiToken"], PROGRAM))


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (nobody, "UNAUTHENTICATED"),
        (a_buyer, "UNAUTHENTICATED"),
        (a_merchant, "FORBIDDEN"),
        (the_owner, "FORBIDDEN"),
        (a_program, "FORBIDDEN"),
    ],
)
async def test_everyone_else_is_refused_before_any_row_is_read(
    shops: Shops, superuser_url: str, monkeypatch: pytest.MonkeyPatch, who: Any, code: str
) -> None:
    for module in (erasure, forbidden_goods, operating, trial, work):
        monkeypatch.setattr(module, "writing", None)  # no transaction is begun either
    before = await fingerprint(superuser_url, shops.theirs.shop.id)
    asked = list(everything(shops))
    for _, name, text, variables in asked:
        context = who(shops)
        context.reader = reader = CountingReader(context.reader)
        answer = await execute("operator", text, None, variables, context)
        await reader.finish()
        assert {one["extensions"]["code"] for one in answer.errors} == {code}, name
        assert reader.statements == [], name
        assert not tells(answer.as_json(), THEIRS), name
    assert await fingerprint(superuser_url, shops.theirs.shop.id) == before
    print(f"operator as {who.__name__}: {len(asked)} requests refused")


async def test_the_database_refuses_a_merchant_whom_the_schema_forgot_to(
    shops: Shops, superuser_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "operator_of", RequestContext.require_person)
    before = await fingerprint(superuser_url, shops.theirs.shop.id)
    for _, name, text, variables in everything(shops):
        context = a_merchant(shops)
        answer = await execute("operator", text, None, variables, context)
        await context.reader.finish()
        # Who asks is all that a merchant learns of the installation.
        assert bool(answer.errors) == (name != "viewer"), name
        assert not tells(answer.as_json(), THEIRS), name
    assert await fingerprint(superuser_url, shops.theirs.shop.id) == before


async def test_every_other_key_is_refused_at_the_operators_door(
    shops: Shops, web: httpx2.AsyncClient, superuser_url: str
) -> None:
    url = f"{shops.installation.settings.public_url}/graphql/operator"
    keys = await _keys(shops)
    before = await fingerprint(superuser_url, shops.theirs.shop.id)
    asked = list(everything(shops))
    for what, (headers, status, code) in keys.items():
        for _, name, text, variables in asked:
            answer = await web.post(
                url, headers=headers, json={"query": text, "variables": variables}
            )
            told = answer.json()
            assert answer.status_code == status, (what, name)
            assert {one["extensions"]["code"] for one in told["errors"]} == {code}, (what, name)
            assert not tells(told, THEIRS), (what, name)
    assert await fingerprint(superuser_url, shops.theirs.shop.id) == before

    operator = await a_viewer(shops.installation, operator=True)
    allowed = {"authorization": f"Bearer {await _session(shops.installation, operator)}"}
    answer = await web.post(url, headers=allowed, json={"query": "{ shops { nodes { name } } }"})
    assert tells(answer.json(), THEIRS)
    print(f"operator over HTTP: {len(keys) * len(asked)} requests refused")


async def _keys(shops: Shops) -> dict[str, tuple[dict[str, str], int, str]]:
    """Everything but an operator's session, with the status and code that it is answered."""
    session = await _session(shops.installation, shops.theirs.owner)
    operator = await _session(shops.installation, await a_viewer(shops.installation, operator=True))
    nobody_known = 401, "UNAUTHENTICATED"
    return {
        "nothing": ({}, *nobody_known),
        "no such session": ({"authorization": "Bearer nobody"}, *nobody_known),
        "the shop's API token": (
            {"authorization": f"Bearer {shops.theirs.token}"}, *nobody_known,
        ),
        "a merchant's session": ({"authorization": f"Bearer {session}"}, 200, "FORBIDDEN"),
        # Cookies open pages, never an endpoint: not even an operator's.
        "an operator's cookie": (
            {"cookie": f"session={operator}", "sec-fetch-site": "same-origin"}, *nobody_known,
        ),
    }  # fmt: skip


async def _session(installation: Installation, person: Viewer) -> str:
    signed_in = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    return signed_in.secret
