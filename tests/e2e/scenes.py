"""Everything that a page can be asked to show, made to happen in one shop of a demo.

What is made is named, and a visit's address names it: `{shop}/{l}/order/{refunded}`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg

from keystall.graphql import ids
from keystall.themes.engine import alias
from tests.e2e.town import CANCEL, PROBLEM, Placed, Town, patiently

FAILED_KIND = "mail.merchant_order"
PASSWORD = "a lamp on the harbour wall"
REASON = "Stolen keys were reported. 有人举报盗刷。"


@dataclass(frozen=True, slots=True)
class Speech:
    """A language and what a merchant of it writes. The shop that speaks it first is `slug`."""

    locale: str
    l: str  # noqa: E741  # as the page table calls it
    currency: str
    slug: str
    goods: str
    variant: str
    rare: str
    field: str
    answer: str
    shop: str
    seeded: dict[str, str]
    """Of the demo's own goods: a category, a product with a picture, a word to search for."""


ENGLISH = Speech(
    locale="en",
    l="en",
    currency="USD",
    slug="northwind",
    goods="The complete works of a very productive typesetter: Antidisestablishmentarianism",
    variant="Perpetual licence with twelve months of updates, for up to five computers",
    rare="A seat in the front row",
    field="Name that the licence is made out to, as registered, with its legal form, in full",
    answer="Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetz Ltd.",
    shop="Corner Kiosk",
    seeded={"category": "design", "pictured": "inkwell", "word": "mail"},
)
CHINESE = Speech(
    locale="zh-CN",
    l="zh",
    currency="CNY",
    slug="galaxy",
    goods="星云平台全区通用钱包充值卡二零二六年度限定典藏礼盒版（含纪念外观与专属称号）",
    variant="一次性永久授权，含十二个月更新，最多可在五台设备上同时使用",
    rare="前排座位",
    field="授权对象的完整名称，须与营业执照上登记的名称完全一致，包括公司类型，请勿使用简称或缩写",
    answer="上海市浦东新区某某某网络科技发展有限责任公司第三分公司",
    shop="街角小铺",
    seeded={"category": "game-cards", "pictured": "nebula-wallet", "word": quote("会员")},
)


@dataclass
class Scene:
    """A shop in which everything has happened. `names` fill the holes of addresses; `carts` are
    values of the cart cookie; `sessions` are those who are signed in, with where: merchant,
    operator, support, and the customer who placed the order "delivered"."""

    town: Town
    speech: Speech
    names: dict[str, str]
    carts: dict[str, str]
    sessions: dict[str, str]

    @property
    def data(self) -> frozenset[str]:
        """What people typed, which pages repeat as it is in every language."""
        shops = self.town.told["shops"]
        return frozenset(
            {
                "中文",
                "English",
                "zzzz",
                "Demo",
                "Sweep",
                "galaxy-help",
                "hooks.localhost",
                PROBLEM,
                REASON,
            }
            | {"Chrome", "Linux", ENGLISH.shop, CHINESE.shop}
            | {shop[told] for shop in shops for told in ("name", "slug")}
        )

    def address(self, template: str) -> str:
        return template.format(**self.names)


@asynccontextmanager
async def set_scene(town: Town, speech: Speech, stripe_key: str) -> AsyncIterator[Scene]:
    """Makes it all happen; an import stands still in the middle until the scene is over."""
    base = town.told["platform_url"]
    names = {"base": base, "shop": town.shop["url"], "l": speech.l, "slug": town.slug}
    names |= speech.seeded | {"category_id": await _category(town, speech)}
    goods = await _goods(town, speech)
    names |= {"goods": goods["slug"], "goods_id": goods["id"], "goods_variant": goods["variant"]}
    orders, carts = await _orders(town, speech, goods)
    names |= {f"{name}_cart": alias(cart) for name, cart in carts.items()}
    names |= {name: order.token for name, order in orders.items()}
    names |= {f"{name}_id": await town.console_id(order) for name, order in orders.items()}
    names |= {f"{name}_payment": order.page for name, order in orders.items()}
    names["provider"] = town.setting("KEYSTALL_SANDBOX_URL")
    names |= {f"{name}_mail": quote(order.email) for name, order in orders.items()}
    names["imported"] = await town.stock(goods["variant"], _card_file(), until=("DONE",))
    names |= await _links(town, speech)
    for _ in range(2):  # two more places where the merchant is signed in
        await town.sign_in(**town.shop["merchant"])
    merchant = await town.sign_in(**town.shop["merchant"])
    tokens = f"/console/{town.slug}/tokens"
    found = await town.linked(tokens, f"{tokens}/", session=merchant, but="storefront")
    names["api_token"] = found.rpartition("/")[2]
    names["site_token"] = await _site(town, merchant)
    operator = await town.sign_in(**town.told["operator"])
    await town.give_up(FAILED_KIND)
    names |= await _shops(town, speech, merchant, stripe_key)
    names |= await _webhooks(town)
    names |= await _desk(town, names, operator)
    names |= await _staff(town, speech, merchant)
    support = await town.sign_in(f"support-{speech.l}@mail.example.com", PASSWORD)
    other = await town.product(f"{speech.rare} 2")
    names["bare"], names["bare_id"] = other["slug"], other["id"]
    names["bare_variant"] = other["variant"]
    customer, names["customer_link"] = await town.customer(orders["delivered"].email, PASSWORD)
    async with _held(town, other["variant"]):
        names["importing"] = await town.stock(other["variant"], ["A-1", "B-2"], until=("RUNNING",))
        sessions = {"merchant": merchant, "operator": operator, "support": support}
        yield Scene(town, speech, names, carts, sessions | {"customer": customer})


