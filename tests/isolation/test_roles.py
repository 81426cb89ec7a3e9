"""What each role may ask, see and do: every query and mutation, every page, form and handler.

The expected answers are written down here once more, by name, so that a change of the table in
`tenants/staff/roles.py` or `graphql/permissions.py` is a change of these lists, too.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from keystall.graphql.admin.api_tokens import ApiTokenScope
from keystall.graphql.admin.staff import StaffPermission
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.deeds import ADMIN
from keystall.graphql.executor import execute
from keystall.graphql.handlers import Handlers
from keystall.graphql.ids import encode
from keystall.graphql.operation import ANY, LIVE
from keystall.graphql.permissions import guarded
from keystall.graphql.schema import KeystallSchema
from keystall.platform.asgi.application import application
from keystall.platform.ids import new_id
from keystall.platform.live import Live
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.staff.members import member_update
from keystall.tenants.staff.roles import PROGRAM, ROLES, Permission, Role
from keystall.themes.console.pages import PAGES
from tests.graphql.asking import merchant
from tests.graphql.conftest import Mutation, Query
from tests.isolation.asking import Filled
from tests.isolation.goods import Goods, a_full_shop, a_member, fingerprint
from tests.isolation.leaks import Shops, built, roots
from tests.isolation.test_pages import a_stream, session_of
from tests.isolation.visiting import Call, Sheet, Visiting, own_values

EVERYBODYS = frozenset({
    "accountConfirm", "accountCreate", "accountLink", "invitationAccept", "invitationLink",
    "invitationSignUp", "node", "nodes", "passkeyAdd", "passkeyAttempt", "passkeyBegin",
    "passkeyRemove", "passkeyRename", "passkeySignIn", "passkeyStep", "passwordChange",
    "passwordReset", "passwordResetRequest", "recoveryCodesRenew", "secondStep", "secondStepPass",
    "sessionCreate", "sessionEnd", "sessionRevoke", "sessionsEndOthers", "shop", "shopCreate",
    "shopLeave", "totpBegin", "totpConfirm", "totpEnd", "viewer",
})  # fmt: skip
"""Of a person, of whoever holds a secret, or by the type of what is asked for."""
SUPPORTS = frozenset({
    "categories", "category", "checklist", "codeReports", "dashboard", "order", "orderResend",
    "orders", "product", "products", "refunds", "variant",
})  # fmt: skip
OWNERS = frozenset({
    "apiToken", "apiTokenCreate", "apiTokenRevoke", "apiTokens", "invitationResend",
    "invitationWithdraw",
    "invitations", "memberInvite", "memberRemove", "memberUpdate", "members",
    "paymentMethodClose", "paymentMethodCreate", "paymentMethodOpen", "paymentMethodRemove",
    "paymentMethodUpdate", "shopAskApproval", "shopClose", "shopReopen", "storefrontTokenCreate",
})  # fmt: skip
MANAGERS = frozenset({
    "activity", "activityActors", "batchUndo", "categoryCreate", "categoryDelete",
    "categoryUpdate", "checklistDismiss", "codeReportRefund", "codeReportReject",
    "codeReportReplace", "codeReveal", "codesDelete", "codesImport", "codesPreview",
    "descriptionPreview", "job", "jobCancel", "jobChanged", "mailPreview", "mailTestSend",
    "mailText",
    "mailTextReset", "mailTextUpdate", "mailTexts", "orderBuyerErase", "orderCancel",
    "orderComplete", "orderRefund", "passwordConfirm", "productArchive", "productCreate",
    "productUpdate", "refundAccept", "refundPaidBack", "refundRetry", "shopUpdate",
    "stagedUploadCreate",
    "trustedDocumentDelete", "trustedDocumentRegister", "trustedDocuments", "upload",
    "variantSellingUpdate", "webhook", "webhookCreate", "webhookDelete", "webhookDeliveries",
    "webhookDelivery", "webhookDeliveryReplay", "webhookReplay", "webhookSamples",
    "webhookSecretRotate", "webhookTest", "webhookUpdate", "webhooks",
})  # fmt: skip
PEOPLES = frozenset(
    name
    for name in OWNERS
    if name.startswith(("member", "invitation", "apiToken", "storefrontToken", "paymentMethod"))
)

ASKED = {
    "owner": EVERYBODYS | SUPPORTS | MANAGERS | OWNERS,
    "manager": EVERYBODYS | SUPPORTS | MANAGERS,
    "support": EVERYBODYS | SUPPORTS,
    "program": EVERYBODYS | SUPPORTS | MANAGERS | OWNERS - PEOPLES,
}
VISITED: dict[Role, frozenset[str]] = {
    "support": frozenset({"attention", "home", "membership", "order", "orders", "products"}),
}
VISITED["manager"] = VISITED["support"] | {
    "activity", "categories", "category", "confirm", "documents", "job", "mail", "mails", "product",
    "product_new", "settings", "stock", "webhook", "webhook_delivery", "webhook_new", "webhooks",
}  # fmt: skip
VISITED["owner"] = VISITED["manager"] | {
    "payments", "staff", "storefront_tokens", "token", "tokens",
}  # fmt: skip

HANDLERS = {
    "/jobs/{job}/events": ("manager", "owner"),
    "/jobs/{job}/rejects.csv": ("manager", "owner"),
    "/stock/{variant}/codes.csv": ("manager", "owner"),
    "/webhooks/deliveries/{delivery}/events": ("manager", "owner"),
    "/webhooks/{webhook}/events": ("manager", "owner"),
    "/files/{file}/small.webp": ("manager", "owner", "support"),
}

AT_SHOP = [page for page in PAGES if page.permission != "person"]


@dataclass(frozen=True)
class Staffed:
    """A shop in which everything has happened once, and somebody of each role."""

    installation: Installation
    goods: Goods
    people: dict[Role, Viewer]

    def context(self, who: str) -> RequestContext:
        shop = self.goods.shop
        if who == "program":
            made = merchant(self.installation, shop, self.goods.owner)
            return replace(made, viewer=Program(self.goods.rows["ApiToken"], PROGRAM), role=None)
        role: Role = next(one for one in ROLES if one == who)
        return merchant(self.installation, shop, self.people[role], role=role)

    async def ask(self, who: str, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        context = self.context(who)
        try:
            answer = await execute("admin", text, None, variables, context, allowed=ANY | LIVE)
            return answer.as_json()
        finally:
            await context.reader.finish()


@pytest.fixture(scope="module")
async def staffed(installation: Installation) -> Staffed:
    goods = await a_full_shop(installation, "wagtail")
    people: dict[Role, Viewer] = {"owner": goods.owner}
    for role in ("manager", "support"):
        person = people[role] = await a_member(installation, goods)
        await member_update(
            installation, goods.shop.id, person.account_id, role, actor=goods.owner.account_id
        )
    return Staffed(installation, goods, people)


@pytest.fixture
async def site(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole application, whose streams end."""
    monkeypatch.setattr(Handlers, "_stream", a_stream)
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client


