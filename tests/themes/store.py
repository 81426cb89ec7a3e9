"""A shop's pages on canned answers: every state a buyer can meet, without a database.

Queries run on the storefront's own schema over plain dicts, so a page gets exactly what its
document selects. `Scene.data` are root fields of queries, `Scene.answers` those of mutations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema, graphql_sync, print_schema
from starlette.applications import Starlette
from starlette.requests import Request

from keystall.graphql.storefront.schema import schema
from keystall.themes.engine import (
    Cookies,
    Effect,
    Failures,
    Pages,
    Visit,
    load_theme,
    locale_of,
    make_renderer,
    routes,
)
from keystall.themes.paths import THEMES
from keystall.themes.storefront.pages import PAGES

BUILT: GraphQLSchema = schema._schema
# The same schema without resolvers: fields answer the dict's item of their name.
PLAIN: GraphQLSchema = build_schema(print_schema(BUILT), assume_valid=True)
RENDERER = make_renderer()
FAILURES = Failures(RENDERER, lambda request: "req-1")
LOOK = load_theme(THEMES / "storefront" / "theme.toml").look("harbor")


@dataclass
class Scene:
    """What the shop answers; `calls` keeps the mutations that ran, with their variables."""

    data: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)
    cart_id: str | None = "cart-1"
    buying: str = ""
    effects: list[Effect] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Plain:
    data: Mapping[str, Any] | None
    errors: Sequence[Mapping[str, Any]] | None


async def execute(
    surface: str, document: str, operation_name: str | None, variables: dict[str, Any], context: Any
) -> Plain:
    scene: Scene = context
    if document.lstrip().startswith("mutation"):
        scene.calls.append((operation_name or "", variables))
    root = {**scene.data, **scene.answers}

    def cart(info: GraphQLResolveInfo[Any], **_: str) -> Any:
        return root.get("bought" if info.path.key == "bought" else "cart")

    root_value = {**root, "cart": cart}
    answer = graphql_sync(PLAIN, document, root_value, variable_values=variables)
    assert answer.errors is None, answer.errors
    return Plain(answer.data, None)


def application(scene: Scene) -> Starlette:
    """The storefront's pages in one scene."""

    async def make_visit(request: Request, page: object) -> Visit:
        return Visit(
            context=scene,
            locale=locale_of(request),
            timezone="Asia/Shanghai",
            look=LOOK,
            values={
                "cartId": "cart-2" if "begun" in request.path_params else scene.cart_id,
                "buying": scene.buying,
                "boughtId": None,
            },
            effects=scene.effects,
        )

    shared = Pages(execute, make_visit, {"storefront": BUILT}, FAILURES, Cookies(secure=False))
    return Starlette(routes=[*routes(PAGES, shared), RENDERER.assets.route()])


def money(amount: str, currency: str = "CNY") -> dict[str, Any]:
    return {"amount": amount, "currencyCode": currency}


def product(name: str, low: str, high: str = "", *, band: str = "IN_STOCK") -> dict[str, Any]:
    """A product of one variant, or of two where `high` is given."""
    variants = [variant(f"{name}-1", "" if not high else "30 天", low, band=band)]
    if high:
        variants.append(variant(f"{name}-2", "365 天 · 年卡", high, band="LOW"))
    return {
        "name": name,
        "slug": "card",
        "summary": "A card.",
        "descriptionHtml": "<p>Redeem it in the <strong>store</strong>.</p><ul><li>One</li></ul>",
        "availability": band,
        "images": [],
        "category": {"name": "充值卡", "slug": "cards"},
        "variants": variants,
        "priceRange": {"min": money(low), "max": money(high or low)},
    }


def variant(key: str, name: str, price: str, *, band: str = "IN_STOCK") -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "price": money(price),
        "availability": band,
        "minQuantity": 1,
        "maxQuantity": 5,
    }


