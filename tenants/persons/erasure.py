"""Erasing one person: a transaction a shop, so that an installation is never held up.

Who bought is forgotten; number, goods, amounts, dates, states, codes and the ledger stay as they
are. Doing it again does no harm, so a run that was cut off is simply done again. What it would do
is found by doing it in a transaction that is rolled back: the two cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from keystall.platform import database
from keystall.platform.crypto import KeyRing
from keystall.platform.database import Row
from keystall.platform.mail import FolderMailer, mailer_from
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.orders.buyers import ERASED
from keystall.tenants.orders.service import end_hold
from keystall.tenants.persons.address import mentions, pattern_of
from keystall.tenants.shops.shop import Shop
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import INSTALLATION, Writing, writing

NOTE_LIMIT = 500

PersonData = Literal[
    "orders", "carts", "reports", "reveals", "exports", "callbacks", "mails", "texts", "deeds",
    "customers", "invitations", "deliveries", "accounts", "sessions", "links", "memberships",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonInShop:
    """What a shop has of a person, by kind; kinds of which there is nothing are not in it."""

    shop: UUID
    slug: str
    name: str
    counts: Mapping[PersonData, int]
    in_flight: Sequence[str]
    """Numbers of orders that are paid and not settled."""


@dataclass(frozen=True, slots=True)
class PersonPreview:
    """What would be erased. `left_alone`: shops that are open and have no other owner."""

    shops: Sequence[PersonInShop]
    account: Mapping[PersonData, int] = field(default_factory=dict)
    is_operator: bool = False
    left_alone: Sequence[str] = ()


class _OnlyLooking(Exception):
    """Rolls a preview back."""


async def person_preview(installation: Installation, viewer: Viewer, email: str) -> PersonPreview:
    """What there is of whoever has this address, in every shop; changes nothing. Refuses
    EMAIL_INVALID."""
    address = _address(email)
    shops, account = await _found(viewer, address)
    held = None if account is None else account["id"]
    keys = installation.keys
    seen = [await _preview(row, keys, address, held) for row in shops]
    return PersonPreview(
        shops=[one for one in seen if one.counts],
        account={} if account is None else _kept(account),
        is_operator=account is not None and account["is_operator"],
        left_alone=[] if account is None else account["left_alone"],
    )


async def person_erase(installation: Installation, viewer: Viewer, *, email: str, note: str) -> int:
    """Erases whoever has this address from every shop, with their account, and notes that it was
    done, without the address. Answers how many rows it was; 0 where nothing was left.

    Unpaid orders expire first. Refuses EMAIL_INVALID; REQUIRED, TOO_LONG, INVALID for the note;
    IN_FLIGHT for orders that are paid and not settled; SOLE_OWNER for shops that are open;
    OPERATOR_ACCOUNT. Where it refuses, nothing has changed, unless an order was placed meanwhile.
    """
    errors = text_errors(note, "note", limit=NOTE_LIMIT, required=True, lines=True)
    if errors:
        raise Refused(*errors)
    address = _address(email)
    preview = await person_preview(installation, viewer, address)
    _refuse_hindered(preview)
    shops, account = await _found(viewer, address)
    held = None if account is None else account["id"]
    count = 0
    for row in shops:
        async with writing(installation, row["id"]) as tx:
            erased = await _erase(tx, row["id"], address, held)
        count += sum(erased.values())
    async with writing(installation, INSTALLATION) as tx:
        total: int = await tx.value(
            "select operator_person_end($1, $2, $3, $4, $5)",
            viewer.secret_hash, address, pattern_of(address), note.strip(), count,
        )  # fmt: skip
    await _forget_mails(installation, address)
    return total


async def buyer_erase(installation: Installation, shop: Shop, order: UUID) -> None:
    """Erases the buyer of an order from this shop alone, with all that they bought here; nothing
    where that was done before. Refuses NOT_FOUND; IN_FLIGHT."""
    async with writing(installation, shop.id) as tx:
        address = await tx.value(
            "select email from orders where shop_id = $1 and id = $2", shop.id, order
        )
        if address is None:
            raise refuse("NOT_FOUND", "id")
        if address == ERASED:
            return
        await _erase(tx, shop.id, address, None)
    settings = installation.settings
    mine = (settings.shop_url(shop.slug) + "/", f"/console/{shop.slug}/")
    await _forget_mails(installation, address, within=mine)


async def _found(viewer: Viewer, address: str) -> tuple[Sequence[Row], Row | None]:
    async with database.transaction(None) as tx:
        shops = await tx.rows(
            "select * from operator_person_shops($1, $2)"
            " union select * from operator_person_told_shops($1, $2) order by id",
            viewer.secret_hash,
            address,
        )
        account = await tx.row(
            "select * from operator_person_account($1, $2)", viewer.secret_hash, address
        )
    return shops, account


async def _preview(row: Row, keys: KeyRing, address: str, account: UUID | None) -> PersonInShop:
    counts: dict[PersonData, int] = {}
    in_flight: list[str] = []
    try:
        async with database.transaction(row["id"]) as tx:
            work = Writing(tx, row["id"], keys)
            in_flight = await _in_flight(work, row["id"], address)
            counts = await _erased(work, address, account)
            raise _OnlyLooking
    except _OnlyLooking:
        pass
    return PersonInShop(row["id"], row["slug"], row["name"], counts, in_flight)


async def _erase(
    tx: Writing, shop: UUID, address: str, account: UUID | None
) -> Mapping[PersonData, int]:
    orders = await tx.rows(
        "select id, status from orders where shop_id = $1 and email = $2 order by id for update",
        shop, address,
    )  # fmt: skip
    waiting = await _in_flight(tx, shop, address)
    if waiting:
        raise refuse("IN_FLIGHT", orders=", ".join(waiting))
    for order in orders:
        if order["status"] == "pending":
            await end_hold(tx, shop, order["id"], status="expired", actor="system")
    counts = await _erased(tx, address, account)
    for order in orders:
        tx.announce(f"order:{order['id']}")
    return counts


async def _in_flight(tx: Writing, shop: UUID, address: str) -> list[str]:
    """Numbers of orders whose money is on its way: somebody may have to write to their buyer."""
    rows = await tx.rows(
        """
        select number from orders where shop_id = $1 and email = $2
          and (status in ('refunding', 'refund_due')
               or exists (select from refunds where refunds.shop_id = $1 and order_id = orders.id
                          and state in ('requested', 'due'))
               or exists (select from payments join inbox on inbox.shop_id = $1
                            and notice ->> 'reference' = payments.id::text
                          where payments.shop_id = $1 and order_id = orders.id
                            and applied_at is null))
        order by id
        """,
        shop, address,
    )  # fmt: skip
    return [row["number"] for row in rows]


async def _erased(tx: Writing, address: str, account: UUID | None) -> dict[PersonData, int]:
    told: int = await tx.value("select person_erase_told($1, $2)", address, pattern_of(address))
    counts: dict[PersonData, int] = await tx.value(
        "select person_erase($1, $2, $3)", address, pattern_of(address), account
    )
    counts["deliveries"] = told
    return {kind: count for kind, count in counts.items() if count}


def _kept(account: Row) -> dict[PersonData, int]:
    counts: dict[PersonData, int] = {
        "accounts": 1,
        "sessions": account["sessions"],
        "links": account["links"],
        "memberships": account["memberships"],
    }
    return {kind: count for kind, count in counts.items() if count}


def _refuse_hindered(preview: PersonPreview) -> None:
    errors = []
    waiting = [number for shop in preview.shops for number in shop.in_flight]
    if waiting:
        errors.append(UserError("IN_FLIGHT", (), {"orders": ", ".join(waiting)}))
    if preview.left_alone:
        errors.append(UserError("SOLE_OWNER", (), {"shops": ", ".join(preview.left_alone)}))
    if preview.is_operator:
        errors.append(UserError("OPERATOR_ACCOUNT"))
    if errors:
        raise Refused(*errors)


def _address(email: str) -> str:
    address = normalised_email(email)
    if problem := email_problem(address):
        raise refuse(problem, "email")
    return address


async def _forget_mails(
    installation: Installation, address: str, *, within: Sequence[str] = ()
) -> None:
    """Where mails are written to a folder instead of sent, those that have the address go, too;
    `within`: only those that have one of these."""
    mailer = mailer_from(installation.settings)
    if isinstance(mailer, FolderMailer):
        await mailer.forget(
            lambda text: (
                mentions(text, address) and (not within or any(mark in text for mark in within))
            )
        )
