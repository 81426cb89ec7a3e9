"""Which fields anyone may see: by the marks of the schema alone."""

import pytest
from graphql import parse, validate

from keystall.graphql.executor import SCHEMAS
from keystall.graphql.public import is_public, private_parts

STOREFRONT = SCHEMAS["storefront"]._schema


@pytest.mark.parametrize(
    ("document", "private"),
    [
        ("{ shop { name logo { url } paymentMethods { name } } }", []),
        ("{ products { nodes { id name variants { price { amount } } } edges { cursor } } }", []),
        ("{ __typename category(slug: \"a\") { products { pageInfo { endCursor } } } }", []),
        ("query A { ...B } fragment B on Query { shop { name } cart(id: 1) { id } }",
         ["Query.cart", "Cart.id"]),
        ("{ a: order(token: \"x\") { number } }", ["Query.order", "Order.number"]),
        ("{ customer { email } }", ["Query.customer", "Customer.email"]),
        ("{ node(id: 1) { id ... on Product { name } } }", ["Query.node", "Node.id"]),
        ("{ __schema { types { name } } }", ["Query.__schema", "__Schema.types", "__Type.name"]),
        ("mutation { cartCreate(input: {}) { cart { id } } }",
         ["mutation", "Mutation.cartCreate", "CartCreatePayload.cart", "Cart.id"]),
    ],
)  # fmt: skip
def test_a_document_is_public_where_every_field_says_so(document: str, private: list[str]) -> None:
    parsed = parse(document)
    assert validate(STOREFRONT, parsed) == []
    assert private_parts(STOREFRONT, parsed) == private


def test_of_a_document_with_several_operations_the_one_that_is_asked_for_counts() -> None:
    text = """
      query Shelf { ...Name }
      fragment Name on Query { shop { ...Its } }
      fragment Its on Shop { name }
      query Mine { ...Name customer { email } }
      mutation Start { cartCreate(input: {}) { cart { id } } }
    """
    schema = SCHEMAS["storefront"]
    document = schema.documents.read(text)
    assert document.faults == ()
    public = {name: is_public(schema, document, name) for name in ("Shelf", "Mine", "Start")}
    assert public == {"Shelf": True, "Mine": False, "Start": False}


@pytest.mark.parametrize("surface", ["admin", "operator"])
def test_nothing_at_the_root_of_other_schemas_is_public(surface: str) -> None:
    schema = SCHEMAS[surface]._schema  # type: ignore[index]
    assert schema.query_type is not None
    for name, field in schema.query_type.fields.items():
        definition = field.extensions["strawberry-definition"]
        assert "__keystall_public__" not in definition.metadata, name
