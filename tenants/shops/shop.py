"""The shop as everything else sees it: one frozen value, made from its row."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from keystall.platform.database import Row
from keystall.tenants.columns import NOTHING, UNREAD
from keystall.tenants.shops.status import ShopStatus


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop. `translations` is `{locale: {"notice": …, "policies": …}}` beside the defaults;
    `catalog_version` moves whenever what the public sees of the shop does; two of the same shop are
    equal whatever it is. Lists may leave columns UNREAD."""

    id: UUID
    slug: str
    name: str
    status: ShopStatus
    status_reason: str
    locales: tuple[str, ...]
    default_locale: str
    currencies: tuple[str, ...]
    default_currency: str
    contact: str
    notice: str
    policies: str
    icp_number: str
    translations: dict[str, dict[str, str]]
    theme: str
    theme_settings: dict[str, Any]
    logo_file_id: UUID | None
    hold_minutes: int
    unpaid_per_buyer: int
    unpaid_per_address: int
    hold_share: int
    mail_codes: bool
    trusted_only: bool
    token_only: bool
    created_at: datetime
    catalog_version: int = field(compare=False)


def shop_from(row: Row, without: frozenset[str] = NOTHING) -> Shop:
    """A shop from a row of `shops`, of which columns were left out."""
    told = {name: UNREAD if name in without else row[name] for name in Shop.__slots__}
    told |= {name: tuple(row[name]) for name in ("locales", "currencies")}
    return Shop(**told)
