"""A small shop schema and its pages, to run the engine against. `Shelf.calls` keeps inputs."""

import dataclasses
import datetime
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import strawberry
from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.requests import Request
from strawberry.scalars import JSON

from keystall.themes.engine import (
    Cache,
    Cookies,
    Effect,
    Failures,
    Form,
    Page,
    Pages,
    Visit,
    load_theme,
    locale_of,
    locale_route,
    make_renderer,
    routes,
)
from keystall.themes.paths import THEMES

SITE = Path(__file__).parent / "site"


@strawberry.enum
class Kind(enum.Enum):
    CARD = "CARD"
    FILE = "FILE"


@strawberry.type
class Money:
    amount: str
    currency_code: str


@strawberry.input
class MoneyInput:
    amount: str
    currency_code: str


@strawberry.input
class VariantInput:
    name: str
    stock: int | None = None
    price: MoneyInput | None = None


@strawberry.input
class ProductInput:
    title: str
    note: str | None = strawberry.UNSET
    hidden: bool | None = strawberry.UNSET
    kind: Kind | None = strawberry.UNSET
    limit: int | None = strawberry.UNSET
    on_sale: datetime.datetime | None = strawberry.UNSET
    day: datetime.date | None = strawberry.UNSET
    price: MoneyInput | None = strawberry.UNSET
    variants: list[VariantInput] | None = strawberry.UNSET
    tags: list[str] | None = strawberry.UNSET


@strawberry.type
class UserError:
    path: list[str]
    message: str
    code: str


@strawberry.type
class Product:
    id: strawberry.ID
    slug: str
    title: str
    price: Money
    pay_url: str
    extra: JSON

    @strawberry.field
    def tags(self, after: str | None = None) -> list[str]:
        return ["new", after] if after else ["new"]


@strawberry.type
class Logo:
    thumbnail_url: str = "/logo.webp"


@strawberry.type
class Shop:
    name: str = "Harbor"
    logo: Logo | None = None
    notice_html: str = "<p>Open</p>"
    contact: str | None = "help@harbor.example"
    icp_number: str | None = "京ICP备12345678号"
    status: str = "OPEN"
    locales: list[str] = strawberry.field(default_factory=lambda: ["zh-CN", "en"])


@strawberry.type
class Saved:
    product: Product | None
    user_errors: list[UserError]


@strawberry.type
class SignedIn:
    user_errors: list[UserError]


@dataclass
class Shelf:
    """The context: what mutations were told, and what they answer."""

    calls: list[Any] = field(default_factory=list)
    refusals: list[UserError] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    broken: bool = False
    released: int = 0


def _product(slug: str) -> Product:
    return Product(
        id=strawberry.ID("1"),
        slug=slug,
        title="Steam <50>",
        price=Money(amount="50.00", currency_code="CNY"),
        pay_url="https://pay.example/x?y=1",
        extra=cast(Any, {}),
    )


@strawberry.type
class Query:
    @strawberry.field
    def shop(self) -> Shop:
        return Shop()

    @strawberry.field
    def product(self, info: strawberry.Info, slug: str) -> Product | None:
        if info.context.broken:
            raise RuntimeError("no database")
        return None if slug == "gone" else _product(slug)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def product_update(self, info: strawberry.Info, slug: str, input: ProductInput) -> Saved:
        info.context.calls.append((slug, input))
        if info.context.refusals:
            return Saved(product=None, user_errors=info.context.refusals)
        return Saved(product=_product(slug), user_errors=[])

    @strawberry.mutation
    def sign_in(self, info: strawberry.Info, email: str, password: str) -> SignedIn:
        info.context.calls.append((email, password))
        if not info.context.refusals:
            info.context.effects.append(Effect("session", "s3cret"))
        return SignedIn(user_errors=info.context.refusals)


SCHEMA = strawberry.Schema(Query, Mutation)
CORE: GraphQLSchema = SCHEMA._schema

PRODUCT = Page(
    name="product",
    route="/{l}/p/{slug}",
    surface="storefront",
    cache=Cache.EVERYONE,
    topics=("/stream/{slug}",),
    requires=("product",),
    forms=(
        Form(
            "ProductUpdate",
            fields=(
                "title",
                "note",
                "hidden",
                "kind",
                "limit",
                "onSale",
                "day",
                "price.amount",
                "price.currencyCode",
                "variants.*.name",
                "variants.*.stock",
                "variants.*.price.amount",
                "variants.*.price.currencyCode",
                "tags",
            ),
            success="/{l}/p/{productUpdate.product.slug}",
        ),
        Form(
            "SignIn",
            fields=("email", "password"),
            secret=frozenset({"password"}),
            effects=frozenset({"session"}),
        ),
    ),
)

RENDERER = make_renderer(SITE)
FAILURES = Failures(RENDERER, lambda request: "req-1")
LOOK = load_theme(THEMES / "storefront" / "theme.toml").look("arcade")


@dataclass
class Plain:
    data: Mapping[str, Any] | None
    errors: Sequence[Mapping[str, Any]] | None


async def execute(
    surface: str, document: str, operation_name: str | None, variables: dict[str, Any], context: Any
) -> Plain:
    answer = await SCHEMA.execute(
        document, variables, context_value=context, operation_name=operation_name
    )
    errors = [
        {"message": error.message, "extensions": {"code": "INTERNAL"}}
        for error in answer.errors or []
    ]
    return Plain(answer.data, errors or None)


def application(shelf: Shelf, pages: Sequence[Page] = (PRODUCT,)) -> Starlette:
    """The toy's pages as an application; `shelf` is the context of every request."""

    async def release() -> None:
        shelf.released += 1

    async def make_visit(request: Request, page: Page) -> Visit:
        return Visit(
            context=shelf,
            locale=locale_of(request),
            timezone="Asia/Shanghai",
            look=LOOK,
            effects=shelf.effects,
            release=release,
        )

    cookies = Cookies(secure=True)
    shared = Pages(execute, make_visit, {"storefront": CORE}, FAILURES, cookies, root=SITE)
    return Starlette(
        routes=[*routes(pages, shared), RENDERER.assets.route(), locale_route(cookies)],
        exception_handlers=FAILURES.handlers(),
    )


def without(page: Page, **changes: Any) -> Page:
    """A page with some of its row changed."""
    return dataclasses.replace(page, **changes)
