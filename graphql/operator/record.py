"""The record of what operators did."""

from datetime import datetime

import strawberry

from keystall.graphql.context import Info
from keystall.graphql.describing import derived, described, object_type, resolver, takes
from keystall.graphql.errors import bad_input
from keystall.graphql.operator import access
from keystall.graphql.operator.shops import ShopBrief, brief
from keystall.graphql.relay import After, Connection, First, connection, decode_cursor, page_size
from keystall.tenants.desk import record


@object_type
class OperatorAction:
    """Something that an operator did."""

    action: str = described("What it was, for programs, such as work.drop.")
    operator_email: str = takes("email")(
        described("Which operator did it; empty for what was done at the server itself.")
    )
    view: strawberry.Private[record.OperatorAction]
    shop: ShopBrief | None = takes("shop_id", "shop_slug", "shop_name")(
        derived(
            lambda action: brief(action.view),
            "The shop it was about; null for the installation itself.",
        )
    )
    subject: str = described("What else it was about, such as a kind of work; may be empty.")
    note: str = takes("note")(described("The reason or note that was given; may be empty."))
    count: int = described("How many things it was done to.")
    at: datetime = described("When it was.")


def _action(found: record.OperatorAction) -> OperatorAction:
    return OperatorAction(
        action=found.action,
        operator_email=found.email,
        view=found,
        subject=found.subject,
        note=found.note,
        count=found.count,
        at=found.at,
    )


@object_type
class RecordQuery:
    """What an operator reads of the record."""

    @resolver
    async def operator_actions(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[OperatorAction]:
        """What operators did, newest first."""
        size = page_size(first)
        key = decode_cursor(after, int)
        if key is not None and not 0 <= int(key[0]) < 2**63:
            raise bad_input("`after` is no cursor of this list.")
        rows = await record.operator_actions(
            info.context.reader,
            access.operator_of(info.context),
            after=None if key is None else int(key[0]),
            limit=size + 1,
            without=info.needs.without(OperatorAction),
        )
        return connection(rows, size, after=after, node=_action, key=lambda row: (row.id,))
