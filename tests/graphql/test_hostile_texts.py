"""Texts that somebody means to break something with are answered like any other."""

from collections.abc import Mapping
from typing import Any

import pytest

from keystall.graphql.context import RequestContext
from keystall.graphql.executor import Surface, execute
from keystall.tenants.installation import Installation
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import buyer, merchant

OPERATIONS: tuple[tuple[Surface, str], ...] = (
    ("storefront", "query ($s: String!) { product(slug: $s) { id } }"),
    ("storefront", "query ($s: String!) { category(slug: $s) { id } }"),
    ("storefront", "query ($s: String!) { products(query: $s) { nodes { id } } }"),
    ("storefront", "query ($s: String!) { products(categorySlug: $s) { nodes { id } } }"),
    ("storefront", "query ($s: String!) { order(token: $s) { id } }"),
    (
        "storefront",
        "mutation ($s: String!) { cartCreate(input: {currency: $s}) { userErrors { code } } }",
    ),
    ("admin", "query ($s: String!) { products(query: $s) { nodes { id } } }"),
    ("admin", "query ($s: String!) { orders(query: $s) { nodes { id } } }"),
    ("admin", "query ($s: String!) { accountLink(token: $s) { email } }"),
    ("admin", "query ($s: String!) { secondStep(step: $s) { email } }"),
    (
        "admin",
        "mutation ($s: String!) { secondStepPass(step: $s, code: $s) { userErrors { code } } }",
    ),
    (
        "admin",
        "mutation ($s: String!)"
        " { passkeySignIn(step: $s, credential: $s) { userErrors { code } } }",
    ),
    ("admin", "query ($s: String!) { descriptionPreview(markdown: $s) }"),
    (
        "admin",
        "mutation ($s: String!) { productCreate(input: {name: $s, slug: $s, description: $s,"
        " variants: [{name: $s, prices: [{amount: $s, currencyCode: $s}]}]}) {"
        " userErrors { code message } } }",
    ),
    (
        "admin",
        "mutation ($s: String!) { apiTokenCreate(name: $s, scopes: [STOCK]) {"
        " userErrors { code } } }",
    ),
    (
        "admin",
        "mutation ($s: String!) { storefrontTokenCreate(name: $s, origins: [$s]) {"
        " userErrors { code message } } }",
    ),
    (
        "admin",
        "mutation ($s: String!) { shopUpdate(input: {name: $s, contact: $s, themePreset: $s}) {"
        " userErrors { code message } } }",
    ),
    ("operator", "query ($s: String!) { shops(query: $s) { nodes { id } } }"),
)


async def _codes(
    surface: Surface, context: RequestContext, document: str, variables: Mapping[str, Any]
) -> list[str]:
    try:
        answer = await execute(surface, document, None, variables, context)
    finally:
        await context.reader.close()
    return [error["extensions"]["code"] for error in answer.errors]


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\ud800", "x" * 100_000, "%_\\'\"$1;--", "\u202e", "\U0010ffff"]
)
async def test_no_text_breaks_anything(installation: Installation, text: str) -> None:
    person = await a_viewer(installation, operator=True)
    shop = await a_shop(installation, person)
    broken = []
    for surface, document in OPERATIONS:
        at_shop = surface == "storefront"
        context = buyer(installation, shop) if at_shop else merchant(installation, shop, person)
        if "INTERNAL" in await _codes(surface, context, document, {"s": text}):
            broken.append(document)
    assert broken == []
