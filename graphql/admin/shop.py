"""A shop from its merchant's side."""

from datetime import datetime
from typing import Annotated

import strawberry

from keystall.graphql.admin.families import ShopUserError
from keystall.graphql.admin.payment_methods import PaymentMethod, payment_methods
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    described,
    input_type,
    list_resolver,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.given import UNSET, given
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Image, Node, ShopStatus, image
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import URL
from keystall.tenants.files.queries import picture
from keystall.tenants.shops import service
from keystall.tenants.shops.input import ShopChanges, ShopInput
from keystall.tenants.shops.input import ShopTranslation as TranslationAsked
from keystall.tenants.shops.shop import Shop as ShopFacts


@object_type
class ShopTranslation:
    """A shop's texts in one language."""

    locale: str = described("The language.")
    notice: str = described("The notice, as Markdown.")
    policies: str = described("The policies, as Markdown.")


@object_type
class Shop(Node):
    """A shop, from its merchant's side. `logo` and `paymentMethods` are answered for the shop that
    the request is bound to, and are empty for others."""

    facts: strawberry.Private[ShopFacts]
    name: str = described("The shop's name.")
    slug: str = described("The shop's short name, as in its address.")
    url: URL = described("The shop's own address, to share.")
    contact: str = described("How buyers reach the merchant.")
    notice: str = takes("notice")(described("The notice shown on top of the shop, as Markdown."))
    policies: str = takes("policies")(
        described("Terms, refunds and privacy policies, as Markdown.")
    )
    icp_number: str | None = described("The ICP filing number shown in the footer.")
    locales: list[str] = described("Languages the shop speaks, its default first.")
    default_locale: str = described("The language answered when the buyer's is not spoken.")
    currencies: list[str] = described("Currencies the shop sells in, its default first.")
    default_currency: str = described("The currency used when none was chosen.")
    theme_preset: str = described("The named set of colours and shapes that the shop wears.")
    status: ShopStatus = described("Whether it is selling.")
    status_reason: str | None = described(
        "Why the operator suspended or declined it; null where neither happened."
    )
    translations: list[ShopTranslation] = takes("translations")(
        derived(
            lambda shop: _translations(shop.facts),
            "Notice and policies in the shop's other languages.",
            assumed=2,
        )
    )
    hold_minutes: int = described("How many minutes goods are held for an unpaid order.")
    unpaid_per_buyer: int = described(
        "How many unpaid orders one email address may have at a time."
    )
    unpaid_per_address: int = described(
        "How many unpaid orders may come from one network address at a time."
    )
    hold_share: int = described(
        "The percentage of a variant's stock that a buyer may hold in several unpaid orders."
    )
    mail_codes: bool = described(
        "Whether the mail that tells of a delivery holds the codes, and not only the order's link."
    )
    trusted_only: bool = described(
        "Whether the storefront's API answers trusted documents alone, and refuses all others."
    )
    token_only: bool = described(
        "Whether the storefront's API answers requests with a storefront token alone."
    )
    created_at: datetime = described("When it was opened.")

    @resolver
    async def logo(self, info: Info) -> Image | None:
        """The shop's logo, where it has one."""
        context = info.context
        if self.facts.logo_file_id is None or not _is_bound(context, self.facts):
            return None
        file = await picture(context.reader, self.facts.id, self.facts.logo_file_id)
        if file is None or file.width is None or file.height is None:
            return None
        return image(context, file.id, (file.width, file.height), self.name)

    @list_resolver(assumed=5)
    async def payment_methods(self, info: Info) -> list[PaymentMethod]:
        """Ways to pay."""
        context = info.context
        if not _is_bound(context, self.facts):
            return []
        return await payment_methods(context)


