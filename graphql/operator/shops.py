"""Shops as the operator names them."""

from uuid import UUID

import strawberry

from keystall.graphql.describing import described, object_type
from keystall.graphql.ids import encode


@object_type
class ShopBrief:
    """Which shop something is about."""

    id: strawberry.ID = described("The shop's id.")
    name: str = described("The shop's name.")
    slug: str = described("The shop's short name, as in its address.")


def brief(shop: UUID | None, slug: str | None, name: str | None) -> ShopBrief | None:
    """The shop in a row; None where the row is about the installation itself."""
    if shop is None or slug is None or name is None:
        return None
    return ShopBrief(id=encode("Shop", shop), name=name, slug=slug)
