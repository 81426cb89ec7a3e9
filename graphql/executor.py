"""The one way an operation runs, over HTTP and from the page engine alike."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from graphql import OperationType

from keystall.graphql.context import RequestContext
from keystall.graphql.operation import ANY, Answer, NotAllowed, run
from keystall.graphql.schema import KeystallSchema
from keystall.platform.later import later

if TYPE_CHECKING:
    from keystall.graphql.admin import schema as admin
    from keystall.graphql.operator import schema as operator
    from keystall.graphql.storefront import schema as storefront
else:
    admin = later("keystall.graphql.admin.schema")
    operator = later("keystall.graphql.operator.schema")
    storefront = later("keystall.graphql.storefront.schema")

__all__ = ["SCHEMAS", "Answer", "NotAllowed", "Surface", "execute"]

Surface = Literal["storefront", "admin", "operator"]

_MODULES = {"storefront": storefront, "admin": admin, "operator": operator}


class _Schemas(Mapping[Surface, KeystallSchema]):
    """The schemas by their audience, each loaded when it is first asked for: an eighth of a second
    for the storefront's, and twice that for the merchants'."""

    def __init__(self) -> None:
        self._built: dict[Surface, KeystallSchema] = {}

    def __getitem__(self, surface: Surface) -> KeystallSchema:
        built = self._built.get(surface)
        if built is None:
            built = self._built[surface] = _MODULES[surface].schema
        return built

    def __iter__(self) -> Iterator[Surface]:
        yield from ("storefront", "admin", "operator")

    def __len__(self) -> int:
        return len(_MODULES)


SCHEMAS: Mapping[Surface, KeystallSchema] = _Schemas()


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
