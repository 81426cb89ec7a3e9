"""Work that failed: read, tried anew and given up by the operator."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.context import Info
from keystall.graphql.describing import (
    about,
    derived,
    described,
    list_resolver,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.operator import access
from keystall.graphql.operator.shops import ShopBrief, brief
from keystall.graphql.refusals import Payload, UserError, attempted, error_codes
from keystall.graphql.relay import After, Connection, First, connection, decode_row, page_size
from keystall.tenants.desk import work

WorkId = Annotated[strawberry.ID, about("The piece of work.")]
Kind = Annotated[str, about("The kind of work, as `FailedWork.kind` says it.")]
Note = Annotated[str, about("Why, for the record.")]


@object_type
class FailedWork:
    """A piece of work that failed again and again."""

    id: strawberry.ID = described("Opaque id, to hand to failedWorkRetry and failedWorkDrop.")
    kind: str = described("What was to be done, such as mail.order_delivered.")
    view: strawberry.Private[work.FailedWork]
    shop: ShopBrief | None = takes("shop_id", "shop_slug", "shop_name")(
        derived(lambda work: brief(work.view), "Whose work it is; null for the installation's own.")
    )
    problem: str = described("What went wrong the last time, by the name of the error.")
    attempts: int = described("How often it was tried.")
    given_up: bool = described("Whether it is tried no more until somebody says so.")
    created_at: datetime = described("When it was first asked for.")
    failed_at: datetime | None = described("When it was given up; null while it is still tried.")
    next_at: datetime | None = described("When it is tried next; null where it was given up.")


@object_type
class FailedWorkCount:
    """How much work of a kind is in trouble."""

    kind: str = described("The kind of work.")
    given_up: int = described("How much of it is tried no more.")
    failing: int = described("How much of it failed five times or more and is still tried.")
    oldest_at: datetime = described("When the oldest of it was first asked for.")


WorkErrorCode = error_codes(
    "WorkErrorCode", "failed work", "REQUIRED", "TOO_LONG", "INVALID", "CONFLICT"
)


@object_type
class WorkUserError(UserError):
    """Why a request about failed work was refused."""

    family = WorkErrorCode
    code: Enum = described("The reason for programs.", graphql_type=WorkErrorCode)


@object_type
class FailedWorkPayload(Payload[WorkUserError]):
    """The answer to what is done about failed work."""

    count: int = described(
        "How much work it was done to; 0 where it was done, retried or dropped before."
    )


def _failed(found: work.FailedWork) -> FailedWork:
    return FailedWork(
        id=encode("FailedWork", found.id),
        kind=found.kind,
        view=found,
        problem=found.problem,
        attempts=found.attempts,
        given_up=found.failed_at is not None,
        created_at=found.created_at,
        failed_at=found.failed_at,
        next_at=None if found.failed_at is not None else found.due_at,
    )


@object_type
class WorkQuery:
    """What an operator reads of failed work."""

    @resolver
    async def failed_work(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        kind: Annotated[str | None, about("Only work of this kind.")] = None,
    ) -> Connection[FailedWork]:
        """Work that failed five times in a row or more, newest first."""
        size = page_size(first)
        rows = await work.failed_work(
            info.context.reader,
            access.operator_of(info.context),
            kind=kind,
            after=decode_row(after),
            limit=size + 1,
            without=info.needs.without(FailedWork),
        )
        return connection(rows, size, after=after, node=_failed, key=lambda row: (str(row.id),))

    @resolver
    async def failed_work_item(self, info: Info, id: WorkId) -> FailedWork | None:
        """One piece of work; null where it is in no trouble, or not any more."""
        person = access.operator_of(info.context)
        without = info.needs.without(FailedWork)
        found = await work.failed_work_item(info.context.reader, person, _row(id), without=without)
        return None if found is None else _failed(found)

    @list_resolver(assumed=10)
    async def failed_work_counts(self, info: Info) -> list[FailedWorkCount]:
        """How much work is in trouble, by kind."""
        person = access.operator_of(info.context)
        counts = await work.failed_work_counts(info.context.reader, person)
        return [
            FailedWorkCount(
                kind=one.kind, given_up=one.given_up, failing=one.failing, oldest_at=one.oldest_at
            )
            for one in counts
        ]


@object_type
class WorkMutation:
    """What an operator does about failed work."""

    @resolver
    async def failed_work_retry(self, info: Info, id: WorkId) -> FailedWorkPayload:
        """Has one piece of work tried at once, from its first try on."""
        person = access.operator_of(info.context)
        call = work.work_retry(info.context.installation, person, _row(id))
        count, errors = await attempted(info.context, call, WorkUserError)
        return FailedWorkPayload(count=count or 0, user_errors=errors)

    @resolver
    async def failed_work_retry_all(self, info: Info, kind: Kind) -> FailedWorkPayload:
        """Has all work of a kind that is in trouble tried at once."""
        person = access.operator_of(info.context)
        call = work.work_retry_kind(info.context.installation, person, kind)
        count, errors = await attempted(info.context, call, WorkUserError)
        return FailedWorkPayload(count=count or 0, user_errors=errors)

    @resolver
    async def failed_work_drop(self, info: Info, id: WorkId, note: Note) -> FailedWorkPayload:
        """Gives one piece of work up for good, where it is tried no more."""
        person = access.operator_of(info.context)
        call = work.work_drop(info.context.installation, person, _row(id), note=note)
        count, errors = await attempted(info.context, call, WorkUserError)
        return FailedWorkPayload(count=count or 0, user_errors=errors)

    @resolver
    async def failed_work_drop_all(self, info: Info, kind: Kind, note: Note) -> FailedWorkPayload:
        """Gives all work of a kind up for good that is tried no more."""
        person = access.operator_of(info.context)
        call = work.work_drop_kind(info.context.installation, person, kind, note=note)
        count, errors = await attempted(info.context, call, WorkUserError)
        return FailedWorkPayload(count=count or 0, user_errors=errors)


def _row(wanted: strawberry.ID) -> UUID:
    return row_of("FailedWork", wanted)
