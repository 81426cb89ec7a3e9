"""Every page by its HTML: one shop's pages, visited with another's addresses, ids and words."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from starlette.responses import PlainTextResponse, Response

from keystall.graphql import arrival
from keystall.graphql.handlers import Handlers
from keystall.platform import database
from keystall.platform.asgi.application import application
from keystall.platform.database import Reads
from keystall.platform.live import Live
from keystall.platform.tokens import secret_hash
from keystall.tenants.identity.service import Viewer, Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.shops import queries as shop_queries
from keystall.tenants.shops.queries import Membership
from keystall.tenants.shops.shop import Shop
from keystall.themes.console.pages import PAGES as CONSOLE
from keystall.themes.engine import Page, render
from keystall.themes.operator.pages import PAGES as OPERATOR
from keystall.themes.storefront.pages import PAGES as STOREFRONT
from tests.factories import PASSWORD, a_viewer
from tests.isolation.goods import (
    Goods,
    a_cart,
    a_code_report,
    a_customer,
    a_due_refund,
    a_full_shop,
    a_lone_order,
    a_member,
    a_sold_code,
    a_storefront_token,
    a_stripe_account,
    a_webhook,
    buy,
    fingerprint,
    fresh_code,
    no_stripe_account,
    resume,
    stock,
    suspend,
)
from tests.isolation.leaks import Shops
from tests.isolation.visiting import Call, Sheet, Visiting, holes, named, own_values

SURFACES = {"console": CONSOLE, "operator": OPERATOR, "storefront": STOREFRONT}

OWN_CHANGES = {"storefront": {"carts", "customer_links", "outbox", "reveals"}}
"""What the visitor's own visits write in her own shop: the email of her cart, saved before the
other's way to pay is refused; that she has seen the codes of her own order; and the work of looking
for an order whose link somebody asks for, whether there is one or not; and a link to sign
in with."""


async def session_of(installation: Installation, person: Viewer) -> str:
    signed_in = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    async with database.transaction(None) as tx:
        await tx.execute("select session_confirm($1)", secret_hash(signed_in.secret))
    return signed_in.secret


def a_stream(handlers: Handlers, topic: str) -> Response:
    """Instead of a stream, which would never end."""
    return PlainTextResponse(f"a stream of {topic}")


@pytest.fixture
async def site(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole application, whose forms all carry one key, and whose streams end."""
    monkeypatch.setattr(render, "new_key", lambda: "one-key-for-all")
    monkeypatch.setattr(Handlers, "_stream", a_stream)
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client


@pytest.fixture
async def visiting(shops: Shops, site: httpx2.AsyncClient) -> Visiting:
    """The merchant of one shop among pages, with a cart that could be paid at her own."""
    await a_cart(shops.installation, shops.mine)
    return Visiting(shops, site, await session_of(shops.installation, shops.mine.owner))


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_page_of_another_shops_is_answered_exactly_like_a_missing_one(
    shops: Shops, visiting: Visiting, superuser_url: str, surface: str
) -> None:
    if surface == "storefront":
        visiting.session = shops.mine.customer_secret
    both = shops.mine, shops.theirs
    before = [await fingerprint(superuser_url, goods.shop.id) for goods in both]
    found = [one for page in SURFACES[surface] for one in await visiting.page(page)]
    assert found == [], "\n".join(found)
    after = [await fingerprint(superuser_url, goods.shop.id) for goods in both]
    changed = [
        {name for name in new if old[name] != new[name]}
        for old, new in zip(before, after, strict=True)
    ]
    assert changed == [OWN_CHANGES.get(surface, set()), set()]

    forms = sum(len(page.forms) for page in SURFACES[surface])
    print(
        f"{surface} pages: {visiting.tried} requests, {len(SURFACES[surface])} pages,"
        f" {forms} forms, {len(visiting.sent)} fields that take an id"
    )


@pytest.mark.parametrize("surface", SURFACES)
async def test_the_rightful_owner_reads_her_own_words_on_every_page(
    shops: Shops, site: httpx2.AsyncClient, surface: str
) -> None:
    theirs = shops.theirs
    person = theirs.owner
    if surface == "operator":
        person = await a_viewer(shops.installation, operator=True)
    visiting = Visiting(shops, site, await session_of(shops.installation, person))
    if surface == "storefront":
        visiting.session = theirs.customer_secret
        await resume(shops.installation, theirs)
    try:
        for page in SURFACES[surface]:
            for values in own_values(theirs, page):
                await _reads(visiting, page, values)
    finally:
        if surface == "storefront":
            await suspend(shops.installation, theirs)
    print(f"{surface} pages: {visiting.tried} read by their owner")


async def _reads(visiting: Visiting, page: Page, values: dict[str, str]) -> None:
    theirs = visiting.shops.theirs
    url = visiting.address(page, values, theirs)
    answer = await visiting.ask(Call(url, visiting.session, theirs.ids["Cart"]))
    assert answer.status_code == 200, (page.name, answer.status_code)
    for topic in page.topics:
        stream = await visiting.ask(
            Call(visiting.address(page, values, theirs, topic), visiting.session)
        )
        assert stream.text.startswith(f"a stream of {theirs.shop.id}:"), page.name
    text = answer.text
    if named(page) and page.surface != "operator":
        # The frame names the shop and the state it is in: what is asked for must speak, too.
        for frame in (f"{theirs.canary} shop", f"{theirs.canary} reason", theirs.owner.email):
            text = text.replace(frame, "")
        for value in values.values():
            text = text.replace(value, "")
    assert theirs.canary in text or not page.query, page.name


