"""Every page of the product in every state worth looking at, as a list of visits.

A visit names the row of the page table that it is for; `test_sweep.py` holds that no row is without
one, and that the address is really that row's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import pyotp
from playwright.async_api import Page

from tests.e2e.devices import a_device
from tests.e2e.scenes import PASSWORD, REASON

Who = Literal["nobody", "customer", "merchant", "operator", "support"]
Act = Callable[[Page], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Visit:
    """`row` is "surface:page" of the page table, or "" for an answer that is no row's.

    `address` has holes, filled from a scene's names; `cart` names the scene's cart in the buyer's
    cookie; `act` is what is done on the page before it is looked at.
    """

    row: str
    address: str
    state: str = ""
    who: Who = "nobody"
    status: int = 200
    cart: str = ""
    act: Act | None = None

    @property
    def name(self) -> str:
        """What pictures and failures call it."""
        return "-".join(filter(None, (*self.row.split(":"), self.state)))


def _press(form: str, **fields: str) -> Act:
    """Fills in and sends the form of this name, which answers with a page."""

    async def act(page: Page) -> None:
        await _unfold(page)
        within = page.locator(f"form:has([name=form][value={form}])")
        for name, value in fields.items():
            boxes = within.locator(f"[type=checkbox][name='{name}']")
            if await boxes.count():
                await boxes.and_(within.locator(f"[value='{value}']")).check()
            else:
                await within.locator(f"[name='{name}']").first.fill(value)
        button = within.locator("button:not([name]):not([type=button])").first
        async with page.expect_navigation():
            await button.click()

    return act


async def _switch_on(page: Page) -> None:
    """Types the key that the page shows into an app, and the app's code into the page."""
    app = pyotp.TOTP((await page.locator("#totp-secret").inner_text()).replace(" ", ""))
    await _press("TotpConfirm", code=app.now())(page)
    await page.locator("#recovery_codes").wait_for()


async def _add_passkey(page: Page) -> None:
    """Adds a passkey of a device that the browser plays, and unfolds what can be done with it."""
    await a_device(page)
    await page.fill("#PasskeyBegin-password", PASSWORD)
    async with page.expect_navigation():
        await page.locator("#passkey_new button").click()
    await _unfold(page)


async def _half_way(page: Page) -> None:
    """Says the right password of whoever supports the shop and takes a second step."""
    l = (await page.locator("html").get_attribute("lang") or "")[:2]  # noqa: E741
    email = f"support-{l}@mail.example.com"
    await _press("SessionCreate", email=email, password=PASSWORD)(page)
    await page.wait_for_url("**/sign-in/code")


async def _show_codes(page: Page) -> None:
    await page.locator("#codes_block a.btn").click()
    await page.locator("[data-code]").first.wait_for()


async def _hide(page: Page) -> None:
    await page.locator("[data-veil]").click()


async def _unfold(page: Page) -> None:
    await page.evaluate("for (const d of document.querySelectorAll('main details')) d.open = true")


async def _unfold_some(page: Page) -> None:
    some = "[...document.querySelectorAll('main details')].slice(0, 6)"
    await page.evaluate(f"for (const d of {some}) d.open = true")


async def _preview(page: Page) -> None:
    await page.locator("button[value=preview]").click()
    await page.locator(".preview").wait_for()


async def _preview_refund(page: Page) -> None:
    await _unfold(page)
    within = page.locator("form:has([value=OrderRefundPreview])")
    await within.locator("[name='amount.amount']").fill("1")
    await within.locator("[name=reason]").fill("The buyer asked for it.")
    async with page.expect_navigation():
        await within.locator("[value=OrderRefundPreview]").click()
    await page.locator(".confirm[open] .notice").wait_for()


def _word(button: str, **fields: str) -> Act:
    """Words a letter and presses one of its form's buttons."""

    async def act(page: Page) -> None:
        for name, value in fields.items():
            await page.locator(f"[name='{name}']").fill(value)
        async with page.expect_navigation():
            await page.locator(f"button[value={button}]").click()

    return act


async def _add_variant(page: Page) -> None:
    await page.locator("button[value=variants]").click()
    await page.locator("fieldset.variant").nth(1).wait_for()


