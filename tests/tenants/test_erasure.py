"""Erasing a person: not a trace of the address anywhere, and the ledger to the cent as it was."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.platform.mail import FolderMailer, Mail
from keystall.tenants.audit.acting import Act, acting
from keystall.tenants.desk.record import operator_actions
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.mails.buyer_posts import order_delivered
from keystall.tenants.orders.service import resend_order
from keystall.tenants.persons.address import mentions
from keystall.tenants.persons.erasure import buyer_erase, person_erase, person_preview
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_close, shop_update
from keystall.tenants.writing import writing
from tests.factories import a_shop, a_viewer
from tests.isolation.goods import Goods, a_cart, a_full_shop

CANARY = "forgotten3"
ADDRESS = f"{CANARY}@keystall.test"
HERS = (ADDRESS, "203.0.113.77", "Robin's answer", "Robin wrote this", "RobinBrowser/1.0")


@pytest.fixture
async def operator(installation: Installation) -> Viewer:
    return await a_viewer(installation, operator=True)


async def judged(url: str, sql: str, *args: object) -> list[Mapping[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql, *args))
    finally:
        await connection.close()


async def told_of(url: str, *needles: str) -> dict[str, list[str]]:
    """In which tables each of these stands, bytes read as the text that they may be."""
    tables = await judged(
        url, "select relname as name from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind = 'r'",
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for table in (row["name"] for row in tables):
        rows = await judged(url, f'select t::text as text from "{table}" t')
        for needle in needles:
            forms = (needle.lower(), needle.lower().encode().hex())
            if any(form in row["text"].lower() for row in rows for form in forms):
                found.setdefault(needle, []).append(table)
    return found


async def sums(url: str) -> dict[str, Any]:
    """What must not change by a row or a cent, of every shop."""
    found = {}
    whole = "md5(string_agg(t::text, '|' order by t::text))"
    for name, sql in {
        "ledger": f"select {whole} from ledger_entries t",
        "booked": f"select {whole} from ledger_transactions t",
        "sum": "select sum(amount) from ledger_entries",
        "takings": f"select {whole} from takings t",
        "refunds": "select md5(string_agg((shop_id, id, order_id, taking_id, amount, currency,"
        " state)::text, '|' order by id)) from refunds",
        "payments": "select md5(string_agg((shop_id, id, order_id, amount, currency, state,"
        " provider_reference)::text, '|' order by id)) from payments",
        "lines": f"select {whole} from order_lines t",
        "codes": "select md5(string_agg((shop_id, id, variant_id, sealed, lookup, cost)::text, '|'"
        " order by id)) from codes",
        "sold": "select count(*) from codes where state = 'sold'",
        "all": "select count(*) from codes",
        "orders": "select md5(string_agg((shop_id, id, number, currency, total, created_at,"
        " paid_at, delivered_at)::text, '|' order by id)) from orders",
        "settled": "select md5(string_agg((id, status)::text, '|' order by id)) from orders"
        " where status not in ('pending', 'expired')",
    }.items():
        ((value,),) = await judged(url, sql)
        found[name] = value
    return found


async def strewn(goods: Goods, url: str, *, settle: bool) -> None:
    """The person's traces wherever there may be any; `settle`: none of her orders is in flight."""
    shop = goods.shop.id
    for sql, *args in (
        ("update orders set buyer_fields = $2, placed_from = 'x' where shop_id = $1",
         f'[{{"key": "a", "label": "A", "value": "{HERS[2]}"}}]'),
        ("update code_reports set note = $2, answer = $3 where shop_id = $1", HERS[3],
         f"We wrote to {ADDRESS.upper()}."),
        ("update reveals set address = $2, user_agent = $3 where shop_id = $1 and actor = 'buyer'",
         HERS[1], HERS[4]),
        ("insert into reveals (shop_id, id, code_id, actor, address, user_agent)"
         " select shop_id, gen_random_uuid(), id, 'buyer', $2, $3 from codes"
         " where shop_id = $1 and state = 'sold'", HERS[1], HERS[4]),
        ("update inbox set body = convert_to($2, 'UTF8'), applied_at = coalesce(applied_at, now())"
         " where shop_id = $1", f'{{"email": "{ADDRESS}"}}'),
        ("update order_events set data = data || jsonb_build_object('note', $2::text)"
         " where shop_id = $1 and kind = 'order.delivered'", f"Called <{ADDRESS}>"),
        ("update refunds set note = $2 where shop_id = $1", f"Same buyer as {ADDRESS}, again"),
        ("delete from customers where shop_id = $1 and email = $2", ADDRESS),
        ("insert into customers (shop_id, id, email, locale) values ($1, $2, $3, 'en')", shop,
         ADDRESS),
        ("insert into customer_sessions (shop_id, id, customer_id, secret_hash, opened_by, address,"
         " user_agent, expires_at) values ($1, $2, $2, 'x', 'link', $3, $4, now())", shop, HERS[1],
         HERS[4]),
        ("insert into customer_links (shop_id, id, email, locale, expires_at)"
         " values ($1, $2, $3, 'en', now())", shop, ADDRESS),
        ("insert into invitations (shop_id, id, email, role, link, secret_hash, invited_by, locale,"
         " expires_at) values ($1, $2, $3, 'support', $2, 'x', $3, 'en', now())",
         new_id(), ADDRESS),
        ("insert into webhooks (shop_id, id, url, events, document, permissions)"
         " values ($1, $1, 'https://erp.example.com', '{order.paid}', '{ shop { id } }', '{}')",),
        ("insert into webhook_deliveries (shop_id, id, webhook_id, event, subject_id, body)"
         " values ($1, $1, $1, 'order.paid', $1, $2)", f'{{"email": "{ADDRESS}"}}'),
        ("insert into webhook_tries (shop_id, id, delivery_id, milliseconds, response)"
         " values ($1, $1, $1, 1, $2)", f"Thanks for {ADDRESS}"),
        ("update batches set supplier = $2 where shop_id = $1 and supplier <> ''", ADDRESS),
    ):  # fmt: skip
        await judged(url, sql, shop, *args)
    if settle:
        await judged(
            url, "update orders set status = 'refunded' where shop_id = $1 and status in"
            " ('refunding', 'refund_due')", shop,
        )  # fmt: skip
        await judged(
            url, "update refunds set state = 'succeeded', settled_at = now() where shop_id = $1",
            shop,
        )  # fmt: skip


