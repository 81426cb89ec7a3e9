"""What a provider says, stored once before anything believes it.

A callback that came and an answer to our own question land here alike, under the event's key: told
and asked are the same event, and `application.py` applies it once.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.payments.port import Hint, Notice
from keystall.tenants.writing import Writing

ASKED = b""
"""Stands for the body of a callback where there was none: the provider answered a question."""


class UnknownAccount(LookupError):
    """A notice for a payment account that this shop has not."""


async def store_notice(
    tx: Writing, shop: UUID, notice: Notice | Hint, *, provider: str, account: UUID, body: bytes
) -> UUID | None:
    """Stores a notice and leaves the work of applying it; answers that work's id.

    None where the event was stored before. Raises UnknownAccount.
    """
    inbox_id = new_id()
    stored = await tx.row(
        _STORE.format(named="", posted=""),
        shop, inbox_id, account, notice.event_key, body, _told(notice), provider,
    )  # fmt: skip
    if stored is None or not stored["known"]:
        raise UnknownAccount(str(account))
    return await tx.post("payment.apply", inbox_id) if stored["fresh"] else None


async def receive_notice(
    shop: UUID, notice: Notice | Hint, *, provider: str, account: UUID, body: bytes
) -> bool:
    """The same as a unit of work that is one statement: a provider waits for its answer. Answers
    whether there is work now, of which a relay is to be told. Raises UnknownAccount."""
    stored = await database.alone(shop).row(
        _STORE.format(named=" and {named}", posted=_POSTED),
        shop, new_id(), account, notice.event_key, body, _told(notice), provider, new_id(),
        clock.now(),
    )  # fmt: skip
    if stored is None or not stored["known"]:
        raise UnknownAccount(str(account))
    return bool(stored["fresh"])


# The join makes sure that the account is this shop's: a notice signed for another shop's account is
# nobody's here.
_STORE = """
with account as (
  select id from payment_accounts where shop_id = $1 and id = $3 and provider = $7{named}
), stored as (
  insert into inbox (shop_id, id, account_id, event_key, body, notice)
  select $1, $2, account.id, $4, $5, $6 from account
  on conflict (shop_id, account_id, event_key) do nothing returning id
){posted}
select exists (select from account) as known, exists (select from stored) as fresh"""
_POSTED = """, posted as (
  insert into outbox (shop_id, id, kind, subject_id, due_at)
  select $1, $8, 'payment.apply', id, $9 from stored)"""


def _told(notice: Notice | Hint) -> Mapping[str, Any]:
    return asdict(notice) | {"occurred_at": notice.occurred_at.isoformat()}