def shop(context: RequestContext, facts: ShopFacts) -> Shop:
    """A shop."""
    return Shop(
        id=encode("Shop", facts.id),
        facts=facts,
        name=facts.name,
        slug=facts.slug,
        url=URL(context.installation.settings.shop_url(facts.slug)),
        contact=facts.contact,
        notice=facts.notice,
        policies=facts.policies,
        icp_number=facts.icp_number or None,
        locales=list(facts.locales),
        default_locale=facts.default_locale,
        currencies=list(facts.currencies),
        default_currency=facts.default_currency,
        theme_preset=facts.theme,
        status=ShopStatus(facts.status),
        status_reason=facts.status_reason or None,
        hold_minutes=facts.hold_minutes,
        unpaid_per_buyer=facts.unpaid_per_buyer,
        unpaid_per_address=facts.unpaid_per_address,
        hold_share=facts.hold_share,
        mail_codes=facts.mail_codes,
        trusted_only=facts.trusted_only,
        token_only=facts.token_only,
        created_at=facts.created_at,
    )


def _translations(facts: ShopFacts) -> list[ShopTranslation]:
    return [
        ShopTranslation(
            locale=locale, notice=text.get("notice", ""), policies=text.get("policies", "")
        )
        for locale, text in facts.translations.items()
    ]


def _is_bound(context: RequestContext, facts: ShopFacts) -> bool:
    return context.shop is not None and context.shop.id == facts.id


@input_type
class ShopCreateInput:
    """A new shop."""

    name: str = described("The shop's name.")
    slug: str = described(
        "The shop's short name, for its address: small letters, digits and hyphens."
    )
    locale: str | None = described(
        "The shop's default language; the request's when left out.", default=None
    )
    currency: str = described("The shop's default currency.", default="CNY")


@input_type
class ShopTranslationInput:
    """A shop's texts in one language."""

    locale: str = described("The language.")
    notice: str = described("The notice, as Markdown.", default="")
    policies: str = described("The policies, as Markdown.", default="")


@input_type
class ShopUpdateInput:
    """Changes to a shop; what is left out stays as it is."""

    name: str | None = described("The shop's name.", default=UNSET)
    logo_upload_id: strawberry.ID | None = described(
        "An upload to become the logo; null takes the logo away.", default=UNSET
    )
    contact: str | None = described("How buyers reach the merchant.", default=UNSET)
    notice: str | None = described(
        "The notice shown on top of the shop, as Markdown.", default=UNSET
    )
    policies: str | None = described(
        "Terms, refunds and privacy policies, as Markdown.", default=UNSET
    )
    icp_number: str | None = described("The ICP filing number; null takes it away.", default=UNSET)
    locales: list[str] | None = described(
        "Languages the shop speaks, its default first.", default=UNSET
    )
    currencies: list[str] | None = described(
        "Currencies the shop sells in, its default first.", default=UNSET
    )
    theme_preset: str | None = described(
        "The named set of colours and shapes that the shop wears.", default=UNSET
    )
    translations: list[ShopTranslationInput] | None = described(
        "Texts in the shop's other languages, all of them.", default=UNSET
    )
    hold_minutes: int | None = described(
        "How many minutes goods are held for an unpaid order, 1 to 1440; half of it, though no less"
        " than 5, where fewer than 10 codes are left.",
        default=UNSET,
    )
    unpaid_per_buyer: int | None = described(
        "How many unpaid orders one email address may have at a time, 1 to 1000.",
        default=UNSET,
    )
    unpaid_per_address: int | None = described(
        "How many unpaid orders may come from one network address at a time, 1 to 100000. Phones of"
        " one provider may share an address.",
        default=UNSET,
    )
    hold_share: int | None = described(
        "The percentage of a variant's stock that a buyer may hold in several unpaid orders, 1 to"
        " 100. One order alone may hold as many as a purchase may have.",
        default=UNSET,
    )
    mail_codes: bool | None = described(
        "Whether the mail that tells of a delivery holds the codes, up to 100 of them. Off, it has"
        " the order's link alone. Whoever reads such a mail, now or years later, has the codes.",
        default=UNSET,
    )
    trusted_only: bool | None = described(
        "Whether the storefront's API answers trusted documents alone. The shop's own pages go on.",
        default=UNSET,
    )
    token_only: bool | None = described(
        "Whether the storefront's API answers requests with a storefront token alone. The shop's"
        " own pages go on.",
        default=UNSET,
    )


