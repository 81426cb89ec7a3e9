"""What a provider says, stored once before anything believes it.

A callback that came and an answer to our own question land here alike, under the event's key: told
and asked are the same event, and `application.py` applies it once.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

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
    # The join makes sure that the account is this shop's: a notice signed for another shop's
    # account is nobody's here.
    stored = await tx.row(
        """
        with account as (
          select id from payment_accounts where shop_id = $1 and id = $3 and provider = $7
        ), stored as (
          insert into inbox (shop_id, id, account_id, event_key, body, notice)
          select $1, $2, account.id, $4, $5, $6 from account
          on conflict (shop_id, account_id, event_key) do nothing returning id)
        select exists (select from account) as known, (select id from stored) as id
        """,
        shop, inbox_id, account, notice.event_key, body, _told(notice), provider,
    )  # fmt: skip
    if stored is None or not stored["known"]:
        raise UnknownAccount(str(account))
    return None if stored["id"] is None else await tx.post("payment.apply", inbox_id)


def _told(notice: Notice | Hint) -> Mapping[str, Any]:
    return asdict(notice) | {"occurred_at": notice.occurred_at.isoformat()}
