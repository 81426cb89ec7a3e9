"""What the audit log may hold: a closed list, which the database's triggers must equal.

Never here: hashes and sealed values, codes, buyers' addresses and answers, providers' references.
Of keys it says which were set and when, not what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """A watched table. `kind` is what people call its rows; `label` the column with their name;
    `whoever`: recorded also where no person or program acts."""

    kind: str
    object_column: str
    label: str
    whoever: bool
    columns: tuple[str, ...]


RECORDED: Mapping[str, Recorded] = {
    "shops": Recorded("shop", "id", "name", True, (
        "slug", "name", "status", "status_reason", "locales", "default_locale", "currencies",
        "default_currency", "contact", "notice", "policies", "icp_number", "translations", "theme",
        "theme_settings", "logo_file_id", "hold_minutes", "unpaid_per_buyer", "unpaid_per_address",
        "hold_share", "mail_codes", "trusted_only", "token_only", "checklist_dismissed_at",
    )),
    "categories": Recorded("category", "id", "name", True, (
        "slug", "name", "translations", "position",
    )),
    "products": Recorded("product", "id", "name", True, (
        "slug", "name", "description", "category_id", "translations", "status", "position",
        "buyer_fields", "stopped_reason",
    )),
    "product_images": Recorded("product", "product_id", "", True, ("file_id", "position")),
    "variants": Recorded("variant", "id", "name", True, (
        "name", "translations", "position", "min_quantity", "max_quantity", "archived_at",
        "sale_order", "expiry_margin_hours", "low_stock",
    )),
    "prices": Recorded("variant", "variant_id", "currency", True, ("amount",)),
    "api_tokens": Recorded("api_token", "id", "name", True, (
        "name", "scopes", "origins", "expires_at", "revoked_at",
    )),
    "payment_accounts": Recorded("payment_account", "id", "provider", True, (
        "provider", "settles_with", "enabled", "removed_at",
    )),
    "payment_secrets": Recorded("payment_account", "account_id", "field", False, (
        "field", "created_at",
    )),
    "batches": Recorded("variant", "variant_id", "", True, (
        "source", "supplier", "note", "cost", "currency", "expires_at", "undone_at",
    )),
    "mail_texts": Recorded("mail_text", "id", "letter", True, (
        "locale", "subject", "title", "lead", "note", "action",
    )),
    "webhooks": Recorded("webhook", "id", "url", True, (
        "url", "events", "document", "disabled_reason",
    )),
    "webhook_secrets": Recorded("webhook", "webhook_id", "", False, ("created_at", "expires_at")),
    "trusted_documents": Recorded("trusted_document", "id", "name", True, ("name", "sha256")),
    "memberships": Recorded("member", "account_id", "", True, ("role",)),
    "invitations": Recorded("invitation", "id", "email", False, ("role", "expires_at")),
    "orders": Recorded("order", "id", "number", False, ("status",)),
    "code_reports": Recorded("order", "order_id", "", False, ("state",)),
    "refunds": Recorded("order", "order_id", "", False, (
        "amount", "currency", "reason", "note", "by_hand", "state",
    )),
    "jobs": Recorded("job", "id", "kind", False, ("kind", "state", "cancel")),
}  # fmt: skip

COUNTED = frozenset({"codes", "code_packs"})
"""Tables of which the log says only how many rows were deleted, and of which variant."""

NOT_RECORDED: Mapping[str, str] = {
    "audit_entries": "the log itself",
    "audit_changes": "the log itself",
    "shop_keys": "keys: rotations are written to key_rotations",
    "files": "uploads change nothing until something uses them, which is recorded",
    "search_terms": "derived from products",
    "stock_moves": "derived from codes, gone in a moment",
    "variant_bands": "derived from codes",
    "forbidden_findings": "derived from products and the installation's list",
    "api_token_uses": "a log of its own",
    "carts": "buyers' own",
    "cart_lines": "buyers' own",
    "order_lines": "written once with their order",
    "order_events": "the history of an order, which has its own page",
    "customers": "buyers' own",
    "customer_sessions": "buyers' own",
    "customer_links": "buyers' own",
    "customer_identities": "buyers' own",
    "customer_flows": "buyers' own",
    "reveals": "a log of its own, code by code",
    "code_exports": "a log of its own",
    "import_rejects": "what an import left out, sealed",
    "payments": "what providers say: told by order_events and the ledger",
    "inbox": "what providers say",
    "takings": "what providers say: told by order_events and the ledger",
    "disputes": "what providers say: told by order_events",
    "ledger_transactions": "a log of its own",
    "ledger_entries": "a log of its own",
    "outbox": "work to be done, not its result",
    "webhook_deliveries": "a log of its own",
    "webhook_tries": "a log of its own",
    "idempotency_keys": "written with the change that they guard",
}
"""Tables that are not watched, each for its reason."""