GOODS = [
    product("Steam 充值卡 100 元", "98.00"),
    product("视频会员 月卡 / 年卡", "15.00", "148.00"),
    product("Nintendo eShop ¥3,000 日服点卡", "139.90", band="LOW"),
    product("Windows 11 专业版 激活密钥（零售版，一机一码）", "199.00", band="SOLD_OUT"),
]


def shelf(goods: list[dict[str, Any]], *, more: bool = False) -> dict[str, Any]:
    return {"nodes": goods, "pageInfo": {"hasNextPage": more, "endCursor": "next"}}


def shop(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Lulu 点卡铺",
        "signInProviders": [],
        "logo": None,
        "noticeHtml": "<p>周末客服 10:00–22:00 在线。</p>",
        "policiesHtml": "<h2>退款</h2><p>无法使用可退。</p>",
        "contact": "WeChat: lulu-cards",
        "icpNumber": "京ICP备12345678号",
        "locales": ["zh-CN", "en"],
        "currencies": ["CNY", "USD"],
        "status": "OPEN",
        "paymentMethods": [
            {"id": "pm-1", "name": "Sandbox", "testMode": True},
            {"id": "pm-2", "name": "Other", "testMode": False},
        ],
        **changes,
    }


def line(key: str, good: dict[str, Any], quantity: int, total: str) -> dict[str, Any]:
    chosen = good["variants"][0]
    return {
        "id": key,
        "quantity": quantity,
        "unitPrice": chosen["price"],
        "total": money(total),
        "variant": {**chosen, "product": good},
    }


def question(key: str, kind: str = "TEXT", **changes: Any) -> dict[str, Any]:
    asked = {
        "key": key,
        "label": key.capitalize(),
        "required": True,
        "kind": kind,
        "placeholder": "",
        "options": [],
    }
    return {"value": None, "field": {**asked, **changes}}


def cart(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cart-1",
        "completed": False,
        "order": None,
        "itemCount": 3,
        "subtotal": money("211.00"),
        "total": money("211.00"),
        "lines": [line("line-1", GOODS[0], 2, "196.00"), line("line-2", GOODS[1], 1, "15.00")],
        "problems": [],
        "email": None,
        "buyerFields": [
            question("account", placeholder="player#1234"),
            question("region", "SELECT", options=["CN", "JP"], required=False),
            question("phone", "PHONE", required=False),
        ],
        **changes,
    }


REPORT = {
    "status": "OPEN",
    "reason": "USED",
    "note": "Says used " * 20,
    "answer": "",
    "createdAt": "2026-11-22T22:30:00+00:00",
}
CODES = [
    {"id": f"c-{n}", "masked": "7Q4M-****-****", "secret": f"7Q4M-0XKD-J2{n}", "report": report}
    for n, report in enumerate(
        (None, REPORT, {**REPORT, "status": "REJECTED", "answer": "It works here."})
    )
]


def order(status: str, **changes: Any) -> dict[str, Any]:
    codes = CODES if status == "DELIVERED" else []
    return {
        "token": "tok-1",
        "number": "7Q4M-0XKD-J2",
        "status": status,
        "statusNote": None,
        "expiresAt": "2026-11-22T22:45:00+00:00",
        "createdAt": "2026-11-22T22:30:00+00:00",
        "email": "buyer@example.com",
        "paymentUrl": "https://pay.example/1" if status == "PENDING" else None,
        "paymentMethodName": "Sandbox",
        "total": money("294.00"),
        "buyerFields": [{"label": "Account", "value": "player#1234"}],
        "lines": [
            {
                "productName": "Steam 充值卡 100 元",
                "variantName": "",
                "quantity": 3,
                "unitPrice": money("98.00"),
                "total": money("294.00"),
                "codes": codes,
            }
        ],
        "refunds": [],
        "refundedState": "NONE",
        "timeline": [{"message": "已下单", "at": "2026-11-22T22:30:00+00:00"}],
        **changes,
    }


def refund(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "status": status,
        "reason": "The order was paid twice.",
        "note": "",
        "byHand": False,
        **changes,
        "createdAt": "2026-11-22T22:50:00+00:00",
        "amount": money("294.00"),
    }


