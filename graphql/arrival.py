"""Who and which shop a request is for: the only places where a `RequestContext` is made.

A storefront's shop follows from the host, the console's from a session and the slug in the path,
an API client's from its token. Nothing a client writes into an operation changes it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from starlette.requests import HTTPConnection

from keystall.graphql.context import Program, RequestContext
from keystall.platform import database
from keystall.platform.tokens import secret_hash
from keystall.platform.web.headers import headers_of
from keystall.tenants.customers.sessions import customer_of_secret
from keystall.tenants.identity.service import Viewer
from keystall.tenants.identity.service import viewer as viewer_of
from keystall.tenants.installation import Installation
from keystall.tenants.languages import LOCALES, known_locale
from keystall.tenants.shops.queries import (
    Membership,
    membership_by_session,
    shop_by_host,
    shop_by_host_and_token,
    shop_by_id,
    shop_by_token,
)
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import Permission, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What came with a request: `accept_language` and the like as they stood in its headers."""

    request_id: str
    address: str
    user_agent: str = ""
    accept_language: str = ""
    locale: str = ""
    currency: str = ""
    effects: list[Any] | None = field(default=None)


def caller_of(connection: HTTPConnection) -> Caller:
    """What every context is made of, whoever asks."""
    headers = headers_of(connection.scope)
    state = connection.scope.get("state", {})
    return Caller(
        request_id=state.get("request_id") or secrets.token_hex(16),
        address=connection.client.host if connection.client else "",
        user_agent=headers.get("user-agent", ""),
        accept_language=headers.get("accept-language", ""),
        locale=headers.get("x-keystall-locale", ""),
        currency=headers.get("x-keystall-currency", ""),
    )


async def by_host(
    installation: Installation,
    host: str,
    caller: Caller,
    *,
    secret: str | None = None,
    token: str = "",
) -> RequestContext | None:
    """A buyer at the shop of `host` (without a port); None where no shop answers there.

    `token` is a storefront token, looked up in the same round trip as the shop. `secret`: see
    `as_customer`.
    """
    if not token:
        shop = await shop_by_host(database.single(), host)
        return await as_customer(installation, shop, caller, secret) if shop else None
    found = await shop_by_host_and_token(database.single(), host, token)
    if found is None:
        return None
    context = await as_customer(installation, found[0], caller, secret)
    context.storefront_token = found[1]
    return context


async def as_customer(
    installation: Installation, shop: Shop, caller: Caller, secret: str | None
) -> RequestContext:
    """A buyer at a shop that is known already, signed in where `secret` is of a session of its
    customers; a guest where it opens nothing here."""
    context = at_shop(installation, shop, caller)
    if secret:
        context.customer = await customer_of_secret(context.reader, shop.id, secret)
    return context


def at_shop(installation: Installation, shop: Shop, caller: Caller) -> RequestContext:
    """A guest at a shop that is known already."""
    return _context(
        installation,
        caller,
        shop=shop,
        locale=negotiated(caller, shop.locales),
        currency=caller.currency if caller.currency in shop.currencies else shop.default_currency,
    )


async def by_token(
    installation: Installation, secret: str, caller: Caller
) -> RequestContext | None:
    """A program with an API token, bound to the token's shop; None for a token that opens none."""
    found = await shop_by_token(database.single(), secret)
    if found is None:
        return None
    return _context(
        installation,
        caller,
        shop=found.shop,
        viewer=Program(found.token_id, found.scopes),
        # A program that names no language is answered in its shop's.
        locale=negotiated(caller, (found.shop.default_locale, *LOCALES)),
        currency=found.shop.default_currency,
    )


async def by_session(
    installation: Installation, secret: str | None, caller: Caller, *, slug: str | None = None
) -> RequestContext:
    """A person on a page of the installation, or nobody known.

    With a `slug` the request is bound to that shop, where the person works for it; `context.shop`
    is None where they do not, exactly as where there is no such shop.
    """
    reader = database.reader(None)
    person: Viewer | None = None
    place: Membership | None = None
    try:
        if secret:
            person = await viewer_of(reader, secret)
        if person is not None and slug is not None:
            place = await membership_by_session(reader, person.secret_hash, slug)
    finally:
        await reader.close()
    shop = place.shop if place else None
    return _context(
        installation,
        caller,
        shop=shop,
        role=place.role if place else None,
        viewer=person,
        locale=negotiated(caller, LOCALES, known=person.locale if person else ""),
        currency=shop.default_currency if shop else "",
        held=secret_hash(secret) if secret else b"",
    )


async def by_webhook(
    installation: Installation, shop: UUID, permissions: frozenset[Permission], caller: Caller
) -> RequestContext:
    """Nobody at all, for whom a webhook's payload is rendered: in the shop's language, and with the
    permissions that the webhook was given."""
    async with database.transaction(shop) as tx:
        found = await shop_by_id(tx, shop)
    if found is None:
        raise LookupError("a webhook of a shop that is not there")
    context = _context(
        installation, caller, shop=found, locale=found.default_locale,
        currency=found.default_currency,
    )  # fmt: skip
    context.permissions = permissions
    return context


def _context(
    installation: Installation,
    caller: Caller,
    *,
    shop: Shop | None,
    locale: str,
    currency: str,
    viewer: Viewer | Program | None = None,
    role: Role | None = None,
    held: bytes = b"",
) -> RequestContext:
    if shop is not None:
        structlog.contextvars.bind_contextvars(shop=str(shop.id))
    return RequestContext(
        installation=installation,
        reader=database.reader(shop.id if shop else None),
        shop=shop,
        viewer=viewer,
        role=role,
        locale=locale,
        currency=currency,
        request_id=caller.request_id,
        address=caller.address,
        user_agent=caller.user_agent,
        effects=caller.effects,
        held=held,
    )


def negotiated(caller: Caller, spoken: Sequence[str], *, known: str = "") -> str:
    """The language to answer in: named outright, else known of the person, else the browser's.

    `spoken` has the default first.
    """
    for wanted in (caller.locale, known, *_accepted(caller.accept_language)):
        found = _matching(wanted, spoken)
        if found is not None:
            return found
    return spoken[0] if spoken else known_locale("")


def _accepted(header: str) -> list[str]:
    """The tags of an Accept-Language header (RFC 9110, 12.5.4), most wanted first."""
    weighed: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            weighed.append((-weight, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: pair[0])]


def _matching(wanted: str, spoken: Sequence[str]) -> str | None:
    """The spoken tag for a wanted one: the very same, else of the same language."""
    if not wanted:
        return None
    lowered = wanted.lower()
    for tag in spoken:
        if tag.lower() == lowered:
            return tag
    language = lowered.partition("-")[0]
    return next((tag for tag in spoken if tag.lower().partition("-")[0] == language), None)