def shallow(operation: str, name: str, field: Any) -> str:
    """A field asked for as little as it has."""
    declared = ", ".join(f"${arg}: {one.type}" for arg, one in field.args.items())
    passed = ", ".join(f"{arg}: ${arg}" for arg in field.args)
    below = "" if str(field.type).strip("[]!") in ("String", "ID") else "{ __typename }"
    called = f"{name}({passed})" if passed else name
    return f"{operation}{f' ({declared})' if declared else ''} {{ {called} {below} }}"


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def test_every_field_and_mutation_is_on_exactly_one_of_the_lists() -> None:
    lists = (EVERYBODYS, SUPPORTS, MANAGERS, OWNERS)
    names = [name for _, name, _ in roots("admin")]
    assert sorted(name for one in lists for name in one) == sorted(names)
    assert {page.name for page in AT_SHOP} == VISITED["owner"]


def test_people_and_programs_are_told_of_each_permission_by_its_name() -> None:
    assert {one.name: one.value for one in StaffPermission} == {
        one.name: one.value for one in Permission
    }
    assert {one.name: one.value for one in ApiTokenScope} == {
        one.name: one.value for one in PROGRAM
    }


def test_a_schema_with_a_field_that_nobody_has_classified_is_not_built() -> None:
    with pytest.raises(LookupError, match=r"root fields .* should name.*'count'"):
        guarded(KeystallSchema(Query, Mutation, suggestions=False))


