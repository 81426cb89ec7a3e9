"""Reporting a code that does not work, and answering the report.

The order is locked first in each of these, so that a replacement, a refund and another answer for
the same code never pass each other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.platform.throttle import allow
from keystall.tenants.code_reports.states import ReportReason, ReportState, can_move
from keystall.tenants.errors import refuse
from keystall.tenants.idempotency.keys import claim_key, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.orders.events import record
from keystall.tenants.payments.by_hand import Back, begin_refund, lock_order
from keystall.tenants.payments.refunding import refund_amount
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.writing import Writing, writing

MAX_TEXT = 500
REPORTS_OF_ORDER = 10
REPORTS_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a buyer says of a code."""

    reason: ReportReason
    note: str


async def code_report(
    installation: Installation, shop: UUID, order: UUID, code: UUID, complaint: Complaint
) -> UUID:
    """A buyer reports a code of their order; answers the report's id, and mails the merchant.

    Refuses a code that is not the order's or was replaced (NOT_FOUND), one whose report waits for
    an answer (DUPLICATE), and too many reports in an hour (THROTTLED).
    """
    note = _text(complaint.note, "note")
    if not await allow(
        installation.queue, f"code-report:{shop}:{order}", REPORTS_OF_ORDER, REPORTS_SECONDS
    ):
        raise refuse("THROTTLED")
    async with writing(installation, shop) as tx:
        found = await lock_order(tx, shop, order)
        line = await tx.value(
            """
            select order_line_id from codes
            where shop_id = $1 and id = $2 and state = 'sold' and bad_at is null
              and order_line_id = any (array(
                select id from order_lines where shop_id = $1 and order_id = $3))
            """,
            shop, code, order,
        )  # fmt: skip
        if line is None or found.status != "delivered":
            raise refuse("NOT_FOUND", "code_id")
        report = new_id()
        written = await tx.execute(
            """
            insert into code_reports (shop_id, id, order_id, order_line_id, code_id, reason, note,
                                      state)
            values ($1, $2, $3, $4, $5, $6, $7, 'open')
            on conflict (shop_id, code_id) where state = 'open' do nothing
            """,
            shop, report, order, line, code, complaint.reason, note,
        )  # fmt: skip
        if not written:
            raise refuse("DUPLICATE", "code_id")
        await record(tx, shop, order, "code.reported", actor="buyer")
        await tx.post("mail.merchant_code_report", report)
        tx.announce(f"order:{order}")
        return report


@dataclass(frozen=True, slots=True)
class Answer:
    """A merchant's answer: who, under which key, and in which words (the buyer reads them)."""

    actor: str
    idempotency_key: str
    text: str = ""


_Act = Callable[[Writing, UUID, Row, Answer], Awaitable[None]]


async def report_replace(
    installation: Installation, shop: UUID, report: UUID, *, answer: Answer
) -> UUID:
    """Gives a fresh code in place of the reported one, at once; the bad one is never sold again.
    Answers the report's id. Refuses where none is left (SOLD_OUT)."""
    return await _answer(installation, shop, report, answer, act=_replace, then="replaced")


async def report_refund(
    installation: Installation, shop: UUID, report: UUID, *, answer: Answer
) -> UUID:
    """Sends the price of the reported code back, or what is left of the payment if that is less.
    Answers the report's id. Refuses an order that no payment delivered (CONFLICT)."""
    return await _answer(installation, shop, report, answer, act=_refund, then="refunded")


async def report_reject(
    installation: Installation, shop: UUID, report: UUID, *, answer: Answer
) -> UUID:
    """Answers a report with words alone, which it must have. Answers its id."""
    if not answer.text.strip():
        raise refuse("REQUIRED", "answer")
    return await _answer(installation, shop, report, answer, act=_reject, then="rejected")