def letters_of(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [one.code for one in refused.value.errors]


def in_folder(installation: Installation, folder: Path) -> Installation:
    """The same installation, which writes its mails to a folder."""
    settings = installation.settings.model_copy(update={"mail_url": f"folder://{folder}"})
    return Installation(
        settings, installation.keys, installation.queue, installation.files, installation.http
    )


async def test_a_person_is_erased_without_a_trace_and_without_a_cent(
    installation: Installation, operator: Viewer, superuser_url: str, tmp_path: Path
) -> None:
    one = await a_full_shop(installation, CANARY)
    two = await a_full_shop(installation, "neighbour3")
    await strewn(one, superuser_url, settle=True)
    await judged(  # somebody else's order names her, and a longer address that ends like hers
        superuser_url, "update orders set buyer_fields = $2 where shop_id = $1", two.shop.id,
        f'[{{"key": "a", "label": "A", "value": "{ADDRESS}, x{ADDRESS}"}}]',
    )  # fmt: skip
    folder = tmp_path / "mail"
    mailer = FolderMailer(folder, "Keystall <no-reply@keystall.test>")
    await mailer.send(Mail(to=ADDRESS, subject="您的订单", text="已发货"))
    await mailer.send(Mail(to="lin@keystall.test", subject="Sold", text=f"买家 {ADDRESS}"))
    await mailer.send(Mail(to="lin@keystall.test", subject="Kept", text=f"x{ADDRESS}"))
    mailing = in_folder(installation, folder)

    before = await sums(superuser_url)
    (unpaid,) = await judged(
        superuser_url, "select count(*) as n from orders where email = $1 and status = 'pending'",
        ADDRESS,
    )  # fmt: skip
    assert unpaid["n"] >= 1
    seen = await person_preview(mailing, operator, f" {ADDRESS.upper()} ")
    assert [shop.shop for shop in seen.shops] == [one.shop.id, two.shop.id]
    mine = seen.shops[0].counts
    assert {kind for kind, count in mine.items() if count} == {
        "orders", "carts", "customers", "invitations", "reports", "reveals", "callbacks",
        "mails", "texts", "deliveries",
    }  # fmt: skip
    assert set(await told_of(superuser_url, *HERS)) == set(HERS)  # looking changed nothing

    act = Act("operator", operator.account_id, "", "personErase", "shop", address="198.51.100.1")
    with acting(act):
        count = await person_erase(
            mailing, operator, email=ADDRESS, note=f"Request 17 of {ADDRESS}"
        )
    assert count == sum(sum(shop.counts.values()) for shop in seen.shops)
    # What is left is somebody else's, whose address ends like hers.
    assert await told_of(superuser_url, *HERS) == {ADDRESS: ["orders"]}
    rows = await judged(superuser_url, "select buyer_fields::text as t from orders")
    (others,) = {row["t"] for row in rows if ADDRESS in row["t"]}
    assert re.findall(r"\S*@keystall\.test", others) == [f"x{ADDRESS}"]
    assert await sums(superuser_url) == before
    waiting = await judged(
        superuser_url, "select status, count(*) as n from orders where email = 'erased'"
        " and shop_id = $1 group by 1", one.shop.id,
    )  # fmt: skip
    assert {row["status"] for row in waiting} == {"delivered", "expired"}
    held = await judged(
        superuser_url, "select count(*) as n from codes where shop_id = $1 and state = 'reserved'",
        one.shop.id,
    )  # fmt: skip
    assert held[0]["n"] == 0
    assert [mail.read_text().count("Subject: Kept") for mail in folder.glob("*.eml")] == [1]
    async with database.transaction(None) as tx:
        (done, *_) = await operator_actions(tx, operator, after=None, limit=1)
    assert (done.action, done.note, done.count) == ("person.erase", "Request 17 of erased", count)
    entries = await judged(
        superuser_url, "select shop_id, actor_kind from audit_entries where operation ="
        " 'personErase'",
    )  # fmt: skip
    assert {row["shop_id"] for row in entries} >= {one.shop.id, two.shop.id}
    assert {row["actor_kind"] for row in entries} == {"operator"}

    again = await person_erase(mailing, operator, email=ADDRESS, note="Again")
    assert again == 0
    assert await sums(superuser_url) == before


async def test_orders_in_flight_hinder_and_nothing_is_changed(
    installation: Installation, operator: Viewer, superuser_url: str
) -> None:
    goods = await a_full_shop(installation, "inflight4")
    address = "inflight4@keystall.test"
    before = await told_of(superuser_url, address)
    seen = await person_preview(installation, operator, address)
    ((number,),) = await judged(
        superuser_url, "select number from orders where shop_id = $1 and id in"
        " (select order_id from refunds where state in ('requested', 'due'))", goods.shop.id,
    )  # fmt: skip
    assert seen.shops[0].in_flight == [number]
    with pytest.raises(Refused) as refused:
        await person_erase(installation, operator, email=address, note="Asked")
    assert [(one.code, one.params) for one in refused.value.errors] == [
        ("IN_FLIGHT", {"orders": number})
    ]
    with pytest.raises(Refused) as refused:
        await buyer_erase(
            installation, goods.shop, await _an_order(superuser_url, goods.shop.id, "delivered")
        )
    assert letters_of(refused) == ["IN_FLIGHT"]
    assert await told_of(superuser_url, address) == before
    for email, note, code in (
        ("nobody", "Asked", "EMAIL_INVALID"),
        (address, " ", "REQUIRED"),
    ):
        with pytest.raises(Refused) as refused:
            await person_erase(installation, operator, email=email, note=note)
        assert letters_of(refused) == [code]


async def _an_order(url: str, shop: UUID, status: str) -> UUID:
    (row, *_) = await judged(
        url, "select id from orders where shop_id = $1 and status = $2", shop, status
    )
    found: UUID = row["id"]
    return found


async def test_a_merchant_erases_a_buyer_from_their_own_shop_alone(
    installation: Installation, superuser_url: str
) -> None:
    address = "twoshops5@keystall.test"
    one, two = [await a_full_shop(installation, "twoshops5") for _ in range(2)]
    await a_cart(installation, one)
    for goods in (one, two):
        await strewn(goods, superuser_url, settle=True)
    before = await sums(superuser_url)
    order = await _an_order(superuser_url, one.shop.id, "delivered")
    for _ in range(2):
        await buyer_erase(installation, one.shop, order)
    left = {
        goods is one: (
            await judged(
                superuser_url, "select (select count(*) from orders where shop_id = $1 and email ="
                " $2) + (select count(*) from carts where shop_id = $1 and email = $2) as n",
                goods.shop.id, address,
            )
        )[0]["n"]
        for goods in (one, two)
    }  # fmt: skip
    assert left[True] == 0
    assert left[False] > 3
    assert await sums(superuser_url) == before
    async with database.transaction(one.shop.id) as tx:
        assert await order_delivered(tx, installation, one.shop.id, order) == []
    with pytest.raises(Refused):
        await resend_order(installation, one.shop.id, order, actor="merchant")
    with pytest.raises(Refused) as refused:
        await buyer_erase(installation, two.shop, order)
    assert letters_of(refused) == ["NOT_FOUND"]


async def test_an_account_goes_with_its_sessions_once_no_open_shop_needs_it(
    installation: Installation, operator: Viewer, superuser_url: str
) -> None:
    owner = await a_viewer(installation, email="leaving6@keystall.test")
    shop = await a_shop(installation, owner)
    act = Act(
        "account", owner.account_id, owner.email, "shopUpdate", "shop",
        address="203.0.113.66", user_agent="LeavingBrowser/6",
    )  # fmt: skip
    with acting(act):
        await shop_update(installation, shop.id, ShopChanges(contact=f"Mail {owner.email}"))
    async with writing(installation, shop.id) as tx:
        await tx.execute(
            "insert into reveals (shop_id, id, code_id, actor, address, user_agent)"
            " values ($1, $2, $2, $3, '203.0.113.66', 'LeavingBrowser/6')",
            shop.id, new_id(), str(owner.account_id),
        )  # fmt: skip
    seen = await person_preview(installation, operator, owner.email)
    assert seen.left_alone == [shop.slug]
    assert dict(seen.account) == {"accounts": 1, "sessions": 1, "memberships": 1}
    assert dict(seen.shops[0].counts) == {"reveals": 1, "texts": 3, "deeds": 1}
    with pytest.raises(Refused) as refused:
        await person_erase(installation, operator, email=owner.email, note="Asked")
    assert [(one.code, one.params) for one in refused.value.errors] == [
        ("SOLE_OWNER", {"shops": shop.slug})
    ]
    needles = (owner.email, "203.0.113.66", "LeavingBrowser/6")
    assert set(await told_of(superuser_url, *needles)) == set(needles)

    await shop_close(installation, shop.id)
    await person_erase(installation, operator, email=owner.email, note="Asked")
    assert await told_of(superuser_url, *needles) == {}
    gone = await judged(
        superuser_url, "select (select count(*) from accounts where id = $1) + (select count(*)"
        " from sessions where account_id = $1) + (select count(*) from memberships"
        " where account_id = $1) as n", owner.account_id,
    )  # fmt: skip
    assert gone[0]["n"] == 0

    with pytest.raises(Refused) as refused:
        await person_erase(installation, operator, email=operator.email, note="Asked")
    assert letters_of(refused) == ["OPERATOR_ACCOUNT"]


async def test_nobody_but_an_operator_looks_or_erases(
    installation: Installation, superuser_url: str
) -> None:
    merchant = await a_viewer(installation)
    for call in (
        person_preview(installation, merchant, "somebody@keystall.test"),
        person_erase(installation, merchant, email="somebody@keystall.test", note="Asked"),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await call
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(None) as tx:
            await tx.execute(
                "select operator_person_end($1, 'a@b.cc', 'a', '', 0)", merchant.secret_hash
            )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b@x.cc", True), ("Write to A.B@X.CC.", True), ("<a.b@x.cc>", True),
        ("买家a.b@x.cc", True),
        ("ba.b@x.cc", False), ("x.a.b@x.cc", False), ("a.b@x.cc.example", False),
        ("a.b@x.ccc", False), ("aXb@x.cc", False),
    ],
)  # fmt: skip
def test_an_address_is_found_and_no_longer_one(text: str, found: bool) -> None:
    assert mentions(text, "a.b@x.cc") is found