async def test_each_role_is_answered_what_it_may_ask_and_refused_the_rest(
    staffed: Staffed, superuser_url: str
) -> None:
    goods = staffed.goods
    before = await fingerprint(superuser_url, goods.shop.id)
    refused = []
    for who in ("support", "manager", "program"):
        for operation, name, field in roots("admin"):
            if name in ASKED[who]:
                continue
            # With all that is needed to do it: real ids of the shop.
            given = Filled(name, goods.ids).of(field.args)
            answer = await staffed.ask(who, shallow(operation, name, field), given)
            assert codes(answer) == ["FORBIDDEN"], (who, name, answer)
            assert not (answer["data"] or {}).get(name), (who, name, answer)
            refused.append((who, name))
    assert len(refused) == len(MANAGERS) + 2 * len(OWNERS) + len(PEOPLES)
    assert await fingerprint(superuser_url, goods.shop.id) == before

    # Ids of nothing, so that little happens; owners are the ones that all other tests ask as.
    nothing = {kind: encode(kind, new_id()) for kind in goods.ids}
    for who in ("support", "manager", "program"):
        for operation, name, field in roots("admin"):
            if name not in ASKED[who] - EVERYBODYS or name.startswith("paymentMethod"):
                continue
            given = Filled(name, nothing).of(field.args)
            answer = await staffed.ask(who, shallow(operation, name, field), given)
            assert codes(answer) == [], (who, name, answer)


async def test_support_comes_upon_no_code_and_no_key_however_it_asks(staffed: Staffed) -> None:
    ids = staffed.goods.ids | {"Order": staffed.goods.orders["delivered"]}
    for text in (
        "query ($Order: ID!) { order(id: $Order) { lines { codes { masked } } } }",
        "{ orders { nodes { lines { codes { masked } } } } }",
        "{ refunds { nodes { order { lines { variant { selling { lowStock } } } } } } }",
        "query ($Variant: ID!) { variant(id: $Variant) { codes { nodes { id } } } }",
        "query ($Variant: ID!) { variant(id: $Variant) { codes { edges { cursor } } } }",
        "query ($Variant: ID!) { variant(id: $Variant) { batches { nodes { supplier } } } }",
        "query ($Variant: ID!) { variant(id: $Variant) { selling { lowStock } } }",
        "{ products { nodes { variants { codes { nodes { masked } } } } } }",
        "query ($Code: ID!) { node(id: $Code) { id } }",
        "query ($Code: ID!) { nodes(ids: [$Code]) { ... on Code { masked } } }",
        "query ($Batch: ID!) { node(id: $Batch) { id } }",
        "query ($Job: ID!) { node(id: $Job) { id } }",
        "query ($ApiToken: ID!) { node(id: $ApiToken) { id } }",
        "query ($Member: ID!) { node(id: $Member) { id } }",
        "query ($Invitation: ID!) { node(id: $Invitation) { id } }",
        "{ shop { paymentMethods { secretKeyEnding } } }",
        "{ viewer { shops { paymentMethods { name } } } }",
        "{ viewer { memberships { shop { paymentMethods { name } } } } }",
    ):
        kinds = re.findall(r"\$(\w+): ID", text)
        answer = await staffed.ask("support", text, {kind: ids[kind] for kind in kinds})
        assert set(codes(answer)) == {"FORBIDDEN"}, (text, answer)
        assert staffed.goods.canary not in str(answer["data"]), text
        owned = await staffed.ask("owner", text, {kind: ids[kind] for kind in kinds})
        assert codes(owned) == [], (text, owned)

    # And what support is there for is answered.
    told = await staffed.ask(
        "support",
        "query ($Order: ID!) { order(id: $Order) { email lines { codes { reports { note } } } } }",
        {"Order": ids["Order"]},
    )
    assert codes(told) == []
    assert staffed.goods.canary in told["data"]["order"]["email"]


