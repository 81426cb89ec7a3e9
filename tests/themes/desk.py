"""The pages behind the counter on canned answers: every state a merchant, an operator or a newcomer
can meet, without a database.

Queries run on the schemas themselves over plain dicts, so a page gets exactly what its document
selects. `Scene.data` are root fields of queries, `Scene.answers` those of mutations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from graphql import build_schema, graphql_sync, print_schema
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request

from keystall.graphql.admin.schema import schema as admin
from keystall.graphql.operator.schema import schema as operator
from keystall.tenants.staff.roles import PERMISSIONS, Role
from keystall.themes.accounts.pages import PAGES as ACCOUNTS
from keystall.themes.console.pages import PAGES as CONSOLE
from keystall.themes.engine import (
    Cookies,
    Effect,
    Failures,
    Pages,
    UploadRefused,
    Visit,
    locale_of,
    make_renderer,
    routes,
)
from keystall.themes.operator.pages import PAGES as OPERATOR

ADMIN, DESK = admin._schema, operator._schema
# The same schemas without resolvers: fields answer the dict's item of their name.
PLAIN = {
    "admin": build_schema(print_schema(ADMIN), assume_valid=True),
    "operator": build_schema(print_schema(DESK), assume_valid=True),
}
RENDERER = make_renderer()
FAILURES = Failures(RENDERER, lambda request: "req-1")


@dataclass
class Scene:
    """What is answered; `calls` keeps the mutations that ran, `stored` the uploads."""

    data: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)
    refuse_upload: str = ""
    role: Role = "owner"
    effects: list[Effect] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stored: list[tuple[str, bytes]] = field(default_factory=list)


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
    answer = graphql_sync(PLAIN[surface], document, root, variable_values=variables)
    assert answer.errors is None, answer.errors
    return Plain(answer.data, None)


def application(scene: Scene) -> Starlette:
    """Accounts, console and operator desk in one scene."""

    async def make_visit(request: Request, page: object) -> Visit:
        return Visit(
            context=scene,
            locale=locale_of(request),
            timezone="Asia/Shanghai",
            extras={
                "viewer_email": "lin@galaxy.example.com",
                "may": frozenset(PERMISSIONS[scene.role]),
                "role": scene.role,
            },
            values={
                "mayStock": "true" if "stock" in PERMISSIONS[scene.role] else "false",
                "mayPaymentAccounts": "true" if scene.role == "owner" else "false",
            },
            effects=scene.effects,
        )

    async def store_upload(visit: Visit, name: str, upload: UploadFile) -> str:
        if scene.refuse_upload:
            raise UploadRefused(scene.refuse_upload)
        scene.stored.append((upload.filename or "", await upload.read()))
        return f"upload-{len(scene.stored)}"

    shared = Pages(
        execute,
        make_visit,
        {"admin": ADMIN, "operator": DESK},
        FAILURES,
        Cookies(secure=False),
        store_upload,
    )
    return Starlette(
        routes=[*routes([*ACCOUNTS, *CONSOLE, *OPERATOR], shared), RENDERER.assets.route()],
        exception_handlers=FAILURES.handlers(),
    )


LONG = "限时礼包（" + "超长名称" * 20 + "）" + "W" * 120
MOMENT = "2026-11-22T10:30:00Z"
_SCOPES = [
    "OVERVIEW", "ORDERS", "MONEY", "CATALOG", "STOCK", "SETTINGS", "ACTIVITY", "CLOSING",
    "WEBHOOKS",
]  # fmt: skip


def api_token(name: str = "Robot", **usage: Any) -> dict[str, Any]:
    """A token as its page asks for it."""
    each = usage.get("requests", 0) // 30
    days = [
        {"date": f"2026-11-{day:02}", "requests": each * (day % 3), "refused": 0, "cost": each}
        for day in range(1, 31)
    ]
    return {
        "id": "t-1", "kind": "ADMIN", "name": name, "hint": "ks_1234", "createdAt": MOMENT,
        "expiresAt": None, "origins": [], "publicToken": None, "scopes": _SCOPES,
        "madeBy": None, "makerLeft": False, "lastUsedAt": None,
        "lastAddress": "",
        "usage": {"requests": 0, "refused": 0, "cost": 0, "byDay": days, "deprecated": [], **usage},
    }  # fmt: skip


def site_token() -> dict[str, Any]:
    """What is special of a storefront token with long names of sites."""
    return {
        "kind": "STOREFRONT", "scopes": [], "expiresAt": MOMENT,
        "publicToken": "ks_public_" + "Zk3Q" * 10 + "abc",
        "origins": [
            "https://a-very-long-name-of-a-site-that-nobody-would-type.promotions.example.com:8443",
            "http://localhost:5173", "https://www.example.com",
        ],
    }  # fmt: skip


END = {"hasNextPage": False, "endCursor": None}
MORE = {"hasNextPage": True, "endCursor": "next"}


def money(amount: str, currency: str = "CNY") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def payment_method(kind: str = "sandbox", **changes: Any) -> dict[str, Any]:
    return {
        "id": f"m-{kind}",
        "name": kind.capitalize(),
        "kind": kind,
        "open": True,
        "testMode": True,
        "secretKeyEnding": "9xQ2" if kind == "stripe" else None,
        "webhookSecretEnding": "b07c" if kind == "stripe" else None,
        "webhookUrl": f"http://galaxy.localhost:8000/callbacks/{kind}/{'0' * 36}",
        "webhookByHand": False,
        **changes,
    }


def shop(**changes: Any) -> dict[str, Any]:
    return {
        "id": "shop-1",
        "name": "Galaxy Cards",
        "slug": "galaxy",
        "url": "http://galaxy.localhost:8000",
        "status": "OPEN",
        "statusReason": None,
        "logo": None,
        "contact": "help@galaxy.example.com",
        "notice": "Open day & night",
        "policies": "## Refunds",
        "icpNumber": None,
        "locales": ["en", "zh-CN"],
        "defaultLocale": "en",
        "currencies": ["CNY", "USD"],
        "defaultCurrency": "CNY",
        "themePreset": "harbor",
        "holdMinutes": 15,
        "unpaidPerBuyer": 5,
        "unpaidPerAddress": 20,
        "holdShare": 50,
        "mailCodes": False,
        "trustedOnly": False,
        "tokenOnly": False,
        "translations": [],
        "paymentMethods": [payment_method()],
        "createdAt": MOMENT,
        "ownerEmail": "lin@galaxy.example.com",
        "orderCount": 1234,
        "reviewedAt": MOMENT,
        **changes,
    }


def mail_text(**changes: Any) -> dict[str, Any]:
    edited = bool(changes.get("edited"))
    return {
        "letter": "ORDER_REFUNDED",
        "locale": "en",
        "edited": False,
        "parts": [
            {
                "part": part,
                "text": "Order {number}",
                "ours": "" if part == "NOTE" else "Our {number}",
                "edited": edited,
                "maxLength": 120,
                "optional": part == "NOTE",
            }
            for part in ("SUBJECT", "TITLE", "LEAD", "ACTION", "NOTE")
        ],
        "holes": [{"name": "number", "example": "7Q4M-0XKD-J2"}],
        "preview": {
            "sender": "Galaxy via Keystall",
            "subject": "Order 7Q4M-0XKD-J2",
            "text": "Text of the mail",
            "html": "<!doctype html><p style='color:red'>Mail</p>",
        },
        **changes,
    }


def variant(key: str = "v-1", name: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "prices": [money("9.90")],
        "minQuantity": 1,
        "maxQuantity": 5,
        "translations": [{"locale": "zh-CN", "name": "三十天"}],
        "stock": {"available": 3, "reserved": 1, "sold": 20, "expired": 0},
        "selling": {"saleOrder": "FIRST_IN", "expiryMarginHours": 24, "lowStock": 10},
        "batches": {"nodes": [], "pageInfo": END},
        "product": {"id": "p-1", "name": "Moon Card"},
        "codes": {"nodes": [], "pageInfo": END},
        **changes,
    }


def product(**changes: Any) -> dict[str, Any]:
    return {
        "id": "p-1",
        "name": "Moon Card",
        "slug": "moon-card",
        "url": "http://galaxy.localhost:8000/en/p/moon-card",
        "description": "**Bold**",
        "status": "ACTIVE",
        "stoppedReason": None,
        "category": {"id": "c-1", "name": "Cards"},
        "images": [{"id": "i-1", "thumbnailUrl": "/files/i-1/small.webp"}],
        "variants": [variant(), variant("v-2", "60 days")],
        "buyerFields": [
            {
                "key": "account",
                "label": "Game account",
                "required": True,
                "kind": "SELECT",
                "placeholder": "",
                "options": ["One", "Two"],
            }
        ],
        "translations": [{"locale": "zh-CN", "name": "月卡", "description": "说明"}],
        **changes,
    }


CATEGORY = {
    "id": "c-1",
    "name": "Cards",
    "slug": "cards",
    "position": 1,
    "productCount": 2,
    "translations": [],
}
CODES = [
    {
        "id": f"code-{state}",
        "masked": "M••••••33",
        "state": state,
        "createdAt": MOMENT,
        "note": "From the spring sale" if state == "SOLD" else "",
        "preview": "QQ 671****96" if state == "EXPIRED" else "",
        "expiresAt": MOMENT if state == "EXPIRED" else None,
    }
    for state in ("AVAILABLE", "RESERVED", "SOLD", "EXPIRED")
]


def batch(key: str = "b-1", **changes: Any) -> dict[str, Any]:
    return {
        "id": key,
        "source": "UPLOAD",
        "supplier": "Moon Wholesale",
        "note": "Spring",
        "cost": money("812.50"),
        "expiresAt": MOMENT,
        "added": 1000,
        "working": False,
        "createdAt": MOMENT,
        "undoneAt": None,
        **changes,
    }


BATCHES = [
    batch(),
    batch("b-2", working=True, added=40, supplier="", cost=None, note="", expiresAt=None),
    batch("b-3", undoneAt=MOMENT),
]


def imported(**changes: Any) -> dict[str, Any]:
    return {
        "dryRun": False,
        "added": 37,
        "duplicatesInFile": 1,
        "duplicatesInStock": 2,
        "duplicatesSold": 3,
        "bad": 4,
        "problem": None,
        "uploadId": None,
        **changes,
    }


STEPS = ("PRODUCT", "CODES", "CONTACT", "TEST_SALE")


def checklist(done: int, *, dismissed: bool = False) -> dict[str, Any]:
    return {
        "steps": [{"kind": kind, "done": at < done} for at, kind in enumerate(STEPS)],
        "complete": done == len(STEPS),
        "dismissed": dismissed,
        "shareUrl": "http://galaxy.localhost:8000",
    }


def dashboard(*, busy: bool) -> dict[str, Any]:
    def sales(code: str) -> dict[str, Any]:
        amount = money("123456.70" if busy else "0.00", code)
        return {"currencyCode": code, "today": amount, "last7Days": amount, "last30Days": amount}

    first = date(2026, 10, 24)
    return {
        "sales": [sales("CNY"), sales("USD")] if busy else [sales("CNY")],
        "ordersByDay": [
            {"date": str(first + timedelta(days=at)), "count": at * 7 % 11 if busy else 0}
            for at in range(30)
        ],
        "attention": 2 if busy else 0,
        "lowStock": [variant(stock={"available": 0, "reserved": 0, "sold": 9})] if busy else [],
    }


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "r-1",
        "amount": money("9.90"),
        "status": "DUE",
        "message": "The order was paid twice.",
        "note": "",
        "problem": "NOT_ENOUGH_BALANCE",
        "byHand": False,
        "boughtNothing": True,
        "retriable": True,
        "createdAt": MOMENT,
        "order": {"id": "o-1", "number": "KS7Q2M4X", "email": "x" * 90},
        **changes,
    }


def report(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cr-1",
        "status": "OPEN",
        "reason": "USED",
        "note": "It says used.",
        "answer": "It works here. " * 9 if changes else "",
        "createdAt": MOMENT,
        "orderId": "o-1",
        "orderNumber": "KS7Q2M4X",
        "email": "x" * 90,
        "buyerErased": False,
        "productName": "Moon Card",
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "o-1",
        "number": "KS7Q2M4X",
        "status": "DELIVERED",
        "statusNote": None,
        "createdAt": MOMENT,
        "email": "buyer@example.com",
        "buyerErased": False,
        "locale": "en",
        "buyerFields": [{"label": "Game account", "value": "player-one"}],
        "total": money("29.70"),
        "lines": [
            {
                "productName": "Moon Card",
                "variantName": "30 days",
                "variant": {"id": "v-1"},
                "quantity": 3,
                "unitPrice": money("9.90"),
                "total": money("29.70"),
                "codes": [
                    {"masked": "M••••••33", "reports": [report(), report(status="REJECTED")]},
                    {"masked": "N••••••44", "reports": []},
                ],
            }
        ],
        "payments": [
            {
                "status": "SUCCEEDED",
                "amount": money("29.70"),
                "fee": money("0.18"),
                "methodName": "Sandbox",
                "providerReference": "pay_0f6e2c2f",
                "createdAt": MOMENT,
                "paidAt": MOMENT,
            }
        ],
        "refunds": [refund()],
        "refundedState": "PARTLY",
        "refundable": money("19.80"),
        "disputes": [],
        "timeline": [{"message": "Paid.", "at": MOMENT}],
        **changes,
    }


def job(state: str, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "codes.import",
        "state": state,
        "done": 40,
        "total": 100,
        "result": None,
        "canceling": False,
        "codes": imported(),
        "batch": batch(),
        "variant": variant(),
        "createdAt": MOMENT,
        "finishedAt": None if state in ("QUEUED", "RUNNING") else MOMENT,
        **changes,
    }


def _said(text: str, form: str = "WORDED", label: str = "") -> dict[str, str]:
    return {"label": label, "text": text, "form": form}


FAILED = imported(problem="Save it as UTF-8.")
ACTORS = [
    {"key": "account:1", "kind": "ACCOUNT", "name": "lin@galaxy.example.com"},
    {"key": "token:2", "kind": "TOKEN", "name": "Robot"},
    {"key": "system", "kind": "SYSTEM", "name": ""},
]
CHANGE: dict[str, Any] = {
    "change": "UPDATE",
    "kind": "SHOP",
    "label": "Galaxy Cards",
    "fields": [
        {"name": "contact", "was": [], "became": [_said(LONG, "TYPED")]},
        {"name": "minutes held unpaid", "was": [_said("15")], "became": [_said("30")]},
        {
            "name": "translations",
            "was": [_said(MOMENT, "INSTANT")],
            "became": [_said("Lulu", "TYPED", "English · name"), _said(LONG, "TYPED", "…")],
        },
    ],
}


_NEW_SHOP = {**CHANGE, "change": "CREATE"}


def deed(**changes: Any) -> dict[str, Any]:
    return {
        "at": MOMENT,
        "actor": ACTORS[0],
        "message": "Changed the shop's settings",
        "kind": "SHOP",
        "objectId": "shop-1",
        "label": "Galaxy Cards",
        "address": "203.0.113.9",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
        "changes": [CHANGE],
        **changes,
    }


def _list(*nodes: Any, more: bool = False) -> dict[str, Any]:
    return {"nodes": list(nodes), "pageInfo": MORE if more else END}


def waiting(due: dict[str, Any], returned: dict[str, Any]) -> Any:
    """One field that a page asks twice, for what is due and for what bought nothing."""

    def refunds(info: object, *, status: str | None = None, **_: object) -> dict[str, Any]:
        return due if status else returned

    return refunds


_EVENTS = ["ORDER_PLACED", "ORDER_PAID", "ORDER_DELIVERED", "DISPUTE_OPENED"]
SAMPLES: list[dict[str, Any]] = [
    {
        "subject": "ORDER",
        "events": _EVENTS,
        "document": "query($id: ID!) { order(id: $id) { id } }",
    },
    {"subject": "VARIANT", "events": ["STOCK_LOW"], "document": "query { shop { name } }"},
]


def webhook(**changes: Any) -> dict[str, Any]:
    return {
        "id": "h-1",
        "url": "https://erp.example.com/keystall?shop=galaxy",
        "host": "erp.example.com",
        "events": ["ORDER_PAID", "ORDER_DELIVERED"],
        "document": SAMPLES[0]["document"],
        "enabled": True,
        "disabledAt": None,
        "disabledReason": None,
        "failingSince": None,
        "secretEnding": "x9Zq",
        "oldSecretUntil": None,
        "tokenName": None,
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        **changes,
    }


def delivery(**changes: Any) -> dict[str, Any]:
    return {
        "id": "d-1",
        "event": "ORDER_PAID",
        "subjectId": "o-1",
        "happenedAt": MOMENT,
        "state": "DELIVERED",
        "attempts": 1,
        "nextAt": None,
        "finishedAt": MOMENT,
        "problem": "",
        "test": False,
        "body": '{"type":"order.paid","data":{"order":{"number":"7Q4M-0XKD-J2"}}}',
        "webhook": webhook(),
        "tries": [_try()],
        **changes,
    }


def _try(**changes: Any) -> dict[str, Any]:
    return {
        "at": MOMENT, "milliseconds": 1234, "status": 200, "response": "ok", "problem": "",
        **changes,
    }  # fmt: skip


_PROBLEMS = ("timeout", "unreachable", "certificate", "address_refused", "broken_answer",
             "secret_unreadable", "payload_too_large", "payload_unrendered FORBIDDEN, INTERNAL",
             "disabled", "given_up", "something else")  # fmt: skip

SHOP: dict[str, Any] = {
    "webhookSamples": SAMPLES,
    "mailTexts": [
        {"letter": letter, "locale": locale, "edited": letter == "ORDER_LINK"}
        for letter in ("ORDER_DELIVERED", "ORDER_LINK")
        for locale in ("zh-CN", "en")
    ],
    "shop": shop(),
    "categories": _list(CATEGORY),
    "activityActors": ACTORS,
}
HERE = "/console/galaxy"
LINK = {"email": "new@example.com", "purpose": "confirm"}
Scenes = dict[str, tuple[str, dict[str, Any]]]

MEMBERS: list[dict[str, Any]] = [
    {"id": f"m-{role}", "email": email, "role": role, "since": MOMENT, "current": at == 0}
    for at, (role, email) in enumerate(
        [("OWNER", "lin@galaxy.example.com"), ("MANAGER", f"{'w' * 64}@{'long.' * 10}example.com"),
         ("SUPPORT", "hua@galaxy.example.com")]
    )
]  # fmt: skip
INVITATIONS: list[dict[str, Any]] = [
    {"id": "i-1", "email": "new@galaxy.example.com", "role": "SUPPORT", "expiresAt": MOMENT,
     "expired": False},
    {"id": "i-2", "email": "old@galaxy.example.com", "role": "OWNER", "expiresAt": MOMENT,
     "expired": True},
]  # fmt: skip
OFFER = {
    "shopName": LONG, "email": "new@example.com", "role": "MANAGER", "expiresAt": MOMENT,
    "mine": False,
}  # fmt: skip
_VIEWER = {"email": "lin@galaxy.example.com", "locale": "en"}
_SESSIONS = [
    {"id": f"s-{at}", "browser": browser, "address": address, "createdAt": MOMENT,
     "current": at == 0}
    for at, (browser, address) in enumerate(
        [("Firefox · Linux", "203.0.113.9"), ("", "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
         ("WeChat · Android", "")]
    )
]  # fmt: skip

LONG_EMAIL = f"{'long-name-' * 6}@mail.example.com"


PASSKEYS: list[dict[str, Any]] = [
    {"id": f"k-{at}", "name": name, "createdAt": MOMENT, "lastUsedAt": MOMENT if at else None}
    for at, name in enumerate(["Chrome · Android", f"Key {'w' * 56}"])
]


def guarded(*, on: bool = False, left: int = 10, setup: bool = False, keys: int = 0) -> Any:
    """Somebody with an app, or with so many passkeys, and the recovery codes left."""
    return {
        **_VIEWER,
        "totp": totp(on=on, setup=setup),
        "passkeys": PASSKEYS[:keys],
        "recoveryCodesLeft": left if on or keys else 0,
        "sessions": _SESSIONS[:1],
    }


def totp(*, on: bool = False, setup: bool = False) -> dict[str, Any]:
    """How it stands with somebody's codes for signing in."""
    waiting = {
        "secret": "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        "uri": "otpauth://totp/Keystall:lin%40galaxy.example.com?secret=GEZDGNBVGY3TQOJQ&issuer=Keystall",
    }
    return {
        "on": on,
        "since": MOMENT if on else None,
        "setup": waiting if setup else None,
    }


