"""`dryRun`: every check is made, everything is told, and not one row is another one after it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.platform.queue import Queue
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from tests.factories import a_product, a_shop, a_viewer, the_variant
from tests.graphql.asking import ask, merchant
from tests.isolation.goods import fingerprint
from tests.tenants.purchases import Purchase

UPDATE = """mutation ($id: ID!, $input: ProductUpdateInput!, $dry: Boolean!) {
  productUpdate(id: $id, input: $input, dryRun: $dry) {
    product { name variants { name prices { amount currencyCode } } }
    preview { changed
      prices { variantId variantName currencyCode before { amount } after { amount } } }
    userErrors { path code } } }"""
REFUND = """mutation ($id: ID!, $amount: MoneyInput, $key: String!, $dry: Boolean!, $why: String!) {
  orderRefund(id: $id, amount: $amount, reason: $why, idempotencyKey: $key, dryRun: $dry) {
    refund { amount { amount } }
    preview { amount { amount currencyCode } left { amount } way methodName }
    userErrors { path code } } }"""


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


@pytest.fixture
def asked(
    installation: Installation, shop: Shop, owner: Viewer
) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def asked(document: str, **variables: Any) -> dict[str, Any]:
        return await ask("admin", merchant(installation, shop, owner), document, **variables)

    return asked


Asked = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was published or signalled."""
    heard: list[str] = []

    async def publish(_: Queue, topic: str) -> None:
        heard.append(topic)

    async def signal(_: Queue) -> None:
        heard.append("signal")

    monkeypatch.setattr(Queue, "publish", publish)
    monkeypatch.setattr(Queue, "signal", signal)
    return heard


async def test_a_price_change_is_told_before_it_is_made_and_then_comes_to_that(
    installation: Installation, shop: Shop, asked: Asked, superuser_url: str, told: list[str]
) -> None:
    product = await a_product(installation, shop)
    variant = encode("Variant", (await the_variant(shop, product)).id)
    changes = {
        "name": "Dearer",
        "variants": [
            {"id": variant, "name": "Old", "prices": [{"amount": "12.50", "currencyCode": "CNY"}]},
            {"name": "New", "prices": [{"amount": "3", "currencyCode": "CNY"}]},
        ],
    }
    wanted = {"id": encode("Product", product.id), "input": changes}
    before = await fingerprint(superuser_url, shop.id)
    told.clear()

    shown = (await asked(UPDATE, **wanted, dry=True))["productUpdate"]

    assert await fingerprint(superuser_url, shop.id) == before
    assert told == []
    assert shown["userErrors"] == []
    assert shown["product"]["name"] == product.name
    (old,) = shown["product"]["variants"]
    assert shown["preview"] == {
        "changed": ["name", "variants"],
        "prices": [
            {
                "variantId": variant, "variantName": "Old", "currencyCode": "CNY",
                "before": {"amount": old["prices"][0]["amount"]}, "after": {"amount": "12.50"},
            },
            {
                "variantId": None, "variantName": "New", "currencyCode": "CNY",
                "before": None, "after": {"amount": "3.00"},
            },
        ],
    }  # fmt: skip

    done = (await asked(UPDATE, **wanted, dry=False))["productUpdate"]
    assert done["preview"] is None
    assert [one["prices"] for one in done["product"]["variants"]] == [
        [{"amount": "12.50", "currencyCode": "CNY"}],
        [{"amount": "3.00", "currencyCode": "CNY"}],
    ]
    assert await fingerprint(superuser_url, shop.id) != before


async def test_what_would_leave_the_sale_is_told_with_its_price_and_nothing_new_as_no_change(
    installation: Installation, shop: Shop, asked: Asked
) -> None:
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    named = encode("Product", product.id)
    other = {"variants": [{"name": "B", "prices": [{"amount": "1", "currencyCode": "CNY"}]}]}
    shown = (await asked(UPDATE, id=named, input=other, dry=True))["productUpdate"]["preview"]
    assert [(one["variantId"], one["after"]) for one in shown["prices"]] == [
        (None, {"amount": "1.00"}),
        (encode("Variant", variant.id), None),
    ]
    same = {"name": product.name, "status": None}
    shown = (await asked(UPDATE, id=named, input=same, dry=True))["productUpdate"]["preview"]
    assert shown == {"changed": [], "prices": []}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": " "}, {"path": ["input", "name"], "code": "REQUIRED"}),
        (
            {"variants": [{"prices": [{"amount": "1.234", "currencyCode": "CNY"}]}]},
            {"path": ["input", "variants", "0", "prices", "0", "amount"], "code": "AMOUNT_INVALID"},
        ),
        (
            # Known only once rows were written.
            {"variants": [{"id": encode("Variant", UUID(int=7)),
                           "prices": [{"amount": "1", "currencyCode": "CNY"}]}]},
            {"path": ["input", "variants", "0", "id"], "code": "NOT_FOUND"},
        ),
    ],
)  # fmt: skip
async def test_a_price_change_that_is_refused_is_refused_alike_in_a_rehearsal(
    installation: Installation,
    shop: Shop,
    asked: Asked,
    changes: dict[str, Any],
    error: dict[str, Any],
    superuser_url: str,
) -> None:
    product = await a_product(installation, shop)
    before = await fingerprint(superuser_url, shop.id)
    for dry in (True, False):
        answer = await asked(UPDATE, id=encode("Product", product.id), input=changes, dry=dry)
        assert answer["productUpdate"] == {
            "product": None, "preview": None, "userErrors": [error],
        }  # fmt: skip
    assert await fingerprint(superuser_url, shop.id) == before


