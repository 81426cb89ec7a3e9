"""What a merchant may say about a shop, and what is wrong with it. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from keystall.platform.money import CURRENCIES
from keystall.platform.slug import RESERVED_SLUGS, is_shop_slug, is_valid_slug, slug_like
from keystall.tenants.errors import UserError
from keystall.tenants.keeping import KEEP, Keep
from keystall.tenants.languages import LOCALES
from keystall.tenants.texts import text_errors

NAME_LIMIT = 60
CONTACT_LIMIT = 500
NOTICE_LIMIT = 2_000
POLICIES_LIMIT = 20_000
ICP_LIMIT = 60
MAX_CURRENCIES = 8
_PRESET = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShopInput:
    """A new shop. `locale` and `currency` become its only ones at first."""

    name: str
    slug: str
    locale: str
    currency: str


@dataclass(frozen=True, slots=True)
class ShopTranslation:
    """A shop's texts in one of its other languages, as Markdown."""

    locale: str
    notice: str = ""
    policies: str = ""


@dataclass(frozen=True, slots=True)
class ShopChanges:
    """Changes to a shop; KEEP leaves as it is. The first locale and currency are the defaults."""

    name: str | Keep = KEEP
    logo_upload_id: UUID | Keep | None = KEEP
    contact: str | Keep = KEEP
    notice: str | Keep = KEEP
    policies: str | Keep = KEEP
    icp_number: str | Keep | None = KEEP
    locales: Sequence[str] | Keep = KEEP
    currencies: Sequence[str] | Keep = KEEP
    theme_preset: str | Keep = KEEP
    translations: Sequence[ShopTranslation] | Keep = KEEP
    hold_minutes: int | Keep = KEEP
    unpaid_per_buyer: int | Keep = KEEP
    unpaid_per_address: int | Keep = KEEP
    hold_share: int | Keep = KEEP
    mail_codes: bool | Keep = KEEP
    trusted_only: bool | Keep = KEEP
    token_only: bool | Keep = KEEP


def shop_errors(shop: ShopInput) -> list[UserError]:
    """REQUIRED, TOO_LONG, INVALID; RESERVED for a slug that is kept back; LOCALE_UNKNOWN and
    CURRENCY_UNKNOWN."""
    return [
        *text_errors(shop.name, "name", limit=NAME_LIMIT, required=True),
        *_slug_errors(shop.slug),
        *_members((shop.locale,), LOCALES, "LOCALE_UNKNOWN", ("locale",)),
        *_members((shop.currency,), CURRENCIES, "CURRENCY_UNKNOWN", ("currency",)),
    ]


def change_errors(changes: Mapping[str, Any]) -> list[UserError]:
    """The same for the fields of a `ShopChanges` that were given."""
    errors: list[UserError] = []
    for name, limit, lines in _TEXTS:
        if name in changes:
            text = changes[name] or ""
            required = name == "name"
            errors += text_errors(text, name, limit=limit, required=required, lines=lines)
    if "locales" in changes:
        errors += _list_errors(changes["locales"], LOCALES, "LOCALE_UNKNOWN", "locales")
    if "currencies" in changes:
        errors += _list_errors(changes["currencies"], CURRENCIES, "CURRENCY_UNKNOWN", "currencies")
    if "theme_preset" in changes and not _is_preset(changes["theme_preset"]):
        errors.append(UserError("INVALID", ("theme_preset",)))
    for name, most in _NUMBERS:
        if name in changes and not 1 <= changes[name] <= most:
            errors.append(UserError("OUT_OF_RANGE", (name,), {"least": 1, "most": most}))
    for index, translation in enumerate(changes.get("translations", ())):
        errors += _translation_errors(translation, ("translations", str(index)))
    return errors


_TEXTS = (
    ("name", NAME_LIMIT, False),
    ("contact", CONTACT_LIMIT, True),
    ("notice", NOTICE_LIMIT, True),
    ("policies", POLICIES_LIMIT, True),
    ("icp_number", ICP_LIMIT, False),
)
_NUMBERS = (
    ("hold_minutes", 1440),
    ("unpaid_per_buyer", 1000),
    ("unpaid_per_address", 100_000),
    ("hold_share", 100),
)


def _is_preset(name: str) -> bool:
    return len(name) <= 40 and _PRESET.fullmatch(name) is not None


def _slug_errors(slug: str) -> list[UserError]:
    if not slug:
        return [UserError("REQUIRED", ("slug",))]
    if slug in RESERVED_SLUGS:
        return [UserError("RESERVED", ("slug",))]
    if not is_valid_slug(slug) or not is_shop_slug(slug):
        return [UserError("INVALID", ("slug",), {"slug": slug_like(slug)})]
    return []


def _members(
    values: Sequence[str], known: Collection[str], code: str, path: tuple[str, ...]
) -> list[UserError]:
    return [UserError(code, path, {"value": value[:20]}) for value in values if value not in known]


def _list_errors(
    values: Sequence[str], known: Collection[str], code: str, name: str
) -> list[UserError]:
    if not values:
        return [UserError("REQUIRED", (name,))]
    if len(values) > MAX_CURRENCIES or len(set(values)) != len(values):
        return [UserError("INVALID", (name,))]
    return [
        error
        for index, value in enumerate(values)
        for error in _members((value,), known, code, (name, str(index)))
    ]


def _translation_errors(text: ShopTranslation, path: tuple[str, ...]) -> list[UserError]:
    return [
        *_members((text.locale,), LOCALES, "LOCALE_UNKNOWN", (*path, "locale")),
        *text_errors(text.notice, *path, "notice", limit=NOTICE_LIMIT, lines=True),
        *text_errors(text.policies, *path, "policies", limit=POLICIES_LIMIT, lines=True),
    ]
