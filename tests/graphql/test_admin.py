"""What merchants and operators ask, on a real database."""

from typing import Any

import pytest

from keystall.graphql.arrival import by_session, by_token
from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.identity.links import account_token
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.masking import mask
from keystall.tenants.writing import INSTALLATION
from tests.factories import (
    PASSWORD,
    a_pack,
    a_picture,
    a_product,
    a_shop,
    a_viewer,
    some_codes,
    the_variant,
)
from tests.graphql.asking import CountingReader, ask, caller, merchant


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture(scope="module")
async def operator(installation: Installation) -> Viewer:
    return await a_viewer(installation, operator=True)


@pytest.fixture
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


CREATE = """mutation ($input: ProductCreateInput!) { productCreate(input: $input) {
  product { id name slug status images { id }
    variants { id name prices { amount currencyCode } minQuantity translations { locale name } }
    buyerFields { key kind options } translations { locale name description } }
  userErrors { path message code } } }"""


async def test_a_product_is_made_changed_and_taken_off(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    picture = await a_picture(installation, shop)
    made = await ask(
        "admin",
        merchant(installation, shop, owner),
        CREATE,
        input={
            "name": "Steam Card",
            "description": "**Now**",
            "status": "DRAFT",
            "uploadIds": [encode("Upload", picture.id)],
            "variants": [{"name": "", "prices": [{"amount": "9.90", "currencyCode": "CNY"}]}],
            "buyerFields": [
                {"key": "server", "label": "Server", "kind": "SELECT", "options": ["A"]}
            ],
        },
    )
    assert made["productCreate"]["userErrors"] == []
    product = made["productCreate"]["product"]
    assert product["slug"] == "steam-card"
    assert product["status"] == "DRAFT"
    assert product["images"] == [{"id": encode("Upload", picture.id)}]
    assert product["buyerFields"] == [{"key": "server", "kind": "SELECT", "options": ["A"]}]
    (variant,) = product["variants"]
    assert variant["prices"] == [{"amount": "9.90", "currencyCode": "CNY"}]

    changed = await ask(
        "admin",
        merchant(installation, shop, owner),
        """mutation ($id: ID!, $input: ProductUpdateInput!) {
          productUpdate(id: $id, input: $input) {
            product { name status description variants { id prices { amount } } }
            userErrors { path code } } }""",
        id=product["id"],
        input={
            "status": "ACTIVE",
            "name": None,
            "variants": [{"id": variant["id"], "prices": [{"amount": "8", "currencyCode": "CNY"}]}],
        },
    )
    assert changed["productUpdate"] == {
        "product": {
            "name": "Steam Card",
            "status": "ACTIVE",
            "description": "**Now**",
            "variants": [{"id": variant["id"], "prices": [{"amount": "8.00"}]}],
        },
        "userErrors": [],
    }
    gone = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!) { productArchive(id: $id) { product { status } } }",
        id=product["id"],
    )
    assert gone["productArchive"]["product"] == {"status": "ARCHIVED"}
    listed = await ask(
        "admin", merchant(installation, shop, owner), "{ products { nodes { id } } }"
    )
    assert listed["products"]["nodes"] == []


