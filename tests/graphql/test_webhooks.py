"""Webhooks through the API: what is validated, what is refused, and what a list costs."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from keystall.graphql.admin.webhook_events import SAMPLES
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.executor import SCHEMAS, execute
from keystall.graphql.ids import encode
from keystall.graphql.permissions import FIELDS, TYPES
from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from keystall.tenants.staff.roles import PROGRAM, WEBHOOK, Permission
from keystall.tenants.webhooks.service import webhook_test
from tests.factories import a_product, a_shop, a_viewer
from tests.graphql.asking import CountingReader, ask, merchant
from tests.webhooks.hooks import a_webhook, sending, the_webhook

CREATE = """
  mutation($input: WebhookInput!) {
    webhookCreate(input: $input) {
      webhook { id url host events document enabled disabledReason secretEnding oldSecretUntil
        tokenName failingSince }
      secret userErrors { path code message } } }
"""
GOOD = "query Told($id: ID!) { order(id: $id) { number } }"


async def made(context: RequestContext, **changed: Any) -> dict[str, Any]:
    given = {"url": "https://erp.example.com/hook", "events": ["ORDER_PAID"], "document": GOOD}
    answer = await ask("admin", context, CREATE, input={**given, **changed})
    return dict(answer["webhookCreate"])


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture(scope="module")
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


async def test_a_webhook_is_made_and_its_secret_shown_once(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    answer = await made(merchant(installation, shop, owner))
    assert answer["userErrors"] == []
    webhook, secret = answer["webhook"], answer["secret"]
    assert secret.startswith("whsec_")
    assert webhook | {"id": ""} == {
        "id": "", "url": "https://erp.example.com/hook", "host": "erp.example.com",
        "events": ["ORDER_PAID"], "document": GOOD, "enabled": True, "disabledReason": None,
        "secretEnding": secret.rstrip("=")[-4:], "oldSecretUntil": None, "tokenName": None,
        "failingSince": None,
    }  # fmt: skip
    row = await the_webhook(shop.id)
    assert row["permissions"] == ["orders"]

    rotated = await ask(
        "admin", merchant(installation, shop, owner),
        "mutation($id: ID!) { webhookSecretRotate(id: $id) {"
        " webhook { oldSecretUntil secretEnding } secret userErrors { code } } }",
        id=webhook["id"],
    )  # fmt: skip
    told = rotated["webhookSecretRotate"]
    assert told["secret"] != secret
    assert told["webhook"]["oldSecretUntil"] is not None
    changed = await ask(
        "admin", merchant(installation, shop, owner),
        "mutation($id: ID!) { webhookUpdate(id: $id, input: { enabled: false,"
        " events: [ORDER_EXPIRED, ORDER_PAID] }) {"
        " webhook { enabled disabledReason events document } userErrors { code } } }",
        id=webhook["id"],
    )  # fmt: skip
    assert changed["webhookUpdate"] == {
        "webhook": {"enabled": False, "disabledReason": "MERCHANT", "document": GOOD,
                    "events": ["ORDER_PAID", "ORDER_EXPIRED"]},
        "userErrors": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "REQUIRED"),
        ("x" * 10_001, "TOO_LONG"),
        ("query {", "DOCUMENT_INVALID"),
        ("query { nothing }", "DOCUMENT_INVALID"),
        ("query A { shop { name } } query B { shop { name } }", "DOCUMENT_INVALID"),
        ("mutation { checklistDismiss { done } }", "DOCUMENT_INVALID"),
        ("query($id: ID!, $n: Int!) { order(id: $id) { number } products(first: $n) { nodes { id }"
         " } }", "DOCUMENT_INVALID"),
        ("query($order: ID!) { order(id: $order) { number } }", "DOCUMENT_INVALID"),
        ("query($id: String!) { order(id: $id) { number } }", "DOCUMENT_INVALID"),
        # Within the limits of every other document.
        ("{ " + " ".join(f"a{n}: shop {{ name }}" for n in range(60)) + " }", "DOCUMENT_INVALID"),
        ("{ products(first: 100) { nodes { variants { prices { amount } } images { id } } }"
         " orders(first: 100) { nodes { lines { quantity } payments { id } refunds { id } } } }",
         "DOCUMENT_INVALID"),
        ("query($id: ID!) { order(id: $id) { lines { codes { masked } } } }",
         "DOCUMENT_SHOWS_CODES"),
        ("query($id: ID!) { order(id: $id) { ...A } } fragment A on Order { lines { ...B } }"
         " fragment B on OrderLine { it: codes { that: masked } }", "DOCUMENT_SHOWS_CODES"),
        ("query($id: ID!) { node(id: $id) { ... on Code { id } } }", "DOCUMENT_SHOWS_CODES"),
        ("query($id: ID!) { node(id: $id) { ... on Variant { codes { nodes { id } } } } }",
         "DOCUMENT_SHOWS_CODES"),
        ("query($id: ID!) { variant(id: $id) { codes { nodes { id } } } }",
         "DOCUMENT_SHOWS_CODES"),
        ("{ apiTokens { hint } }", "DOCUMENT_NOT_ALLOWED"),
        ("{ members { email } }", "DOCUMENT_NOT_ALLOWED"),
        ("{ webhooks { url } }", "DOCUMENT_NOT_ALLOWED"),
        ("{ activity { nodes { __typename } } }", "DOCUMENT_NOT_ALLOWED"),
        ("query($id: ID!) { node(id: $id) { ... on Member { email } } }", "DOCUMENT_NOT_ALLOWED"),
    ],
)  # fmt: skip
async def test_a_document_that_cannot_be_sent_is_refused_when_it_is_saved(
    installation: Installation, owner: Viewer, shop: Shop, document: str, code: str
) -> None:
    answer = await made(merchant(installation, shop, owner), document=document)
    assert [(error["path"], error["code"]) for error in answer["userErrors"]] == [
        (["input", "document"], code)
    ]
    assert (answer["webhook"], answer["secret"]) == (None, None)
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from webhooks") == 0


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("query($id: ID!) { order(id: $id) { numbr } }", "类型“Order”没有字段“numbr”。"),
        ("query {", "第 1 行第 8 列：这里应为 Name，却是 <EOF>。"),
        ("query A { shop { name } } query B { shop { name } }", "文档中有多个操作，只能有一个。"),
        ("fragment A on Shop { name }", "片段“A”没有使用。"),
        ("mutation { checklistDismiss { userErrors { code } } }",
         "只有查询（query）才能作为发送的数据。"),
        ("query($order: ID!) { order(id: $order) { number } }",
         "变量只能是事件的 id，写作“$id: ID!”，而不是“$order: ID!”。"),
        ("{ products(first: 100) { nodes { variants { prices { amount } } images { id } } }"
         " orders(first: 100) { nodes { lines { quantity } payments { id } refunds { id } } } }",
         " 点，最多 1,000 点。"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_document_is_told_in_the_readers_language(
    installation: Installation, owner: Viewer, shop: Shop, document: str, reason: str
) -> None:
    context = merchant(installation, shop, owner)
    context.locale = "zh-CN"
    (error,) = (await made(context, document=document))["userErrors"]
    assert error["message"].startswith("这不是可以发送的查询。")
    assert reason in error["message"]


async def test_whatever_takes_the_right_to_codes_is_refused_in_a_document(
    installation: Installation, owner: Viewer, shop: Shop
) -> None:
    """Found in the schema, not in a list: each field behind the permission, on its own type."""
    built = SCHEMAS["admin"]._schema
    interface = built.type_map["Node"]
    shut = {name for name, needed in TYPES.items() if needed is Permission.STOCK}
    documents = [
        f"query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ id }} }} }}"
        for name in shut
        if interface in getattr(built.type_map[name], "interfaces", ())
    ]
    for kind in built.type_map.values():
        open_ = TYPES.get(kind.name) in WEBHOOK and kind.name not in shut
        if not isinstance(kind, GraphQLObjectType) or not open_:
            continue
        if interface not in kind.interfaces:
            continue
        for name, field in kind.fields.items():
            held = get_named_type(field.type).name.removesuffix("Connection")
            if held in shut or FIELDS.get((kind.name, name)) is Permission.STOCK:
                below = "{ __typename }" if isinstance(
                    get_named_type(field.type), GraphQLObjectType) else ""  # fmt: skip
                documents.append(
                    f"query($id: ID!) {{ node(id: $id) {{ ... on {kind.name}"
                    f" {{ {name} {below} }} }} }}"
                )
    assert len(documents) >= 6
    for document in documents:
        answer = await made(merchant(installation, shop, owner), document=document)
        codes = [error["code"] for error in answer["userErrors"]]
        assert codes == ["DOCUMENT_SHOWS_CODES"], document


@pytest.mark.parametrize("subject", SAMPLES)
async def test_each_sample_is_a_document_that_is_taken_and_rendered(
    installation: Installation, subject: str
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    await a_product(installation, shop)
    context = merchant(installation, shop, owner)
    answer = await ask("admin", context, "{ webhookSamples { subject events document } }")
    (sample,) = [one for one in answer["webhookSamples"] if
                 one["subject"].replace("_", "").lower() == subject.lower()]  # fmt: skip
    created = await made(
        merchant(installation, shop, owner), events=sample["events"], document=sample["document"]
    )
    assert created["userErrors"] == []
    row = (await the_webhook(shop.id))["id"]
    async with sending(installation) as sender:
        async with database.transaction(shop.id) as tx:
            await tx.execute("update webhooks set url = 'http://hooks.localhost:1/'")
        await webhook_test(installation, shop.id, row)
        await sender.send_due(shop.id)
    async with database.transaction(shop.id) as tx:
        # Rendered, and then not taken: nothing listens there.
        assert await tx.value("select problem from webhook_tries") == "unreachable"
        body = await tx.value("select body from webhook_deliveries")
    assert '"test":true' in body


async def test_events_of_different_kinds_are_refused_and_no_events(
    installation: Installation, owner: Viewer, shop: Shop
) -> None:
    for events, code in ((["ORDER_PAID", "STOCK_LOW"], "EVENTS_MIXED"), ([], "REQUIRED")):
        answer = await made(merchant(installation, shop, owner), events=events)
        assert [(error["path"], error["code"]) for error in answer["userErrors"]] == [
            (["input", "events"], code)
        ]


async def test_all_that_is_wrong_is_told_at_once(
    installation: Installation, owner: Viewer, shop: Shop
) -> None:
    answer = await made(
        merchant(installation, shop, owner), url="http://db.internal/", events=[], document="{"
    )
    assert [(error["path"][1], error["code"]) for error in answer["userErrors"]] == [
        ("url", "WEBHOOK_ADDRESS"), ("events", "REQUIRED"), ("document", "DOCUMENT_INVALID"),
    ]  # fmt: skip


async def test_a_token_makes_one_that_ends_with_it(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    token, _ = await api_token_create(installation, shop.id, "ERP")
    context = merchant(installation, shop, owner)
    asked = RequestContext(
        installation=installation, reader=context.reader, shop=shop,
        viewer=Program(token.id, PROGRAM), locale="en", currency="CNY",
        request_id="r", address="10.9.9.9",
    )  # fmt: skip
    answer = await made(asked)
    assert answer["webhook"]["tokenName"] == "ERP"
    assert (await the_webhook(shop.id))["token_id"] == token.id
    # A person who changes anything makes it theirs.
    changed = await ask(
        "admin", merchant(installation, shop, owner),
        "mutation($id: ID!) { webhookUpdate(id: $id, input: { enabled: true }) {"
        " webhook { tokenName } userErrors { code } } }",
        id=answer["webhook"]["id"],
    )  # fmt: skip
    assert changed["webhookUpdate"]["webhook"] == {"tokenName": None}


async def test_a_log_costs_the_same_statements_however_long_it_is(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    webhook, _ = await a_webhook(installation, shop, "https://erp.example.com/")
    for _ in range(12):
        await webhook_test(installation, shop.id, webhook)
    document = """
      query($id: ID!, $first: Int!) { webhookDeliveries(webhookId: $id, first: $first) {
        nodes { id event state body webhook { url } tries { status } } } }
      """
    counted = []
    for first in (1, 10):
        context = merchant(installation, shop, owner)
        reader = context.reader = CountingReader(context.reader)
        answer = await ask("admin", context, document, id=encode("Webhook", webhook), first=first)
        assert len(answer["webhookDeliveries"]["nodes"]) == first
        counted.append(len(reader.statements))
    assert counted == [4, 4]


async def test_what_is_not_there_is_refused(
    installation: Installation, owner: Viewer, shop: Shop
) -> None:
    gone, delivery = encode("Webhook", new_id()), encode("WebhookDelivery", new_id())
    for mutation in (
        f'webhookUpdate(id: "{gone}", input: {{ enabled: true }})',
        f'webhookDelete(id: "{gone}")',
        f'webhookSecretRotate(id: "{gone}")',
        f'webhookTest(id: "{gone}")',
        f'webhookReplay(id: "{gone}")',
        f'webhookDeliveryReplay(id: "{delivery}")',
    ):
        context = merchant(installation, shop, owner)
        answer = await execute(
            "admin", f"mutation {{ it: {mutation} {{ userErrors {{ code }} }} }}", None, {}, context
        )
        await context.reader.finish()
        assert answer.data == {"it": {"userErrors": [{"code": "NOT_FOUND"}]}}, mutation