def step(*, totp: bool = False, passkey: bool = False) -> dict[str, Any]:
    """A sign-in half way."""
    return {"email": LONG_EMAIL, "totp": totp, "passkey": passkey}


_ACCOUNTS: Scenes = {
    "landing": ("/", {"viewer": None}),
    "landing-known": ("/", {"viewer": {"email": "lin@galaxy.example.com"}}),
    "sign-up": ("/sign-up", {}),
    "sign-up-sent": ("/sign-up/sent", {}),
    "confirm": ("/confirm/t", {"accountLink": LINK}),
    "confirm-gone": ("/confirm/t", {"accountLink": None}),
    "sign-in": ("/sign-in", {}),
    "sign-in-confirmed": ("/sign-in?done=confirmed", {}),
    "sign-out": ("/sign-out", {}),
    "account": (
        "/account?done=password",
        {
            "viewer": {**guarded(), "sessions": _SESSIONS},
        },
    ),
    "account-alone": (
        "/account",
        {
            "viewer": guarded(on=True, left=1),
        },
    ),
    "account-passkeys": ("/account", {"viewer": guarded(keys=2)}),
    "second-step": ("/sign-in/code?to=/console/galaxy/", {"secondStep": step(totp=True)}),
    "second-step-passkey": ("/sign-in/code", {"secondStep": step(passkey=True)}),
    "second-step-both": ("/sign-in/code", {"secondStep": step(totp=True, passkey=True)}),
    "second-step-over": ("/sign-in/code?to=/console/galaxy/", {"secondStep": None}),
    "totp-off": ("/account/second-step?done=off", {"viewer": guarded()}),
    "totp-off-passkeys": ("/account/second-step?done=off", {"viewer": guarded(keys=1)}),
    "totp-setup": ("/account/second-step", {"viewer": guarded(setup=True)}),
    "totp-on": ("/account/second-step", {"viewer": guarded(on=True)}),
    "totp-low": ("/account/second-step", {"viewer": guarded(on=True, left=1)}),
    "passkeys": ("/account/passkeys?done=removed", {"viewer": guarded(keys=2, left=1)}),
    "passkeys-none": ("/account/passkeys", {"viewer": guarded()}),
    "passkeys-full": (
        "/account/passkeys",
        {"viewer": {**guarded(), "passkeys": [{**PASSKEYS[0], "id": f"k-{n}"} for n in range(20)]}},
    ),
    "invitation": ("/invitation/t", {"viewer": None, "invitationLink": OFFER}),
    "invitation-mine": (
        "/invitation/t",
        {"viewer": _VIEWER, "invitationLink": {**OFFER, "mine": True}},
    ),
    "invitation-other": ("/invitation/t", {"viewer": _VIEWER, "invitationLink": OFFER}),
    "invitation-gone": ("/invitation/t", {"viewer": None, "invitationLink": None}),
    "reset": ("/password-reset", {}),
    "reset-sent": ("/password-reset/sent", {}),
    "reset-new": ("/password-reset/t", {"accountLink": {**LINK, "purpose": "reset"}}),
    "reset-gone": ("/password-reset/t", {"accountLink": None}),
}
_CONSOLE: Scenes = {
    "shops": ("", {"viewer": {**_VIEWER, "memberships": [
        {"role": "OWNER", "shop": shop()},
        {"role": "SUPPORT", "shop": shop(name=LONG, status="CLOSED")},
    ]}}),
    "shops-none": ("", {"viewer": {**_VIEWER, "memberships": []}}),
    "home-new": ("/galaxy/", {"checklist": checklist(0), "dashboard": dashboard(busy=False)}),
    "home-sold": ("/galaxy/", {"checklist": checklist(4), "dashboard": dashboard(busy=False)}),
    "home-busy": (
        "/galaxy/",
        {"checklist": checklist(4, dismissed=True), "dashboard": dashboard(busy=True)},
    ),
    "products-none": ("/galaxy/products", {"products": _list()}),
    "products-none-found": ("/galaxy/products?query=x", {"products": _list()}),
    "products": (
        "/galaxy/products",
        {"products": _list(product(), product(name=LONG, images=[], category=None), more=True)},
    ),
    "product-new": ("/galaxy/products/new", {}),
    "product": ("/galaxy/products/p-1", {"product": product()}),
    "product-archived": (
        "/galaxy/products/p-1?done=saved",
        {"product": product(name=LONG, status="ARCHIVED", buyerFields=[], translations=[])},
    ),
    "categories": ("/galaxy/categories", {}),
    "categories-none": ("/galaxy/categories", {"categories": _list()}),
    "category": ("/galaxy/categories/c-1", {"category": CATEGORY}),
    "staff": ("/galaxy/staff?done=invited", {"members": MEMBERS, "invitations": INVITATIONS}),
    "staff-alone": ("/galaxy/staff", {"members": MEMBERS[:1], "invitations": []}),
    "membership": (
        "/galaxy/membership",
        {"viewer": {**_VIEWER, "role": "SUPPORT", "permissions": ["OVERVIEW", "ORDERS"]}},
    ),
    "stock-none": ("/galaxy/stock/v-1", {"variant": variant()}),
    "stock-none-found": ("/galaxy/stock/v-1?state=SOLD", {"variant": variant()}),
    "stock": (
        "/galaxy/stock/v-1",
        {
            "variant": variant(
                codes=_list(*CODES, more=True),
                batches=_list(*BATCHES),
                stock={"available": 3, "reserved": 1, "sold": 20, "expired": 1},
            )
        },
    ),
    "console-confirm": ("/galaxy/confirm?to=%2Fconsole%2Fgalaxy%2F", {}),
    "job-queued": ("/galaxy/jobs/j-1", {"job": job("QUEUED", total=None)}),
    "job-running": ("/galaxy/jobs/j-1", {"job": job("RUNNING")}),
    "job-canceling": ("/galaxy/jobs/j-1", {"job": job("RUNNING", canceling=True)}),
    "job-counted": (
        "/galaxy/jobs/j-1",
        {"job": job("DONE", codes=imported(dryRun=True, uploadId="u-1"), batch=None)},
    ),
    "job-undone": ("/galaxy/jobs/j-1", {"job": job("DONE", batch=batch(undoneAt=MOMENT))}),
    "job-done": ("/galaxy/jobs/j-1", {"job": job("DONE", result="3 codes added.")}),
    "job-failed": ("/galaxy/jobs/j-1", {"job": job("FAILED", variant=None, codes=FAILED)}),
    "job-canceled": ("/galaxy/jobs/j-1", {"job": job("CANCELED")}),
    "orders-none": ("/galaxy/orders", {"orders": _list()}),
    "orders-none-found": ("/galaxy/orders?query=x", {"orders": _list()}),
    "orders": ("/galaxy/orders", {"orders": _list(order(), order(email="x" * 90), more=True)}),
    "order": ("/galaxy/orders/o-1", {"order": order()}),
    "order-pending": (
        "/galaxy/orders/o-1",
        {"order": order(status="PENDING", statusNote="Held.", payments=[], refunds=[])},
    ),
    "order-due": (
        "/galaxy/orders/o-1?done=retried",
        {"order": order(status="REFUND_DUE", refundedState="NONE", refundable=None)},
    ),
    "order-expired": (
        "/galaxy/orders/o-1",
        {
            "order": order(
                status="EXPIRED",
                refundedState="NONE",
                refundable=None,
                refunds=[refund(status="SUCCEEDED", byHand=True, note=LONG)],
            )
        },
    ),
    "attention": (
        "/galaxy/attention",
        {
            "refunds": waiting(
                _list(refund(), refund(note=LONG), more=True),
                _list(refund(status="SUCCEEDED"), refund(status="REQUESTED", note=LONG)),
            ),
            "codeReports": _list(report(), report(note=LONG, productName=LONG)),
        },
    ),
    "attention-none": (
        "/galaxy/attention",
        {"refunds": waiting(_list(), _list()), "codeReports": _list()},
    ),
    "activity-none": ("/galaxy/activity", {"activity": _list()}),
    "activity-none-found": ("/galaxy/activity?kind=ORDER", {"activity": _list()}),
    "activity": (
        "/galaxy/activity",
        {
            "activity": _list(
                deed(),
                deed(kind="ORDER", label=LONG, changes=[]),
                deed(actor=ACTORS[1], kind="PRODUCT", changes=[CHANGE, _NEW_SHOP]),
                deed(actor=ACTORS[2], objectId=None, label="", address="", userAgent=""),
                more=True,
            )
        },
    ),
    "settings": ("/galaxy/settings", {}),
    "settings-closed": ("/galaxy/settings", {"shop": shop(status="CLOSED", locales=["en"])}),
    "settings-suspended": (
        "/galaxy/settings",
        {"shop": shop(status="SUSPENDED", statusReason="Stolen keys", paymentMethods=[])},
    ),
    "order-disputed": (
        "/galaxy/orders/o-1",
        {
            "order": order(
                disputes=[
                    {
                        "status": status,
                        "message": "The card holder says the payment was not theirs.",
                        "amount": money("29.70"),
                        "openedAt": MOMENT,
                        "dueAt": None if status == "LOST" else MOMENT,
                        "closedAt": MOMENT if status == "LOST" else None,
                    }
                    for status in ("LOST", "NEEDS_RESPONSE")
                ]
            )
        },
    ),
    "mails": ("/galaxy/mails", {}),
    "mails-codes": ("/galaxy/mails?done=saved", {"shop": shop(mailCodes=True)}),
    "mail": ("/galaxy/mails/ORDER_REFUNDED/en", {"mailText": mail_text()}),
    "mail-edited": (
        "/galaxy/mails/ORDER_LINK/zh-CN?done=saved", {"mailText": mail_text(edited=True)},
    ),
    "payments": ("/galaxy/payments", {}),
    "payments-none": ("/galaxy/payments", {"shop": shop(paymentMethods=[])}),
    "payments-stripe": (
        "/galaxy/payments?done=connected",
        {
            "shop": shop(
                paymentMethods=[
                    payment_method(open=False),
                    payment_method("stripe", name=LONG, testMode=False, webhookByHand=True),
                ]
            )
        },
    ),
    "settings-pending": ("/galaxy/settings", {"shop": shop(status="PENDING")}),
    "settings-declined": (
        "/galaxy/settings?done=asked", {"shop": shop(status="DECLINED", statusReason=LONG)},
    ),
    "documents-none": (
        "/galaxy/documents",
        {"trustedDocuments": {"nodes": [], "pageInfo": END}},
    ),
    "documents": (
        "/galaxy/documents?done=saved",
        {
            "shop": shop(trustedOnly=True),
            "trustedDocuments": {
                "nodes": [
                    {"id": "d-1", "name": LONG, "documentId": "sha256:" + "ab12" * 16,
                     "document": "query Header {\n  shop {\n    name\n  }\n}", "cost": 1,
                     "createdAt": MOMENT},
                    {"id": "d-2", "name": "", "documentId": "sha256:" + "cd34" * 16,
                     "document": "{ " + "shop { name } " * 40 + "}", "cost": 940,
                     "createdAt": MOMENT},
                ],
                "pageInfo": END,
            },
        },
    ),
    "webhooks-none": ("/galaxy/webhooks", {"webhooks": []}),
    "webhooks": (
        "/galaxy/webhooks?done=deleted",
        {
            "webhooks": [
                webhook(),
                webhook(host=f"{'long.' * 30}example.com", url=f"https://{'long.' * 40}example.com",
                        failingSince=MOMENT, events=_EVENTS),
                webhook(enabled=False, disabledReason="GONE", disabledAt=MOMENT),
            ]
        },
    ),
    "webhook-new": ("/galaxy/webhooks/new", {}),
    "webhook-new-about": ("/galaxy/webhooks/new?about=VARIANT", {}),
    "webhook": (
        "/galaxy/webhooks/h-1?done=tested",
        {
            "webhook": webhook(oldSecretUntil=MOMENT, tokenName=LONG, failingSince=MOMENT),
            "webhookDeliveries": _list(
                delivery(), delivery(state="PENDING", attempts=3, nextAt=MOMENT, test=True),
                delivery(state="FAILED", attempts=10), more=True,
            ),
        },
    ),
    "webhook-none": (
        "/galaxy/webhooks/h-1", {"webhook": webhook(), "webhookDeliveries": _list()},
    ),
    "webhook-none-found": (
        "/galaxy/webhooks/h-1?state=FAILED",
        {
            "webhook": webhook(enabled=False, disabledReason="FAILING", disabledAt=MOMENT),
            "webhookDeliveries": _list(),
        },
    ),
    "webhook-off": (
        "/galaxy/webhooks/h-1?done=switched_off",
        {
            "webhook": webhook(enabled=False, disabledReason="MERCHANT", disabledAt=MOMENT),
            "webhookDeliveries": _list(),
        },
    ),
    "webhook-delivery": (
        "/galaxy/webhooks/deliveries/d-1?done=replayed", {"webhookDelivery": delivery()},
    ),
    "webhook-delivery-failed": (
        "/galaxy/webhooks/deliveries/d-1",
        {
            "webhookDelivery": delivery(
                event="CODE_REPORT_OPENED", state="FAILED", problem="timeout", test=True, body=None,
                tries=[
                    _try(status=500, response=LONG * 40),
                    *(_try(status=None, response="", problem=one) for one in _PROBLEMS),
                ],
            )
        },
    ),
    "webhook-delivery-waiting": (
        "/galaxy/webhooks/deliveries/d-1",
        {
            "webhookDelivery": delivery(
                event="STOCK_LOW", state="PENDING", finishedAt=None, nextAt=MOMENT, attempts=0,
                tries=[], body="no JSON",
            )
        },
    ),
    "token-unused": ("/galaxy/tokens/t-2", {"apiToken": api_token()}),
    "token": (
        "/galaxy/tokens/t-1",
        {
            "apiToken": api_token(
                name=LONG, requests=1234567, refused=12, cost=98765432,
                deprecated=[
                    {"place": "Order.verySpecialNumberOfLongAgo(withItsArgument:)",
                     "requests": 123456, "lastOn": "2026-11-22"},
                ],
            )
        },
    ),
    "token-storefront": (
        "/galaxy/tokens/t-3?done=created",
        {"apiToken": {**api_token(LONG, requests=900), **site_token()}},
    ),
    "storefront-tokens-none": (
        "/galaxy/tokens/storefront", {"apiTokens": [], "shop": shop(tokenOnly=True)},
    ),
    "storefront-tokens": (
        "/galaxy/tokens/storefront?done=saved",
        {
            "apiTokens": [
                {"id": "t-3", "name": LONG, "createdAt": MOMENT, "makerLeft": True,
                 "madeBy": None, "lastUsedAt": MOMENT, **site_token()},
                {"id": "t-4", "kind": "STOREFRONT", "name": "Site",
                 "origins": ["https://www.example.com"], "createdAt": MOMENT,
                 "expiresAt": None, "madeBy": "mei@example.com", "makerLeft": False,
                 "lastUsedAt": None},
                {**api_token("Robot")},
            ]
        },
    ),
    "tokens-none": ("/galaxy/tokens", {"apiTokens": []}),
    "tokens": (
        "/galaxy/tokens?done=revoked",
        {
            "apiTokens": [
                {"id": "t-1", "kind": "ADMIN", "name": LONG, "hint": "ks_1234",
                 "createdAt": MOMENT, "expiresAt": None, "scopes": ["ORDERS", "MONEY"],
                 "madeBy": None, "makerLeft": True, "lastUsedAt": MOMENT,
                 "lastAddress": "2001:db8::17"},
                {"id": "t-2", "kind": "ADMIN", "name": "Robot", "hint": "ks_5678",
                 "createdAt": MOMENT, "expiresAt": MOMENT, "scopes": _SCOPES,
                 "madeBy": "mei@example.com", "makerLeft": False, "lastUsedAt": None,
                 "lastAddress": ""},
            ]
        },
    ),
}  # fmt: skip
_COUNTS = [
    {"kind": "mail.order_delivered", "givenUp": 1234, "failing": 0, "oldestAt": MOMENT},
    {"kind": "payment.apply", "givenUp": 0, "failing": 2, "oldestAt": MOMENT},
]


