"""What a merchant does with products."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Product, ProductStatus, product
from keystall.graphql.admin.categories import NameTranslationInput
from keystall.graphql.admin.families import ProductUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.given import UNSET, given
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import BuyerFieldKind
from keystall.graphql.refusals import Payload, attempted, field_path
from keystall.graphql.scalars import Money, money
from keystall.tenants.catalog import input as asked
from keystall.tenants.catalog import service
from keystall.tenants.catalog.rehearsal import PriceChange as PriceFacts


@input_type
class MoneyInput:
    """An amount of money."""

    amount: str = described('Decimal text, such as "9.90".')
    currency_code: str = described("ISO 4217 code, such as CNY.")


@input_type
class VariantInput:
    """A variant of a product."""

    id: strawberry.ID | None = described(
        "The variant to keep; left out for a new one.", default=None
    )
    name: str = described("The variant's name; may be empty where there is only one.", default="")
    prices: list[MoneyInput] = described("The price of one in each currency it is sold in.")
    min_quantity: int = described("The fewest that can be bought at once.", default=1)
    max_quantity: int = described("The most that can be bought at once.", default=10)
    translations: list[NameTranslationInput] | None = described(
        "Its name in the shop's other languages; as it is when left out.", default=None
    )


@input_type
class BuyerFieldInput:
    """Something to ask the buyer for."""

    key: str = described("The field's name in data: small letters, digits and underscores.")
    label: str = described("The field's name for people.")
    required: bool = described("Whether checkout insists on an answer.", default=True)
    kind: BuyerFieldKind = described("What kind of answer it takes.", default=BuyerFieldKind.TEXT)
    placeholder: str = described("An example shown in the empty field.", default="")
    options: list[str] = described("The answers to choose from, for SELECT.", default_factory=list)


@input_type
class ProductTranslationInput:
    """A product's texts in one language."""

    locale: str = described("The language.")
    name: str = described("The product's name.")
    description: str = described("The description, as Markdown.", default="")


@input_type
class ProductCreateInput:
    """A new product."""

    name: str = described("The product's name in the shop's default language.")
    slug: str | None = described(
        "The short name for its address; made from the name when left out.", default=None
    )
    description: str = described(
        "The description in the shop's default language, as Markdown.", default=""
    )
    category_id: strawberry.ID | None = described("The shelf it stands on.", default=None)
    status: ProductStatus = described(
        "Whether it is on sale at once.", default=ProductStatus.ACTIVE
    )
    variants: list[VariantInput] = described("Its kinds, in order; at least one.")
    upload_ids: list[strawberry.ID] = described(
        "Pictures, the main one first: ids of uploads.", default_factory=list
    )
    buyer_fields: list[BuyerFieldInput] = described(
        "What the buyer is asked for.", default_factory=list
    )
    translations: list[ProductTranslationInput] = described(
        "Texts in the shop's other languages.", default_factory=list
    )


@input_type
class ProductUpdateInput:
    """Changes to a product; what is left out stays as it is, and a list that is given replaces the
    whole list."""

    name: str | None = described(
        "The product's name in the shop's default language.", default=UNSET
    )
    slug: str | None = described("The short name for its address.", default=UNSET)
    description: str | None = described(
        "The description in the shop's default language, as Markdown.", default=UNSET
    )
    category_id: strawberry.ID | None = described(
        "The shelf it stands on; null takes it off.", default=UNSET
    )
    status: ProductStatus | None = described("Whether it is on sale.", default=UNSET)
    position: int | None = described(
        "Its place in the merchant's order, smallest first.", default=UNSET
    )
    variants: list[VariantInput] | None = described(
        "Its kinds, in order; those not named are taken off sale.", default=UNSET
    )
    upload_ids: list[strawberry.ID] | None = described(
        "Pictures, the main one first: ids of uploads, or of pictures it has.", default=UNSET
    )
    buyer_fields: list[BuyerFieldInput] | None = described(
        "What the buyer is asked for.", default=UNSET
    )
    translations: list[ProductTranslationInput] | None = described(
        "Texts in the shop's other languages.", default=UNSET
    )


@object_type
class ProductCreatePayload(Payload[ProductUserError]):
    """The answer to productCreate."""

    product: Product | None = described("The new product; null where it was refused.")


@object_type
class PriceChange:
    """A price that would be another."""

    variant_id: strawberry.ID | None = described("The variant; null for one that would be new.")
    variant_name: str = described("The variant's name as it would be; may be empty.")
    currency_code: str = described("ISO 4217 code, such as CNY.")
    before: Money | None = described(
        "What one costs now; null where it is not on sale in this currency."
    )
    after: Money | None = described(
        "What one would cost; null where it would not be on sale in this currency any more."
    )


@object_type
class ProductUpdatePreview:
    """What a change to a product would come to."""

    changed: list[str] = described(
        "The fields of the input that would have another value, such as name or variants."
    )
    prices: list[PriceChange] = described(
        "The prices that would be others, variants in their order.", assumed=5
    )


