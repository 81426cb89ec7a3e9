"""The build's check finds what a page asks for and does not get."""

from dataclasses import replace
from pathlib import Path

import pytest
from jinja2.runtime import Macro
from jinja2.utils import _PassArg

from keystall.themes.engine import Page, check_pages, make_renderer
from keystall.themes.engine.render import MODULES
from tests.themes.toy import CORE, PRODUCT, SITE, without


def faults_of(tmp_path: Path, html: str, graphql: str, page: Page) -> list[str]:
    folder = tmp_path / "storefront"
    folder.mkdir()
    (folder / "product.html").write_text(html)
    (folder / "product.graphql").write_text(graphql)
    return check_pages([page], CORE, make_renderer(tmp_path), root=tmp_path)


BARE = without(PRODUCT, forms=())
QUERY = "query Product($slug: String!) { product(slug: $slug) { title price { amount } tags } }"


def test_the_toy_pages_are_sound() -> None:
    assert check_pages([PRODUCT], CORE, make_renderer(SITE), root=SITE) == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("{{ prodct.title }}", "nothing called prodct"),
        ("{{ product.name }}", "1: the query does not select .name"),
        ("{{ product.price.currencyCode }}", "1: the query does not select .currencyCode"),
        ("{% for tag in product.tags %}{{ tag.name }}{% endfor %}", "does not select .name"),
        ("{% set p = product.price %}{% if p.minor %}x{% endif %}", "does not select .minor"),
        ("{{ ui.badge(product.kind) }}", "does not select .kind"),
        ("{% extends 'storefront/layout.html' %}", "nothing called shop"),
    ],
)
def test_a_template_may_name_only_what_its_query_selects(
    tmp_path: Path, html: str, fault: str
) -> None:
    found = faults_of(tmp_path, html, QUERY, BARE)
    assert len(found) >= 1
    assert fault in " ".join(found)


def test_a_name_asked_for_by_is_defined_may_be_missing(tmp_path: Path) -> None:
    html = "{% if cart is defined %}{{ cart.total }}{% endif %}{{ product.title | upper }}"
    assert faults_of(tmp_path, html, QUERY, BARE) == []


def test_a_document_is_held_against_the_schema(tmp_path: Path) -> None:
    found = faults_of(tmp_path, "", "query Product { shop { owner } }", BARE)
    assert found == ["storefront/product: Cannot query field 'owner' on type 'Shop'."]


def test_a_form_needs_its_mutation_its_errors_and_its_inputs(tmp_path: Path) -> None:
    mutation = (
        'mutation SignIn($email: String!) { signIn(email: $email, password: "x") {a: __typename} }'
    )
    form = replace(PRODUCT.forms[1], fields=("email", "phone"))
    other = replace(PRODUCT.forms[1], mutation="SignUp")
    page = without(PRODUCT, forms=(form, other))
    assert faults_of(tmp_path, "", QUERY + mutation, page) == [
        "storefront/product: SignIn.signIn does not select userErrors { path message code }",
        "storefront/product: SignIn has no input phone",
        "storefront/product: no mutation SignUp",
    ]


def test_nothing_that_templates_call_takes_their_context() -> None:
    """For it is not handed over: see `PlainContext`. Filters and tests are called otherwise."""
    for environment in make_renderer().environments.values():
        named = dict(environment.globals)
        for module in MODULES:
            named |= vars(named[module])
        called = {name: one for name, one in named.items() if callable(one)}
        assert {"t", "label", "product_card", "badge"} <= called.keys()
        macros = {name for name, one in called.items() if isinstance(one, Macro)}
        # A macro asks for as much of it as it is given: whether all is autoescaped, as it is.
        taking = {name for name, one in called.items() if _PassArg.from_obj(one) is not None}
        assert taking - macros == set()
        assert environment.autoescape is True
