"""Codes that go into a mail to their buyer, where the shop wants that (docs/decisions/0048).

They are opened by the worker when it is about to send, and live in its memory alone: neither the
outbox nor a job knows more than the order's id.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import structlog

from keystall.platform.crypto import Unreadable
from keystall.platform.database import Row, Transaction
from keystall.tenants.delivery.service import COLUMNS, reveal_rows
from keystall.tenants.installation import Installation
from keystall.tenants.mails.port import NO_CODES, LineCodes, MailedCodes
from keystall.tenants.stock.sealing import shop_cipher

MAILED_CODES = 100
MAILED_BYTES = 64 * 1024
"""What one mail takes of codes, sealed: mail programs cut off what is much longer."""
MAILED_TO = "mail"
"""What a reveal has in place of the address it was asked from."""

_log = structlog.get_logger()


async def codes_to_mail(
    tx: Transaction, installation: Installation, shop: UUID, order: UUID, only: UUID | None = None
) -> MailedCodes:
    """The good codes of a delivered order, or `only` one of them; each is recorded as shown to the
    buyer, for every mail that is tried.

    NO_CODES where its shop mails none, and where nobody can read them any more.
    """
    bought = await tx.rows(
        "select id, product_name, variant_name from order_lines"
        " where shop_id = $1 and order_id = $2"
        " and exists (select from shops where id = $1 and mail_codes) order by position",
        shop, order,
    )  # fmt: skip
    if not bought:
        return NO_CODES
    try:
        cipher = await shop_cipher(tx, installation.keys, shop)
        found = await tx.rows(
            f"""
            select {COLUMNS}, count(*) over () as good from codes
            where shop_id = $1 and order_line_id = any ($2::uuid[]) and state = 'sold'
              and bad_at is null and ($3::uuid is null or id = $3)
            order by position limit $4
            """,  # noqa: S608  (a constant)
            shop, [line["id"] for line in bought], only, MAILED_CODES,
        )  # fmt: skip
        rows = list(_fitting(found))
        opened = await reveal_rows(tx, cipher, shop, rows, actor="buyer", address=MAILED_TO)
    except Unreadable:
        _log.warning("codes of a mail cannot be read")
        return NO_CODES
    lines = tuple(_by_line(bought, rows, opened))
    return MailedCodes(lines, found[0]["good"] - len(rows) if found else 0)


def _fitting(rows: Sequence[Row]) -> Iterator[Row]:
    left = MAILED_BYTES
    for row in rows:
        left -= len(row["sealed"])
        if left < 0:
            return
        yield row


def _by_line(
    bought: Sequence[Row], rows: Sequence[Row], opened: dict[UUID, str]
) -> Iterator[LineCodes]:
    for line in bought:
        codes = tuple(opened[row["id"]] for row in rows if row["order_line_id"] == line["id"])
        if codes:
            yield LineCodes(line["product_name"], line["variant_name"], codes)
