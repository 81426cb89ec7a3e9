"""Opening a shop, changing it, closing it and opening it again."""

from typing import Any
from uuid import UUID

from keystall.platform import clock
from keystall.platform.crypto import new_key
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.files.queries import picture_exists
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.keeping import given
from keystall.tenants.key_locks import wrap_with_ring
from keystall.tenants.shops.input import ShopChanges, ShopInput, change_errors, shop_errors
from keystall.tenants.shops.models import ShopRow
from keystall.tenants.shops.queries import memberships_of, shop_by_id
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.status import first_status
from keystall.tenants.stock.sealing import key_place
from keystall.tenants.writing import Writing, writing

MAX_SHOPS = 20
"""Shops that one person may own; each is a row in many tables and an address of ours."""

_COLUMNS = {"theme_preset": "theme", "logo_upload_id": "logo_file_id"}


async def shop_create(installation: Installation, viewer: Viewer, asked: ShopInput) -> Shop:
    """Opens a shop at `<slug>.<suffix>`, the viewer its owner, with a data key of its own. Where an
    operator approves shops before they open, it is pending.

    Refuses REQUIRED, TOO_LONG, INVALID, RESERVED, LOCALE_UNKNOWN, CURRENCY_UNKNOWN; TAKEN for an
    address that another shop has; LIMIT_REACHED.
    """
    errors = shop_errors(asked)
    if errors:
        raise Refused(*errors)
    shop = new_id()
    async with writing(installation, shop) as tx:
        places = await memberships_of(tx, viewer.secret_hash)
        if sum(place.role == "owner" for place in places) >= MAX_SHOPS:
            raise refuse("LIMIT_REACHED", limit=MAX_SHOPS)
        opened = await tx.value(
            "select shop_create($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            viewer.secret_hash, shop, asked.slug, installation.settings.shop_host(asked.slug),
            asked.name.strip(), asked.locale, asked.currency,
            await wrap_with_ring(tx, installation.keys, new_key(), key_place(shop)),
            first_status(installation.settings.shop_approval),
        )  # fmt: skip
        if not opened:
            raise refuse("TAKEN", "slug")
        if installation.settings.sandbox_url:
            await tx.execute(
                "insert into payment_accounts (shop_id, id, provider, settles_with)"
                " values ($1, $2, 'sandbox', 'merchant')",
                shop, new_id(),
            )  # fmt: skip
        return await _shop(tx, shop)


async def shop_update(installation: Installation, shop: UUID, changes: ShopChanges) -> Shop:
    """Changes what was given, answers the shop as it is then.

    Refuses REQUIRED, TOO_LONG, INVALID, LOCALE_UNKNOWN, CURRENCY_UNKNOWN; NOT_FOUND for a logo that
    is no picture of this shop.
    """
    values = given(changes)
    errors = change_errors(values)
    if errors:
        raise Refused(*errors)
    async with writing(installation, shop) as tx:
        logo = values.get("logo_upload_id")
        if logo is not None and not await picture_exists(tx, shop, logo):
            raise refuse("NOT_FOUND", "logo_upload_id")
        if values:
            await ShopRow.filter(id=shop).update(**_columns(values))
            tx.announce("shop")
        return await _shop(tx, shop)


async def shop_close(installation: Installation, shop: UUID) -> Shop:
    """Closes the shop: nothing can be bought. Refuses CONFLICT where it is suspended or was not
    approved yet."""
    return await _set_open(installation, shop, False)


async def shop_reopen(installation: Installation, shop: UUID) -> Shop:
    """Opens a closed shop. Refuses CONFLICT where it is suspended or was not approved yet."""
    return await _set_open(installation, shop, True)


async def shop_ask_approval(installation: Installation, shop: UUID) -> Shop:
    """Asks the operator again after a no; changes nothing where there was none."""
    async with writing(installation, shop) as tx:
        if await tx.value("select shop_ask_approval()"):
            tx.announce("shop")
        return await _shop(tx, shop)


async def checklist_dismiss(installation: Installation, shop: UUID) -> None:
    """Puts the first-sale checklist away, for good; a second time changes nothing."""
    async with writing(installation, shop) as tx:
        await tx.execute(
            "update shops set checklist_dismissed_at = $2"
            " where id = $1 and checklist_dismissed_at is null",
            shop, clock.now(),
        )  # fmt: skip


async def _set_open(installation: Installation, shop: UUID, is_open: bool) -> Shop:
    async with writing(installation, shop) as tx:
        if not await tx.value("select shop_set_open($1)", is_open):
            raise refuse("CONFLICT")
        tx.announce("shop")
        return await _shop(tx, shop)


async def _shop(tx: Writing, shop: UUID) -> Shop:
    found = await shop_by_id(tx, shop)
    if found is None:
        raise LookupError("the shop of this transaction does not exist")
    return found


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    columns = {_COLUMNS.get(name, name): value for name, value in values.items()}
    for name in ("name", "contact", "icp_number"):
        if name in columns:
            columns[name] = (columns[name] or "").strip()
    if "locales" in columns:
        columns["locales"] = list(columns["locales"])
        columns["default_locale"] = columns["locales"][0]
    if "currencies" in columns:
        columns["currencies"] = list(columns["currencies"])
        columns["default_currency"] = columns["currencies"][0]
    if "translations" in columns:
        columns["translations"] = {
            text.locale: {"notice": text.notice, "policies": text.policies}
            for text in columns["translations"]
        }
    return columns