async def test_every_reason_against_a_product_is_told_at_its_field(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    refused = await ask(
        "admin",
        merchant(installation, shop, owner),
        CREATE,
        input={
            "name": " ",
            "variants": [{"prices": [{"amount": "1,5", "currencyCode": "CNY"}]}],
            "categoryId": encode("Category", new_id()),
        },
    )
    assert refused["productCreate"]["product"] is None
    assert [(e["path"], e["code"]) for e in refused["productCreate"]["userErrors"]] == [
        (["input", "name"], "REQUIRED"),
        (["input", "variants", "0", "prices", "0", "amount"], "AMOUNT_INVALID"),
    ]


async def test_codes_are_previewed_imported_listed_masked_and_deleted(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    variant = await the_variant(shop, await a_product(installation, shop))
    await some_codes(installation, shop, variant.id, ["AAAA-1111-2222"])
    text = "AAAA-1111-2222\nBBBB-1111-2222\nBBBB-1111-2222\n\x07\n"
    asked = {"variantId": encode("Variant", variant.id), "text": text}
    looked = await ask(
        "admin",
        merchant(installation, shop, owner),
        """mutation ($input: CodesInput!) { codesPreview(input: $input) {
          preview { new duplicatesInFile { line firstLine } duplicatesInStock { line }
            bad { line reason } badCount encoding } userErrors { code } } }""",
        input=asked,
    )
    assert looked["codesPreview"] == {
        "preview": {
            "new": 1,
            "duplicatesInFile": [{"line": 3, "firstLine": 2}],
            "duplicatesInStock": [{"line": 1}],
            "bad": [{"line": 4, "reason": "holds characters that cannot be seen"}],
            "badCount": 1,
            "encoding": "text",
        },
        "userErrors": [],
    }
    begin = """mutation ($input: CodesInput!, $key: String!, $skip: Boolean!) {
      codesImport(input: $input, idempotencyKey: $key, skipBad: $skip) {
        job { id state variant { id } } userErrors { path code message } } }"""
    refused = await ask(
        "admin",
        merchant(installation, shop, owner),
        begin,
        input=asked,
        key="import-01",
        skip=False,
    )
    (error,) = refused["codesImport"]["userErrors"]
    assert (error["path"], error["code"]) == (["input", "text"], "BAD_LINES")
    begun = await ask(
        "admin", merchant(installation, shop, owner), begin, input=asked, key="import-02", skip=True
    )
    job = begun["codesImport"]["job"]
    assert job["state"] == "QUEUED"
    assert job["variant"] == {"id": asked["variantId"]}
    stopped = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!) { jobCancel(id: $id) { job { state result } userErrors { code } } }",
        id=job["id"],
    )
    assert stopped["jobCancel"]["job"] == {
        "state": "CANCELED",
        "result": "Stopped. Codes added before: 0.",
    }

    listed = await ask(
        "admin",
        merchant(installation, shop, owner),
        """query ($id: ID!) { variant(id: $id) { stock { available reserved sold } availability
          codes(state: AVAILABLE) { nodes { id masked state } } } }""",
        id=asked["variantId"],
    )
    assert listed["variant"]["stock"] == {"available": 1, "reserved": 0, "sold": 0}
    assert listed["variant"]["availability"] == "LOW"
    (code,) = listed["variant"]["codes"]["nodes"]
    assert code["masked"] == "A••••••22"
    shown = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!, $password: String) { codeReveal(id: $id, password: $password) {"
        " secret code { masked } } }",
        id=code["id"],
        password=PASSWORD,
    )
    assert shown["codeReveal"]["secret"] == "AAAA-1111-2222"
    async with database.transaction(shop.id) as tx:
        actor = await tx.value("select actor from reveals where shop_id = $1", shop.id)
    assert actor == str(owner.account_id)
    gone = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($ids: [ID!]!) { codesDelete(ids: $ids) { deletedIds userErrors { code } } }",
        ids=[code["id"]],
    )
    assert gone["codesDelete"] == {"deletedIds": [code["id"]], "userErrors": []}