async def _answer(
    installation: Installation,
    shop: UUID,
    report: UUID,
    answer: Answer,
    *,
    act: _Act,
    then: ReportState,
) -> UUID:
    text = _text(answer.text, "answer")
    async with writing(installation, shop) as tx:
        mark = new_id()
        earlier = await claim_key(
            tx, shop, f"code_report.{then}", answer.idempotency_key,
            print_=fingerprint(report, text), object_id=mark,
        )  # fmt: skip
        if earlier != mark:
            return report
        order = await tx.value(
            "select order_id from code_reports where shop_id = $1 and id = $2", shop, report
        )
        if order is None:
            raise refuse("NOT_FOUND", "id")
        await lock_order(tx, shop, order)
        row = await _report(tx, shop, report)
        if not can_move(row["state"], then):
            raise refuse("CONFLICT", "id")
        await act(tx, shop, row, answer)
        await tx.execute(
            "update code_reports set answer = $3, actor = $4 where shop_id = $1 and id = $2",
            shop, report, text, answer.actor,
        )  # fmt: skip
        await record(tx, shop, order, f"code.{then}", actor=answer.actor, data={"note": text})
        await tx.post("mail.code_report_answered", report)
        tx.announce(f"order:{order}")
        return report


async def _report(tx: Writing, shop: UUID, report: UUID) -> Row:
    row = await tx.row(
        """
        select code_reports.id, code_reports.order_id, code_reports.order_line_id, code_id, state,
               variant_id, unit_price
        from code_reports join order_lines on order_lines.shop_id = $1
          and order_lines.id = code_reports.order_line_id
        where code_reports.shop_id = $1 and code_reports.id = $2
        """,
        shop, report,
    )  # fmt: skip
    if row is None:
        raise refuse("NOT_FOUND", "id")
    return row


async def _replace(tx: Writing, shop: UUID, report: Row, answer: Answer) -> None:
    wanted = Wanted(report["order_line_id"], report["variant_id"], 1)
    if await reserve(tx, shop, [wanted]):
        raise refuse("SOLD_OUT")
    fresh = await tx.value(
        "select id from codes where shop_id = $1 and order_line_id = $2 and state = 'reserved'",
        shop, report["order_line_id"],
    )  # fmt: skip
    await sell(tx, shop, report["order_id"])
    await _mark_bad(tx, shop, report)
    await tx.execute(
        "update code_reports set state = 'replaced', replacement_id = $3, answered_at = $4"
        " where shop_id = $1 and id = $2",
        shop, report["id"], fresh, clock.now(),
    )  # fmt: skip


async def _refund(tx: Writing, shop: UUID, report: Row, answer: Answer) -> None:
    taken = await tx.row(
        "select amount, refunded from takings"
        " where shop_id = $1 and order_id = $2 and state = 'delivered'",
        shop, report["order_id"],
    )  # fmt: skip
    if taken is None:
        raise refuse("CONFLICT", "id")
    left = refund_amount(taken["amount"], taken["refunded"], None)
    amount = min(left, report["unit_price"])
    back = Back(new_id(), amount, None, "bad_code", answer.text.strip(), answer.actor)
    await begin_refund(tx, shop, report["order_id"], back)
    await _mark_bad(tx, shop, report)
    await tx.execute(
        "update code_reports set state = 'refunded', refund_id = $3, answered_at = $4"
        " where shop_id = $1 and id = $2",
        shop, report["id"], back.id, clock.now(),
    )  # fmt: skip


async def _reject(tx: Writing, shop: UUID, report: Row, answer: Answer) -> None:
    await tx.execute(
        "update code_reports set state = 'rejected', answered_at = $3"
        " where shop_id = $1 and id = $2",
        shop, report["id"], clock.now(),
    )  # fmt: skip


async def _mark_bad(tx: Writing, shop: UUID, report: Row) -> None:
    # It stays sold, so nothing ever sells it again, and its buyer still sees what it was.
    await tx.execute(
        "update codes set bad_at = $3 where shop_id = $1 and id = $2",
        shop, report["code_id"], clock.now(),
    )  # fmt: skip


def _text(text: str, field: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > MAX_TEXT:
        raise refuse("TOO_LONG", field, limit=MAX_TEXT)
    return trimmed