async def _webhooks(town: Town) -> dict[str, str]:
    """A webhook whose receiver answers (with 404: the installation itself), and one where nothing
    listens."""
    names: dict[str, str] = {}
    for name, port in (("answering", urlsplit(town.told["platform_url"]).port), ("silent", 1)):
        input = {
            "url": f"http://hooks.localhost:{port}/" + "a-long-way-down/" * 12,
            "events": ["ORDER_PLACED", "ORDER_PAID", "ORDER_DELIVERED", "DISPUTE_OPENED"],
            "document": _TOLD,
        }
        hook = (await town.admin(_HOOK, input=input))["webhookCreate"]["webhook"]["id"]
        sent = (await town.admin(_TRY, id=hook))["webhookTest"]["delivery"]["id"]

        async def over(sent: str = sent) -> bool:
            found = await town.admin(_SENT, id=sent)
            return bool(found["webhookDelivery"]["state"] == "FAILED")

        await patiently(over, f"the webhook {name} to be tried")
        names |= {f"{name}_hook": hook, f"{name}_sent": sent}
    return names


_TOLD = """query Told($id: ID!) {
  order(id: $id) { number status total { amount currencyCode } lines { productName quantity } }
}"""
_HOOK = """
  mutation($input: WebhookInput!) {
    webhookCreate(input: $input) { webhook { id } userErrors { message } } }
"""
_TRY = "mutation($id: ID!) { webhookTest(id: $id) { delivery { id } userErrors { message } } }"
_SENT = "query($id: ID!) { webhookDelivery(id: $id) { state } }"


async def _goods(town: Town, speech: Speech) -> dict[str, Any]:
    field = {"key": "holder", "label": speech.field, "required": True}
    goods = await town.product(
        speech.goods,
        variant=speech.variant,
        description=f"# {speech.rare}\n\n{speech.goods}",
        buyerFields=[field],
    )
    codes = [f"SWEEP-{speech.l.upper()}-{number:04d}" for number in range(60)]
    await town.stock(goods["variant"], codes, until=("DONE",))
    return goods


async def _category(town: Town, speech: Speech) -> str:
    found = (await town.admin("{ categories(first: 50) { nodes { id slug } } }"))["categories"]
    slug = speech.seeded["category"]
    return next(str(node["id"]) for node in found["nodes"] if node["slug"] == slug)


def _card_file() -> list[str]:
    """Good, repeated and bad lines: all that an import can tell of."""
    return [*(f"LATER-{number}" for number in range(20)), "LATER-1", "bad\x01line", "x" * 5000]


async def _orders(
    town: Town, speech: Speech, goods: dict[str, Any]
) -> tuple[dict[str, Placed], dict[str, str]]:
    """An order in each state that buyers can bring about, and carts: filled, done, troubled."""
    rare, dear = await town.product(speech.rare), await town.product(f"{speech.rare} 1")
    for scarce in (rare, dear):
        await town.stock(scarce["variant"], [f"ONLY-{scarce['slug']}"], until=("DONE",))
    variant, told = goods["variant"], {"holder": speech.answer}
    names = ("pending", "failed", "delivered", "twice", "wrong", "canceled", "expired", "late")
    orders = {name: await town.place(variant, 2, **told) for name in names}
    orders |= {name: await town.place(scarce["variant"]) for name, scarce in
               (("refunded", rare), ("due", dear))}  # fmt: skip
    carts = {"filled": await town.cart(variant, 2), "done": await town.cart(variant, 1, **told)}
    await town.expire(*(orders[name] for name in ("expired", "late", "refunded", "due")))
    carts["troubled"] = await town.cart(rare["variant"])
    [method, *_] = (await town.buyer("{ shop { paymentMethods { id } } }"))["shop"][
        "paymentMethods"
    ]
    await town.complete(carts["done"], method["id"])
    for scarce in (rare, dear):
        lucky = await town.place(scarce["variant"])
        await town.play(lucky, "pay")
        await town.until(lucky, "DELIVERED")
    orders["reported"] = await town.place(variant, 2, **told)
    await town.buyer(CANCEL, token=orders["canceled"].token)
    orders["awaited"] = await town.place(variant, 1, **told)
    await town.play(orders["awaited"], "late")
    await town.play(orders["due"], "pay", delay=2)
    await town.give_back(orders["due"])
    for name, mode in (("failed", "fail"), ("delivered", "pay"), ("twice", "twice"),
                       ("wrong", "wrong"), ("late", "pay"), ("refunded", "pay"),
                       ("reported", "pay")):  # fmt: skip
        await town.play(orders[name], mode)
    await asyncio.gather(
        town.until(orders["failed"], "PENDING", events=2),
        town.until(orders["delivered"], "DELIVERED"),
        town.until(orders["twice"], "DELIVERED", refunds=1),
        town.until(orders["wrong"], "PENDING", refunds=1),
        town.until(orders["late"], "DELIVERED"),
        town.until(orders["reported"], "DELIVERED"),
        town.until(orders["refunded"], "REFUNDED"),
        town.until(orders["due"], "REFUND_DUE"),
    )
    await town.report(orders["reported"], speech.answer)
    return orders, carts


