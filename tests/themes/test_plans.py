"""The product's own documents and the compiler."""

import itertools
from collections.abc import Iterator

from graphql.execution.values import VariableValues

from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.plans.compiling import Plans
from keystall.themes.accounts.pages import PAGES as ACCOUNTS
from keystall.themes.console.pages import PAGES as CONSOLE
from keystall.themes.engine import Page
from keystall.themes.engine.documents import load_document
from keystall.themes.operator.pages import PAGES as OPERATOR
from keystall.themes.storefront.pages import PAGES as STOREFRONT

SCHEMA_OF: dict[Surface, tuple[Page, ...]] = {
    "storefront": (*STOREFRONT,),
    "admin": (*ACCOUNTS, *CONSOLE),
    "operator": (*OPERATOR,),
}


def _documents() -> Iterator[tuple[Surface, str, str]]:
    for surface, pages in SCHEMA_OF.items():
        for page in pages:
            document = load_document(page)
            for operation in document.operations:
                yield surface, operation, document.text(operation)


def _planned(plans: Plans, surface: Surface, text: str) -> bool:
    """Whether an operation has a plan, whichever way its switches stand."""
    (operation,) = SCHEMAS[surface].documents.read(text).operations
    ways = itertools.product((True, False), repeat=len(plans.switches))
    return all(
        plans.plan(operation, VariableValues({}, dict(zip(plans.switches, way, strict=True))))
        for way in ways
    )


def test_every_document_of_the_product_is_run_by_its_plan() -> None:
    stock = []
    asked = list(_documents())
    for surface, name, text in asked:
        found = SCHEMAS[surface].documents.read(text)
        assert found.faults == ()
        if not _planned(found.plans, surface, text):
            stock.append(name)
    print(f"{len(asked) - len(stock)} of the product's {len(asked)} documents run by their plan")
    assert stock == []
