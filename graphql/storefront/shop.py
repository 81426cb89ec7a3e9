"""The shop as its buyers see it."""

from enum import Enum

import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    described,
    enum_type,
    list_resolver,
    object_type,
    public,
    resolver,
    value,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import Image, Node, ShopStatus, image
from keystall.graphql.order_words import payment_name
from keystall.graphql.scalars import URL
from keystall.platform.markdown import render_markdown
from keystall.platform.oauth.registry import sign_in_providers
from keystall.tenants.files.queries import picture
from keystall.tenants.payments.service import open_payment_accounts
from keystall.tenants.shops.shop import Shop as ShopFacts


@public
@object_type
class ThemeToken:
    """One colour or measure of a theme."""

    name: str = described("The token's name, such as accent.")
    value: str = described("The token's value.")


@public
@object_type
class Theme:
    """How a shop looks."""

    preset: str = described("The named set of colours and shapes that the merchant chose.")
    tokens: list[ThemeToken] = described(
        "Colours and shapes changed by the merchant on top of the preset.", assumed=20
    )


@public
@object_type
class PaymentMethod:
    """A way to pay."""

    id: strawberry.ID = described("Opaque id, to hand to `cartComplete`.")
    name: str = described("The name a buyer reads, in the language of the request.")
    kind: str = described("The provider behind it, such as sandbox.")
    test_mode: bool = described("Whether it takes play money only.")


@enum_type
class SignInProvider(Enum):
    """Somebody whose account signs a customer in."""

    WECHAT = value("wechat", "WeChat: a code to scan. It tells no address.")
    QQ = value("qq", "QQ. It tells no address.")
    GOOGLE = value("google", "An account at Google.")
    GITHUB = value("github", "An account at GitHub.")


@public
@object_type
class Shop(Node):
    """The shop whose host was asked."""

    facts: strawberry.Private[ShopFacts]
    name: str = described("The shop's name.")
    slug: str = described("The shop's short name, as in its address.")
    url: URL = described("The shop's own address.")
    contact: str = described("How to reach the seller, as the merchant wrote it.")
    notice_html: str = described(
        "A notice shown on top of the shop, as safe HTML in the language of the request; empty"
        " where there is none."
    )
    icp_number: str | None = described(
        "The ICP filing number shown in the footer of shops served from mainland China."
    )
    locales: list[str] = described(
        "Languages the shop speaks, as BCP 47 tags, in the merchant's order."
    )
    default_locale: str = described("The language answered when the buyer's is not spoken.")
    currencies: list[str] = described("Currencies the shop sells in, in the merchant's order.")
    default_currency: str = described("The currency used when none was chosen.")
    theme: Theme = described("How the shop looks.")
    status: ShopStatus = described("Whether the shop is selling.")

    @resolver
    def policies_html(self, info: Info) -> str:
        """Terms, refunds and privacy policies, as safe HTML in the language of the request; empty
        where there are none."""
        return render_markdown(_text(self.facts, info.context.locale, "policies"))

    @resolver
    async def logo(self, info: Info) -> Image | None:
        """The shop's logo, where it has one."""
        if self.facts.logo_file_id is None:
            return None
        file = await picture(info.context.reader, self.facts.id, self.facts.logo_file_id)
        if file is None or file.width is None or file.height is None:
            return None
        return image(info.context, file.id, (file.width, file.height), self.name)

    @resolver
    def sign_in_providers(self, info: Info) -> list[SignInProvider]:
        """Whose accounts sign a customer in, on the shop's own pages; empty where the installation
        has set none up."""
        found = sign_in_providers(info.context.installation.settings)
        return [SignInProvider(name) for name in found]

    @list_resolver(assumed=5)
    async def payment_methods(self, info: Info) -> list[PaymentMethod]:
        """Ways to pay that are open now."""
        accounts = await open_payment_accounts(info.context.reader, self.facts.id)
        return [
            PaymentMethod(
                id=encode("PaymentMethod", account),
                name=payment_name(provider, info.context.locale),
                kind=provider,
                test_mode=play,
            )
            for account, provider, play in accounts
        ]


def shop(context: RequestContext) -> Shop:
    """The shop of the request."""
    facts = context.require_shop()
    return Shop(
        id=encode("Shop", facts.id),
        facts=facts,
        name=facts.name,
        slug=facts.slug,
        url=URL(context.installation.settings.shop_url(facts.slug)),
        contact=facts.contact,
        notice_html=render_markdown(_text(facts, context.locale, "notice")),
        icp_number=facts.icp_number or None,
        locales=list(facts.locales),
        default_locale=facts.default_locale,
        currencies=list(facts.currencies),
        default_currency=facts.default_currency,
        theme=Theme(
            preset=facts.theme,
            tokens=[
                ThemeToken(name=name, value=str(value))
                for name, value in facts.theme_settings.items()
            ],
        ),
        status=ShopStatus(facts.status),
    )


def _text(facts: ShopFacts, locale: str, field: str) -> str:
    """A text of the shop in `locale`, else in its default language."""
    default: str = getattr(facts, field)
    return facts.translations.get(locale, {}).get(field) or default