@pytest.mark.parametrize("surface", ["console", "storefront"])
async def test_the_rightful_owner_is_not_refused_by_any_form(
    shops: Shops, site: httpx2.AsyncClient, surface: str
) -> None:
    goods = await a_full_shop(shops.installation, f"heron-{surface}")
    visiting = Visiting(shops, site, await session_of(shops.installation, goods.owner))
    for page in SURFACES[surface]:
        for form in page.forms:
            await stock(shops.installation, goods)
            await a_cart(shops.installation, goods)
            await fresh_code(shops.installation, goods)
            goods.ids["Order"] = goods.orders["delivered"]
            if surface == "storefront":
                await a_customer(shops.installation, goods)
                visiting.session = goods.customer_secret
            given = goods.again()
            if form.mutation == "StripeConnect":
                await no_stripe_account(shops.installation, goods)
            elif form.mutation in ("StripeChange", "MethodRemove"):
                given.ids["PaymentMethod"] = await a_stripe_account(shops.installation, goods)
            if surface == "console" and form.mutation in ("OrderCancel", "OrderComplete"):
                await buy(shops.installation, given, "pending", 1)
                given.ids["Order"] = given.orders["pending"]
            elif form.mutation == "OrderBuyerErase":
                await a_lone_order(shops.installation, given)
            elif form.mutation.startswith("Refund"):
                await a_due_refund(shops.installation, given)
            elif surface == "console" and form.mutation.startswith("CodeReport"):
                await a_code_report(shops.installation, given)
            elif form.mutation == "CodeReport":
                await a_sold_code(shops.installation, given)
                given.words["pending token"] = given.words["delivered token"]
            if form.mutation == "StorefrontTokenRevoke":
                await a_storefront_token(shops.installation, given)
            elif form.mutation.startswith("Webhook"):
                await a_webhook(shops.installation, given)
            doing = visiting
            if form.mutation.startswith(("Member", "Invitation", "ShopLeave")):
                member = await a_member(shops.installation, given)
                if form.mutation == "ShopLeave":
                    session = await session_of(shops.installation, member)
                    doing = replace(visiting, session=session)
            await _done(doing, given, page, Sheet(page, form))
    print(f"{surface} pages: {visiting.tried} forms sent by their owner")


async def _done(visiting: Visiting, goods: Goods, page: Page, sheet: Sheet) -> None:
    """One form, sent with what it requires, or with every id that it takes besides."""
    codes = page.name == "stock"
    ids = goods.ids | ({"Upload": goods.codes_file} if codes else {})
    values = own_values(goods, page)
    if "token" in holes(page):
        values = [{"l": "en", "token": goods.words["pending token"]}]
    url = visiting.address(page, values[0], goods)
    ways = [sheet.fields(ids)]
    for place in sheet.places():
        kind = sheet.kind(place)
        ways.append(sheet.fields(ids, (place, ids[kind])))
    statuses = []
    for fields in ways:
        answer = await visiting.ask(Call(url, visiting.session, goods.ids["Cart"], fields))
        statuses.append(answer.status_code)
        if answer.status_code == (200 if sheet.form.shows else 303):
            return
    raise AssertionError(f"{page.name}, {sheet.form.mutation}: {statuses}, {ways}")


async def test_where_membership_is_forgotten_the_visits_tell(
    shops: Shops, visiting: Visiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shop_queries.membership_by_session

    async def forgets(db: Reads, session: bytes, slug: str) -> Membership | None:
        return await real(db, shops.theirs.owner.secret_hash, slug)

    monkeypatch.setattr(arrival, "membership_by_session", forgets)
    visiting.forms = False
    at_shops = [page for page in CONSOLE if "slug" in holes(page)]
    found = [one for page in at_shops for one in await visiting.page(page)]
    where = [f"console {page.name} at the other's address" for page in at_shops]
    assert [one for one in where if f"{one}: tells of the other shop" not in found] == []


async def test_where_the_host_is_forgotten_the_visits_tell(
    shops: Shops, visiting: Visiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await resume(shops.installation, shops.theirs)

    async def forgets(db: Reads, host: str) -> Shop | None:
        return shops.theirs.shop

    monkeypatch.setattr(arrival, "shop_by_host", forgets)
    visiting.forms = False
    found = [one for page in STOREFRONT for one in await visiting.page(page)]
    await suspend(shops.installation, shops.theirs)
    assert [
        page.name
        for page in STOREFRONT
        if page.permission != "customer"  # her session opens nothing there, whatever the host
        and not any(one.startswith(f"storefront {page.name} at ") for one in found)
    ] == []


async def test_where_both_walls_are_down_the_visits_tell(
    visiting: Visiting, forgetful_query: None, without_second_wall: None
) -> None:
    visiting.forms = False
    (page,) = (page for page in CONSOLE if page.name == "product")
    found = await visiting.page(page)
    assert "console product at id of Product: tells of the other shop" in found
