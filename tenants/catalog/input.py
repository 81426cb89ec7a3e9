"""What a merchant may say about products and categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from keystall.tenants.keeping import KEEP, Keep

ProductStatus = Literal["draft", "active", "archived"]
BuyerFieldKind = Literal["text", "number", "email", "phone", "select"]


@dataclass(frozen=True, slots=True)
class PriceInput:
    """A price as typed: decimal text in the currency."""

    amount: str
    currency_code: str


@dataclass(frozen=True, slots=True)
class VariantInput:
    """One kind of a product. `id` None is a new one.

    `translations` are names by locale; None leaves those of a kept variant as they are.
    """

    prices: Sequence[PriceInput]
    name: str = ""
    id: UUID | None = None
    min_quantity: int = 1
    max_quantity: int = 10
    translations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class BuyerFieldInput:
    """Something to ask the buyer for; `options` are the answers of a select."""

    key: str
    label: str
    required: bool = True
    kind: BuyerFieldKind = "text"
    placeholder: str = ""
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ProductTranslation:
    """A product's texts in one of the shop's other languages; the description is Markdown."""

    locale: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ProductInput:
    """A new product. An empty slug is made from the name; `upload_ids` are pictures, main first."""

    name: str
    variants: Sequence[VariantInput]
    slug: str = ""
    description: str = ""
    category_id: UUID | None = None
    status: ProductStatus = "active"
    position: int = 0
    upload_ids: Sequence[UUID] = ()
    buyer_fields: Sequence[BuyerFieldInput] = ()
    translations: Sequence[ProductTranslation] = ()


@dataclass(frozen=True, slots=True)
class ProductChanges:
    """Changes to a product; KEEP leaves as it is, a list replaces the whole list.

    Variants not named are taken off sale, their codes and orders stay.
    """

    name: str | Keep = KEEP
    variants: Sequence[VariantInput] | Keep = KEEP
    slug: str | Keep = KEEP
    description: str | Keep = KEEP
    category_id: UUID | Keep | None = KEEP
    status: ProductStatus | Keep = KEEP
    position: int | Keep = KEEP
    upload_ids: Sequence[UUID] | Keep = KEEP
    buyer_fields: Sequence[BuyerFieldInput] | Keep = KEEP
    translations: Sequence[ProductTranslation] | Keep = KEEP


@dataclass(frozen=True, slots=True)
class CategoryTranslation:
    """A category's name in one of the shop's other languages."""

    locale: str
    name: str


@dataclass(frozen=True, slots=True)
class CategoryInput:
    """A new category. An empty slug is made from the name; `position` None is the last."""

    name: str
    slug: str = ""
    position: int | None = None
    translations: Sequence[CategoryTranslation] = ()


@dataclass(frozen=True, slots=True)
class CategoryChanges:
    """Changes to a category; KEEP leaves as it is."""

    name: str | Keep = KEEP
    slug: str | Keep = KEEP
    position: int | Keep = KEEP
    translations: Sequence[CategoryTranslation] | Keep = KEEP
