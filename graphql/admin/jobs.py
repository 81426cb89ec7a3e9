"""Longer work and how far it is."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.batches import Batch, batch_of
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.families import JobUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    Source,
    about,
    described,
    enum_type,
    object_type,
    resolver,
    shown,
    subscription,
    takes,
    value,
)
from keystall.graphql.ids import NOWHERE, encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.wording import worded
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.jobs.service import job_cancel


@enum_type
class JobState(Enum):
    """How far a job is."""

    QUEUED = value("queued", "Waiting for a worker.")
    RUNNING = value("running", "Being done.")
    DONE = value("done", "It came to its end; `result` tells what it came to.")
    FAILED = value("failed", "Given up; `result` says so.")
    CANCELED = value("canceled", "Canceled; what was done before stays done.")


@object_type
class CodesImported:
    """What an import has come to so far."""

    dry_run: bool = described("Whether it only counts.")
    added: int = described("How many codes were added; of a dry run: would be.")
    duplicates_in_file: int = described("How many lines repeat an earlier line of the file.")
    duplicates_in_stock: int = described("How many lines have a code that is in stock.")
    duplicates_sold: int = described("How many lines have a code that was sold already.")
    bad: int = described("How many lines are no code.")
    problem: str | None = described(
        "Why it failed, in the language of the request; null for one that did not."
    )
    upload_id: strawberry.ID | None = described(
        "The upload that a dry run has looked at, for the import itself; null for others."
    )


@object_type
class Job(Node):
    """A longer piece of work with its progress."""

    view: strawberry.Private[JobView]
    kind: str = described("What is being done, such as codes_import.")
    state: JobState = described("How far it is.")
    done: int = described("How many items are done.")
    total: int | None = described("How many items there are; null while that is not known.")
    progress: int | None = described("Share done, from 0 to 100; null while that is not known.")
    result: str | None = takes("input", "result")(
        shown(
            lambda job, context: _result(job.view, context.locale),
            "What came of it, in the language of the request; null before its end.",
        )
    )
    canceling: bool = described("Whether it was asked to stop and has not stopped yet.")
    created_at: datetime = described("When it was asked for.")
    finished_at: datetime | None = described("When it ended.")

    @takes("input")
    @resolver
    async def variant(self, info: Info) -> Variant | None:
        """The variant it works on, where it works on one."""
        asked = self.view.input.get("variant_id")
        found = await info.context.load(loads.variants, UUID(asked)) if asked else None
        return variant(found) if found else None

    @takes("input", "result")
    @resolver
    def codes(self, info: Info) -> CodesImported | None:
        """What it has come to, of a job that imports codes."""
        return _imported(self.view, info.context.locale) if self.kind == "codes_import" else None

    @resolver
    async def batch(self, info: Info) -> Batch | None:
        """The batch that it puts in stock, where it puts any."""
        return await batch_of(info.context, self.view.id)


@object_type
class JobCancelPayload(Payload[JobUserError]):
    """The answer to jobCancel."""

    job: Job | None = described("The job as it is now; null where it was refused.")


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
        return JobCancelPayload(job=job_shown(found) if found else None, user_errors=errors)


def _topic(context: RequestContext, id: str) -> str | None:
    row = row_of("Job", id)
    return f"{context.require_shop().id}:job:{row}" if row != NOWHERE else None


async def _is_over(context: RequestContext, id: str) -> bool:
    found = await job(context.reader, context.require_shop().id, row_of("Job", id))
    return found is None or found.state not in ("queued", "running")


@object_type
class JobSubscription:
    """What a merchant follows of jobs."""

    @subscription(Source(_topic, _is_over))
    async def job_changed(
        self, info: Info, id: Annotated[strawberry.ID, about("The job.")]
    ) -> Job | None:
        """A longer piece of work, again whenever it has come further, until its end. Null where
        there is none, and then it is over at once."""
        return await job_of(info.context, row_of("Job", id))


async def job_of(context: RequestContext, row: UUID) -> Job | None:
    """The job of this id; None where the shop has none."""
    shop, without = context.require_shop().id, context.without("Job")
    found = await job(context.reader, shop, row, without=without)
    return job_shown(found) if found else None


def job_shown(view: JobView) -> Job:
    """A job."""
    known = view.total > 0 or view.state == "done"
    return Job(
        id=encode("Job", view.id),
        kind=view.kind,
        state=JobState(view.state),
        done=view.done,
        total=view.total if known else None,
        progress=_progress(view) if known else None,
        canceling=view.cancel and view.state == "running",
        view=view,
        created_at=view.created_at,
        finished_at=view.finished_at,
    )


def _progress(view: JobView) -> int:
    return 100 * view.done // view.total if view.total else 100


def _imported(view: JobView, locale: str) -> CodesImported:
    result, dry_run = view.result, bool(view.input.get("dry_run"))
    waits = dry_run and not view.input["pasted"]
    return CodesImported(
        dry_run=dry_run,
        added=int(result.get("new" if dry_run else "added", 0)),
        duplicates_in_file=int(result.get("duplicates_in_file", 0)),
        duplicates_in_stock=int(result.get("duplicates_in_stock", 0)),
        duplicates_sold=int(result.get("duplicates_sold", 0)),
        bad=int(result.get("bad", 0)),
        problem=_problem(result, locale) if "problem" in result else None,
        upload_id=encode("Upload", UUID(view.input["file_id"])) if waits else None,
    )


def _problem(result: Mapping[str, Any], locale: str) -> str:
    line = {"line": int(result["line"])} if "line" in result else {}
    words = worded(f"import.{result['problem']}", locale, line)
    return f"{words} {worded('line.' + result['reason'], locale)}" if line else words


def _result(view: JobView, locale: str) -> str | None:
    if view.state in ("queued", "running"):
        return None
    counted = {
        "added": int(view.result.get("added", view.result.get("new", 0))),
        "duplicates": sum(
            int(view.result.get(f"duplicates_{where}", 0))
            for where in ("in_file", "in_stock", "sold")
        ),
        "bad": int(view.result.get("bad", 0)),
    }
    tried = view.state == "done" and view.input.get("dry_run")
    return worded("job.tried" if tried else f"job.{view.state}", locale, counted)
