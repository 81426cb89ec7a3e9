"""Which tables there are, and the pools of a process that reads them.

Every table is a shop's (its primary key starts with the shop, its rows stand behind the wall of
`0001_walls.sql`) or stands in `TABLES_WITHOUT_SHOP`, which the request role cannot touch but
through the functions of `0001_functions.sql`. Tests hold both lists closed.
"""

from keystall.platform import database
from keystall.platform.settings import Settings

TABLES_WITHOUT_SHOP = frozenset(
    {
        "accounts",
        "operators",
        "sessions",
        "account_tokens",
        "totp_secrets",
        "recovery_codes",
        "sign_in_steps",
        "passkeys",
        "passkey_challenges",
        "hosts",
        "memberships",
        "key_rotations",
        "operator_actions",
        "forbidden_terms",
    }
)

MODELS = (
    "keystall.tenants.audit.models",
    "keystall.tenants.catalog.models",
    "keystall.tenants.checkout.models",
    "keystall.tenants.code_reports.models",
    "keystall.tenants.customers.models",
    "keystall.tenants.delivery.models",
    "keystall.tenants.files.models",
    "keystall.tenants.forbidden.models",
    "keystall.tenants.idempotency.models",
    "keystall.tenants.jobs.models",
    "keystall.tenants.ledger.models",
    "keystall.tenants.mails.models",
    "keystall.tenants.orders.models",
    "keystall.tenants.outbox.models",
    "keystall.tenants.payments.models",
    "keystall.tenants.search.models",
    "keystall.tenants.shops.models",
    "keystall.tenants.staff.models",
    "keystall.tenants.stock.models",
    "keystall.tenants.trusted_documents.models",
    "keystall.tenants.webhooks.models",
)


async def connect(settings: Settings) -> None:
    """Opens this process's database pools. `database.disconnect` closes them."""
    await database.connect(settings, MODELS)
