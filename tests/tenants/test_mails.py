"""Mails as they leave: read back from the folder they were sent into, on real PostgreSQL."""

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from keystall.graphql import ids
from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.mail import FolderMailer, Mail, MailRefused, MailUnavailable
from keystall.tenants.identity.links import account_link
from keystall.tenants.identity.service import Viewer, Visitor, confirm, register
from keystall.tenants.installation import Installation
from keystall.tenants.mails.codes import codes_to_mail
from keystall.tenants.mails.port import NO_CODES
from keystall.tenants.mails.service import HANDLERS, MailDesk
from keystall.tenants.orders.tokens import order_of_token
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import INSTALLATION, writing
from keystall.themes.mail.texts import ThemedMails
from tests.factories import PASSWORD, a_product, a_shop, a_viewer, some_codes, the_variant

TEXTS = ThemedMails()
CODE = "SECRET-CODE-1234-5678"


@dataclass
class Sold:
    """A shop that has just sold its only code."""

    shop: Shop
    owner: Viewer
    order: UUID
    variant: UUID


@pytest.fixture
async def sold(installation: Installation) -> Sold:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner, name="露露, Cards")
    variant = (await the_variant(shop, await a_product(installation, shop))).id
    await some_codes(installation, shop, variant, [CODE])
    order, line = new_id(), new_id()
    async with database.transaction(shop.id) as tx:
        await tx.execute("update shops set contact = 'QQ 10001' where id = $1", shop.id)
        await tx.execute(
            "insert into orders (shop_id, id, number, email, locale, currency, total, status,"
            " expires_at, paid_at, delivered_at) values ($1, $2, '7Q4M-0XKD-J2',"
            " 'buyer@keystall.test', 'zh-CN', 'CNY', 990, 'delivered', now(), now(), now())",
            shop.id, order,
        )  # fmt: skip
        await tx.execute(
            "insert into order_lines (shop_id, id, order_id, position, variant_id, product_name,"
            " variant_name, quantity, unit_price) values ($1, $2, $3, 0, $4, 'Steam Card', '', 1,"
            " 990)",
            shop.id, line, order, variant,
        )  # fmt: skip
        await tx.execute(
            "update codes set state = 'sold', order_line_id = $2, sold_at = now()"
            " where shop_id = $1",
            shop.id, line,
        )  # fmt: skip
    return Sold(shop, owner, order, variant)


async def refunded(sold: Sold, state: str) -> UUID:
    """A second payment of the order that goes back."""
    shop, payment, taking, refund = sold.shop.id, new_id(), new_id(), new_id()
    async with database.transaction(shop) as tx:
        account = await tx.value("select id from payment_accounts where shop_id = $1", shop)
        await tx.execute(
            "insert into payments (shop_id, id, order_id, account_id, amount, currency, state)"
            " values ($1, $2, $3, $4, 990, 'CNY', 'succeeded')",
            shop, payment, sold.order, account,
        )  # fmt: skip
        await tx.execute(
            "insert into takings (shop_id, id, payment_id, order_id, account_id,"
            " provider_reference, amount, currency, fee, refunded, state)"
            " values ($1, $2, $3, $4, $5, 'T1', 990, 'CNY', 0, 990, 'returned')",
            shop, taking, payment, sold.order, account,
        )  # fmt: skip
        await tx.execute(
            "insert into refunds (shop_id, id, order_id, taking_id, amount, currency, reason,"
            " state) values ($1, $2, $3, $4, 990, 'CNY', 'paid_twice', $5)",
            shop, refund, sold.order, taking, state,
        )  # fmt: skip
    return refund


async def post(installation: Installation, shop: UUID, kind: str, subject: UUID) -> UUID:
    async with writing(installation, shop) as tx:
        return await tx.post(kind, subject)


def read(folder: Path) -> list[EmailMessage]:
    found = []
    for file in sorted(folder.glob("*.eml")):
        message = email.message_from_bytes(
            file.read_bytes(), _class=EmailMessage, policy=email.policy.default
        )
        assert isinstance(message, EmailMessage)
        found.append(message)
    return found