def _shop(page: str, path: str, state: str = "", **more: object) -> Visit:
    return Visit(f"storefront:{page}", "{shop}/{l}/" + path, state, **more)  # type: ignore[arg-type]


def _order(name: str, act: Act | None = None, state: str = "") -> Visit:
    return _shop("order", f"order/{{{name}}}", state or name, act=act)


def _mine(page: str, path: str, state: str = "", **more: object) -> Visit:
    address = "{base}/console/{slug}/" + path
    return Visit(f"console:{page}", address, state, who="merchant", **more)  # type: ignore[arg-type]


def _support(page: str, path: str, state: str, **more: object) -> Visit:
    """As somebody who supports the shop's buyers."""
    address = "{base}/console/{slug}/" + path
    return Visit(f"console:{page}", address, state, who="support", **more)  # type: ignore[arg-type]


def _new(page: str, path: str) -> Visit:
    return Visit(f"console:{page}", "{base}/console/{new}/" + path, "new", who="merchant")


def _waiting(page: str, path: str, state: str, **more: object) -> Visit:
    """Of the shop that waits for an operator's approval."""
    address = "{base}/console/{waits}/" + path
    return Visit(f"console:{page}", address, state, who="merchant", **more)  # type: ignore[arg-type]


def _operated(page: str, path: str, state: str = "", **more: object) -> Visit:
    address = "{base}" + path
    return Visit(f"operator:{page}", address, state, who="operator", **more)  # type: ignore[arg-type]


def _account(page: str, path: str, state: str = "", **more: object) -> Visit:
    return Visit(f"accounts:{page}", "{base}" + path, state, **more)  # type: ignore[arg-type]


_ORDERS = (
    "pending",
    "failed",
    "wrong",
    "delivered",
    "twice",
    "late",
    "canceled",
    "expired",
    "refunded",
    "due",
    "reported",
)

STOREFRONT = (
    _shop("home", ""),
    Visit("storefront:home", "{new_shop}/{l}/", "new"),
    _shop("category", "c/{category}"),
    _shop("search", "search?q={word}"),
    _shop("search", "search", "everything"),
    _shop("search", "search?q=zzzz", "none"),
    _shop("product", "p/{pictured}"),
    _shop("product", "p/{goods}", "long"),
    _shop("product", "p/{bare}", "sold-out"),
    _shop("cart", "cart", "empty"),
    _shop("cart", "cart", cart="filled"),
    _shop("cart", "cart", "done", cart="done"),
    _shop("cart", "cart", "troubled", cart="troubled"),
    _shop("checkout", "checkout", "empty"),
    _shop("checkout", "checkout", cart="filled"),
    _shop("checkout", "checkout", "troubled", cart="troubled"),
    _shop("checkout", "checkout", "refused", cart="filled", act=_press("Complete", email="nobody")),
    _shop("buy", "buy/{filled_cart}"),
    _shop("buy", "buy/{troubled_cart}", "troubled"),
    _shop("buy", "buy/{done_cart}", "done"),
    *(_order(name) for name in _ORDERS),
    _order("pending", _unfold, "cancel"),
    _order("delivered", _show_codes, "codes"),
    _order("delivered", _unfold, "report"),
    _shop("codes", "order/{delivered}/codes"),
    _shop("codes", "order/{delivered}/codes", "hidden", act=_hide),
    _shop("codes", "order/{pending}/codes", "none"),
    _shop("find_order", "find-order"),
    _shop("find_order", "find-order", "refused", act=_press("OrderLinkSend", email="nobody")),
    _shop("find_order_sent", "find-order/sent"),
    _shop("sign_in", "sign-in", act=_unfold),
    _shop("sign_in", "sign-in?done=out", "out"),
    _shop(
        "sign_in",
        "sign-in",
        "refused",
        act=_press("CustomerSessionCreate", email="no@mail.example.com", password="wrong"),
    ),
    _shop("sign_in", "sign-in", "already", who="customer"),
    _shop("sign_in_sent", "sign-in/sent"),
    _shop("sign_in_link", "sign-in/{customer_link}"),
    _shop("sign_in_link", "sign-in/none", "unknown"),
    _shop("account", "account", who="customer", act=_unfold),
    _shop(
        "account",
        "account",
        "refused",
        who="customer",
        act=_press("CustomerPasswordSet", password="short"),
    ),
    _shop("policies", "policies"),
    Visit("storefront:policies", "{new_shop}/{l}/policies", "new"),
    _shop("product", "p/none", "missing", status=404),
    _shop("order", "order/none", "missing", status=404),
    _shop("buy", "buy/none", "missing", status=404),
    Visit("", "{shop}/{l}/none/at/all", "shop-404", status=404),
    Visit("storefront:home", "{gone_shop}/{l}/", "suspended", status=403),
    Visit("storefront:home", "{waits_shop}/{l}/", "pending", status=403),
)
"""What buyers see."""


