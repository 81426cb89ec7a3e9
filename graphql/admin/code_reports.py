"""Reports of bad codes, and the merchant's answers."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.families import OrderUserError
from keystall.graphql.code_reports import CodeReportReason, CodeReportStatus
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import about, described, loaded, object_type, resolver, takes
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.tenants.code_reports.queries import ReportView, reports_page
from keystall.tenants.code_reports.service import (
    Answer,
    report_refund,
    report_reject,
    report_replace,
)
from keystall.tenants.installation import Installation
from keystall.tenants.orders.queries import OrderLineView, OrderView

ReportId = Annotated[strawberry.ID, about("The report.")]
Key = Annotated[str, about("A text of your own, new for each answer, 8 to 64 characters.")]
Words = Annotated[str, about("What the buyer reads with it; 500 characters at most.")]


@object_type
class CodeReport(Node):
    """A buyer's word that a code does not work, and the answer to it."""

    view: strawberry.Private[ReportView]
    status: CodeReportStatus = described("What became of it.")
    reason: CodeReportReason = described("What is wrong with the code.")
    note: str = takes("note")(described("What the buyer writes; empty where nothing."))
    answer: str = takes("answer")(described("What the merchant wrote; empty where nothing."))
    order_id: strawberry.ID = described("Which order the code was delivered with.")
    created_at: datetime = described("When it came.")
    answered_at: datetime | None = described("When it was answered; null while it waits.")

    @loaded(loads.orders_by_id, "view.order_id")
    def order_number(self, _: RequestContext, found: OrderView | None) -> str:
        """The number that buyer and shop know the order by."""
        return found.number if found else ""

    @loaded(loads.orders_by_id, "view.order_id")
    def email(self, _: RequestContext, found: OrderView | None) -> str:
        """The buyer's email address."""
        return found.email if found else ""

    @loaded(loads.order_lines, "view.order_id")
    def product_name(self, _: RequestContext, found: Sequence[OrderLineView] | None) -> str:
        """The name of what was bought, at the time."""
        return next(line.product_name for line in found or () if line.id == self.view.order_line_id)


@object_type
class CodeReportReplacePayload(Payload[OrderUserError]):
    """The answer to codeReportReplace."""

    code_report: CodeReport | None = described("The report; null where it was refused.")


@object_type
class CodeReportRefundPayload(Payload[OrderUserError]):
    """The answer to codeReportRefund."""

    code_report: CodeReport | None = described("The report; null where it was refused.")


@object_type
class CodeReportRejectPayload(Payload[OrderUserError]):
    """The answer to codeReportReject."""

    code_report: CodeReport | None = described("The report; null where it was refused.")


@object_type
class CodeReportMutation:
    """What a merchant answers to reports of bad codes."""

    @resolver
    async def code_report_replace(
        self, info: Info, id: ReportId, idempotency_key: Key, answer: Words = ""
    ) -> CodeReportReplacePayload:
        """Gives the buyer a fresh code from stock at once; the bad one is never sold again."""
        context = info.context
        call = report_replace(*_of(context, id), answer=_words(context, idempotency_key, answer))
        found, errors = await _answered(context, call)
        return CodeReportReplacePayload(code_report=found, user_errors=errors)

    @resolver
    async def code_report_refund(
        self, info: Info, id: ReportId, idempotency_key: Key, answer: Words = ""
    ) -> CodeReportRefundPayload:
        """Sends the price of the code back."""
        context = info.context
        call = report_refund(*_of(context, id), answer=_words(context, idempotency_key, answer))
        found, errors = await _answered(context, call)
        return CodeReportRefundPayload(code_report=found, user_errors=errors)

    @resolver
    async def code_report_reject(
        self, info: Info, id: ReportId, idempotency_key: Key, answer: Words
    ) -> CodeReportRejectPayload:
        """Answers with words alone; the buyer may report the code again."""
        context = info.context
        call = report_reject(*_of(context, id), answer=_words(context, idempotency_key, answer))
        found, errors = await _answered(context, call)
        return CodeReportRejectPayload(code_report=found, user_errors=errors)


def code_report(view: ReportView) -> CodeReport:
    """A report."""
    return CodeReport(
        id=encode("CodeReport", view.id),
        view=view,
        status=CodeReportStatus(view.state),
        reason=CodeReportReason(view.reason),
        note=view.note,
        answer=view.answer,
        order_id=encode("Order", view.order_id),
        created_at=view.created_at,
        answered_at=view.answered_at,
    )


async def code_reports_connection(
    context: RequestContext,
    first: int | None,
    *,
    after: str | None,
    status: CodeReportStatus | None,
    needs: Needs,
) -> Connection[CodeReport]:
    """A page of reports, newest first."""
    size = page_size(first)
    rows = await reports_page(
        context.once(needs),
        context.require_shop().id,
        state=status.value if status else None,
        after=decode_row(after),
        limit=size + 1,
        without=needs.without(CodeReport),
    )
    return connection(rows, size, after=after, node=code_report, key=lambda row: (str(row.id),))


def _of(context: RequestContext, report: strawberry.ID) -> tuple[Installation, UUID, UUID]:
    return context.installation, context.require_shop().id, row_of("CodeReport", report)


def _words(context: RequestContext, key: str, text: str) -> Answer:
    return Answer(context.actor, key, text)


async def _answered(
    context: RequestContext, call: Awaitable[UUID]
) -> tuple[CodeReport | None, list[OrderUserError]]:
    row, errors = await attempted(context, call, OrderUserError)
    found = await context.load(loads.code_reports_by_id, row) if row else None
    return (code_report(found) if found else None), errors
