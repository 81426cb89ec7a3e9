"""Who is at work in this task, so that what they change is recorded with the change.

The gateway says it once for each mutation (`acting`); every unit of work of `writing` then opens
an entry of the log, and triggers put below it the rows that change. No service says anything, so
none can forget it. Work that nobody asked for just now (jobs, sweeps) is the system's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.platform.ids import new_id

ActorKind = Literal["account", "token", "operator", "system"]
LONGEST_NOTE = 300
"""Characters kept of a browser's description of itself."""


@dataclass(frozen=True, slots=True)
class Act:
    """A deed about to be done. `operation` as the API calls it; `object_id` None where it is not
    known yet: it is that of the first row of its kind that changes."""

    actor_kind: ActorKind
    actor_id: UUID | None
    actor_name: str
    operation: str
    object_kind: str
    object_id: UUID | None = None
    address: str = ""
    user_agent: str = ""
    id: UUID = field(default_factory=new_id)


_CURRENT: ContextVar[Act | None] = ContextVar("act", default=None)


@contextmanager
def acting(act: Act) -> Iterator[None]:
    """What is written inside is `act`'s doing."""
    token = _CURRENT.set(act)
    try:
        yield
    finally:
        _CURRENT.reset(token)


async def entry_opened(tx: Transaction, shop: UUID) -> None:
    """Writes the entry of the deed at hand, if there is one: once, however many units of work it
    takes. What changes from here on stands below it. A token goes by the name that it has."""
    act = _CURRENT.get()
    if act is None:
        return
    await tx.execute(
        """
        with bound as (select set_config('app.audit', $2::uuid::text, true))
        insert into audit_entries (shop_id, id, actor_kind, actor_id, actor_name, operation,
                                   object_kind, object_id, address, user_agent)
        select $1, $2, $3, $4,
               case $3 when 'token' then
                 coalesce((select name from api_tokens where shop_id = $1 and id = $4), '')
               else $5 end,
               $6, $7, $8, $9, $10
        from bound
        on conflict (shop_id, id) do nothing
        """,
        shop, act.id, act.actor_kind, act.actor_id, act.actor_name, act.operation,
        act.object_kind, act.object_id, act.address, act.user_agent[:LONGEST_NOTE],
    )  # fmt: skip
