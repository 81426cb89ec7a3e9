"""What a merchant does with categories."""

from typing import Annotated, Any

import strawberry

from keystall.graphql.admin.catalog import Category, category
from keystall.graphql.admin.families import CategoryUserError
from keystall.graphql.context import Info
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.given import UNSET, given
from keystall.graphql.ids import row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.tenants.catalog import categories
from keystall.tenants.catalog import input as asked


@input_type
class NameTranslationInput:
    """A name in one language."""

    locale: str = described("The language.")
    name: str = described("What the product is called in this language.")


@input_type
class CategoryCreateInput:
    """A new category."""

    name: str = described("The category's name in the shop's default language.")
    slug: str | None = described(
        "The short name for its address; made from the name when left out.", default=None
    )
    position: int | None = described(
        "Its place among the categories, smallest first; the last when left out.", default=None
    )
    translations: list[NameTranslationInput] = described(
        "Its name in the shop's other languages.", default_factory=list
    )


@input_type
class CategoryUpdateInput:
    """Changes to a category; what is left out stays as it is."""

    name: str | None = described(
        "The category's name in the shop's default language.", default=UNSET
    )
    slug: str | None = described("The short name for its address.", default=UNSET)
    position: int | None = described(
        "Its place among the categories, smallest first.", default=UNSET
    )
    translations: list[NameTranslationInput] | None = described(
        "Its name in the shop's other languages, all of them.", default=UNSET
    )


@object_type
class CategoryCreatePayload(Payload[CategoryUserError]):
    """The answer to categoryCreate."""

    category: Category | None = described("The new category; null where it was refused.")


@object_type
class CategoryUpdatePayload(Payload[CategoryUserError]):
    """The answer to categoryUpdate."""

    category: Category | None = described("The category as it is now; null where it was refused.")


@object_type
class CategoryDeletePayload(Payload[CategoryUserError]):
    """The answer to categoryDelete."""

    deleted_id: strawberry.ID | None = described("The id that is gone; null where it was refused.")


CategoryId = Annotated[strawberry.ID, about("The category.")]


@object_type
class CategoryMutation:
    """What a merchant does with categories."""

    @resolver
    async def category_create(
        self, info: Info, input: Annotated[CategoryCreateInput, about("The new category.")]
    ) -> CategoryCreatePayload:
        """Adds a category."""
        context = info.context
        values = asked.CategoryInput(**_category(vars(input)))
        call = categories.category_create(context.installation, context.require_shop(), values)
        made, errors = await attempted(context, call, CategoryUserError, under=("input",))
        return CategoryCreatePayload(category=category(made) if made else None, user_errors=errors)

    @resolver
    async def category_update(
        self,
        info: Info,
        id: CategoryId,
        input: Annotated[CategoryUpdateInput, about("The changes.")],
    ) -> CategoryUpdatePayload:
        """Changes a category."""
        context = info.context
        changes = asked.CategoryChanges(**_category(given(input)))
        call = categories.category_update(
            context.installation, context.require_shop(), row_of("Category", id), changes
        )
        found, errors = await attempted(context, call, CategoryUserError, under=("input",))
        return CategoryUpdatePayload(
            category=category(found) if found else None, user_errors=errors
        )

    @resolver
    async def category_delete(self, info: Info, id: CategoryId) -> CategoryDeletePayload:
        """Deletes a category; its products stay, without a shelf."""
        context = info.context
        call = categories.category_delete(
            context.installation, context.require_shop(), row_of("Category", id)
        )
        _, errors = await attempted(context, call, CategoryUserError)
        return CategoryDeletePayload(deleted_id=None if errors else id, user_errors=errors)


def _category(given: dict[str, Any]) -> dict[str, Any]:
    """The domain's words for what was given of a category."""
    values = dict(given)
    if "slug" in values:
        values["slug"] = values["slug"] or ""
    if "translations" in values:
        values["translations"] = [
            asked.CategoryTranslation(**vars(text)) for text in values["translations"]
        ]
    return values
