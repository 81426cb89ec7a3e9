"""The operator's list of forbidden goods, and what on sale has one of its terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads, transaction
from keystall.platform.ids import new_id
from keystall.tenants.catalog.service import TOPIC
from keystall.tenants.catalog.slugs import take_turn
from keystall.tenants.columns import NOTHING, UNREAD, columns
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.forbidden.matching import contains, spread
from keystall.tenants.forbidden.scan import SCAN
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import INSTALLATION, writing

TERM_LIMIT = 100
REASON_LIMIT = 500
TRIAL_LIMIT = 20_000
MOST_TERMS = 1000
_TERM_ALONE = frozenset({"reason", "found"})
_SHORTEST = 2
"""Letters of a term: a single one would be in nearly every text."""


@dataclass(frozen=True, slots=True)
class ForbiddenTerm:
    """A term as the operator sees it. `found`: how many products on sale have it; `scanned_at`
    when all shops had been looked through for it, None before. What has a default may be UNREAD."""

    id: UUID
    term: str
    created_at: datetime
    scanned_at: datetime | None
    reason: str = UNREAD
    found: int = UNREAD


@dataclass(frozen=True, slots=True)
class Finding:
    """A product on sale that has a forbidden term in `field`. What has a default may be UNREAD."""

    id: UUID
    product_id: UUID
    shop_id: UUID
    term: str
    field: str
    found_at: datetime
    product: str = UNREAD
    product_slug: str = UNREAD
    shop_slug: str = UNREAD
    shop_name: str = UNREAD
    reason: str = UNREAD


async def forbidden_terms(
    db: Reads,
    viewer: Viewer,
    *,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[ForbiddenTerm]:
    """The list, newest first, `limit` at most, older than `after`."""
    rows = await db.rows(
        f"select {columns(ForbiddenTerm, without)}"  # noqa: S608  (constants)
        " from operator_forbidden_terms($1, $2, $3, $4)",
        viewer.secret_hash, after, limit, list(without),
    )  # fmt: skip
    return [ForbiddenTerm(**row) for row in rows]


async def forbidden_findings(
    db: Reads,
    viewer: Viewer,
    *,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[Finding]:
    """What is on sale with a forbidden term, latest found first."""
    rows = await db.rows(
        f"select {columns(Finding, without)}"  # noqa: S608  (constants)
        " from operator_forbidden_findings($1, $2, $3, $4)",
        viewer.secret_hash, after, limit, list(without),
    )  # fmt: skip
    return [Finding(**row) for row in rows]


async def forbidden_term_add(
    installation: Installation, viewer: Viewer, *, term: str, reason: str
) -> UUID:
    """Adds a term and has every shop looked through for it; answers its id.

    Refuses REQUIRED, TOO_LONG, INVALID (without two letters); TAKEN for what is on the list in
    another spelling; LIMIT_REACHED.
    """
    _check(term, reason)
    row = new_id()
    async with writing(installation, INSTALLATION) as tx:
        refusal = await tx.value(
            "select operator_forbidden_add($1, $2, $3, $4, $5, $6)",
            viewer.secret_hash, row, term.strip(), _normal(term), reason.strip(), MOST_TERMS,
        )  # fmt: skip
        if refusal:
            raise Refused(UserError(refusal, ("term",), _params(refusal)))
        await tx.post(SCAN, row)
    return row


async def forbidden_term_remove(installation: Installation, viewer: Viewer, term: UUID) -> None:
    """Takes a term off the list. Refuses NOT_FOUND."""
    async with writing(installation, INSTALLATION) as tx:
        gone = await tx.value("select operator_forbidden_remove($1, $2)", viewer.secret_hash, term)
        if not gone:
            raise refuse("NOT_FOUND", "id")


async def forbidden_text_try(
    db: Reads, viewer: Viewer, *, text: str, term: str = ""
) -> Sequence[str]:
    """The terms that `text` has, of the list and of a `term` that is not on it yet; changes
    nothing. Refuses REQUIRED, TOO_LONG, INVALID."""
    errors = text_errors(text, "text", limit=TRIAL_LIMIT, required=True, lines=True)
    errors += text_errors(term, "term", limit=TERM_LIMIT)
    if errors:
        raise Refused(*errors)
    known = await forbidden_terms(db, viewer, after=None, limit=MOST_TERMS, without=_TERM_ALONE)
    looked = spread(text)
    asked = [*([term.strip()] if spread(term).letters else []), *(one.term for one in known)]
    return [one for one in dict.fromkeys(asked) if contains(looked, spread(one))]


async def listing_stop(
    installation: Installation, viewer: Viewer, product: UUID, *, reason: str
) -> None:
    """Takes a product off sale, back to a draft, and has its merchant told why. Refuses REQUIRED,
    TOO_LONG, INVALID; NOT_FOUND; CONFLICT where it is not on sale."""
    errors = text_errors(reason, "reason", limit=REASON_LIMIT, required=True, lines=True)
    if errors:
        raise Refused(*errors)
    async with transaction(None) as db:
        shop = await db.value("select operator_product_shop($1, $2)", viewer.secret_hash, product)
    if shop is None:
        raise refuse("NOT_FOUND", "id")
    async with writing(installation, shop) as tx:
        await take_turn(tx, shop)
        stopped = await tx.value(
            "select operator_listing_stop($1, $2, $3)",
            viewer.secret_hash, product, reason.strip(),
        )  # fmt: skip
        if not stopped:
            raise refuse("CONFLICT", "id")
        await tx.post("mail.merchant_listing_stopped", product)
        tx.announce(TOPIC)


def _check(term: str, reason: str) -> None:
    errors = text_errors(term, "term", limit=TERM_LIMIT, required=True)
    errors += text_errors(reason, "reason", limit=REASON_LIMIT, required=True, lines=True)
    if not errors and len(spread(term).letters) < _SHORTEST:
        errors.append(UserError("INVALID", ("term",)))
    if errors:
        raise Refused(*errors)


def _normal(term: str) -> str:
    """What two spellings of one term share: its words' letters."""
    form = spread(term)
    return "".join(
        letter if joined == 0 or place == 0 else f" {letter}"
        for place, (letter, joined) in enumerate(zip(form.letters, form.gaps, strict=True))
    )


def _params(code: str) -> dict[str, str | int]:
    return {"limit": MOST_TERMS} if code == "LIMIT_REACHED" else {}