async def test_a_deed_that_was_refused_leaves_no_entry(staffed: Staffed) -> None:
    text = "{ activity(first: 100) { nodes { operation actor { name } } } }"
    await staffed.ask("support", "mutation { shopClose { shop { id } } }", {})
    found = (await staffed.ask("owner", text, {}))["data"]["activity"]["nodes"]
    names = {one["actor"]["name"] for one in found if one["operation"] in ADMIN}
    assert staffed.people["support"].email not in names - {staffed.goods.owner.email}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_is_shown_its_pages_and_nothing_on_them_that_it_may_not_do(
    staffed: Staffed, site: httpx2.AsyncClient, superuser_url: str, role: Role
) -> None:
    goods = staffed.goods.again()
    goods.ids["Order"] = goods.orders["delivered"]
    session = await session_of(staffed.installation, staffed.people[role])
    shops = Shops(staffed.installation, goods, goods, superuser_url)
    visiting = Visiting(shops, site, session)
    before = await fingerprint(superuser_url, goods.shop.id)
    for page in AT_SHOP:
        url = visiting.address(page, own_values(goods, page)[0], goods)
        answer = await visiting.ask(Call(url, session))
        if page.name not in VISITED[role]:
            assert answer.status_code == 403, (page.name, answer.status_code)
            assert "Your role does not allow this" in answer.text, page.name
        else:
            assert answer.status_code == 200, page.name
            _offers_only_what_it_may(answer.text, goods, role)
        for form in page.forms:
            if page.name in VISITED[role] and _root(page, form) in ASKED[role]:
                continue
            fields = Sheet(page, form).fields(goods.ids)
            answer = await visiting.ask(Call(url, session, "", fields))
            assert answer.status_code == 403, (page.name, form.mutation, answer.status_code)
            assert "Your role does not allow this" in answer.text, form.mutation
    for path, may in HANDLERS.items():
        named = {
            "job": goods.ids["Job"],
            "variant": goods.ids["Variant"],
            "file": str(goods.rows["Upload"]),
            "webhook": goods.ids["Webhook"],
            "delivery": goods.ids["WebhookDelivery"],
        }
        settings = staffed.installation.settings
        url = f"{settings.public_url}/console/{goods.shop.slug}{path.format(**named)}"
        answer = await visiting.ask(Call(url, session))
        assert answer.status_code == (200 if role in may else 403), (path, answer.text[:200])
    after = await fingerprint(superuser_url, goods.shop.id)
    changed = {name for name in after if before[name] != after[name]}
    # An export that was allowed is recorded.
    assert changed == (set() if role == "support" else {"code_exports"})


def test_every_handler_of_the_console_is_on_the_list(installation: Installation) -> None:
    handlers = Handlers(installation, Live(installation.queue), lambda _: None)
    paths = {route.path.removeprefix("/console/{slug}") for route in handlers.console_routes()}
    assert paths == {path.replace("{file}/small", "{file:uuid}/{size}") for path in HANDLERS}


def _root(page: Any, form: Any) -> str:
    ((root, _),) = Sheet(page, form)._operations()
    return root


def _offers_only_what_it_may(html: str, goods: Goods, role: Role) -> None:
    forms = {form.mutation: _root(page, form) for page in AT_SHOP for form in page.forms}
    shown = set(re.findall(r'name="form" value="(\w+)"', html)) - {"SessionEnd"}
    assert {forms[one] for one in shown} <= ASKED[role], (role, shown)
    for path in re.findall(rf'href="/console/{goods.shop.slug}(/[^"?#]*)', html):
        routes = {
            re.sub(r"{\w+}", "[^/]+", page.route.split("{slug}")[1]): page for page in AT_SHOP
        }
        page = next((one for route, one in routes.items() if re.fullmatch(route, path)), None)
        if page is None:
            assert path.endswith(".csv"), path
            assert role != "support", path
        else:
            assert page.name in VISITED[role], (role, path)


def test_the_schema_that_is_served_is_the_guarded_one() -> None:
    assert {name for _, name, _ in roots("admin")} == ASKED["owner"]
    assert built("admin").query_type is not None
