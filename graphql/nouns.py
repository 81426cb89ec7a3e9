"""Types that more than one schema shows."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import strawberry

from keystall.graphql.context import RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    described,
    enum_type,
    interface_type,
    object_type,
    public,
    value,
)
from keystall.graphql.errors import bad_input
from keystall.graphql.ids import encode
from keystall.graphql.relay import MAX_NODES
from keystall.graphql.scalars import URL
from keystall.tenants.catalog.availability import Band
from keystall.tenants.identity.service import Viewer as Person

Id = Annotated[strawberry.ID, about("The opaque id.")]
Ids = Annotated[list[strawberry.ID], about("The opaque ids.")]
AgainKey = Annotated[
    str | None,
    about(
        "A text of your own, new for each decision, 8 to 64 characters. Asked again with the same"
        " key and input, it is done once and answered the same; without a key it may be refused,"
        " as done already."
    ),
]


_OPAQUE = "Opaque: do not take it apart, it changes without notice."


@interface_type
class Node:
    """Anything that can be fetched again by its opaque id."""

    id: strawberry.ID = described(_OPAQUE)


def row_id(kind: str, *, init: Literal[False] = False) -> Any:
    """The id of a node that is made of its row, `view`."""
    return derived(lambda node: encode(kind, node.view.id), _OPAQUE, init=init)


def checked_ids(wanted: list[strawberry.ID]) -> list[strawberry.ID]:
    """The ids of a `nodes` query. Raises ApiError for too many."""
    if len(wanted) > MAX_NODES:
        raise bad_input(f"`ids` may name at most {MAX_NODES}.")
    return wanted


@enum_type
class ShopStatus(Enum):
    """Whether a shop is selling."""

    PENDING = value(
        "pending", "New: it opens when the operator of the installation has approved it."
    )
    DECLINED = value("declined", "New, and not approved by the operator of the installation.")
    OPEN = value("open", "Selling.")
    CLOSED = value("closed", "Closed by its merchant: nothing can be bought.")
    SUSPENDED = value(
        "suspended", "Suspended by the operator of the installation: nothing can be bought."
    )


@enum_type
class Availability(Enum):
    """How much of something is left, told in bands."""

    IN_STOCK = value("in_stock", "Enough.")
    LOW = value("low", "Only few are left.")
    SOLD_OUT = value("sold_out", "None is left for now.")


_OF_BAND: Mapping[str | None, Availability] = {
    **{one.value: one for one in Availability}, None: Availability.SOLD_OUT
}  # fmt: skip


def in_band(band: Band | None) -> Availability:
    """What is left by its band; nothing, where there is none."""
    return _OF_BAND[band]


@public
@object_type
class Image:
    """A picture, re-encoded by us."""

    file: strawberry.Private[UUID]
    base: strawberry.Private[str]
    id: strawberry.ID = derived(
        lambda image: encode("Upload", image.file),
        "Opaque id; the merchant may hand it to `uploadIds`.",
    )
    url: URL = derived(
        lambda image: f"{image.base}/{image.file}/large.webp",
        "The picture, 1600 pixels wide at most.",
    )
    thumbnail_url: URL = derived(
        lambda image: f"{image.base}/{image.file}/small.webp",
        "The picture, 480 pixels wide at most.",
    )
    width: int = described("Width of `url` in pixels.")
    height: int = described("Height of `url` in pixels.")
    alt: str = described(
        "What the picture shows, for those who cannot see it; empty where it only decorates."
    )


@enum_type
class BuyerFieldKind(Enum):
    """What kind of answer a buyer field takes."""

    TEXT = value("text", "One line of text.")
    NUMBER = value("number", "Digits, such as those of an account.")
    EMAIL = value("email", "An email address.")
    PHONE = value("phone", "A telephone number.")
    SELECT = value("select", "One of the given options.")


@public
@object_type
class BuyerField:
    """Something a product asks its buyer for, such as the account to top up."""

    key: str = described("The field's name in data, to hand back with the answer.")
    label: str = described("The field's name for people.")
    required: bool = described("Whether checkout insists on an answer.")
    kind: BuyerFieldKind = described("What kind of answer it takes.")
    placeholder: str = described("An example shown in the empty field; empty where there is none.")
    options: list[str] = described("The answers to choose from, for SELECT; empty for the others.")


@enum_type
class OrderStatus(Enum):
    """How far an order is."""

    PENDING = value("pending", "Waiting for payment; the goods are held until `expiresAt`.")
    DELIVERED = value("delivered", "Paid, and the goods are in the buyer's hands.")
    EXPIRED = value("expired", "Nothing was paid in time; the goods went back on sale.")
    CANCELED = value("canceled", "Canceled before payment.")
    REFUNDING = value("refunding", "It could not be delivered; the money is being sent back.")
    REFUNDED = value("refunded", "The money went back.")
    REFUND_DUE = value(
        "refund_due", "It could not be delivered; the merchant sends the money back by hand."
    )


@enum_type
class RefundStatus(Enum):
    """How far a refund is."""

    REQUESTED = value("requested", "On its way.")
    SUCCEEDED = value("succeeded", "The provider sent the money back.")
    DUE = value("due", "The merchant sends the money back by hand.")
    WITHDRAWN = value("withdrawn", "Nothing goes back: the payment was accepted after all.")


@enum_type
class RefundedState(Enum):
    """How much of what a delivered order was paid with goes back. The codes stay with the buyer."""

    NONE = value("none", "Nothing.")
    PARTLY = value("partly", "A part of it.")
    WHOLLY = value("wholly", "All of it.")


@object_type
class OrderBuyerField:
    """An answer of the buyer, as given."""

    key: str = described("The question's name in data.")
    label: str = described("The question as it was asked.")
    value: str = described("The answer.")


@object_type
class OrderEvent:
    """Something that happened to an order."""

    kind: str = described("What it was, for programs, such as order.delivered.")
    message: str = described("What it was, for people, in the language of the request.")
    at: datetime = described("When it was.")


def buyer_field(stored: Mapping[str, Any]) -> BuyerField:
    """From one entry of a product's `buyer_fields`."""
    return BuyerField(
        key=stored["key"],
        label=stored["label"],
        required=bool(stored.get("required")),
        kind=BuyerFieldKind(stored.get("kind", "text")),
        placeholder=stored.get("placeholder") or "",
        options=list(stored.get("options") or ()),
    )


def image(context: RequestContext, file: UUID, size: tuple[int, int], alt: str) -> Image:
    """A picture of the request's shop; `size` is width and height in pixels.

    The console shows pictures from its own host: its pages load nothing from elsewhere.
    """
    shop, settings = context.require_shop(), context.installation.settings
    if isinstance(context.viewer, Person):
        base = f"{settings.public_url}/console/{shop.slug}/files"
    else:
        base = f"{settings.shop_url(shop.slug)}/files"
    return Image(file=file, base=base, width=size[0], height=size[1], alt=alt)