async def test_a_new_shop_is_led_by_its_checklist(installation: Installation) -> None:
    person = await a_viewer(installation)
    made = await ask(
        "admin",
        merchant(installation, None, person),
        """mutation { shopCreate(input: {name: "New", slug: "brand-new-shop", locale: "zh-CN"}) {
          shop { name slug url defaultLocale currencies status } userErrors { path code } } }""",
    )
    assert made["shopCreate"] == {
        "shop": {
            "name": "New",
            "slug": "brand-new-shop",
            "url": "http://brand-new-shop.localhost:8000",
            "defaultLocale": "zh-CN",
            "currencies": ["CNY"],
            "status": "OPEN",
        },
        "userErrors": [],
    }
    taken = await ask(
        "admin",
        merchant(installation, None, person),
        """mutation { shopCreate(input: {name: "New", slug: "brand-new-shop"}) {
          shop { id } userErrors { path code message } } }""",
    )
    assert taken["shopCreate"]["userErrors"] == [
        {"path": ["input", "slug"], "code": "TAKEN", "message": "This is taken already."}
    ]
    mine = await ask(
        "admin",
        merchant(installation, None, person),
        "{ viewer { email shops { slug } } shop { id } }",
    )
    assert mine["viewer"]["shops"] == [{"slug": "brand-new-shop"}]
    assert mine["shop"] is None


async def test_the_home_page_counts_days_without_orders(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    home = await ask(
        "admin",
        merchant(installation, shop, owner),
        """{ checklist { complete shareUrl steps { kind done } }
          dashboard { sales { currencyCode today { amount } last30Days { amount } }
            ordersByDay { count } ordersToDo lowStock { id stock { available } } } }""",
    )
    assert home["checklist"]["steps"] == [
        {"kind": "PRODUCT", "done": True},
        {"kind": "CODES", "done": False},
        {"kind": "CONTACT", "done": False},
        {"kind": "TEST_SALE", "done": False},
    ]
    put_away = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation { checklistDismiss { checklist { dismissed complete } userErrors { code } } }",
    )
    assert put_away["checklistDismiss"] == {
        "checklist": {"dismissed": True, "complete": False},
        "userErrors": [],
    }
    assert home["dashboard"] == {
        "sales": [
            {"currencyCode": "CNY", "today": {"amount": "0.00"}, "last30Days": {"amount": "0.00"}}
        ],
        "ordersByDay": [{"count": 0}] * 30,
        "ordersToDo": 0,
        "lowStock": [{"id": encode("Variant", variant.id), "stock": {"available": 0}}],
    }


async def test_settings_change_what_is_given_and_nothing_else(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    changed = await ask(
        "admin",
        merchant(installation, shop, owner),
        """mutation ($input: ShopUpdateInput!) { shopUpdate(input: $input) {
          shop { name contact icpNumber locales translations { locale notice } }
          userErrors { path code } } }""",
        input={
            "contact": "QQ 12345",
            "icpNumber": None,
            "locales": ["en", "zh-CN"],
            "translations": [{"locale": "zh-CN", "notice": "欢迎"}],
        },
    )
    assert changed["shopUpdate"] == {
        "shop": {
            "name": "Lulu Cards",
            "contact": "QQ 12345",
            "icpNumber": None,
            "locales": ["en", "zh-CN"],
            "translations": [{"locale": "zh-CN", "notice": "欢迎"}],
        },
        "userErrors": [],
    }


async def test_a_token_opens_its_own_shop_until_it_is_revoked(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    made = await ask(
        "admin",
        merchant(installation, shop, owner),
        'mutation { apiTokenCreate(name: "Sync", scopes: [OVERVIEW]) {'
        " apiToken { id hint } secret } }",
    )
    secret = made["apiTokenCreate"]["secret"]
    assert secret.startswith(made["apiTokenCreate"]["apiToken"]["hint"])
    context = await by_token(installation, secret, caller())
    assert context is not None
    # No language was asked for, and the shop speaks English.
    assert context.locale == "en"
    found = await ask("admin", context, "{ viewer { email shops { slug } } shop { slug } }")
    assert found["shop"] == {"slug": shop.slug}
    assert found["viewer"] == {"email": None, "shops": [{"slug": shop.slug}]}
    await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!) { apiTokenRevoke(id: $id) { revokedId userErrors { code } } }",
        id=made["apiTokenCreate"]["apiToken"]["id"],
    )
    assert await by_token(installation, secret, caller()) is None