def _provider(order: str, state: str, status: int = 200) -> Visit:
    return Visit("", f"{{provider}}/p/{order}", f"provider-{state}", status=status)


PROVIDER = (
    _provider("{pending_payment}", "open"),
    _provider("{failed_payment}", "failed"),
    _provider("{delivered_payment}", "taken"),
    _provider("{awaited_payment}", "scheduled"),
    _provider("none", "missing", status=404),
)
"""The sandbox's own pages, where buyers of a demo pay."""

CLOSED = (
    _shop("home", "", "closed"),
    _shop("product", "p/{pictured}", "closed"),
    _shop("cart", "cart", "closed", cart="filled"),
    _shop("checkout", "checkout", "closed", cart="filled"),
    _mine("home", "", "closed"),
    _mine("settings", "settings", "closed"),
)
"""While the shop is closed."""

ACCOUNTS = (
    _account("landing", "/"),
    _account("landing", "/", "signed-in", who="merchant"),
    _account("sign_up", "/sign-up"),
    _account(
        "sign_up", "/sign-up", "refused", act=_press("AccountCreate", email="x", password="y")
    ),
    _account("sign_up_sent", "/sign-up/sent"),
    _account("confirm", "{confirm}"),
    _account("confirm", "{confirmed}", "used"),
    _account("confirm", "/confirm/none", "unknown"),
    _account("sign_in", "/sign-in"),
    _account("sign_in", "/sign-in?done=confirmed", "confirmed"),
    _account("sign_in", "/sign-in?done=password", "password"),
    _account(
        "sign_in",
        "/sign-in",
        "refused",
        act=_press("SessionCreate", email="no@mail.example.com", password="wrong"),
    ),
    _account("sign_out", "/sign-out", who="merchant"),
    _account("account", "/account", who="merchant", act=_unfold),
    _account("account", "/account?done=password", "done", who="merchant"),
    _account(
        "account",
        "/account",
        "refused",
        who="merchant",
        act=_press("PasswordChange", current="wrong", password="short"),
    ),
    # In this order: whoever supports the shop sets codes up, and signs in by them.
    _account("totp", "/account/second-step", who="support"),
    _account(
        "totp",
        "/account/second-step",
        "wrong",
        who="support",
        act=_press("TotpBegin", password="wrong"),
    ),
    _account(
        "totp",
        "/account/second-step",
        "setup",
        who="support",
        act=_press("TotpBegin", password=PASSWORD),
    ),
    _account(
        "totp",
        "/account/second-step",
        "refused",
        who="support",
        act=_press("TotpConfirm", code="12345"),
    ),
    _account("totp", "/account/second-step", "made", who="support", act=_switch_on),
    _account("totp", "/account/second-step", "on", who="support"),
    _account(
        "totp",
        "/account/second-step",
        "kept",
        who="support",
        act=_press("TotpEnd", password=PASSWORD, code="12345"),
    ),
    _account("totp", "/account/second-step?done=off", "off", who="merchant"),
    _account("passkeys", "/account/passkeys", who="support"),
    _account("passkeys", "/account/passkeys", "added", who="support", act=_add_passkey),
    _account("account", "/account", "guarded", who="support"),
    _account("sign_in", "/sign-in", "second-step", act=_half_way),
    _account("second_step", "/sign-in/code", act=_unfold),
    _account("second_step", "/sign-in/code", "over", who="merchant"),
    _account("second_step", "/sign-in/code", "refused", act=_press("SecondStepPass", code="12345")),
    _account("invitation", "{invitation}"),
    _account(
        "invitation", "{invitation}", "refused", act=_press("InvitationSignUp", password="short")
    ),
    _account("invitation", "{invitation}", "other", who="merchant"),
    _account("invitation", "{invitation_used}", "used"),
    _account("password_reset", "/password-reset"),
    _account("password_reset_sent", "/password-reset/sent"),
    _account("password_new", "{reset}"),
    _account("password_new", "{reset}", "refused", act=_press("PasswordReset", password="short")),
    _account("password_new", "{reset_used}", "used"),
    Visit("", "{base}/none/at/all", "404", status=404),
)
"""The installation's own pages."""

