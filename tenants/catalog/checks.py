"""What is wrong with what a merchant says about products and categories. Pure.

Every check takes the fields that were given, by name, and answers every reason it finds, each with
the path of its field.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keystall.platform.money import InvalidAmount, parse_amount
from keystall.platform.slug import is_valid_slug, slug_like
from keystall.tenants.catalog.input import BuyerFieldInput, PriceInput, VariantInput
from keystall.tenants.errors import UserError
from keystall.tenants.shops.shop import Shop
from keystall.tenants.texts import text_errors

NAME_LIMIT = 200
DESCRIPTION_LIMIT = 20_000
MAX_VARIANTS = 50
MAX_IMAGES = 10
MAX_BUYER_FIELDS = 10
MAX_OPTIONS = 50
MAX_QUANTITY = 1000
"""The most of one variant in one order; a check constraint holds it, too."""
_MAX_POSITION = 2**31 - 1
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)

Path = tuple[str, ...]


def product_errors(given: Mapping[str, Any], shop: Shop) -> list[UserError]:
    """REQUIRED, TOO_LONG, INVALID, DUPLICATE, TOO_MANY, CURRENCY_UNAVAILABLE,
    LOCALE_UNAVAILABLE, AMOUNT_INVALID."""
    errors = _naming_errors(given, shop)
    if "description" in given:
        errors += text_errors(
            given["description"], "description", limit=DESCRIPTION_LIMIT, lines=True
        )
    if "variants" in given:
        errors += _variants_errors(given["variants"], shop)
    if "upload_ids" in given:
        errors += _count_errors(given["upload_ids"], MAX_IMAGES, ("upload_ids",))
        errors += _repeated(given["upload_ids"], ("upload_ids",), ())
    if "buyer_fields" in given:
        errors += _buyer_fields_errors(given["buyer_fields"])
    for index, text in enumerate(given.get("translations", ())):
        path = ("translations", str(index), "description")
        errors += text_errors(text.description, *path, limit=DESCRIPTION_LIMIT, lines=True)
    return errors


def category_errors(given: Mapping[str, Any], shop: Shop) -> list[UserError]:
    """REQUIRED, TOO_LONG, INVALID, DUPLICATE, LOCALE_UNAVAILABLE."""
    return _naming_errors(given, shop)


def _naming_errors(given: Mapping[str, Any], shop: Shop) -> list[UserError]:
    errors: list[UserError] = []
    if "name" in given:
        errors += text_errors(given["name"], "name", limit=NAME_LIMIT, required=True)
    if given.get("slug") and not is_valid_slug(given["slug"]):
        errors.append(UserError("INVALID", ("slug",), {"slug": slug_like(given["slug"])}))
    if not 0 <= (given.get("position") or 0) <= _MAX_POSITION:
        errors.append(UserError("INVALID", ("position",)))
    translations = given.get("translations", ())
    for index, text in enumerate(translations):
        path = ("translations", str(index))
        errors += _locale_errors(text.locale, shop, (*path, "locale"))
        errors += text_errors(text.name, *path, "name", limit=NAME_LIMIT, required=True)
    locales = [text.locale for text in translations]
    return errors + _repeated(locales, ("translations",), ("locale",))


def _locale_errors(locale: str, shop: Shop, path: Path) -> list[UserError]:
    return [] if locale in shop.locales else [UserError("LOCALE_UNAVAILABLE", path)]


def _variants_errors(variants: Sequence[VariantInput], shop: Shop) -> list[UserError]:
    if not variants:
        return [UserError("REQUIRED", ("variants",))]
    errors = _count_errors(variants, MAX_VARIANTS, ("variants",))
    for index, variant in enumerate(variants):
        path = ("variants", str(index))
        required = len(variants) > 1
        errors += text_errors(variant.name, *path, "name", limit=NAME_LIMIT, required=required)
        errors += _quantity_errors(variant, path)
        errors += _prices_errors(variant.prices, shop, (*path, "prices"))
        for locale, name in (variant.translations or {}).items():
            errors += _locale_errors(locale, shop, (*path, "translations", locale))
            errors += text_errors(name, *path, "translations", locale, limit=NAME_LIMIT)
    names = [variant.name.strip() for variant in variants]
    ids = [variant.id for variant in variants if variant.id is not None]
    errors += _repeated(names, ("variants",), ("name",)) if all(names) else []
    return errors + (_repeated(ids, ("variants",), ("id",)))


def _quantity_errors(variant: VariantInput, path: Path) -> list[UserError]:
    errors: list[UserError] = []
    if not 1 <= variant.min_quantity <= MAX_QUANTITY:
        errors.append(UserError("INVALID", (*path, "min_quantity")))
    if not variant.min_quantity <= variant.max_quantity <= MAX_QUANTITY:
        errors.append(UserError("INVALID", (*path, "max_quantity")))
    return errors


def _prices_errors(prices: Sequence[PriceInput], shop: Shop, path: Path) -> list[UserError]:
    if not prices:
        return [UserError("REQUIRED", path)]
    errors: list[UserError] = []
    for index, price in enumerate(prices):
        if price.currency_code not in shop.currencies:
            place = (*path, str(index), "currency_code")
            errors.append(UserError("CURRENCY_UNAVAILABLE", place))
        elif not _is_price(price):
            errors.append(UserError("AMOUNT_INVALID", (*path, str(index), "amount")))
    currencies = [price.currency_code for price in prices]
    return errors + _repeated(currencies, path, ("currency_code",))


def _is_price(price: PriceInput) -> bool:
    try:
        return parse_amount(price.amount, price.currency_code) > 0
    except InvalidAmount:
        return False


def _buyer_fields_errors(fields: Sequence[BuyerFieldInput]) -> list[UserError]:
    errors = _count_errors(fields, MAX_BUYER_FIELDS, ("buyer_fields",))
    for index, field in enumerate(fields):
        path = ("buyer_fields", str(index))
        if not _KEY.fullmatch(field.key):
            code = "INVALID" if field.key else "REQUIRED"
            errors.append(UserError(code, (*path, "key")))
        errors += text_errors(field.label, *path, "label", limit=100, required=True)
        errors += text_errors(field.placeholder, *path, "placeholder", limit=100)
        if field.kind == "select":
            errors += _options_errors(field.options, (*path, "options"))
    keys = [field.key for field in fields]
    return errors + _repeated(keys, ("buyer_fields",), ("key",))


def _options_errors(options: Sequence[str], path: Path) -> list[UserError]:
    if not options:
        return [UserError("REQUIRED", path)]
    errors = _count_errors(options, MAX_OPTIONS, path)
    for index, option in enumerate(options):
        errors += text_errors(option, *path, str(index), limit=100, required=True)
    return errors + _repeated(options, path, ())


def _count_errors(items: Sequence[object], limit: int, path: Path) -> list[UserError]:
    return [UserError("TOO_MANY", path, {"limit": limit})] if len(items) > limit else []


def _repeated(values: Iterable[object], before: Path, after: Path) -> list[UserError]:
    """DUPLICATE for every value that stood before, at its own place."""
    seen: set[object] = set()
    errors: list[UserError] = []
    for index, value in enumerate(values):
        if value in seen:
            errors.append(UserError("DUPLICATE", (*before, str(index), *after)))
        seen.add(value)
    return errors