@object_type
class ShopCreatePayload(Payload[ShopUserError]):
    """The answer to shopCreate."""

    shop: Shop | None = described("The new shop; null where it was refused.")


@object_type
class ShopUpdatePayload(Payload[ShopUserError]):
    """The answer to shopUpdate."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


@object_type
class ShopClosePayload(Payload[ShopUserError]):
    """The answer to shopClose."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


@object_type
class ShopAskApprovalPayload(Payload[ShopUserError]):
    """The answer to shopAskApproval."""

    shop: Shop | None = described("The shop as it is now.")


@object_type
class ShopReopenPayload(Payload[ShopUserError]):
    """The answer to shopReopen."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


@object_type
class ShopMutation:
    """What a merchant does with shops."""

    @resolver
    async def shop_create(
        self, info: Info, input: Annotated[ShopCreateInput, about("The new shop.")]
    ) -> ShopCreatePayload:
        """Opens a shop and makes the viewer its owner. Needs a signed-in person."""
        context = info.context
        asked = ShopInput(
            name=input.name,
            slug=input.slug,
            locale=input.locale or context.locale,
            currency=input.currency,
        )
        call = service.shop_create(context.installation, context.require_person(), asked)
        made, errors = await attempted(context, call, ShopUserError, under=("input",))
        return ShopCreatePayload(shop=shop(context, made) if made else None, user_errors=errors)

    @resolver
    async def shop_update(
        self, info: Info, input: Annotated[ShopUpdateInput, about("The changes.")]
    ) -> ShopUpdatePayload:
        """Changes the shop."""
        context = info.context
        bound = context.require_shop()
        call = service.shop_update(context.installation, bound.id, _changes(input))
        found, errors = await attempted(context, call, ShopUserError, under=("input",))
        return ShopUpdatePayload(shop=_now(context, found), user_errors=errors)

    @resolver
    async def shop_close(self, info: Info) -> ShopClosePayload:
        """Closes the shop: nothing can be bought until it is opened again."""
        context = info.context
        call = service.shop_close(context.installation, context.require_shop().id)
        found, errors = await attempted(context, call, ShopUserError)
        return ShopClosePayload(shop=_now(context, found), user_errors=errors)

    @resolver
    async def shop_reopen(self, info: Info) -> ShopReopenPayload:
        """Opens a closed shop again."""
        context = info.context
        call = service.shop_reopen(context.installation, context.require_shop().id)
        found, errors = await attempted(context, call, ShopUserError)
        return ShopReopenPayload(shop=_now(context, found), user_errors=errors)

    @resolver
    async def shop_ask_approval(self, info: Info) -> ShopAskApprovalPayload:
        """Asks the operator again to approve a shop that was declined."""
        context = info.context
        call = service.shop_ask_approval(context.installation, context.require_shop().id)
        found, errors = await attempted(context, call, ShopUserError)
        return ShopAskApprovalPayload(shop=_now(context, found), user_errors=errors)


def _now(context: RequestContext, found: ShopFacts | None) -> Shop | None:
    """The changed shop; the request goes on with it."""
    if found is None:
        return None
    context.shop = found
    return shop(context, found)


def _changes(asked: ShopUpdateInput) -> ShopChanges:
    values = given(asked, removable=("logo_upload_id", "icp_number"))
    if values.get("logo_upload_id") is not None:
        values["logo_upload_id"] = row_of("Upload", values["logo_upload_id"])
    if "translations" in values:
        values["translations"] = [
            TranslationAsked(locale=text.locale, notice=text.notice, policies=text.policies)
            for text in values["translations"]
        ]
    return ShopChanges(**values)
