"""API tokens: how a program works for a shop."""

from datetime import datetime
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.shops.models import ApiToken
from keystall.tenants.shops.queries import ApiTokenView, api_tokens
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import writing

PREFIX = "ks_admin_"
MAX_TOKENS = 20
_HINT_LENGTH = len(PREFIX) + 4


async def api_token_create(
    installation: Installation, shop: UUID, name: str, *, expires_at: datetime | None = None
) -> tuple[ApiTokenView, str]:
    """A new token and its secret, which nobody can show again.

    Refuses REQUIRED, TOO_LONG, INVALID; LIMIT_REACHED.
    """
    errors = text_errors(name, "name", limit=100, required=True)
    if errors:
        raise Refused(*errors)
    secret = new_secret(PREFIX)
    async with writing(installation, shop) as tx:
        # Held until the commit: two requests at once must not both find the last place free.
        await tx.execute("select from shops where id = $1 for no key update", shop)
        if len(await api_tokens(tx, shop)) >= MAX_TOKENS:
            raise refuse("LIMIT_REACHED", limit=MAX_TOKENS)
        token = await ApiToken.create(
            id=new_id(), shop_id=shop, secret_hash=secret_hash(secret), name=name.strip(),
            hint=secret[:_HINT_LENGTH], expires_at=expires_at,
        )  # fmt: skip
    view = ApiTokenView(token.id, token.name, token.hint, token.created_at, token.expires_at)
    return view, secret


async def api_token_revoke(installation: Installation, shop: UUID, token: UUID) -> None:
    """Ends a token at once. Refuses NOT_FOUND, also for one revoked before."""
    async with writing(installation, shop):
        live = ApiToken.filter(shop_id=shop, id=token, revoked_at=None)
        if not await live.update(revoked_at=clock.now()):
            raise refuse("NOT_FOUND", "id")