async def a_delivered_order(installation: Installation, shop: Shop) -> str:
    purchase = Purchase(installation, shop)
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order)
    return encode("Order", order)


async def test_a_refund_is_told_before_it_is_made_and_its_key_is_still_there_to_make_it(
    installation: Installation, shop: Shop, asked: Asked, superuser_url: str, told: list[str]
) -> None:
    order = await a_delivered_order(installation, shop)
    part = {"amount": "3", "currencyCode": "CNY"}
    wanted = {"id": order, "amount": part, "key": "refund-a-part", "why": "A gift"}
    before = await fingerprint(superuser_url, shop.id)
    told.clear()

    shown = (await asked(REFUND, **wanted, dry=True))["orderRefund"]

    assert await fingerprint(superuser_url, shop.id) == before
    assert told == []
    assert shown == {
        "refund": None,
        "preview": {
            "amount": {"amount": "3.00", "currencyCode": "CNY"},
            "left": {"amount": "6.90"},
            "way": "PROVIDER",
            "methodName": "Sandbox (test payment)",
        },
        "userErrors": [],
    }
    made = (await asked(REFUND, **wanted, dry=False))["orderRefund"]
    assert made == {"refund": {"amount": {"amount": "3.00"}}, "preview": None, "userErrors": []}
    after = await fingerprint(superuser_url, shop.id)
    assert after != before
    # What was made under the key is what a rehearsal under it finds.
    again = (await asked(REFUND, **wanted, dry=True))["orderRefund"]
    assert again == {"refund": {"amount": {"amount": "3.00"}}, "preview": None, "userErrors": []}
    rest = wanted | {"amount": None, "key": "refund-the-rest"}
    shown = (await asked(REFUND, **rest, dry=True))["orderRefund"]["preview"]
    assert (shown["amount"]["amount"], shown["left"]["amount"]) == ("6.90", "0.00")
    assert await fingerprint(superuser_url, shop.id) == after


@pytest.mark.parametrize(
    ("changed", "path", "code"),
    [
        ({"amount": {"amount": "9.91", "currencyCode": "CNY"}}, ["amount"], "ABOVE_PAYMENT"),
        ({"amount": {"amount": "1", "currencyCode": "USD"}}, ["amount"], "AMOUNT_INVALID"),
        (
            {"amount": {"amount": "x", "currencyCode": "CNY"}},
            ["amount", "amount"],
            "AMOUNT_INVALID",
        ),
        ({"why": " "}, ["reason"], "REQUIRED"),
        ({"key": "short"}, ["idempotencyKey"], "INVALID"),
        ({"id": encode("Order", UUID(int=7))}, ["id"], "NOT_FOUND"),
    ],
)
async def test_a_refund_that_is_refused_is_refused_alike_in_a_rehearsal(
    installation: Installation,
    shop: Shop,
    asked: Asked,
    changed: dict[str, Any],
    path: list[str],
    code: str,
    superuser_url: str,
) -> None:
    order = await a_delivered_order(installation, shop)
    wanted = {"id": order, "amount": None, "key": "refund-it-all", "why": "A gift"} | changed
    before = await fingerprint(superuser_url, shop.id)
    for dry in (True, False):
        answer = await asked(REFUND, **wanted, dry=dry)
        error = {"path": path, "code": code}
        assert answer["orderRefund"] == {"refund": None, "preview": None, "userErrors": [error]}
    assert await fingerprint(superuser_url, shop.id) == before


async def test_a_refund_that_no_provider_can_send_is_told_to_be_by_hand(
    installation: Installation, shop: Shop, asked: Asked
) -> None:
    order = await a_delivered_order(installation, shop)
    async with database.transaction(shop.id) as tx:
        # Its keys were taken out meanwhile.
        await tx.execute(
            "update payment_accounts set provider = 'stripe' where shop_id = $1", shop.id
        )
    answer = await asked(REFUND, id=order, amount=None, key="refund-it-all", why="x", dry=True)
    assert answer["orderRefund"]["preview"]["way"] == "BY_HAND"


async def test_a_rehearsal_takes_what_the_deed_takes(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    order = await a_delivered_order(installation, shop)
    context = merchant(installation, shop, owner, role="support")
    variables = {"id": order, "amount": None, "key": "refund-it-all", "why": "x", "dry": True}
    answer = await execute("admin", REFUND, None, variables, context)
    await context.reader.close()
    assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