@object_type
class ProductUpdatePayload(Payload[ProductUserError]):
    """The answer to productUpdate."""

    product: Product | None = described("The product as it is now; null where it was refused.")
    preview: ProductUpdatePreview | None = described(
        "What would change; null unless `dryRun` asked for it, and where it was refused.",
        default=None,
    )


@object_type
class ProductArchivePayload(Payload[ProductUserError]):
    """The answer to productArchive."""

    product: Product | None = described("The product as it is now; null where it was refused.")


ProductId = Annotated[strawberry.ID, about("The product.")]


@object_type
class ProductMutation:
    """What a merchant does with products."""

    @resolver
    async def product_create(
        self, info: Info, input: Annotated[ProductCreateInput, about("The new product.")]
    ) -> ProductCreatePayload:
        """Adds a product with its variants."""
        context = info.context
        values = asked.ProductInput(**_product(vars(input)))
        call = service.product_create(context.installation, context.require_shop(), values)
        made, errors = await attempted(context, call, ProductUserError, under=("input",))
        shown = product(made) if made else None
        return ProductCreatePayload(product=shown, user_errors=errors)

    @resolver
    async def product_update(
        self,
        info: Info,
        id: ProductId,
        input: Annotated[ProductUpdateInput, about("The changes.")],
        dry_run: Annotated[
            bool, about("Whether to check everything and tell what would change, and not do it.")
        ] = False,
    ) -> ProductUpdatePayload:
        """Changes a product."""
        context, row = info.context, row_of("Product", id)
        changes = asked.ProductChanges(**_product(given(input, {"category_id"})))
        if dry_run:
            return await _rehearsed(context, row, changes)
        call = service.product_update(context.installation, context.require_shop(), row, changes)
        found, errors = await attempted(context, call, ProductUserError, under=("input",))
        shown = product(found) if found else None
        return ProductUpdatePayload(product=shown, user_errors=errors)

    @resolver
    async def product_archive(self, info: Info, id: ProductId) -> ProductArchivePayload:
        """Takes a product off sale for good; its past orders stay."""
        context = info.context
        call = service.product_archive(
            context.installation, context.require_shop(), row_of("Product", id)
        )
        found, errors = await attempted(context, call, ProductUserError)
        shown = product(found) if found else None
        return ProductArchivePayload(product=shown, user_errors=errors)


async def _rehearsed(
    context: RequestContext, row: UUID, changes: asked.ProductChanges
) -> ProductUpdatePayload:
    call = service.product_rehearse(context.installation, context.require_shop(), row, changes)
    found, errors = await attempted(context, call, ProductUserError, under=("input",))
    if found is None:
        return ProductUpdatePayload(product=None, user_errors=errors)
    view = await context.load(loads.products, row)
    return ProductUpdatePayload(
        product=product(view) if view else None,
        preview=ProductUpdatePreview(
            changed=field_path(found.changed),
            prices=[_price_change(change, context.locale) for change in found.prices],
        ),
        user_errors=[],
    )


def _price_change(change: PriceFacts, locale: str) -> PriceChange:
    def shown(amount: int | None) -> Money | None:
        return None if amount is None else money(amount, change.currency, locale)

    return PriceChange(
        variant_id=encode("Variant", change.variant_id) if change.variant_id else None,
        variant_name=change.variant_name,
        currency_code=change.currency,
        before=shown(change.before),
        after=shown(change.after),
    )


def _product(given: dict[str, Any]) -> dict[str, Any]:
    """The domain's words for what was given of a product."""
    values = dict(given)
    if "slug" in values:
        values["slug"] = values["slug"] or ""
    if values.get("category_id") is not None:
        values["category_id"] = row_of("Category", values["category_id"])
    if "status" in values:
        values["status"] = values["status"].value
    if "upload_ids" in values:
        values["upload_ids"] = [row_of("Upload", upload) for upload in values["upload_ids"]]
    if "variants" in values:
        values["variants"] = [_variant(variant) for variant in values["variants"]]
    if "buyer_fields" in values:
        values["buyer_fields"] = [
            asked.BuyerFieldInput(**{**vars(field), "kind": field.kind.value})
            for field in values["buyer_fields"]
        ]
    if "translations" in values:
        values["translations"] = [
            asked.ProductTranslation(**vars(text)) for text in values["translations"]
        ]
    return values


def _variant(given: VariantInput) -> asked.VariantInput:
    names = given.translations
    return asked.VariantInput(
        prices=[asked.PriceInput(price.amount, price.currency_code) for price in given.prices],
        name=given.name,
        id=row_of("Variant", given.id) if given.id else None,
        min_quantity=given.min_quantity,
        max_quantity=given.max_quantity,
        translations=None if names is None else {text.locale: text.name for text in names},
    )
