"""What a document subscribes to: its one root field, and what that hears of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    OperationType,
    get_argument_values,
    get_variable_values,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields

from keystall.graphql.context import RequestContext
from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.describing import Source, source_of
from keystall.graphql.guards import Guarded
from keystall.graphql.limits import unfit
from keystall.graphql.schema import KeystallSchema


@dataclass(frozen=True, slots=True)
class Watch:
    """A root field with its arguments. `guard` refuses it to whoever may not ask for it."""

    source: Source
    arguments: Mapping[str, Any]
    guard: Guarded | None

    def allows(self, context: RequestContext) -> bool:
        """Whether whoever asks may ask for it at all."""
        return self.guard is None or self.guard.needed <= context.permissions

    def topic(self, context: RequestContext) -> str | None:
        """What is published when its answer may have changed; None where nothing will be."""
        return self.source.topic(context, **self.arguments) if self.allows(context) else None

    async def is_over(self, context: RequestContext) -> bool:
        """Whether no other answer can come than one that is read from now on."""
        return not self.allows(context) or await self.source.over(context, **self.arguments)


def watch_of(
    schema: KeystallSchema, text: str, operation_name: str | None, variables: Mapping[str, Any]
) -> Watch | None:
    """What a document subscribes to; None where it is another operation, or anything is wrong with
    it: running it tells what."""
    if unfit(variables):
        return None
    try:
        document = schema.documents.read(text)
        operation = document.operation(operation_name)
    except GraphQLError:
        return None
    if operation.operation is not OperationType.SUBSCRIPTION or document.faults:
        return None
    if document.cost(operation, variables) > MAX_COST:
        return None
    built = schema._schema
    values = get_variable_values(built, operation.variable_definitions or (), dict(variables))
    root = built.subscription_type
    if isinstance(values, list) or root is None:
        return None
    fragments = {
        one.name.value: FragmentDetails(one)
        for one in document.ast.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    collected = collect_fields(built, fragments, values, root, operation)
    ((details, *_),) = collected.grouped_field_set.values()  # validation holds that it is one
    field = root.fields[details.node.name.value]
    try:
        arguments = get_argument_values(field, details.node, values)
    except GraphQLError:
        return None
    guard = field.resolve if isinstance(field.resolve, Guarded) else None
    return Watch(source_of(field), arguments, guard)
