"""Bad codes: reported once until answered, replaced once, refunded once, never sold again."""

import asyncio
import email
import email.policy
from pathlib import Path
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.platform.mail import FolderMailer
from keystall.tenants.code_reports.service import (
    REPORTS_OF_ORDER,
    Answer,
    Complaint,
    code_report,
    report_refund,
    report_reject,
    report_replace,
)
from keystall.tenants.code_reports.states import STATES, can_move
from keystall.tenants.delivery.service import reveal_order_codes
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails.service import HANDLERS, MailDesk
from keystall.tenants.payments.by_hand import Decision, order_complete
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.themes.mail.texts import ThemedMails
from tests.factories import a_shop
from tests.tenants.purchases import Purchase

USED = Complaint("used", " It says used. ")


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    return Purchase(installation, await a_shop(installation))


async def delivered(purchase: Purchase, *codes: str) -> tuple[UUID, UUID]:
    """A delivered order of one code, and that code."""
    await purchase.stock(*codes)
    order = await purchase.order()
    await purchase.pay(order)
    async with database.transaction(purchase.shop.id) as tx:
        code: UUID = await tx.value(
            "select id from codes where shop_id = $1 and state = 'sold'", purchase.shop.id
        )
    return order, code


async def report(purchase: Purchase, order: UUID, code: UUID) -> UUID:
    return await code_report(purchase.installation, purchase.shop.id, order, code, USED)


def answer(text: str = "", key: str = "") -> Answer:
    return Answer("merchant", key or str(new_id()), text)


async def states(purchase: Purchase) -> list[tuple[str, bool]]:
    """Each code's state and whether it turned out bad, in the order they came."""
    async with database.transaction(purchase.shop.id) as tx:
        rows = await tx.rows(
            "select state, bad_at is not null as bad from codes where shop_id = $1"
            " order by position",
            purchase.shop.id,
        )
    return [(row["state"], row["bad"]) for row in rows]


async def state_of(purchase: Purchase, row: UUID) -> str:
    async with database.transaction(purchase.shop.id) as tx:
        state: str = await tx.value("select state from code_reports where id = $1", row)
    return state


async def posted(purchase: Purchase, kind: str) -> int:
    async with database.transaction(purchase.shop.id) as tx:
        count: int = await tx.value(
            "select count(*) from outbox where shop_id = $1 and kind = $2", purchase.shop.id, kind
        )
    return count


async def test_a_reported_code_is_replaced_at_once_and_never_sold_again(
    purchase: Purchase,
) -> None:
    order, code = await delivered(purchase, "CODE-AAAA", "CODE-BBBB")
    told = await report(purchase, order, code)
    assert await posted(purchase, "mail.merchant_code_report") == 1

    for _ in range(2):
        await report_replace(
            purchase.installation, purchase.shop.id, told, answer=answer("Sorry", "replace-1")
        )

    assert await states(purchase) == [("sold", True), ("sold", False)]
    assert await state_of(purchase, told) == "replaced"
    assert await posted(purchase, "mail.code_report_answered") == 1
    opened = await reveal_order_codes(
        purchase.installation, purchase.shop.id, order, address="127.0.0.1", good_only=True
    )
    assert list(opened.values()) == ["CODE-BBBB"]
    with pytest.raises(Refused, match="SOLD_OUT"):
        await purchase.order()
    with pytest.raises(Refused, match="NOT_FOUND"):
        await report(purchase, order, code)


def the_mail(folder: Path) -> str:
    """Both bodies of the one mail that was sent into `folder`."""
    (file,) = folder.glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    return "".join(str(part.get_content()) for part in parts)


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_fresh_code_is_mailed_where_the_shop_mails_codes(
    purchase: Purchase, tmp_path: Path, wanted: bool
) -> None:
    installation, shop = purchase.installation, purchase.shop.id
    await shop_update(installation, shop, ShopChanges(mail_codes=wanted))
    order, code = await delivered(purchase, "CODE-AAAA", "CODE-BBBB")
    told = await report(purchase, order, code)
    await report_replace(installation, shop, told, answer=answer("Sorry", "replace-1"))
    async with database.transaction(shop) as tx:
        item = await tx.value(
            "select id from outbox where shop_id = $1 and kind = 'mail.code_report_answered'", shop
        )

    desk = MailDesk(FolderMailer(tmp_path, "x@y.test"), ThemedMails())
    await HANDLERS["mail.code_report_answered"](installation, desk, shop, item)

    sent = the_mail(tmp_path)
    assert ("CODE-BBBB" in sent) is wanted
    assert "CODE-AAAA" not in sent
    assert "Sorry" in sent