async def _links(town: Town, speech: Speech) -> dict[str, str]:
    """Links of mails: one of each kind that is still good, and one that was used."""
    fresh, used = (f"{kind}-{speech.l}@mail.example.com" for kind in ("fresh", "used"))
    names = {}
    for email in (fresh, used):
        await town.send_form("/sign-up", "AccountCreate", email=email, password=PASSWORD)
    names["confirm"] = await town.mailed(fresh, "/confirm/")
    names["confirmed"] = await town.mailed(used, "/confirm/")
    await town.send_form(names["confirmed"], "AccountConfirm")
    await town.send_form("/password-reset", "PasswordResetRequest", email=used)
    names["reset_used"] = await town.mailed(used, "/password-reset/")
    await town.send_form(names["reset_used"], "PasswordReset", password=PASSWORD + "s")
    names["reset"] = names["reset_used"]
    await town.send_form("/password-reset", "PasswordResetRequest", email=used)
    while names["reset"] == names["reset_used"]:
        names["reset"] = await town.mailed(used, "/password-reset/")
        await asyncio.sleep(0.1)
    return names


async def _shops(town: Town, speech: Speech, merchant: str, stripe_key: str) -> dict[str, str]:
    """Shops in which nothing has happened yet: one as it is, one to be suspended, and one that has
    Stripe and waits for its approval."""
    slugs = {"new": f"corner-{speech.l}", "gone": f"gone-{speech.l}", "waits": f"waits-{speech.l}"}
    for slug in slugs.values():
        await town.send_form(
            "/console", "ShopCreate", session=merchant, name=speech.shop, slug=slug,
            locale=speech.locale, currency=speech.currency,
        )  # fmt: skip
    await town.send_form(
        f"/console/{slugs['waits']}/payments", "StripeConnect", session=merchant,
        **{"stripe.secretKey": stripe_key},
    )  # fmt: skip
    await town.put_off(slugs["waits"])
    base = town.told["platform_url"]
    hosts = {f"{name}_shop": base.replace("//", f"//{slug}.") for name, slug in slugs.items()}
    return slugs | hosts


async def _staff(town: Town, speech: Speech, merchant: str) -> dict[str, str]:
    """Somebody came to support the shop's buyers, and somebody else was invited as a manager."""
    came, invited = (f"{name}-{speech.l}@mail.example.com" for name in ("support", "invited"))
    for email, role in ((came, "SUPPORT"), (invited, "MANAGER")):
        page = f"/console/{town.slug}/staff"
        await town.send_form(page, "MemberInvite", session=merchant, email=email, role=role)
    names = {"invitation_used": await town.mailed(came, "/invitation/")}
    await town.send_form(names["invitation_used"], "InvitationSignUp", password=PASSWORD)
    return names | {"invitation": await town.mailed(invited, "/invitation/")}


async def _site(town: Town, merchant: str) -> str:
    """The id of a token for the code of a site."""
    to, _ = await town.send_form(
        f"/console/{town.slug}/tokens/storefront", "StorefrontTokenCreate", session=merchant,
        name="www.example.com", origins="https://www.example.com\nhttp://localhost:5173",
    )  # fmt: skip
    return to.rpartition("/")[2].partition("?")[0]


async def _desk(town: Town, names: dict[str, str], operator: str) -> dict[str, str]:
    """The operator suspends a shop; the addresses of their pages about shops and failed work."""
    pages = {
        f"{page}_page": await town.linked(
            f"/operator/?query={names[name]}", "/operator/shops/", session=operator
        )
        for page, name in (("gone", "gone"), ("shop", "new"), ("waits", "waits"))
    }
    await town.send_form(pages["gone_page"], "ShopSuspend", session=operator, reason=REASON)
    list_of_failed = f"/operator/failed-work?kind={FAILED_KIND}"
    item = await town.linked(list_of_failed, "/operator/failed-work/", session=operator)
    return pages | {"failed_kind": FAILED_KIND, "failed_item": item}


@asynccontextmanager
async def _held(town: Town, variant: str) -> AsyncIterator[None]:
    """Nobody adds codes to this variant meanwhile: an import stays running."""
    database = await asyncpg.connect(town.superuser_url())
    try:
        async with database.transaction():
            row = ids.row_of("Variant", variant)
            held = await database.execute(
                "select from variants where id = $1 for no key update", row
            )
            assert held == "SELECT 1"
            yield
    finally:
        await database.close()
