"""The storefront's page table: what a buyer sees of a shop, at `/{l}/…` on the shop's own host.

`cartId` is a value of the visit: the cart cookie, None before the first purchase; `boughtId` the
cart that became an order last. Product pages start a cart where there is none, or where the one
there was has become an order. What is bought at once has a cart of its own, and what else is in the
buyer's stays there. `begun` stands for it in the address, which people send to others: who knows a
cart's id reads the order that it becomes.
"""

from keystall.themes.engine import Cache, Form, Page
from keystall.themes.engine.pages import EffectName

_CART: frozenset[EffectName] = frozenset({"cart"})
_SESSION: frozenset[EffectName] = frozenset({"session"})
_PASSWORD = frozenset({"password"})
_PASSWORDS = frozenset({"current", "password"})
_GONE = frozenset({"CART_COMPLETED", "NOT_FOUND"})
_BUYING: frozenset[EffectName] = frozenset({"buying"})
_BOUGHT: frozenset[EffectName] = frozenset({"bought"})
_LINE = ("lines.*.variantId", "lines.*.quantity")
_COMPLETE = Form(
    "Complete",
    fields=(
        "email",
        "buyerFields.*.key",
        "buyerFields.*.value",
        "paymentMethod",
        "idempotencyKey",
    ),
    before=("Buyer",),
    effects=_BOUGHT,
    success="{cartComplete.redirectUrl}",
    success_else="/{l}/order/{cartComplete.order.token}",
)

PAGES: tuple[Page, ...] = (
    Page("home", "/{l}/", "storefront", cache=Cache.EVERYONE),
    Page("category", "/{l}/c/{slug}", "storefront", cache=Cache.EVERYONE, requires=("category",)),
    Page("search", "/{l}/search", "storefront", cache=Cache.EVERYONE),
    Page(
        "product",
        "/{l}/p/{slug}",
        "storefront",
        cache=Cache.EVERYONE,
        requires=("product",),
        forms=(
            Form(
                "AddToCart",
                fields=_LINE,
                success="/{l}/cart",
                effects=_CART,
                otherwise="StartCart",
                gone=_GONE,
            ),
            Form(
                "BuyNow",
                fields=_LINE,
                success="/{l}/buy/{begun}",
                effects=_BUYING,
                beside={"cart": "buying"},
            ),
        ),
    ),
    Page(
        "cart",
        "/{l}/cart",
        "storefront",
        forms=(
            Form("UpdateLine", fields=("lines.*.id", "lines.*.quantity"), success="/{l}/cart"),
            Form("RemoveLine", fields=("lineIds",), success="/{l}/cart"),
        ),
    ),
    Page("checkout", "/{l}/checkout", "storefront", forms=(_COMPLETE,)),
    Page(
        "buy",
        "/{l}/buy/{begun}",
        "storefront",
        like="checkout",
        requires=("cart",),
        forms=(_COMPLETE,),
    ),
    Page(
        "order",
        "/{l}/order/{token}",
        "storefront",
        topics=("/order/{token}/events",),
        requires=("order",),
        forms=(
            Form("Cancel", fields=("idempotencyKey",)),
            Form("PaymentCheck", shows=True),
            Form("CodeReport", fields=("codeId", "reason", "note")),
        ),
    ),
    Page("codes", "/{l}/order/{token}/codes", "storefront", requires=("order",)),
    Page(
        "find_order",
        "/{l}/find-order",
        "storefront",
        forms=(Form("OrderLinkSend", fields=("email", "number"), success="/{l}/find-order/sent"),),
    ),
    Page("find_order_sent", "/{l}/find-order/sent", "storefront"),
    Page(
        "sign_in",
        "/{l}/sign-in",
        "storefront",
        forms=(
            Form("CustomerLinkSend", fields=("email",), success="/{l}/sign-in/sent"),
            Form(
                "CustomerSessionCreate",
                fields=("email", "password"),
                secret=_PASSWORD,
                effects=_SESSION,
                success="/{l}/account",
            ),
        ),
    ),
    Page("sign_in_sent", "/{l}/sign-in/sent", "storefront"),
    # Mail programs follow links by themselves: only the button signs in.
    Page(
        "sign_in_link",
        "/{l}/sign-in/{link}",
        "storefront",
        forms=(Form("CustomerLinkFollow", effects=_SESSION, success="/{l}/account"),),
    ),
    Page(
        "account",
        "/{l}/account",
        "storefront",
        permission="customer",
        requires=("customer",),
        forms=(
            Form("CustomerLinkSend", fields=("email",), success="/{l}/sign-in/sent?here=yes"),
            Form(
                "CustomerPasswordSet",
                fields=("current", "password"),
                secret=_PASSWORDS,
                success="/{l}/account?done=password",
            ),
            Form("CustomerSessionEnd", effects=_SESSION, success="/{l}/sign-in?done=out"),
            Form("CustomerSessionsEnd", effects=_SESSION, success="/{l}/sign-in?done=out"),
        ),
    ),
    Page("policies", "/{l}/policies", "storefront", cache=Cache.EVERYONE),
)