async def test_a_code_is_reported_once_until_it_is_answered_and_then_again(
    purchase: Purchase,
) -> None:
    order, code = await delivered(purchase, "CODE-AAAA")
    first = await report(purchase, order, code)
    with pytest.raises(Refused, match="DUPLICATE"):
        await report(purchase, order, code)
    await report_reject(
        purchase.installation, purchase.shop.id, first, answer=answer("It works here")
    )
    assert await state_of(purchase, first) == "rejected"
    assert await states(purchase) == [("sold", False)]
    assert await report(purchase, order, code) != first


async def test_of_two_answers_at_once_one_counts(purchase: Purchase) -> None:
    order, code = await delivered(purchase, "CODE-AAAA", "CODE-BBBB")
    told = await report(purchase, order, code)
    answers = (report_replace, report_refund, report_replace)
    outcomes = await asyncio.gather(
        *(act(purchase.installation, purchase.shop.id, told, answer=answer()) for act in answers),
        return_exceptions=True,
    )
    assert sum(outcome == told for outcome in outcomes) == 1
    assert all(one == told or isinstance(one, Refused) for one in outcomes)
    replaced = await state_of(purchase, told) == "replaced"
    assert (await states(purchase))[1] == ("sold" if replaced else "available", False)
    assert len(await purchase.refund_reasons(order)) == (not replaced)


async def test_a_bad_code_is_refunded_at_its_price(purchase: Purchase) -> None:
    order, code = await delivered(purchase, "CODE-AAAA")
    told = await report(purchase, order, code)
    await report_refund(purchase.installation, purchase.shop.id, told, answer=answer())
    assert await purchase.refund_reasons(order) == [("bad_code", 990)]
    assert await states(purchase) == [("sold", True)]
    assert (await purchase.balances())["buyers"] == -990
    assert await purchase.status(order) == "delivered"


async def test_without_stock_or_payment_the_report_stays_open(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await order_complete(
        purchase.installation, purchase.shop.id, order,
        decision=Decision("merchant", "Cash", "in-cash-1"),
    )  # fmt: skip
    async with database.transaction(purchase.shop.id) as tx:
        code = await tx.value("select id from codes where shop_id = $1", purchase.shop.id)
    told = await report(purchase, order, code)
    for act, refusal in ((report_replace, "SOLD_OUT"), (report_refund, "CONFLICT")):
        with pytest.raises(Refused, match=refusal):
            await act(purchase.installation, purchase.shop.id, told, answer=answer())
    with pytest.raises(Refused, match="REQUIRED"):
        await report_reject(purchase.installation, purchase.shop.id, told, answer=answer(" "))
    assert await state_of(purchase, told) == "open"
    assert await states(purchase) == [("sold", False)]


async def test_only_codes_of_the_order_are_reported_and_not_too_often(purchase: Purchase) -> None:
    order, _ = await delivered(purchase, "CODE-AAAA", "CODE-BBBB")
    async with database.transaction(purchase.shop.id) as tx:
        other = await tx.value(
            "select id from codes where shop_id = $1 and state = 'available'", purchase.shop.id
        )
    for code in [other, *(new_id() for _ in range(REPORTS_OF_ORDER - 1))]:
        with pytest.raises(Refused, match="NOT_FOUND"):
            await report(purchase, order, code)
    with pytest.raises(Refused, match="THROTTLED"):
        await report(purchase, order, other)


def test_reports_are_answered_once() -> None:
    moves = {(now, then) for now in STATES for then in STATES if can_move(now, then)}
    assert moves == {("open", "replaced"), ("open", "refunded"), ("open", "rejected")}