async def test_people_sign_in_through_pages_only(installation: Installation) -> None:
    person = await a_viewer(installation)
    sign_in = """mutation ($email: String!, $password: String!) {
      sessionCreate(email: $email, password: $password) { done userErrors { code } } }"""
    page = await by_session(installation, None, caller(effects=[]))
    wrong = await ask("admin", page, sign_in, email=person.email, password="not the one 1")
    assert wrong["sessionCreate"] == {"done": False, "userErrors": [{"code": "CREDENTIALS_WRONG"}]}
    assert page.effects == []
    right = await ask("admin", page, sign_in, email=person.email, password=PASSWORD)
    assert right["sessionCreate"] == {"done": True, "userErrors": []}
    (effect,) = page.effects or []
    assert effect.name == "session"
    signed_in = await by_session(installation, effect.value, caller())
    found = await ask("admin", signed_in, "{ viewer { email } }")
    assert found["viewer"] == {"email": person.email}

    over_http = await by_session(installation, None, caller())
    answer = await execute(
        "admin", sign_in, None, {"email": person.email, "password": PASSWORD}, over_http
    )
    assert answer.errors[0]["extensions"]["code"] == "FORBIDDEN"


async def last_account_link(installation: Installation) -> str:
    async with database.transaction(INSTALLATION) as db:
        newest = await db.value(
            "select subject_id from outbox where shop_id = $1 and kind = 'mail.account_confirm'"
            " order by id desc limit 1",
            INSTALLATION,
        )
    return account_token(installation.keys, newest)


async def test_the_browser_that_signed_up_is_signed_in_by_the_mailed_link(
    installation: Installation,
) -> None:
    sign_up = """mutation ($email: String!) {
      accountCreate(email: $email, password: "a lamp on the wall") { done } }"""
    page = await by_session(installation, None, caller(effects=[]))
    await ask("admin", page, sign_up, email="newcomer@keystall.test")
    (held,) = page.effects or []
    token = await last_account_link(installation)
    follow = """mutation ($token: String!) {
      accountConfirm(token: $token) { done consoleUrl userErrors { code } } }"""
    same = await by_session(installation, held.value, caller(effects=[]))

    assert same.viewer is None
    done = await ask("admin", same, follow, token=token)
    assert done["accountConfirm"] == {
        "done": True,
        "consoleUrl": "/console?done=confirmed",
        "userErrors": [],
    }
    (effect,) = same.effects or []
    signed_in = await by_session(installation, effect.value, caller())
    found = await ask("admin", signed_in, "{ viewer { email } }")
    assert found["viewer"] == {"email": "newcomer@keystall.test"}
    again = await by_session(installation, held.value, caller(effects=[]))
    used = await ask("admin", again, follow, token=token)
    assert used["accountConfirm"] == {
        "done": False,
        "consoleUrl": None,
        "userErrors": [{"code": "LINK_INVALID"}],
    }
    assert again.effects == []


async def test_signing_up_someone_else_leaves_you_signed_in(installation: Installation) -> None:
    person = await a_viewer(installation)
    page = merchant(installation, None, person)
    sign_up = """mutation { accountCreate(email: "friend@keystall.test",
      password: "a lamp on the wall") { done } }"""
    assert (await ask("admin", page, sign_up))["accountCreate"] == {"done": True}
    assert page.effects == []


async def test_too_many_tries_are_throttled(installation: Installation) -> None:
    document = """mutation {
      sessionCreate(email: "nobody@keystall.test", password: "guess work 1") {
        userErrors { code } } }"""
    codes = []
    for _ in range(11):
        page = await by_session(installation, None, caller(address="192.0.2.9", effects=[]))
        answered = await ask("admin", page, document)
        codes.append(answered["sessionCreate"]["userErrors"][0]["code"])
    assert codes == ["CREDENTIALS_WRONG"] * 10 + ["THROTTLED"]


