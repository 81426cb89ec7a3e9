"""Signing in by a provider: out from a shop, back by the installation's one address, in again.

Shops live on many hosts and providers allow few addresses to come back to. So a provider sends the
browser to the installation's host, which knows from the signed `state` whose try it is, and hands
the provider's code on to the very host where it began, in a token that is signed, lives a minute
and works once. Nothing in an address says where to go: the host is that of the try's row, and must
still be the shop's. Only the browser that began, which holds a secret in a cookie of the shop's
host, can end it; and only then is the provider asked who it was (RFC 9700, 2.1 and 4.7).
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import structlog

from keystall.platform import clock, database
from keystall.platform.crypto import keyed_hash
from keystall.platform.ids import new_id
from keystall.platform.oauth.port import (
    PROVIDERS,
    Attempt,
    ProviderAway,
    ProviderName,
    ProviderRefused,
)
from keystall.platform.oauth.registry import redirect_uri, sign_in_providers
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.customers.identities import customer_of_identity
from keystall.tenants.customers.marks import FLOW_PURPOSE, row_of, token_of
from keystall.tenants.customers.sessions import Customer, open_session
from keystall.tenants.identity.service import SignedIn, Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.shops.queries import shop_by_host
from keystall.tenants.writing import writing

FLOW_LIFE = timedelta(minutes=10)
HANDOVER_LIFE = timedelta(minutes=1)
_SHOP_BYTES = 32  # as hexadecimal text

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Begun:
    """A try: where the browser goes, and the secret by which it is known when it comes back."""

    url: str
    browser_secret: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a try. `signed_in` None: the provider vouched for nobody."""

    locale: str
    signed_in: SignedIn | None


async def flow_begin(
    installation: Installation, shop: UUID, provider: str, *, host: str, locale: str
) -> Begun | None:
    """Begins a try at the shop's `host`; None for a provider whose keys are not set."""
    name = next((one for one in PROVIDERS if one == provider), None)
    found = sign_in_providers(installation.settings).get(name) if name else None
    if name is None or found is None:
        return None
    flow, secret, now = new_id(), new_secret(), clock.now()
    async with database.transaction(shop) as tx:
        await tx.execute(
            "insert into customer_flows"
            " (shop_id, id, provider, host, locale, browser_hash, created_at, expires_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8)",
            shop, flow, name, host, known_locale(locale), secret_hash(secret), now,
            now + FLOW_LIFE,
        )  # fmt: skip
    return Begun(found.authorize_url(_attempt(installation, shop, flow, name)), secret)


async def flow_hand_over(
    installation: Installation, provider: str, state: str, code: str
) -> str | None:
    """Where a browser goes that a provider sent back with `code`, or with "" for a refusal; None
    where this is no try that waits. Asks nobody and uses nothing up: anybody may come here."""
    shop = _shop_of(state)
    flow = shop and row_of(installation.keys, FLOW_PURPOSE, shop, state[_SHOP_BYTES:])
    if shop is None or flow is None:
        return None
    async with database.transaction(shop) as tx:
        row = await tx.row(
            "select host from customer_flows where shop_id = $1 and id = $2 and provider = $3"
            " and used_at is null and expires_at > $4",
            shop, flow, provider, clock.now(),
        )  # fmt: skip
        there = await shop_by_host(tx, row["host"]) if row else None
    if row is None or there is None or there.id != shop:
        return None
    until = int((clock.now() + HANDOVER_LIFE).timestamp())
    settings = installation.settings
    port = f":{settings.shops_port}" if settings.shops_port else ""
    mark = _handover_mark(installation, shop, flow, until, code)
    handed = urlencode({"flow": str(flow), "until": until, "mark": mark, "code": code})
    return f"{settings.shops_scheme}://{row['host']}{port}/sign-in/return?{handed}"


@dataclass(frozen=True, slots=True)
class Handover:
    """What the installation's host handed on, as it stands in the address."""

    flow: str
    until: str
    mark: str
    code: str


async def flow_end(
    installation: Installation,
    shop: UUID,
    handover: Handover,
    *,
    browser_secret: str,
    customer: Customer | None = None,
    visitor: Visitor,
) -> Ended | None:
    """Ends a try in the browser that began it, and signs in, in place of `customer`'s session; None
    where it is no such try, was ended before, or another browser began it."""
    flow = _flow_of(installation, shop, handover)
    if flow is None:
        return None
    async with database.transaction(shop) as tx:
        row = await tx.row(
            "update customer_flows set used_at = $3 where shop_id = $1 and id = $2"
            " and used_at is null and expires_at > $3 and browser_hash = $4"
            " returning provider, locale",
            shop, flow, clock.now(), secret_hash(browser_secret),
        )  # fmt: skip
    if row is None:
        return None
    name: ProviderName = row["provider"]
    provider = sign_in_providers(installation.settings).get(name)
    if provider is None or not handover.code:
        return Ended(row["locale"], None)
    attempt = _attempt(installation, shop, flow, name)
    try:
        identity = await provider.identity(installation.http, attempt, handover.code)
    except (ProviderRefused, ProviderAway) as error:
        _log.warning("sign-in failed", provider=name, why=type(error).__name__, said=str(error))
        return Ended(row["locale"], None)
    async with writing(installation, shop) as work:
        person = await customer_of_identity(work, shop, name, identity, row["locale"])
        signed_in = await open_session(
            work, shop, person, opened_by="provider", visitor=visitor, instead_of=customer
        )
    return Ended(row["locale"], signed_in)


def _attempt(installation: Installation, shop: UUID, flow: UUID, provider: ProviderName) -> Attempt:
    """The try's secrets, computed from its id: they stand nowhere."""
    keys = installation.keys
    # That of the first key there is, which a key that joins in between does not change.
    key = keys.derived(FLOW_PURPOSE, keys.first(FLOW_PURPOSE))
    signed = shop.bytes + flow.bytes
    return Attempt(
        redirect_uri=redirect_uri(installation.settings, provider),
        state=shop.hex + token_of(keys, FLOW_PURPOSE, shop, flow),
        verifier=_text(keyed_hash(key, b"verifier" + signed)),
        nonce=_text(keyed_hash(key, b"nonce" + signed)),
    )


def _shop_of(state: str) -> UUID | None:
    try:
        return UUID(hex=state[:_SHOP_BYTES])
    except ValueError:
        return None


def _flow_of(installation: Installation, shop: UUID, handover: Handover) -> UUID | None:
    """The try that was handed to this shop and is not too old; None for anything else."""
    try:
        flow, until = UUID(handover.flow), int(handover.until)
        late = datetime.fromtimestamp(until, tz=clock.now().tzinfo) < clock.now()
    except (ValueError, OverflowError, OSError):
        return None
    genuine = _handover_mark(installation, shop, flow, until, handover.code)
    same = hmac.compare_digest(genuine.encode(), handover.mark.encode("utf-8", "surrogatepass"))
    return flow if same and not late else None


def _handover_mark(
    installation: Installation, shop: UUID, flow: UUID, until: int, code: str
) -> str:
    keys = installation.keys
    key = keys.derived(FLOW_PURPOSE, keys.first(FLOW_PURPOSE))
    said = f"handover {until} {code}".encode("utf-8", "surrogatepass")
    return _text(keyed_hash(key, shop.bytes + flow.bytes + said))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