def body(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def links(message: EmailMessage) -> list[str]:
    return re.findall(r"https?://\S+", body(message))


async def send(
    installation: Installation, folder: Path, shop: UUID, kind: str, subject: UUID
) -> EmailMessage:
    """Sends one mail through the handler of its kind and reads it back."""
    item = await post(installation, shop, kind, subject)
    desk = MailDesk(FolderMailer(folder, installation.settings.mail_from), TEXTS)
    await HANDLERS[kind](installation, desk, shop, item)
    assert await is_done(shop, item)
    (message,) = read(folder)
    return message


async def is_done(shop: UUID, item: UUID) -> bool:
    async with database.transaction(shop) as tx:
        done: bool = await tx.value(
            "select done_at is not null from outbox where shop_id = $1 and id = $2", shop, item
        )
    return done


async def refusals(sold: Sold) -> Sequence[dict[str, str]]:
    async with database.transaction(sold.shop.id) as tx:
        rows = await tx.rows(
            "select data, actor from order_events where shop_id = $1 and order_id = $2"
            " and kind = 'mail.refused'",
            sold.shop.id, sold.order,
        )  # fmt: skip
    return [dict(row) for row in rows]


async def test_a_buyer_gets_the_orders_link_and_never_a_code(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    assert message["subject"] == "您的订单 7Q4M-0XKD-J2 已发货"
    assert message["to"] == "buyer@keystall.test"
    (sender,) = message["from"].addresses
    assert (sender.display_name, sender.addr_spec) == (
        "露露, Cards（通过 Keystall）",
        "no-reply@localhost",
    )
    assert message["auto-submitted"] == "auto-generated"
    assert message["reply-to"] is None
    (link,) = links(message)
    beginning, token = link.rsplit("/", 1)
    assert beginning == f"http://{sold.shop.slug}.localhost:8000/zh/order"
    assert order_of_token(installation.keys, sold.shop.id, token) == sold.order
    assert "Steam Card × 1  ¥9.90\n合计：¥9.90\n" in body(message)
    assert "QQ 10001" in body(message)
    both = body(message) + body(message, "html")
    assert "SECRET" not in both


async def mail_codes(sold: Sold) -> None:
    async with database.transaction(sold.shop.id) as tx:
        await tx.execute("update shops set mail_codes = true where id = $1", sold.shop.id)


async def reveals(sold: Sold) -> list[tuple[str, str]]:
    async with database.transaction(sold.shop.id) as tx:
        rows = await tx.rows("select actor, address from reveals where shop_id = $1", sold.shop.id)
    return [(row["actor"], row["address"]) for row in rows]


async def test_a_shop_that_wants_it_mails_the_codes_and_records_it(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    await mail_codes(sold)
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    assert message["to"] == "buyer@keystall.test"
    assert message["subject"] == "您的订单 7Q4M-0XKD-J2 已发货，卡密见正文"
    assert f"Steam Card\n{CODE}\n" in body(message)
    assert CODE in body(message, "html")
    assert await reveals(sold) == [("buyer", "mail")]


async def test_no_codes_are_opened_for_a_mail_of_a_shop_that_mails_none(
    installation: Installation, sold: Sold
) -> None:
    async with database.transaction(sold.shop.id) as tx:
        told = await codes_to_mail(tx, installation, sold.shop.id, sold.order)
    assert (told, await reveals(sold)) == (NO_CODES, [])


@pytest.mark.parametrize("kind", ["mail.merchant_order", "mail.order_link"])
async def test_no_other_mail_of_such_a_shop_has_codes(
    installation: Installation, tmp_path: Path, sold: Sold, kind: str
) -> None:
    await mail_codes(sold)
    message = await send(installation, tmp_path, sold.shop.id, kind, sold.order)

    assert "SECRET" not in body(message) + body(message, "html")
    assert await reveals(sold) == []


async def test_of_a_large_order_the_mail_has_a_hundred_codes_and_says_where_the_others_are(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    await mail_codes(sold)
    await some_codes(
        installation, sold.shop, sold.variant, [f"MANY-{number:03}" for number in range(102)]
    )
    async with database.transaction(sold.shop.id) as tx:
        await tx.execute(
            "update codes set state = 'sold', sold_at = now(), order_line_id ="
            " (select id from order_lines where shop_id = $1) where shop_id = $1",
            sold.shop.id,
        )
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    told = body(message)
    assert len(re.findall(r"^MANY-\d+$", told, re.M)) == 99
    assert CODE in told
    assert "本订单还有 3 个卡密" in told
    assert len(await reveals(sold)) == 100


async def test_codes_that_nobody_can_read_any_more_do_not_stop_the_mail(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    await mail_codes(sold)
    async with database.transaction(sold.shop.id) as tx:
        await tx.execute("update codes set sealed = '\\x00' where shop_id = $1", sold.shop.id)

    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    assert "查看卡密" in body(message)


async def test_a_refunded_buyer_is_told_why(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    refund = await refunded(sold, "succeeded")

    message = await send(installation, tmp_path, sold.shop.id, "mail.order_refunded", refund)

    assert message["subject"] == "订单 7Q4M-0XKD-J2 的付款已退回"
    assert message["to"] == "buyer@keystall.test"
    assert "已为您退款 ¥9.90\n\n这个订单收到了重复付款" in body(message)
    (link,) = links(message)
    assert order_of_token(installation.keys, sold.shop.id, link.rsplit("/", 1)[1]) == sold.order


async def test_a_merchant_is_told_of_an_order_in_their_own_language(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    message = await send(installation, tmp_path, sold.shop.id, "mail.merchant_order", sold.order)

    assert message["subject"] == "露露, Cards: new order, CN¥9.90"
    assert message["to"] == sold.owner.email
    assert message["from"] == installation.settings.mail_from
    assert links(message) == [
        f"http://localhost:8000/console/{sold.shop.slug}/orders/{ids.encode('Order', sold.order)}"
    ]
    assert "Buyer: buyer@keystall.test" in body(message)


async def test_every_owner_is_told_and_no_other_shops(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    second = await a_viewer(installation)
    await a_shop(installation)
    await _make_owner(installation, sold.shop, second)
    item = await post(installation, sold.shop.id, "mail.merchant_order", sold.order)
    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)

    await HANDLERS["mail.merchant_order"](installation, desk, sold.shop.id, item)

    assert {str(message["to"]) for message in read(tmp_path)} == {sold.owner.email, second.email}


async def test_a_merchant_is_sent_to_the_stock_page_of_what_sold_out(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    message = await send(
        installation, tmp_path, sold.shop.id, "mail.merchant_sold_out", sold.variant
    )

    assert message["subject"] == "露露, Cards: Steam Card is sold out"
    stock = ids.encode("Variant", sold.variant)
    assert links(message) == [f"http://localhost:8000/console/{sold.shop.slug}/stock/{stock}"]


async def test_what_was_filled_up_in_between_is_not_reported(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    item = await post(installation, sold.shop.id, "mail.merchant_sold_out", sold.variant)
    await some_codes(installation, sold.shop, sold.variant, 1)
    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)

    await HANDLERS["mail.merchant_sold_out"](installation, desk, sold.shop.id, item)

    assert read(tmp_path) == []
    assert await is_done(sold.shop.id, item)


async def test_a_merchant_is_asked_for_a_refund_that_no_provider_sends(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    refund = await refunded(sold, "due")

    message = await send(installation, tmp_path, sold.shop.id, "mail.merchant_refund_due", refund)

    assert message["subject"] == "露露, Cards: please refund CN¥9.90"
    assert message["to"] == sold.owner.email
    assert "Reason: Paid twice\nOrder: 7Q4M-0XKD-J2\nBuyer: buyer@keystall.test" in body(message)


async def test_who_signs_up_gets_a_link_that_confirms(
    installation: Installation, tmp_path: Path
) -> None:
    address = f"{new_id().hex}@keystall.test"
    await register(installation, address, PASSWORD, locale="zh-CN")
    message = await _account_mail(installation, tmp_path, "mail.account_confirm")

    assert message["subject"] == "请确认您的邮箱"
    assert message["to"] == address
    assert "链接 7 天内有效" in body(message)
    (link,) = links(message)
    assert link.startswith("http://localhost:8000/confirm/")
    assert await confirm(installation, link.rsplit("/", 1)[1], visitor=Visitor()) is None


async def test_who_has_an_account_gets_a_link_for_a_new_password(
    installation: Installation, tmp_path: Path
) -> None:
    known = await a_viewer(installation)
    await register(installation, known.email, PASSWORD, locale="en")
    message = await _account_mail(installation, tmp_path, "mail.account_reset")

    assert message["subject"] == "Set a new password"
    assert message["to"] == known.email
    (link,) = links(message)
    assert link.startswith("http://localhost:8000/password-reset/")
    async with database.transaction(None) as db:
        found = await account_link(db, link.rsplit("/", 1)[1])
    assert found is not None
    assert (found.email, found.purpose) == (known.email, "reset")


async def test_a_mail_that_is_handed_out_twice_goes_out_once(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    item = await post(installation, sold.shop.id, "mail.order_delivered", sold.order)
    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)

    for _ in range(2):
        await HANDLERS["mail.order_delivered"](installation, desk, sold.shop.id, item)

    assert len(read(tmp_path)) == 1


async def test_a_mail_that_goes_out_slowly_is_not_handed_out_meanwhile(
    installation: Installation, sold: Sold
) -> None:
    kind, shop = "mail.order_delivered", sold.shop.id
    item = await post(installation, shop, kind, sold.order)

    class Slow:
        async def send(self, mail: Mail) -> None:
            async with database.transaction(shop) as tx:
                due = await tx.value(
                    "select due_at from outbox where shop_id = $1 and id = $2", shop, item
                )
            leased.append(due - clock.now())

    leased: list[timedelta] = []
    await HANDLERS[kind](installation, MailDesk(Slow(), TEXTS), shop, item)
    assert leased[0] > timedelta(seconds=25)


async def test_work_of_one_shop_is_nothing_to_another(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    other = await a_shop(installation)
    item = await post(installation, sold.shop.id, "mail.order_delivered", sold.order)
    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)

    await HANDLERS["mail.order_delivered"](installation, desk, other.id, item)

    assert read(tmp_path) == []
    assert not await is_done(sold.shop.id, item)


class Failing:
    """A mailer whose server says no in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def send(self, mail: Mail) -> None:
        raise self.error


async def test_a_refused_address_is_noted_on_the_order_and_not_tried_again(
    installation: Installation, sold: Sold
) -> None:
    item = await post(installation, sold.shop.id, "mail.order_delivered", sold.order)
    desk = MailDesk(Failing(MailRefused("SMTPRecipientsRefused 550")), TEXTS)

    await HANDLERS["mail.order_delivered"](installation, desk, sold.shop.id, item)

    assert await is_done(sold.shop.id, item)
    assert await refusals(sold) == [{"data": {"kind": "mail.order_delivered"}, "actor": "system"}]


async def test_an_address_that_is_none_is_noted_alike(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    async with database.transaction(sold.shop.id) as tx:
        await tx.execute(
            "update orders set email = 'a..b@keystall.test' where shop_id = $1", sold.shop.id
        )
    item = await post(installation, sold.shop.id, "mail.order_delivered", sold.order)
    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)

    await HANDLERS["mail.order_delivered"](installation, desk, sold.shop.id, item)

    assert await is_done(sold.shop.id, item)
    assert len(await refusals(sold)) == 1


async def test_a_server_that_is_away_leaves_the_work_undone(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    item = await post(installation, sold.shop.id, "mail.order_delivered", sold.order)
    away = MailDesk(Failing(MailUnavailable("OSError")), TEXTS)

    with pytest.raises(MailUnavailable):
        await HANDLERS["mail.order_delivered"](installation, away, sold.shop.id, item)

    assert not await is_done(sold.shop.id, item)
    assert await refusals(sold) == []
    back = MailDesk(FolderMailer(tmp_path, "x@y.test"), TEXTS)
    await HANDLERS["mail.order_delivered"](installation, back, sold.shop.id, item)
    assert len(read(tmp_path)) == 1


async def _account_mail(installation: Installation, folder: Path, kind: str) -> EmailMessage:
    """Sends the newest mail of `kind` that the installation has to send."""
    async with database.transaction(INSTALLATION) as tx:
        item = await tx.value(
            "select id from outbox where shop_id = $1 and kind = $2 order by id desc limit 1",
            INSTALLATION, kind,
        )  # fmt: skip
    desk = MailDesk(FolderMailer(folder, installation.settings.mail_from), TEXTS)
    await HANDLERS[kind](installation, desk, INSTALLATION, item)
    assert await is_done(INSTALLATION, item)
    (message,) = read(folder)
    return message


async def _make_owner(installation: Installation, shop: Shop, viewer: Viewer) -> None:
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    try:
        await connection.execute(
            "insert into memberships (account_id, shop_id, role) values ($1, $2, 'owner')",
            viewer.account_id, shop.id,
        )  # fmt: skip
    finally:
        await connection.close()
