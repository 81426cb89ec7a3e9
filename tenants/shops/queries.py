"""Reading shops: by what a request came with, never by an id that a stranger chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.tokens import secret_hash
from keystall.tenants.columns import NOTHING, UNREAD, named
from keystall.tenants.shops.shop import Shop, shop_from
from keystall.tenants.staff.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who is told about a shop's orders and stock."""

    email: str
    locale: str


@dataclass(frozen=True, slots=True)
class ApiTokenView:
    """A live API token; `hint` is how its secret begins.

    A storefront token has `origins` and no scopes, and is known as it is: `public_text`, empty of
    others.

    `maker` is the email of who made it: empty where nobody knows, or where they work for the shop
    no more (`maker_left`); both may be UNREAD. `last_used_at` may lag by a minute.
    """

    id: UUID
    name: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    scopes: frozenset[Permission]
    last_used_at: datetime | None
    last_address: str
    origins: tuple[str, ...]
    public_text: str
    maker: str = UNREAD
    maker_left: bool = UNREAD

    @property
    def is_public(self) -> bool:
        """Whether it is a storefront token."""
        return self.public_text != ""


@dataclass(frozen=True, slots=True)
class TokenUseView:
    """What a token was used for on a day (UTC): all of it where `deprecated` is empty, else what of
    it was one deprecated field or argument."""

    token_id: UUID
    day: datetime
    deprecated: str
    requests: int
    refused: int
    cost: int


@dataclass(frozen=True, slots=True)
class ShopByToken:
    """The one shop that an API token opens, and for what."""

    token_id: UUID
    scopes: frozenset[Permission]
    shop: Shop


@dataclass(frozen=True, slots=True)
class StorefrontToken:
    """A live storefront token, and the sites whose code may send it."""

    id: UUID
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Membership:
    """A shop that a person works for, and as what."""

    shop: Shop
    role: Role


@dataclass(frozen=True, slots=True)
class Checklist:
    """How far a shop is on the way to its first sale; `dismissed`: put away by the merchant."""

    has_product: bool
    has_codes: bool
    has_contact: bool
    had_sale: bool
    dismissed: bool


async def shop_by_id(db: Reads, shop: UUID) -> Shop | None:
    """The shop that `db` is bound to."""
    row = await db.row("select * from shops where id = $1", shop)
    return None if row is None else shop_from(row)


async def shop_by_host(db: Reads, host: str) -> Shop | None:
    """The shop that answers at `host` (without a port, any case)."""
    row = await db.row("select * from host_shop($1)", host.lower())
    return None if row is None else shop_from(row)


async def shop_by_host_and_token(
    db: Reads, host: str, token: str
) -> tuple[Shop, StorefrontToken | None] | None:
    """The same with the shop's storefront token: None for one revoked, ended, made up, or of
    another shop."""
    row = await db.row(
        "select token_id, token.origins as token_origins, (shop).* from host_shop_token($1, $2)"
        " as token",
        host.lower(), secret_hash(token),
    )  # fmt: skip
    if row is None:
        return None
    found = row["token_id"]
    known = None if found is None else StorefrontToken(found, frozenset(row["token_origins"]))
    return shop_from(row), known


async def membership_by_session(
    db: Reads, session_secret_hash: bytes, slug: str
) -> Membership | None:
    """The shop `slug`, where the session's person works for it."""
    found = await _memberships(db, session_secret_hash, slug, NOTHING)
    return found[0] if found else None


async def memberships_of(
    db: Reads, session_secret_hash: bytes, *, without: frozenset[str] = NOTHING
) -> list[Membership]:
    """The shops that the session's person works for, newest first."""
    return (await _memberships(db, session_secret_hash, None, without))[::-1]


async def _memberships(
    db: Reads, session: bytes, slug: str | None, without: frozenset[str]
) -> list[Membership]:
    names = ", ".join(f"(shop).{name}" for name in Shop.__slots__ if name not in without)
    rows = await db.rows(
        f"select role, {names} from session_memberships($1, $2)",  # noqa: S608  (constants)
        session, slug,
    )  # fmt: skip
    return [Membership(shop_from(row, without), row["role"]) for row in rows]


async def shop_by_token(db: Reads, secret: str) -> ShopByToken | None:
    """The shop that an API token opens; None for one revoked, ended or made up."""
    row = await db.row(
        "select token_id, token.scopes as token_scopes, (shop).* from token_shop($1) as token",
        secret_hash(secret),
    )
    if row is None:
        return None
    return ShopByToken(row["token_id"], _scopes(row["token_scopes"]), shop_from(row))


_TOKEN: Mapping[str, str] = {
    **{one.name: f"api_tokens.{one.name}" for one in fields(ApiTokenView)},
    "origins": "coalesce(origins, '{}')",
    "public_text": "coalesce(public_text, '')",
    "maker": "coalesce(email, '')",
    "maker_left": "made_by is not null and email is null",
}
_MAKERS = " left join shop_members() as members on members.account_id = made_by"


async def api_tokens(
    db: Reads, shop: UUID, *, token: UUID | None = None, without: frozenset[str] = NOTHING
) -> list[ApiTokenView]:
    """The shop's live tokens, newest first, or `token` alone."""
    makers = "" if without >= {"maker", "maker_left"} else _MAKERS
    rows = await db.rows(
        f"select {named(_TOKEN, without)} from api_tokens{makers}"  # noqa: S608  (constants)
        " where shop_id = $1 and ($2::uuid is null or id = $2) and revoked_at is null"
        " and (expires_at is null or expires_at > now()) order by id desc",
        shop, token,
    )  # fmt: skip
    return [
        ApiTokenView(**{**row, "scopes": _scopes(row["scopes"]), "origins": tuple(row["origins"])})
        for row in rows
    ]


async def token_uses(
    db: Reads, shop: UUID, tokens: Sequence[UUID], *, since: datetime
) -> Mapping[UUID, list[TokenUseView]]:
    """What each was used for from the day `since` on, the newest first."""
    rows = await db.rows(
        "select token_id, day, deprecated, requests, refused, cost from api_token_uses"
        " where shop_id = $1 and token_id = any ($2) and day >= $3 order by day desc, deprecated",
        shop, tokens, since,
    )  # fmt: skip
    found: dict[UUID, list[TokenUseView]] = {token: [] for token in tokens}
    for row in rows:
        found[row["token_id"]].append(TokenUseView(**row))
    return found


def _scopes(stored: Sequence[str]) -> frozenset[Permission]:
    return frozenset(Permission(one) for one in stored)


async def merchants(db: Reads) -> list[Merchant]:
    """Who runs the shop that `db` is bound to."""
    return [Merchant(**row) for row in await db.rows("select * from shop_merchants()")]


async def checklist(db: Reads, shop: UUID) -> Checklist:
    """What was done on the way to a first sale."""
    row = await db.row(
        """
        select
          exists (select from products where shop_id = $1 and status = 'active') as has_product,
          exists (select from codes where shop_id = $1)
            or exists (select from code_packs where shop_id = $1) as has_codes,
          contact <> '' as has_contact,
          exists (select from orders where shop_id = $1 and status = 'delivered') as had_sale,
          checklist_dismissed_at is not null as dismissed
        from shops where id = $1
        """,
        shop,
    )
    if row is None:
        raise LookupError("the shop at hand went away in between; shops are never deleted")
    return Checklist(**row)
