"""How each of the three schemas is put together: the same scalars, limits and documents."""

from collections.abc import Iterable

import strawberry
from strawberry.schema.config import StrawberryConfig

from keystall.graphql.context import Info
from keystall.graphql.costs.arguments import require_lengths
from keystall.graphql.describing import source_of
from keystall.graphql.documents import Documents
from keystall.graphql.scalars import SCALARS


class KeystallSchema(strawberry.Schema):
    """A schema and the documents that were asked of it. `suggestions`: whether faults may name
    fields that exist.

    Raises LookupError where a plain list of objects does not say what it costs, or a subscription
    what it hears of.
    """

    def __init__(
        self,
        query: type,
        mutation: type,
        subscription: type | None = None,
        *,
        types: Iterable[type] = (),
        suggestions: bool,
    ) -> None:
        super().__init__(
            query,
            mutation,
            subscription,
            types=tuple(types),
            config=StrawberryConfig(scalar_map=SCALARS, sort_schema=False, info_class=Info),
        )
        require_lengths(self._schema)
        root = self._schema.subscription_type
        for field in root.fields.values() if root else ():
            source_of(field)
        self.suggestions = suggestions
        self.documents = Documents(self._schema, suggestions=suggestions)
