"""Erasing a person: what there is of them, and doing it."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from keystall.graphql.context import Info
from keystall.graphql.describing import about, described, enum_type, object_type, resolver, value
from keystall.graphql.ids import encode
from keystall.graphql.operator import access
from keystall.graphql.operator.shops import ShopBrief
from keystall.graphql.refusals import Payload, UserError, attempted, error_codes
from keystall.tenants.persons import erasure


@enum_type
class PersonData(Enum):
    """What kind of thing there is of a person."""

    ORDERS = value("orders", "Orders: address and answers go, all else stays.")
    CARTS = value("carts", "Carts, which go whole.")
    CUSTOMERS = value("customers", "That they sign in at the shop, with where they did.")
    INVITATIONS = value("invitations", "Invitations to work for a shop.")
    REPORTS = value("reports", "What they wrote about codes that do not work.")
    REVEALS = value("reveals", "From where they looked at codes.")
    EXPORTS = value("exports", "From where they downloaded codes.")
    DELIVERIES = value("deliveries", "What webhooks of shops were told of them.")
    CALLBACKS = value("callbacks", "What payment providers sent about their payments.")
    MAILS = value("mails", "Mails that wait to be sent to them.")
    TEXTS = value("texts", "What others wrote that has the address in it.")
    DEEDS = value("deeds", "Their name, address and browser in records of activity.")
    ACCOUNTS = value("accounts", "Their account.")
    SESSIONS = value("sessions", "Where they are signed in.")
    LINKS = value("links", "Links that were mailed to their account.")
    MEMBERSHIPS = value("memberships", "Shops that they work for.")


@enum_type
class HindranceReason(Enum):
    """Why a person cannot be erased now."""

    ORDER_IN_FLIGHT = value("order_in_flight", "An order is paid, and goods or money are due.")
    SHOP_OPEN = value("shop_open", "A shop that is open would be left without an owner.")
    OPERATOR = value("operator", "They are an operator of the installation.")


@object_type
class PersonCount:
    """How much there is of one kind."""

    kind: PersonData = described("What kind.")
    count: int = described("How many.")


@object_type
class PersonInShop:
    """What a shop has of a person."""

    shop: ShopBrief = described("Where they bought or work.")
    counts: list[PersonCount] = described("How much of each kind that there is.", assumed=10)


@object_type
class Hindrance:
    """What has to be settled before a person can be erased."""

    reason: HindranceReason = described("Why.")
    about: str | None = described("The order's number or the shop's short name; null for neither.")


@object_type
class PersonPreview:
    """What would be erased."""

    shops: list[PersonInShop] = described("What shops have of them.", assumed=5)
    account: list[PersonCount] = described(
        "What hangs on their account; empty without one.", assumed=10
    )
    hindrances: list[Hindrance] = described(
        "What has to be settled before; empty for nothing.", assumed=5
    )


PersonErrorCode = error_codes(
    "PersonErrorCode", "a person",
    "EMAIL_INVALID", "REQUIRED", "TOO_LONG", "INVALID", "IN_FLIGHT", "SOLE_OWNER",
    "OPERATOR_ACCOUNT",
)  # fmt: skip


@object_type
class PersonUserError(UserError):
    """Why a request about a person was refused."""

    family = PersonErrorCode
    code: Enum = described("The reason for programs.", graphql_type=PersonErrorCode)


@object_type
class PersonPreviewPayload(Payload[PersonUserError]):
    """The answer to personPreview."""

    preview: PersonPreview | None = described("What there is; null where it was refused.")


@object_type
class PersonErasePayload(Payload[PersonUserError]):
    """The answer to personErase."""

    count: int = described("How many rows it was; 0 where nothing was left, or it was refused.")


def _counts(found: Mapping[erasure.PersonData, int]) -> list[PersonCount]:
    return [PersonCount(kind=PersonData(kind), count=count) for kind, count in found.items()]


def _preview(found: erasure.PersonPreview) -> PersonPreview:
    hindrances = [
        Hindrance(reason=HindranceReason.ORDER_IN_FLIGHT, about=number)
        for shop in found.shops
        for number in shop.in_flight
    ]
    hindrances += [
        Hindrance(reason=HindranceReason.SHOP_OPEN, about=slug) for slug in found.left_alone
    ]
    if found.is_operator:
        hindrances.append(Hindrance(reason=HindranceReason.OPERATOR, about=None))
    return PersonPreview(
        shops=[
            PersonInShop(
                shop=ShopBrief(id=encode("Shop", one.shop), name=one.name, slug=one.slug),
                counts=_counts(one.counts),
            )
            for one in found.shops
        ],
        account=_counts(found.account),
        hindrances=hindrances,
    )


Email = Annotated[str, about("The person's email address.")]


@object_type
class PersonMutation:
    """What an operator does about people."""

    @resolver
    async def person_preview(self, info: Info, email: Email) -> PersonPreviewPayload:
        """What there is of whoever has this address. Changes nothing; a mutation, so that the
        address stands in no log."""
        context, person = info.context, access.operator_of(info.context)
        call = erasure.person_preview(context.installation, person, email)
        found, errors = await attempted(context, call, PersonUserError)
        return PersonPreviewPayload(preview=_preview(found) if found else None, user_errors=errors)

    @resolver
    async def person_erase(
        self, info: Info, email: Email, note: Annotated[str, about("Why, for the record.")]
    ) -> PersonErasePayload:
        """Erases whoever has this address from every shop, with their account; what was bought,
        paid and booked stays. Doing it again does no harm."""
        context, person = info.context, access.operator_of(info.context)
        call = erasure.person_erase(context.installation, person, email=email, note=note)
        count, errors = await attempted(context, call, PersonUserError)
        return PersonErasePayload(count=count or 0, user_errors=errors)
