"""The answer to an operation by its plan, where it has one and all goes as foreseen."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
)

from keystall.graphql.context import RequestContext
from keystall.graphql.plans.compiling import Plans
from keystall.graphql.plans.plan import Out
from keystall.graphql.plans.running import Info, Run, read, write


async def planned(
    schema: GraphQLSchema,
    plans: Plans,
    operation: OperationDefinitionNode,
    inputs: Mapping[str, Any],
    context: RequestContext,
    done: dict[str, Any],
) -> Out | None:
    """The data of an operation; None where the stock executor has to say what it comes to.

    `done` is given what the mutations among its root fields came to, by key: whoever runs the
    operation again takes it from there.
    """
    variables = get_variable_values(schema, operation.variable_definitions or (), dict(inputs))
    if isinstance(variables, list):
        return None
    plan = plans.plan(operation, variables)
    context.leave_out(plan.unasked if plan else {})
    if plan is None:
        return None
    run = Run(Info(context, schema), variables)
    try:
        if operation.operation is OperationType.MUTATION:
            return await write(plan, run, done)
        return await read(plan, run)
    except Exception:
        context.leave_out({})
        await context.renew()
        return None
