"""What is kept no longer than the installation's settings say, swept once a day.

Each kind goes in chunks of their own transactions, so that a sweep that dies has lost nothing and
the next one goes on where it stopped; two at once share the work. The schedule is one outbox row a
day, named after the day: whichever worker comes first posts it, and there is never a second.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from keystall.platform import clock, database
from keystall.platform.settings import Settings
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim, take_up
from keystall.tenants.writing import INSTALLATION

SWEEP = "retention.sweep"
KEEP_USES_DAYS = 90
"""As long as is told how much an API token was used."""

CHUNK = 2000
"""Rows of one transaction."""

LONGEST = timedelta(minutes=10)
"""As long as one run may take; what is left then waits for the run of the next day."""

_SWEEPS: Mapping[str, str] = {
    "customers": "retention_sweep_customers",
    "customer_sessions": "retention_sweep_customers",
    "customer_links": "retention_sweep_customers",
    "customer_flows": "retention_sweep_customers",
    "invitations": "retention_sweep_invitations",
    "sign_in_steps": "retention_sweep_steps",
    "totp_secrets": "retention_sweep_steps",
    "passkey_challenges": "retention_sweep_steps",
    "webhook_deliveries": "retention_sweep_deliveries",
    "api_token_uses": "retention_sweep_uses",
}
"""Functions of the database that delete what came after the first ones."""

_log = structlog.get_logger()


def days_kept(settings: Settings) -> Mapping[str, int]:
    """How many days each kind is kept; what is kept for ever is not in it."""
    asked = {
        "carts": settings.keep_carts_days,
        "sessions": settings.keep_sessions_days,
        "account_tokens": settings.keep_sessions_days,
        "inbox": settings.keep_callbacks_days,
        "idempotency_keys": settings.keep_keys_days,
        "outbox": settings.keep_work_days,
        "orders": settings.keep_buyers_days,
        "customers": settings.keep_buyers_days,
        "customer_sessions": settings.keep_sessions_days,
        "customer_links": settings.keep_sessions_days,
        "customer_flows": settings.keep_sessions_days,
        "invitations": settings.keep_sessions_days,
        "sign_in_steps": settings.keep_sessions_days,
        "totp_secrets": settings.keep_sessions_days,
        "passkey_challenges": settings.keep_sessions_days,
        "api_token_uses": KEEP_USES_DAYS,
        # What was sent tells of buyers, and is not kept longer than they are.
        "webhook_deliveries": min(
            settings.keep_deliveries_days,
            settings.keep_buyers_days or settings.keep_deliveries_days,
        ),
    }
    return {what: days for what, days in asked.items() if days}


def row_of_day(day: date) -> UUID:
    """The id of the outbox row that sweeps on `day`."""
    return uuid5(NAMESPACE_URL, f"keystall:{SWEEP}:{day.isoformat()}")


async def post_sweep() -> bool:
    """Leaves today's sweep to be done, unless somebody did; answers whether it was left now."""
    item = row_of_day(clock.now().date())
    async with database.transaction(INSTALLATION) as tx:
        posted = await tx.execute(
            "insert into outbox (shop_id, id, kind, subject_id, due_at)"
            " values ($1, $2, $3, $2, $4) on conflict do nothing",
            INSTALLATION, item, SWEEP, clock.now(),
        )  # fmt: skip
    return bool(posted)


async def sweep_kept(installation: Installation, shop: UUID, item: UUID) -> None:
    """Does the sweep of the outbox row `item`; nothing where it was done."""
    async with database.transaction(shop) as tx:
        if await take_up(tx, shop, item, LONGEST) is None:
            return
    for what, days in days_kept(installation.settings).items():
        count = await _sweep(what, days)
        if count:
            _log.info("swept", what=what, count=count, days=days)
    async with database.transaction(shop) as tx:
        await claim(tx, shop, item)


async def _sweep(what: str, days: int) -> int:
    before, count = clock.now() - timedelta(days=days), 0
    sweep = _SWEEPS.get(what, "retention_sweep")
    while True:
        async with database.transaction(None) as tx:
            swept: int = await tx.value(f"select {sweep}($1, $2, $3)", what, before, CHUNK)
        count += swept
        if swept < CHUNK:
            return count
