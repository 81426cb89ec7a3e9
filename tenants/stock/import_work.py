"""Putting a file of codes in stock: the worker's side.

The file is read in bounded memory, thousands of lines a transaction. Each of them locks the job,
adds the codes, keeps what was left out, notes how far it is and keeps the work leased. A worker
that dies is followed by one that goes on where the job says; two that run at once notice it, and
one leaves.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.crypto import Unreadable
from keystall.platform.files import FileMissing
from keystall.platform.resting import resting
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.service import job_finish
from keystall.tenants.outbox.claims import claim, peek
from keystall.tenants.stock.card_files import (
    Survey,
    TooManyLines,
    UndecidableEncoding,
    card_runs,
    first_bad,
    survey,
)
from keystall.tenants.stock.insertion import Batch, add_codes, begin_batch, stocked
from keystall.tenants.stock.low_stock import stock_has_risen
from keystall.tenants.stock.rejects import Reject, forget_later, keep_rejects
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.stock.steps import NewCodes, Step, Stepping, looked_up_anew
from keystall.tenants.stock.uploads import drop_codes, open_codes
from keystall.tenants.writing import Writing, writing

Ending = Literal["done", "failed", "canceled"]

STEP = 10_000
"""Lines a transaction: a tenth of a second, so that nobody waits for long, nor does a cancel."""
LEASE = timedelta(seconds=30)
"""How long after its last sign of life an import is handed out to another worker."""
_TOLD_SECONDS = 0.5
"""Between two announcements of progress: every open page asks again at each."""

_PROBLEMS: Mapping[type[Exception], str] = {
    FileMissing: "FILE_MISSING",
    Unreadable: "FILE_UNREADABLE",  # or nothing that it held could be sealed: keys destroyed
    UndecidableEncoding: "ENCODING_UNKNOWN",
    TooManyLines: "TOO_MANY",
}


@dataclass(slots=True)
class _Import:
    """An import under way."""

    installation: Installation
    shop: UUID
    item: UUID
    job: UUID
    asked: Mapping[str, Any]
    told: float = 0.0

    @property
    def file(self) -> UUID:
        return UUID(self.asked["file_id"])

    @property
    def variant(self) -> UUID:
        return UUID(self.asked["variant_id"])

    @property
    def dry_run(self) -> bool:
        return bool(self.asked.get("dry_run"))

    @property
    def batch(self) -> Batch:
        asked = self.asked
        expiry = asked.get("expires_at")
        return Batch(
            id=self.job, variant=self.variant, source="paste" if asked["pasted"] else "upload",
            supplier=asked.get("supplier", ""), note=asked.get("note", ""), cost=asked.get("cost"),
            currency=asked.get("currency", ""),
            expires_at=datetime.fromisoformat(expiry) if expiry else None,
        )  # fmt: skip

    async def content(self) -> Iterator[bytes]:
        return resting(await open_codes(self.installation, self.shop, self.file))

    def survey(self, content: Iterator[bytes]) -> Survey:
        asked = self.asked
        return survey(content, sheet=asked.get("sheet", False), plain=asked.get("plain", False))

    def steps(
        self, content: Iterator[bytes], cipher: ShopCipher, found: Survey, done: int
    ) -> Iterator[Step]:
        currency = self.asked.get("currency", "CNY")
        stepping = Stepping(self.variant, cipher, currency, STEP, done)
        return stepping.steps(card_runs(content, found), found.lines)


class _Elsewhere(Exception):
    """Another worker goes on with this import, or has ended it."""


async def import_codes(installation: Installation, shop: UUID, item: UUID) -> None:
    """Does, or goes on with, the import that the outbox row `item` is about.

    Ends the job as done, canceled (what was added stays) or failed, its `result` holding how many
    codes were `added` (of a dry run: are `new`), how many lines are `duplicates_in_file`,
    `duplicates_in_stock`, `duplicates_sold`, `bad`; of one that failed `problem`: FILE_MISSING,
    FILE_UNREADABLE, ENCODING_UNKNOWN, TOO_MANY, BAD_LINES (with the first `line` and `reason`).
    `done` and `total` count lines of the file.
    """
    with suppress(_Elsewhere):
        work = await _take_up(installation, shop, item)
        if work is not None:
            await _do(work)


async def _do(work: _Import) -> None:
    try:
        found = await asyncio.to_thread(work.survey, await work.content())
        bad = None
        if not work.asked.get("skip_bad"):
            bad = await asyncio.to_thread(first_bad, await work.content(), found)
        if bad is None:
            await _run(work, found)
        else:
            told = {"problem": "BAD_LINES", "line": bad.line, "reason": bad.reason}
            await _end(work, "failed", told)
    except tuple(_PROBLEMS) as error:
        problem = next(name for kind, name in _PROBLEMS.items() if isinstance(error, kind))
        await _end(work, "failed", {"problem": problem})
    if not work.dry_run or work.asked["pasted"]:
        await drop_codes(work.installation, work.shop, work.file)


async def _run(work: _Import, found: Survey) -> None:
    done: int | None = await _start(work, found)
    async with database.transaction(work.shop) as tx:
        cipher = await shop_cipher(tx, work.installation.keys, work.shop)
    steps = work.steps(await work.content(), cipher, found, done or 0)
    while done is not None and (step := await asyncio.to_thread(next, steps, None)) is not None:
        done = await _add(work, done, step)
    await _end(work, "canceled" if done is None else "done")


async def _take_up(installation: Installation, shop: UUID, item: UUID) -> _Import | None:
    async with writing(installation, shop) as tx:
        job_id = await peek(tx, shop, item)
        if job_id is None:
            return None
        job = await _locked(tx, shop, job_id)
        work = _Import(installation, shop, item, job_id, job["input"])
        if job["state"] in ("queued", "running"):
            await _keep_leased(tx, work)
            return work
        await claim(tx, shop, item)
    # Canceled before anything was begun.
    if not work.dry_run or work.asked["pasted"]:
        await drop_codes(installation, shop, work.file)
    return None


async def _start(work: _Import, found: Survey) -> int:
    """How many lines an earlier worker has dealt with."""
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if job["state"] == "running":
            return int(job["done"])
        if job["state"] != "queued":
            raise _Elsewhere
        if not work.dry_run:
            await begin_batch(tx, work.shop, work.batch)
        nothing = dict.fromkeys(
            ("duplicates_in_file", "duplicates_in_stock", "duplicates_sold", "bad"), 0
        )
        await tx.execute(
            "update jobs set state = 'running', total = $3, result = $4"
            " where shop_id = $1 and id = $2",
            work.shop, work.job, found.lines,
            {("new" if work.dry_run else "added"): 0, **nothing},
        )  # fmt: skip
        tx.announce(f"job:{work.job}")
    return 0


async def _add(work: _Import, done: int, step: Step) -> int | None:
    """Adds a step that follows `done` lines; answers how many are dealt with, None if canceled."""
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if job["state"] != "running" or job["done"] != done:
            raise _Elsewhere
        if job["cancel"]:
            return None
        # Nobody is told that a step is there for good before the import ends, with a commit that
        # waits for all before it. Were the database to lose some, `done` would be lost with them.
        # Plans are made for the stock as it is: one of a first step would read all that came since.
        await tx.execute(
            "select set_config('synchronous_commit', 'off', true),"
            " set_config('plan_cache_mode', 'force_custom_plan', true)"
        )
        # Inside: keys that rotate while a long import runs are met at its next step.
        cipher = await shop_cipher(tx, work.installation.keys, work.shop)
        if step.version != cipher.version:
            step = await asyncio.to_thread(looked_up_anew, step, work.variant, cipher)
        known = await _try(tx, work, step, cipher)
        rejects = sorted(step.rejects + _rejects_of(step.codes, known))
        await keep_rejects(tx, work.shop, work.job, cipher=cipher, part=step.upto, rejects=rejects)
        sold = sum(state == "sold" for state in known.values())
        result = dict(job["result"])
        result["new" if work.dry_run else "added"] += len(step.codes) - len(known)
        result["duplicates_in_stock"] += len(known) - sold
        result["duplicates_sold"] += sold
        result["duplicates_in_file"] += step.repeats
        result["bad"] += step.bad
        await tx.execute(
            "update jobs set done = $3, result = $4 where shop_id = $1 and id = $2",
            work.shop, work.job, step.upto, result,
        )  # fmt: skip
        await _keep_leased(tx, work)
        if monotonic() - work.told >= _TOLD_SECONDS:
            work.told = monotonic()
            tx.announce(f"job:{work.job}")
    return step.upto


async def _try(tx: Writing, work: _Import, step: Step, cipher: ShopCipher) -> Mapping[int, str]:
    """The lines of the step's codes that were there before, and in which state; the others are
    added but in a dry run."""
    if work.dry_run:
        return await stocked(tx, work.shop, work.variant, cipher, step.codes)
    return await add_codes(tx, work.shop, work.batch, cipher, step.codes)


def _rejects_of(codes: NewCodes, known: Mapping[int, str]) -> list[Reject]:
    if not known:
        return []
    return [
        Reject(line, "SOLD" if known[line] == "sold" else "IN_STOCK", 0, text.decode())
        for line, text in zip(codes.lines, codes.texts, strict=True)
        if line in known
    ]


async def _end(work: _Import, state: Ending, found: Mapping[str, Any] | None = None) -> None:
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if await claim(tx, work.shop, work.item) is None:
            raise _Elsewhere
        result = {**job["result"], **(found or {})}
        if not await job_finish(tx, work.shop, work.job, state, result=result):
            raise _Elsewhere
        if result.get("added"):
            await stock_has_risen(tx, work.shop, [work.variant])
        await forget_later(tx, work.job)


async def _locked(tx: Writing, shop: UUID, job_id: UUID) -> Mapping[str, Any]:
    job = await tx.row(
        "select state, done, cancel, input, result from jobs"
        " where shop_id = $1 and id = $2 for update",
        shop, job_id,
    )  # fmt: skip
    if job is None:
        raise _Elsewhere
    return job


async def _keep_leased(tx: Writing, work: _Import) -> None:
    await tx.execute(
        "update outbox set due_at = $3 where shop_id = $1 and id = $2 and done_at is null",
        work.shop, work.item, clock.now() + LEASE,
    )  # fmt: skip
