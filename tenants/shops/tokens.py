"""API tokens: how a program works for a shop, and how a site's code says which site it is of.

Those of programs are secrets. Storefront tokens are not: they stand in public pages, so they are
kept as they are, too, and shown again whenever somebody wants to see them. They open nothing but
what the shop's own API answers anyone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.shops.models import ApiToken
from keystall.tenants.shops.origins import origins_of
from keystall.tenants.shops.queries import ApiTokenView, api_tokens
from keystall.tenants.staff.roles import PROGRAM, Permission, scopes_of
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import writing

PREFIX = "ks_admin_"
PUBLIC_PREFIX = "ks_public_"
ENDING = "mail.merchant_token_ending"
"""The mail that tells of a token's end; what it is about is the token."""
MAX_TOKENS = 20
"""As many of each kind a shop may have."""
MAX_YEARS = 3
MAX_DAYS = MAX_YEARS * 366
"""How long a token that ends may live."""
_TOLD_BEFORE = timedelta(days=7)
"""Its shop is written to, once, so long before a token ends that lives longer than that."""
_HINT_BEYOND = 4
"""As many characters of a secret are shown beyond its prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a token is made. `scopes` are as chosen: what goes along with them is added.

    It ends `days` from now, or at `expires_at`, which counts where both are given; with neither it
    ends when it is revoked. `made_by` is the account of whoever makes it.
    """

    scopes: frozenset[Permission] = PROGRAM
    days: int | None = None
    expires_at: datetime | None = None
    made_by: UUID | None = None

    def errors(self, now: datetime) -> list[UserError]:
        """REQUIRED, INVALID (a scope that no token has), OUT_OF_RANGE, EXPIRY_OUT_OF_RANGE."""
        found = []
        if not self.scopes:
            found.append(UserError("REQUIRED", ("scopes",)))
        if not self.scopes <= PROGRAM:
            found.append(UserError("INVALID", ("scopes",)))
        return found + self.end_errors(now)

    def end_errors(self, now: datetime) -> list[UserError]:
        """OUT_OF_RANGE, EXPIRY_OUT_OF_RANGE."""
        found = []
        if self.days is not None and not 1 <= self.days <= MAX_DAYS:
            limits = {"least": 1, "most": MAX_DAYS}
            found.append(UserError("OUT_OF_RANGE", ("expiresInDays",), limits))
        last = now + timedelta(days=MAX_DAYS)
        if self.expires_at is not None and not now < self.expires_at <= last:
            found.append(UserError("EXPIRY_OUT_OF_RANGE", ("expiresAt",), {"years": MAX_YEARS}))
        return found

    def end(self, now: datetime) -> datetime | None:
        """When a token on these terms ends."""
        if self.expires_at is not None or self.days is None:
            return self.expires_at
        return now + timedelta(days=self.days)


ANYTHING = Terms()
"""All that a token may do, until it is revoked."""


async def api_token_create(
    installation: Installation, shop: UUID, name: str, terms: Terms = ANYTHING
) -> tuple[ApiTokenView, str]:
    """A new token and its secret, which nobody can show again.

    Refuses REQUIRED, TOO_LONG, INVALID; OUT_OF_RANGE, EXPIRY_OUT_OF_RANGE; LIMIT_REACHED.
    """
    now = clock.now()
    errors = text_errors(name, "name", limit=100, required=True) + terms.errors(now)
    if errors:
        raise Refused(*errors)
    secret = new_secret(PREFIX)
    token = ApiToken(
        id=new_id(), shop_id=shop, secret_hash=secret_hash(secret), name=name.strip(),
        hint=secret[: len(PREFIX) + _HINT_BEYOND], expires_at=terms.end(now),
        made_by=terms.made_by, scopes=sorted(scopes_of(terms.scopes)),
    )  # fmt: skip
    return await _keep(installation, token), secret


async def storefront_token_create(
    installation: Installation,
    shop: UUID,
    name: str,
    origins: Sequence[str],
    terms: Terms = ANYTHING,
) -> ApiTokenView:
    """A new public token, for code that runs on sites of these origins; of `terms` its end and its
    maker count.

    Refuses REQUIRED, TOO_LONG, INVALID; TOO_MANY, ORIGIN_INVALID, ORIGIN_INSECURE; OUT_OF_RANGE,
    EXPIRY_OUT_OF_RANGE; LIMIT_REACHED.
    """
    now = clock.now()
    sites, wrong = origins_of(origins)
    errors = text_errors(name, "name", limit=100, required=True) + wrong + terms.end_errors(now)
    if errors:
        raise Refused(*errors)
    public = new_secret(PUBLIC_PREFIX)
    token = ApiToken(
        id=new_id(), shop_id=shop, secret_hash=secret_hash(public), name=name.strip(),
        hint=public[: len(PUBLIC_PREFIX) + _HINT_BEYOND], expires_at=terms.end(now),
        made_by=terms.made_by, scopes=[], origins=sites, public_text=public,
    )  # fmt: skip
    return await _keep(installation, token)


async def _keep(installation: Installation, token: ApiToken) -> ApiTokenView:
    """Writes a new token, and has its end told of in time. Refuses LIMIT_REACHED."""
    now = clock.now()
    shop, public = token.shop_id, token.public_text is not None
    async with writing(installation, shop) as tx:
        # Held until the commit: two requests at once must not both find the last place free.
        await tx.execute("select from shops where id = $1 for no key update", shop)
        live = [one for one in await api_tokens(tx, shop) if one.is_public is public]
        if len(live) >= MAX_TOKENS:
            raise refuse("LIMIT_REACHED", limit=MAX_TOKENS)
        await token.save(force_create=True)
        told_at = (token.expires_at or now) - _TOLD_BEFORE
        if told_at > now:
            await tx.post(ENDING, token.id, due_at=told_at)
        return next(one for one in await api_tokens(tx, shop) if one.id == token.id)


async def api_token_revoke(installation: Installation, shop: UUID, token: UUID) -> None:
    """Ends a token of either kind at once. Refuses NOT_FOUND, also for one revoked before."""
    async with writing(installation, shop):
        live = ApiToken.filter(shop_id=shop, id=token, revoked_at=None)
        if not await live.update(revoked_at=clock.now()):
            raise refuse("NOT_FOUND", "id")