CONSOLE = (
    Visit("console:shops", "{base}/console", who="merchant"),
    Visit(
        "console:shops",
        "{base}/console",
        "refused",
        who="merchant",
        act=_press("ShopCreate", name="x", slug="admin"),
    ),
    _mine("home", ""),
    _new("home", ""),
    _mine("products", "products"),
    _mine("products", "products?query=zzzz", "none"),
    _new("products", "products"),
    _mine("product_new", "products/new"),
    _mine("product_new", "products/new", "two-variants", act=_add_variant),
    _mine("product", "products/{goods_id}"),
    _mine("product", "products/{goods_id}?done=saved", "preview", act=_preview),
    _mine("categories", "categories"),
    _new("categories", "categories"),
    _mine("category", "categories/{category_id}", act=_unfold),
    _mine("stock", "stock/{goods_variant}"),
    _mine("stock", "stock/{goods_variant}", "shown", act=_press("CodeReveal")),
    _mine(
        "stock",
        "stock/{goods_variant}",
        "preview",
        act=_press("CodesPreview", text="NEW-1\nNEW-1\nLATER-1\n" + "x" * 4100),
    ),
    _mine("stock", "stock/{bare_variant}", "empty"),
    _mine("job", "jobs/{imported}", "done"),
    _mine("job", "jobs/{importing}", "running"),
    _mine("orders", "orders"),
    _mine("orders", "orders?query=zzzz", "none"),
    _new("orders", "orders"),
    *(_mine("order", f"orders/{{{name}_id}}", name) for name in _ORDERS),
    _mine("order", "orders/{delivered_id}?done=resent", "resent"),
    _mine("order", "orders/{delivered_id}", "refund-preview", act=_preview_refund),
    _mine("order", "orders/none", "missing", status=404),
    _mine("attention", "attention"),
    _new("attention", "attention"),
    _mine("confirm", "confirm"),
    _mine("confirm", "confirm", "refused", act=_press("PasswordConfirm", password="wrong")),
    _mine("payments", "payments", act=_unfold),
    _mine(
        "payments",
        "payments",
        "refused",
        act=_press("StripeConnect", **{"stripe.secretKey": "pk_test_51ThisIsTheWrongKindOfKey"}),
    ),
    _waiting("payments", "payments", "stripe", act=_unfold),
    _mine("activity", "activity", act=_unfold_some),
    _mine("activity", "activity?kind=CODE", "none"),
    _mine("staff", "staff", act=_unfold),
    _mine("staff", "staff", "refused", act=_press("MemberInvite", email="nobody")),
    _new("staff", "staff"),
    _mine("membership", "membership", act=_unfold),
    _mine("membership", "membership", "last", act=_press("ShopLeave")),
    _support("home", "", "support"),
    _support("products", "products", "support"),
    _support("orders", "orders", "support"),
    _support("order", "orders/{reported_id}", "support"),
    _support("membership", "membership", "support"),
    _support("settings", "settings", "forbidden", status=403),
    _waiting("home", "", "pending"),
    _waiting("settings", "settings", "pending"),
    _mine("settings", "settings", act=_unfold),
    _new("settings", "settings"),
    _mine("mails", "mails", act=_unfold),
    _mine("mail", "mails/ORDER_DELIVERED/zh-CN", act=_unfold),
    _mine("mail", "mails/ORDER_DELIVERED_CODES/en", "codes"),
    _mine(
        "mail",
        "mails/ORDER_LINK/en",
        "refused",
        act=_word("MailTextUpdate", subject="", note="https://bank.example"),
    ),
    _mine(
        "mail", "mails/ORDER_REFUNDED/zh-CN", "typed", act=_word("MailPreview", title="{amount}")
    ),
    _new("documents", "documents"),
    _mine(
        "documents",
        "documents",
        "refused",
        act=_press(
            "DocumentRegister",
            document="{ products(first: 900) { nodes { images { url } } } }",
        ),
    ),
    _mine("tokens", "tokens"),
    _mine(
        "tokens",
        "tokens",
        "shown",
        act=_press("ApiTokenCreate", name="Sweep", scopes="ORDERS"),
    ),
    _new("tokens", "tokens"),
    _mine("token", "tokens/{api_token}", act=_unfold),
    _mine("token", "tokens/{site_token}", "site", act=_unfold),
    _mine("storefront_tokens", "tokens/storefront", act=_unfold),
    _mine(
        "storefront_tokens",
        "tokens/storefront",
        "refused",
        act=_press(
            "StorefrontTokenCreate",
            name="Site",
            origins="http://example.com\nhttps://*.example.com",
        ),
    ),
    _new("storefront_tokens", "tokens/storefront"),
    _mine("token", "tokens/none", "missing", status=404),
    _mine("tokens", "tokens?like={api_token}", "like"),
    _mine("webhooks", "webhooks"),
    _new("webhooks", "webhooks"),
    _mine("webhook_new", "webhooks/new"),
    _mine(
        "webhook_new",
        "webhooks/new?about=PRODUCT",
        "refused",
        act=_press(
            "WebhookCreate", url="http://printer.local/", document="query { job(id: 1) { id } }"
        ),
    ),
    _mine(
        "webhook_new",
        "webhooks/new",
        "made",
        act=_press("WebhookCreate", url="https://erp.example.com/keystall"),
    ),
    _mine("webhook", "webhooks/{answering_hook}?done=tested", act=_unfold),
    _mine("webhook", "webhooks/{silent_hook}?state=DELIVERED", "none"),
    _mine("webhook", "webhooks/none", "missing", status=404),
    _mine("webhook_delivery", "webhooks/deliveries/{answering_sent}", act=_unfold),
    _mine("webhook_delivery", "webhooks/deliveries/{silent_sent}", "silent"),
    Visit("console:home", "{base}/console/{gone}/", "suspended", who="merchant"),
    Visit("console:home", "{base}/console/none/", "missing", who="merchant", status=404),
)
"""A merchant's pages."""

