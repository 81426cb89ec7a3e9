"""Shops as the operator names them."""

from typing import Protocol
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


class OfShop(Protocol):
    """A row that may be about a shop."""

    @property
    def shop_id(self) -> UUID | None: ...

    @property
    def shop_slug(self) -> str | None: ...

    @property
    def shop_name(self) -> str | None: ...


def brief(row: OfShop) -> ShopBrief | None:
    """The shop in a row; None where the row is about the installation itself."""
    if row.shop_id is None or row.shop_slug is None or row.shop_name is None:
        return None
    return ShopBrief(id=encode("Shop", row.shop_id), name=row.shop_name, slug=row.shop_slug)
