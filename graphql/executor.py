"""The one way an operation runs, over HTTP and from the page engine alike."""

from collections.abc import Mapping
from typing import Any, Literal

from graphql import OperationType

from keystall.graphql.admin.schema import schema as admin
from keystall.graphql.context import RequestContext
from keystall.graphql.operation import ANY, Answer, NotAllowed, run
from keystall.graphql.operator.schema import schema as operator
from keystall.graphql.schema import KeystallSchema
from keystall.graphql.storefront.schema import schema as storefront

__all__ = ["SCHEMAS", "Answer", "NotAllowed", "Surface", "execute"]

Surface = Literal["storefront", "admin", "operator"]

SCHEMAS: Mapping[Surface, KeystallSchema] = {
    "storefront": storefront,
    "admin": admin,
    "operator": operator,
}


async def execute(
    surface: Surface,
    document: str,
    operation_name: str | None,
    variables: Mapping[str, Any],
    context: RequestContext,
    *,
    allowed: frozenset[OperationType] = ANY,
) -> Answer:
    """Runs an operation of the schema `surface`. Raises NotAllowed only."""
    return await run(
        SCHEMAS[surface],
        document,
        variables,
        context,
        operation_name=operation_name,
        allowed=allowed,
    )
