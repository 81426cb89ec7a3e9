"""Longer work and how far it is."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.families import JobUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, enum_type, object_type, resolver, value
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import attempted
from keystall.graphql.wording import worded
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.jobs.service import job_cancel


@enum_type
class JobState(Enum):
    """How far a job is."""

    QUEUED = value("queued", "Waiting for a worker.")
    RUNNING = value("running", "Being done.")
    DONE = value("done", "Done.")
    FAILED = value("failed", "Given up; `result` says so.")
    CANCELED = value("canceled", "Canceled; what was done before stays done.")


@object_type
class Job(Node):
    """A longer piece of work with its progress."""

    view: strawberry.Private[JobView]
    kind: str = described("What is being done, such as codes_import.")
    state: JobState = described("How far it is.")
    done: int = described("How many items are done.")
    total: int | None = described("How many items there are; null while that is not known.")
    progress: int | None = described("Share done, from 0 to 100; null while that is not known.")
    result: str | None = described(
        "What came of it, in the language of the request; null before its end."
    )
    created_at: datetime = described("When it was asked for.")
    finished_at: datetime | None = described("When it ended.")

    @resolver
    async def variant(self, info: Info) -> Variant | None:
        """The variant it works on, where it works on one."""
        asked = self.view.input.get("variant_id")
        found = await info.context.load(loads.variants, UUID(asked)) if asked else None
        return variant(found) if found else None


@object_type
class JobCancelPayload:
    """The answer to jobCancel."""

    job: Job | None = described("The job as it is now; null where it was refused.")
    user_errors: list[JobUserError] = described("Why it was refused; empty on success.")


@object_type
class JobMutation:
    """What a merchant does with jobs."""

    @resolver
    async def job_cancel(
        self, info: Info, id: Annotated[strawberry.ID, about("The job.")]
    ) -> JobCancelPayload:
        """Asks a job to stop; what it did before stays done."""
        context = info.context
        call = job_cancel(context.installation, context.require_shop().id, row_of("Job", id))
        found, errors = await attempted(context, call, JobUserError)
        return JobCancelPayload(job=shown(context, found) if found else None, user_errors=errors)


async def job_of(context: RequestContext, row: UUID) -> Job | None:
    """The job of this id; None where the shop has none."""
    found = await job(context.reader, context.require_shop().id, row)
    return shown(context, found) if found else None


def shown(context: RequestContext, view: JobView) -> Job:
    """A job, its outcome in the reader's language."""
    known = view.total > 0 or view.state == "done"
    return Job(
        id=encode("Job", view.id),
        kind=view.kind,
        state=JobState(view.state),
        done=view.done,
        total=view.total if known else None,
        progress=_progress(view) if known else None,
        result=_result(view, context.locale),
        view=view,
        created_at=view.created_at,
        finished_at=view.finished_at,
    )


def _progress(view: JobView) -> int:
    return 100 * view.done // view.total if view.total else 100


def _result(view: JobView, locale: str) -> str | None:
    if view.state in ("queued", "running"):
        return None
    counted = {
        "added": int(view.result.get("added", 0)),
        "duplicates": int(view.result.get("duplicates_in_file", 0))
        + int(view.result.get("duplicates_in_stock", 0)),
        "bad": int(view.result.get("bad", 0)),
    }
    return worded(f"job.{view.state}", locale, counted)
