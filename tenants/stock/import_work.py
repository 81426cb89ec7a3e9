"""Putting a file of codes in stock: the worker's side.

A chunk of codes a transaction. Each of them locks the job, adds the codes, notes how far it is and
keeps the work leased. A worker that dies is followed by one that goes on where the job says; two
that run at once notice it, and one leaves.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from keystall.platform import clock
from keystall.platform.crypto import Unreadable
from keystall.platform.files import FileMissing
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.service import job_finish
from keystall.tenants.outbox.claims import claim, peek
from keystall.tenants.stock.card_files import ParsedCode, ParsedFile
from keystall.tenants.stock.previews import parse_codes
from keystall.tenants.stock.sealing import KeysDestroyed, ShopCipher, shop_cipher
from keystall.tenants.stock.uploads import drop_codes, open_codes
from keystall.tenants.writing import Writing, writing

Ending = Literal["done", "failed", "canceled"]

CHUNK = 1_000
LEASE = timedelta(seconds=30)
"""How long after its last sign of life an import is handed out to another worker."""


@dataclass(frozen=True, slots=True)
class _Import:
    """An import under way."""

    installation: Installation
    shop: UUID
    item: UUID
    job: UUID
    variant_id: UUID
    file_id: UUID
    pasted: bool


@dataclass(frozen=True, slots=True)
class _SealedCode:
    id: UUID
    sealed: bytes
    lookup: bytes
    older: Sequence[bytes]


class _Elsewhere(Exception):
    """Another worker goes on with this import, or has ended it."""


async def import_codes(installation: Installation, shop: UUID, item: UUID) -> None:
    """Does, or goes on with, the import that the outbox row `item` is about.

    Ends the job as done, canceled (what was added stays) or failed, its `result` holding how many
    codes were `added`, how many lines are `duplicates_in_file`, `duplicates_in_stock`, `bad`; of
    one that failed `problem`: FILE_MISSING or FILE_UNREADABLE. `done` and `total` count codes.
    """
    try:
        work = await _take_up(installation, shop, item)
        if work is not None:
            await _do(work)
    except _Elsewhere:
        return


async def _do(work: _Import) -> None:
    try:
        parsed = await _parsed(work)
    except FileMissing:
        await _end(work, "failed", problem="FILE_MISSING")
    except (Unreadable, Refused):
        await _end(work, "failed", problem="FILE_UNREADABLE")
    else:
        await _add_all(work, parsed)
    await drop_codes(work.installation, work.shop, work.file_id)


async def _add_all(work: _Import, parsed: ParsedFile) -> None:
    done: int | None = await _start(work, parsed)
    try:
        while done is not None and done < len(parsed.codes):
            done = await _add(work, done, parsed.codes[done : done + CHUNK])
    except KeysDestroyed:
        await _end(work, "failed", problem="FILE_UNREADABLE")
    else:
        await _end(work, "canceled" if done is None else "done")


async def _take_up(installation: Installation, shop: UUID, item: UUID) -> _Import | None:
    async with writing(installation, shop) as tx:
        job_id = await peek(tx, shop, item)
        if job_id is None:
            return None
        job = await _locked(tx, shop, job_id)
        file_id = UUID(job["input"]["file_id"])
        work = _Import(
            installation, shop, item, job_id, UUID(job["input"]["variant_id"]), file_id,
            job["input"]["pasted"],
        )  # fmt: skip
        if job["state"] in ("queued", "running"):
            await _keep_leased(tx, work)
            return work
        await claim(tx, shop, item)
    # Canceled before anything was begun.
    await drop_codes(installation, shop, file_id)
    return None


async def _parsed(work: _Import) -> ParsedFile:
    content = await open_codes(work.installation, work.shop, work.file_id)
    return await parse_codes(content.decode() if work.pasted else content)


async def _start(work: _Import, parsed: ParsedFile) -> int:
    """How many codes an earlier worker has dealt with."""
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if job["state"] == "running":
            return int(job["done"])
        if job["state"] != "queued":
            raise _Elsewhere
        await tx.execute(
            "insert into batches (shop_id, id, variant_id, source) values ($1, $2, $3, $4)",
            work.shop, work.job, work.variant_id, "paste" if work.pasted else "upload",
        )  # fmt: skip
        await tx.execute(
            "update jobs set state = 'running', total = $3, result = $4"
            " where shop_id = $1 and id = $2",
            work.shop, work.job, len(parsed.codes),
            {
                "added": 0,
                "duplicates_in_file": len(parsed.duplicates),
                "duplicates_in_stock": 0,
                "bad": len(parsed.bad),
            },
        )  # fmt: skip
        tx.announce(f"job:{work.job}")
    return 0


def _sealed(work: _Import, cipher: ShopCipher, chunk: Sequence[ParsedCode]) -> list[_SealedCode]:
    sealed = []
    for code in chunk:
        row = new_id()
        sealed.append(
            _SealedCode(
                row,
                cipher.seal_code(work.variant_id, row, code.text),
                cipher.lookup(work.variant_id, code.text),
                cipher.older_lookups(work.variant_id, code.text),
            )
        )
    return sealed


async def _add(work: _Import, done: int, chunk: Sequence[ParsedCode]) -> int | None:
    """Adds what follows `done` codes; answers how many are dealt with, None if to be canceled."""
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if job["state"] != "running" or job["done"] != done:
            raise _Elsewhere
        if job["cancel"]:
            return None
        # Inside: keys that rotate while a long import runs are met at its next chunk.
        cipher = await shop_cipher(tx, work.installation.keys, work.shop)
        sealed = await asyncio.to_thread(_sealed, work, cipher, chunk)
        added = await _insert(tx, work, cipher, sealed)
        result = dict(job["result"])
        result["added"] += added
        result["duplicates_in_stock"] += len(chunk) - added
        done += len(chunk)
        await tx.execute(
            "update jobs set done = $3, result = $4 where shop_id = $1 and id = $2",
            work.shop, work.job, done, result,
        )  # fmt: skip
        await _keep_leased(tx, work)
        tx.announce(f"job:{work.job}")
    return done


async def _insert(
    tx: Writing, work: _Import, cipher: ShopCipher, chunk: Sequence[_SealedCode]
) -> int:
    # Two imports with the same codes in another order would wait for each other in a circle. Not
    # FOR UPDATE: orders that refer to the variant need not wait.
    await tx.execute(
        "select from variants where shop_id = $1 and id = $2 for no key update",
        work.shop, work.variant_id,
    )  # fmt: skip
    if cipher.older:
        stocked = await _in_stock(tx, work, [lookup for code in chunk for lookup in code.older])
        chunk = [code for code in chunk if stocked.isdisjoint(code.older)]
    # In the file's order, which `position` keeps: first in, first sold.
    return await tx.execute(
        """
        insert into codes (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)
        select $1, id, $2, $3, 'available', sealed, $4, lookup
        from unnest($5::uuid[], $6::bytea[], $7::bytea[]) with ordinality
          as given (id, sealed, lookup, n)
        order by n
        on conflict (shop_id, variant_id, lookup) do nothing
        """,
        work.shop, work.variant_id, work.job, cipher.version,
        [code.id for code in chunk],
        [code.sealed for code in chunk],
        [code.lookup for code in chunk],
    )  # fmt: skip


async def _in_stock(tx: Writing, work: _Import, lookups: Sequence[bytes]) -> set[bytes]:
    """Those of the older keys' lookups that are in stock still.

    One that is not was sealed anew before, and the newest key's lookup meets it.
    """
    rows = await tx.rows(
        "select lookup from codes"
        " where shop_id = $1 and variant_id = $2 and lookup = any ($3::bytea[])",
        work.shop, work.variant_id, lookups,
    )  # fmt: skip
    return {row["lookup"] for row in rows}


async def _end(work: _Import, state: Ending, *, problem: str | None = None) -> None:
    async with writing(work.installation, work.shop) as tx:
        job = await _locked(tx, work.shop, work.job)
        if await claim(tx, work.shop, work.item) is None:
            raise _Elsewhere
        result = {**job["result"], **({} if problem is None else {"problem": problem})}
        if not await job_finish(tx, work.shop, work.job, state, result=result):
            raise _Elsewhere


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
