"""The lines that an import left out, each with its reason, for its merchant to mend.

They hold codes, so they rest sealed, a part for each step of the import that left out anything,
written in the transaction of that step: a worker that dies loses none and doubles none.
"""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.writing import Writing, writing

KEPT = timedelta(days=30)
SEALED = "import_rejects.sealed"
FORGET = "codes.forget_rejects"
MAX_TEXT = 5_000
"""Characters of a line that are kept: a code has fewer."""


class Reject(NamedTuple):
    """A line and why: a LineProblem, IN_FILE (`first_line` had it), IN_STOCK or SOLD."""

    line: int
    reason: str
    first_line: int
    text: str

    def __repr__(self) -> str:
        return f"Reject(line={self.line}, reason={self.reason})"


async def keep_rejects(
    tx: Writing, shop: UUID, job: UUID, *, cipher: ShopCipher, part: int, rejects: Sequence[Reject]
) -> None:
    """Keeps what one step left out; `part` orders the steps."""
    if not rejects:
        return
    content = json.dumps([reject._replace(text=reject.text[:MAX_TEXT]) for reject in rejects])
    row = new_id()
    await tx.execute(
        "insert into import_rejects (shop_id, id, job_id, part, lines, sealed)"
        " values ($1, $2, $3, $4, $5, $6)",
        shop, row, job, part, len(rejects), cipher.seal_secret(SEALED, row, content.encode()),
    )  # fmt: skip


async def read_rejects(
    installation: Installation, shop: UUID, job: UUID
) -> AsyncIterator[Sequence[Reject]]:
    """What an import left out, a step at a time, in the file's order. Raises Unreadable."""
    part = -1
    while True:
        async with database.transaction(shop) as tx:
            cipher = await shop_cipher(tx, installation.keys, shop)
            row = await tx.row(
                "select id, part, sealed from import_rejects"
                " where shop_id = $1 and job_id = $2 and part > $3 order by part limit 1",
                shop, job, part,
            )  # fmt: skip
        if row is None:
            return
        part = row["part"]
        opened = cipher.open_secret(SEALED, row["id"], row["sealed"])
        yield [Reject(*fields) for fields in json.loads(opened)]


async def forget_rejects(installation: Installation, shop: UUID, item: UUID) -> None:
    """Removes them when they were kept for long enough."""
    async with writing(installation, shop) as tx:
        job = await claim(tx, shop, item)
        if job is not None:
            await tx.execute(
                "delete from import_rejects where shop_id = $1 and job_id = $2", shop, job
            )


async def forget_later(tx: Writing, job: UUID) -> None:
    """Has them removed in 30 days."""
    await tx.post(FORGET, job, due_at=clock.now() + KEPT)