SHELVES = {
    "categories": {"nodes": [{"name": "充值卡", "slug": "cards"}, {"name": "会员", "slug": "vip"}]}
}
HOME = {"shop": shop(), **SHELVES, "products": shelf(GOODS, more=True)}


def bought(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "token": "tok-1",
        "number": "7Q4M-0XKD-J2",
        "status": status,
        "refundedState": "NONE",
        "createdAt": "2026-11-20T08:00:00Z",
        "total": money("198.00"),
        "items": [
            {"productName": "Steam 充值卡 " * 20, "variantName": "100 元", "quantity": 2},
            {"productName": "月卡", "variantName": "", "quantity": 1},
        ],
        **changes,
    }


def customer(*orders: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "email": "a-rather-long-address.of.somebody@mail.example.com",
        "hasPassword": False,
        "fresh": True,
        "orders": shelf([*orders]),
        **changes,
    }


# Every state of every page: name -> (path without the language, root fields of its query).
SCENES: dict[str, tuple[str, dict[str, Any]]] = {
    "home": ("/", HOME),
    "home-second": ("/?after=x", HOME),
    "home-empty": ("/", {**HOME, "products": shelf([])}),
    "home-closed": ("/", {**HOME, "shop": shop(status="CLOSED", noticeHtml="")}),
    "category": ("/c/cards", {**HOME, "category": {"name": "充值卡", "products": shelf(GOODS)}}),
    "category-empty": ("/c/cards", {**HOME, "category": {"name": "充值卡", "products": shelf([])}}),
    "search": ("/search?q=steam", HOME),
    "search-empty": ("/search?q=zzz", {**HOME, "products": shelf([])}),
    "product": ("/p/card", {**HOME, "product": GOODS[1]}),
    "product-single": ("/p/card", {**HOME, "product": GOODS[0]}),
    "product-sold-out": ("/p/card", {**HOME, "product": GOODS[3]}),
    "product-unpriced": (
        "/p/card",
        {
            **HOME,
            "product": {**GOODS[0], "priceRange": None, "descriptionHtml": "", "category": None},
        },
    ),
    "product-closed": ("/p/card", {"shop": shop(status="CLOSED"), "product": GOODS[0]}),
    "cart": ("/cart", {"shop": shop(), "cart": cart()}),
    "cart-problems": (
        "/cart",
        {
            "shop": shop(),
            "cart": cart(
                problems=[{"lineId": "line-1", "code": "SOLD_OUT", "message": "已售罄。"}],
                lines=[
                    line("line-1", GOODS[3], 2, "398.00"),
                    {**line("line-2", GOODS[1], 1, "15.00"), "total": None, "unitPrice": None},
                ],
            ),
        },
    ),
    "cart-none": ("/cart", {"shop": shop(), "cart": None}),
    "cart-empty": ("/cart", {"shop": shop(), "cart": cart(lines=[], itemCount=0)}),
    "cart-ordered": (
        "/cart",
        {"shop": shop(), "cart": cart(completed=True, order={"token": "tok-1"})},
    ),
    "checkout": ("/checkout", {"shop": shop(), "cart": cart(), "customer": None}),
    "checkout-customer": ("/checkout", {"shop": shop(), "cart": cart(), "customer": customer()}),
    "checkout-no-method": (
        "/checkout",
        {"shop": shop(paymentMethods=[]), "cart": cart(buyerFields=[])},
    ),
    "checkout-problems": (
        "/checkout",
        {
            "shop": shop(),
            "cart": cart(
                email="b@example.com",
                problems=[{"lineId": "line-1", "code": "SOLD_OUT", "message": "已售罄。"}],
            ),
        },
    ),
    "buy": ("/buy/begun", {"shop": shop(), "cart": cart(id="cart-2"), "customer": None}),
    "buy-problems": (
        "/buy/begun",
        {
            "shop": shop(),
            "cart": cart(
                lines=[line("line-1", GOODS[0], 2, "196.00")],
                problems=[
                    {"lineId": "line-1", "code": "NOT_ENOUGH_STOCK", "message": "仅剩 1 件。"}
                ],
            ),
            "customer": None,
        },
    ),
    "buy-ordered": (
        "/buy/begun",
        {"shop": shop(), "cart": cart(completed=True, order={"token": "tok-1"}), "customer": None},
    ),
    "checkout-none": ("/checkout", {"shop": shop(), "cart": None}),
    "pending": ("/order/tok-1", {"shop": shop(), "order": order("PENDING")}),
    "pending-no-url": (
        "/order/tok-1",
        {"shop": shop(), "order": order("PENDING", paymentUrl=None)},
    ),
    "delivered": ("/order/tok-1", {"shop": shop(), "order": order("DELIVERED")}),
    "expired": ("/order/tok-1", {"shop": shop(), "order": order("EXPIRED")}),
    "canceled": ("/order/tok-1", {"shop": shop(contact=""), "order": order("CANCELED")}),
    "refunded-partly": (
        "/order/tok-1",
        {
            "shop": shop(),
            "order": order(
                "DELIVERED",
                refundedState="PARTLY",
                refunds=[
                    refund("SUCCEEDED", note="Sorry " * 60),
                    refund("SUCCEEDED", byHand=True),
                    refund("WITHDRAWN"),
                ],
            ),
        },
    ),
    "refunding": (
        "/order/tok-1",
        {
            "shop": shop(),
            "order": order("REFUNDING", refunds=[refund("REQUESTED")], statusNote="缺货。"),
        },
    ),
    "refunded": (
        "/order/tok-1",
        {"shop": shop(), "order": order("REFUNDED", refunds=[refund("SUCCEEDED")])},
    ),
    "refund-due": (
        "/order/tok-1",
        {"shop": shop(status="SUSPENDED"), "order": order("REFUND_DUE", refunds=[refund("DUE")])},
    ),
    "codes": ("/order/tok-1/codes", {"shop": shop(), "order": order("DELIVERED")}),
    "codes-early": ("/order/tok-1/codes", {"shop": shop(), "order": order("PENDING")}),
    "find-order": ("/find-order", {"shop": shop()}),
    "find-order-sent": ("/find-order/sent", {"shop": shop(contact="")}),
    "sign-in": ("/sign-in", {"shop": shop(), "customer": None}),
    "sign-in-out": ("/sign-in?done=out", {"shop": shop(), "customer": None}),
    "sign-in-already": ("/sign-in", {"shop": shop(), "customer": customer()}),
    "sign-in-sent": ("/sign-in/sent", {"shop": shop(contact="")}),
    "sign-in-link": (
        "/sign-in/tok-1",
        {"shop": shop(), "customerLink": {"email": "b@example.com", "elsewhere": False}},
    ),
    "sign-in-link-elsewhere": (
        "/sign-in/tok-1",
        {"shop": shop(), "customerLink": {"email": "b@example.com", "elsewhere": True}},
    ),
    "sign-in-providers": (
        "/sign-in?done=failed",
        {"shop": shop(signInProviders=["WECHAT", "QQ", "GOOGLE", "GITHUB"]), "customer": None},
    ),
    "account-no-email": ("/account", {"shop": shop(), "customer": customer(email=None)}),
    "sign-in-link-gone": ("/sign-in/tok-1", {"shop": shop(), "customerLink": None}),
    "account": (
        "/account",
        {
            "shop": shop(),
            "customer": customer(
                *(bought(status) for status in ("PENDING", "DELIVERED", "REFUND_DUE", "EXPIRED")),
                bought("DELIVERED", refundedState="PARTLY"),
            ),
        },
    ),
    "account-stale": (
        "/account?done=password",
        {"shop": shop(), "customer": customer(hasPassword=True, fresh=False)},
    ),
    "account-no-password": ("/account", {"shop": shop(), "customer": customer(fresh=False)}),
    "policies": ("/policies", {"shop": shop()}),
    "policies-none": ("/policies", {"shop": shop(policiesHtml="", contact="")}),
}