@pytest.mark.parametrize(
    "document",
    ["{ products { nodes { id } } }", "{ dashboard { ordersToDo } }", "{ apiTokens { id } }"],
)
async def test_nobody_and_nobodys_shop_read_nothing(
    installation: Installation, owner: Viewer, document: str
) -> None:
    stranger = await by_session(installation, None, caller())
    answer = await execute("admin", document, None, {}, stranger)
    assert answer.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
    shopless = merchant(installation, None, owner)
    answer = await execute("admin", document, None, {}, shopless)
    assert answer.errors[0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_shop_opens_to_its_members_alone(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    stranger = await a_viewer(installation)
    document = """mutation ($e: String!) {
      sessionCreate(email: $e, password: "plum tree 19") { done } }"""
    found = {}
    for person in (owner, stranger):
        page = await by_session(installation, None, caller(effects=[]))
        await ask("admin", page, document, e=person.email)
        secret = (page.effects or [])[0].value
        context = await by_session(installation, secret, caller(), slug=shop.slug)
        found[person.email] = context.shop.id if context.shop else None
    assert found == {owner.email: shop.id, stranger.email: None}


async def test_a_list_of_orders_costs_the_same_however_long(
    installation: Installation, owner: Viewer
) -> None:
    shop = await a_shop(installation, owner)
    variant = await the_variant(shop, await a_product(installation, shop))
    async with database.transaction(shop.id) as tx:
        for number in range(51):
            order = new_id()
            await tx.execute(
                "insert into orders (shop_id, id, number, email, locale, currency, total, status,"
                " expires_at) values ($1, $2, $3, 'a@b.test', 'en', 'CNY', 990, 'expired', now())",
                shop.id, order, f"N-{number}",
            )  # fmt: skip
            await tx.execute(
                "insert into order_lines (shop_id, id, order_id, position, variant_id,"
                " product_name, variant_name, quantity, unit_price)"
                " values ($1, $2, $3, 0, $4, 'Card', '', 1, 990)",
                shop.id, new_id(), order, variant.id,
            )  # fmt: skip
    counts: dict[int, int] = {}
    for first in (1, 50):
        context = merchant(installation, shop, owner)
        counting = CountingReader(context.reader)
        context.reader = counting
        found: Any = await ask(
            "admin",
            context,
            """query ($first: Int) { orders(first: $first, status: EXPIRED) { nodes {
              number statusNote total { amount } payments { status } refunds { status }
              timeline { message } lines { codes { masked } variant { name product { name } } }
            } } }""",
            first=first,
        )
        assert len(found["orders"]["nodes"]) == first
        counts[first] = len(counting.statements)
    assert counts[1] == counts[50]


async def test_an_operator_suspends_and_resumes(
    installation: Installation, shop: Shop, owner: Viewer, operator: Viewer
) -> None:
    id = encode("Shop", shop.id)
    document = """mutation ($id: ID!, $reason: String!) { shopSuspend(id: $id, reason: $reason) {
      shop { status statusReason ownerEmail } userErrors { path code } } }"""
    desk = merchant(installation, None, operator)
    suspended = await ask("operator", desk, document, id=id, reason="Fakes")
    assert suspended["shopSuspend"] == {
        "shop": {"status": "SUSPENDED", "statusReason": "Fakes", "ownerEmail": owner.email},
        "userErrors": [],
    }
    again = await ask(
        "operator", merchant(installation, None, operator), document, id=id, reason="Fakes"
    )
    assert again["shopSuspend"]["userErrors"] == [{"path": ["id"], "code": "CONFLICT"}]
    listed = await ask(
        "operator",
        merchant(installation, None, operator),
        "query ($q: String) { shops(query: $q, status: SUSPENDED) { nodes { id } } }",
        q=shop.slug,
    )
    assert listed["shops"]["nodes"] == [{"id": id}]
    resumed = await ask(
        "operator",
        merchant(installation, None, operator),
        "mutation ($id: ID!) { shopResume(id: $id) { shop { status } } }",
        id=id,
    )
    assert resumed["shopResume"]["shop"] == {"status": "OPEN"}
    for person in (owner, None):
        context = await by_session(installation, None, caller())
        context.viewer = person
        answer = await execute("operator", "{ shops { nodes { id } } }", None, {}, context)
        assert answer.data is None
        code = answer.errors[0]["extensions"]["code"]
        assert code == ("FORBIDDEN" if person else "UNAUTHENTICATED")


async def test_codes_in_packs_are_previewed_listed_counted_shown_and_taken_back(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    variant = await the_variant(shop, await a_product(installation, shop))
    texts = [f"AAAA-1111-{n:04}" for n in range(4)]
    await a_pack(installation, shop, variant.id, texts)
    id_ = encode("Variant", variant.id)
    text = f"{texts[3]}\nBBBB-1111-2222\n{texts[1]}"

    looked = await ask(
        "admin",
        merchant(installation, shop, owner),
        """mutation ($input: CodesInput!) { codesPreview(input: $input) {
          preview { new duplicatesInStock { line } } userErrors { code } } }""",
        input={"variantId": id_, "text": text},
    )
    assert looked["codesPreview"] == {
        "preview": {"new": 1, "duplicatesInStock": [{"line": 1}, {"line": 3}]},
        "userErrors": [],
    }

    listing = """query ($id: ID!, $after: String) { variant(id: $id) {
      stock { available expired reserved sold } availability batches { nodes { id } }
      codes(first: 3, after: $after) {
        nodes { id masked state } pageInfo { hasNextPage endCursor } } }
      checklist { steps { kind done } }
      dashboard { lowStock { id stock { available } } } }"""
    first = await ask("admin", merchant(installation, shop, owner), listing, id=id_)
    page = first["variant"]["codes"]
    rest = await ask(
        "admin",
        merchant(installation, shop, owner),
        listing,
        id=id_,
        after=page["pageInfo"]["endCursor"],
    )
    nodes = page["nodes"] + rest["variant"]["codes"]["nodes"]
    assert [node["masked"] for node in nodes] == [mask(text) for text in reversed(texts)]
    assert {node["state"] for node in nodes} == {"AVAILABLE"}
    assert (
        page["pageInfo"]["hasNextPage"],
        rest["variant"]["codes"]["pageInfo"]["hasNextPage"],
    ) == (True, False)
    assert first["variant"]["stock"] == {"available": 4, "expired": 0, "reserved": 0, "sold": 0}
    assert first["variant"]["availability"] == "LOW"
    assert {"kind": "CODES", "done": True} in first["checklist"]["steps"]
    assert first["dashboard"]["lowStock"] == [{"id": id_, "stock": {"available": 4}}]

    shown = await ask(
        "admin",
        merchant(installation, shop, owner),
        """query ($id: ID!) { node(id: $id) { ... on Code { id masked } } }""",
        id=nodes[1]["id"],
    )
    assert shown["node"] == {"id": nodes[1]["id"], "masked": nodes[1]["masked"]}
    opened = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!, $password: String) { codeReveal(id: $id, password: $password) {"
        " secret code { id masked } userErrors { code } } }",
        id=nodes[1]["id"],
        password=PASSWORD,
    )
    assert opened["codeReveal"] == {"secret": texts[2], "code": shown["node"], "userErrors": []}

    (batch,) = first["variant"]["batches"]["nodes"]
    undone = await ask(
        "admin",
        merchant(installation, shop, owner),
        "mutation ($id: ID!) { batchUndo(id: $id) { removed userErrors { code } } }",
        id=batch["id"],
    )
    assert undone["batchUndo"] == {"removed": 4, "userErrors": []}
    after = await ask("admin", merchant(installation, shop, owner), listing, id=id_)
    assert after["variant"]["stock"]["available"] == 0
    assert after["variant"]["codes"]["nodes"] == []