OPERATOR = (
    _operated("shops", "/operator/"),
    _operated("shops", "/operator/?query=zzzz", "none"),
    _operated("shops", "/operator/?status=PENDING", "pending"),
    _operated("shop", "{shop_page}", act=_unfold),
    _operated("shop", "{gone_page}", "suspended"),
    _operated("shop", "/operator/shops/none", "missing", status=404),
    _operated("shop", "{waits_page}", "pending"),
    _operated("shop", "{waits_page}", "refused", act=_press("ShopDecline", reason="")),
    _operated(
        "shop",
        "{waits_page}",
        "declined",
        act=_press("ShopDecline", reason=REASON),
    ),
    _waiting("home", "", "declined"),
    _waiting("settings", "settings", "declined"),
    _operated("work", "/operator/failed-work"),
    _operated("work", "/operator/failed-work?kind={failed_kind}", "kind", act=_unfold),
    _operated("work", "/operator/failed-work?kind=zzzz", "none"),
    _operated(
        "work", "/operator/failed-work", "mail", act=_press("MailTest", email="a@mail.example.com")
    ),
    _operated("work_item", "{failed_item}", act=_unfold),
    _operated("work_item", "/operator/failed-work/none", "missing", status=404),
    _operated("forbidden_goods", "/operator/forbidden-goods"),
    _operated(
        "forbidden_goods",
        "/operator/forbidden-goods",
        "tried",
        act=_press("ForbiddenTextTry", text="zzzz", term="zzzz"),
    ),
    _operated("persons", "/operator/persons"),
    _operated(
        "persons",
        "/operator/persons",
        "found",
        act=_press("PersonPreview", email="buyer@mail.example.com"),
    ),
    _operated("record", "/operator/record"),
    Visit("operator:shops", "{base}/operator/", "stranger", who="merchant", status=404),
)
"""The operator's pages; by declining a shop, and what its merchant sees then."""

VISITS = (*STOREFRONT, *PROVIDER, *CLOSED, *ACCOUNTS, *CONSOLE, *OPERATOR)