def _work(**changes: Any) -> dict[str, Any]:
    return {
        "id": "w-1",
        "kind": "mail.order_delivered",
        "shop": {"id": "shop-1", "name": LONG},
        "problem": "MailUnavailable",
        "attempts": 25,
        "givenUp": True,
        "createdAt": MOMENT,
        "failedAt": MOMENT,
        "nextAt": None,
        **changes,
    }


_FAILING = _work(kind="payment.apply", shop=None, givenUp=False, failedAt=None, nextAt=MOMENT)


def _action(**changes: Any) -> dict[str, Any]:
    return {
        "action": "work.drop",
        "operatorEmail": "operator@keystall.example",
        "shop": {"id": "shop-1", "name": LONG},
        "subject": "mail.order_delivered",
        "note": "The address is gone. " * 20,
        "count": 1234,
        "at": MOMENT,
        **changes,
    }


_OPERATOR: Scenes = {
    "operator-shops": (
        "/operator/",
        {
            "shops": _list(shop(), shop(name=LONG, reviewedAt=None), more=True),
            "failedWorkCounts": _COUNTS,
            "shopCounts": {"waiting": 2, "unseen": 3, "selling": 12},
        },
    ),
    "operator-none": (
        "/operator/?unreviewed=on",
        {
            "shops": _list(), "failedWorkCounts": [],
            "shopCounts": {"waiting": 0, "unseen": 0, "selling": 0},
        },
    ),
    "operator-pending": ("/operator/shops/shop-1", {"shop": shop(status="PENDING")}),
    "operator-declined": (
        "/operator/shops/shop-1", {"shop": shop(status="DECLINED", statusReason=LONG)},
    ),
    "operator-new": ("/operator/shops/shop-1", {"shop": shop(reviewedAt=None)}),
    "operator-work": (
        "/operator/failed-work?done=retried",
        {"failedWorkCounts": _COUNTS, "failedWork": _list(_work(), _FAILING, more=True)},
    ),
    "operator-work-of-a-kind": (
        "/operator/failed-work?kind=payment.apply",
        {"failedWorkCounts": _COUNTS, "failedWork": _list(_FAILING)},
    ),
    "operator-work-none": (
        "/operator/failed-work", {"failedWorkCounts": [], "failedWork": _list()},
    ),
    "operator-work-none-found": (
        "/operator/failed-work?kind=x", {"failedWorkCounts": _COUNTS, "failedWork": _list()},
    ),
    "operator-work-item": ("/operator/failed-work/w-1", {"failedWorkItem": _work()}),
    "operator-work-failing": ("/operator/failed-work/w-1", {"failedWorkItem": _FAILING}),
    "operator-record": (
        "/operator/record",
        {
            "operatorActions": _list(
                _action(),
                _action(shop=None, subject="", note="", count=1),
                _action(
                    action="second_factor.reset", operatorEmail="", shop=None,
                    subject="lin@galaxy.example.com", note="", count=1,
                ),
            )
        },
    ),
    "operator-record-none": ("/operator/record", {"operatorActions": _list()}),
    "operator-persons": ("/operator/persons?done=erased", {}),
    "operator-forbidden-none": (
        "/operator/forbidden-goods",
        {"forbiddenFindings": _list(), "forbiddenTerms": _list()},
    ),
    "operator-forbidden": (
        "/operator/forbidden-goods?done=stopped",
        {
            "forbiddenFindings": _list(
                {"id": "f-1", "productId": "p-1", "product": LONG,
                 "url": "http://galaxy.example/p/x", "shop": {"id": "shop-1", "name": LONG},
                 "term": "gift card", "reason": LONG, "where": "TRANSLATION", "foundAt": MOMENT},
                more=True,
            ),
            "forbiddenTerms": _list(
                *(
                    {"id": f"t-{at}", "term": LONG, "reason": LONG, "createdAt": MOMENT,
                     "lookedThrough": at == 1, "found": 1234}
                    for at in range(2)
                )
            ),
        },
    ),
    "operator-shop": ("/operator/shops/shop-1", {"shop": shop()}),
    "operator-suspended": (
        "/operator/shops/shop-1?done=suspended",
        {"shop": shop(status="SUSPENDED", statusReason="Stolen keys")},
    ),
}  # fmt: skip
SCENES: Scenes = {
    **_ACCOUNTS,
    **{
        name: ("/console" + path, {**(SHOP if path else {}), **data})
        for name, (path, data) in _CONSOLE.items()
    },
    **_OPERATOR,
}
