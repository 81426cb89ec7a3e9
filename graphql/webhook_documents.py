"""Documents of webhooks, judged when they are saved.

A document is one query of the merchants' schema, with the event's id as its variable `$id`. What it
takes to answer it is found field by field, from the same table that refuses it to people
(`graphql/permissions.py`): so whatever shows a code, masked or whole, is found by the permission
that it takes, and a field that is added tomorrow as well.
"""

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    print_ast,
    visit,
)

from keystall.graphql.context import RequestContext
from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.faults import fault_reason, own_reason
from keystall.graphql.permissions import TYPES, needed_for
from keystall.graphql.schema import KeystallSchema
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.staff.roles import WEBHOOK, Permission
from keystall.tenants.webhooks.service import MAX_DOCUMENT, Told

_judging: list[KeystallSchema] = []


def judging(schema: KeystallSchema) -> KeystallSchema:
    """`schema`, by which documents are judged from now on: the one with the mutations that ask for
    it, which therefore cannot import it."""
    _judging[:] = [schema]
    return schema


def told_by(context: RequestContext, document: str) -> Told:
    """The document and what it takes to render it.

    Refuses at `document` REQUIRED, TOO_LONG; DOCUMENT_INVALID with the reason, where it is not one
    valid query within the limits of every other, or asks for another variable than `$id`;
    DOCUMENT_SHOWS_CODES; DOCUMENT_NOT_ALLOWED where it takes more than a webhook, or whoever saves
    it, may see.
    """
    if not document.strip():
        raise refuse("REQUIRED", "document")
    (schema,) = _judging
    if len(document) > MAX_DOCUMENT:
        raise refuse("TOO_LONG", "document", limit=MAX_DOCUMENT)
    locale = context.locale
    try:
        read = schema.documents.read(document)
    except GraphQLError as error:
        raise _invalid(fault_reason(error, locale)) from error
    if read.faults:
        raise _invalid(fault_reason(read.faults[0], locale))
    if len(read.operations) != 1:
        raise _invalid(own_reason("several" if read.operations else "empty", locale))
    (operation,) = read.operations
    _judge_operation(operation, locale)
    if (cost := read.cost(operation, {"id": ""})) > MAX_COST:
        raise _invalid(own_reason("cost", locale, cost=cost, limit=MAX_COST))
    needed = _Needed(TypeInfo(schema._schema))
    visit(read.ast, TypeInfoVisitor(needed.info, needed))
    if Permission.STOCK in needed.found:
        raise refuse("DOCUMENT_SHOWS_CODES", "document")
    if not needed.found <= WEBHOOK & context.permissions:
        raise refuse("DOCUMENT_NOT_ALLOWED", "document")
    return Told(document, frozenset(needed.found))


def _judge_operation(operation: OperationDefinitionNode, locale: str) -> None:
    if operation.operation is not OperationType.QUERY:
        raise _invalid(own_reason("query_only", locale))
    for variable in operation.variable_definitions or ():
        asked = f"${variable.variable.name.value}: {print_ast(variable.type)}"
        if asked not in ("$id: ID!", "$id: ID"):
            raise _invalid(own_reason("variable_other", locale, asked=asked))


def _invalid(reason: str) -> Refused:
    return refuse("DOCUMENT_INVALID", "document", reason=reason)


class _Needed(Visitor):
    """Collects what the fields of a document take."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.found: set[Permission] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        kind = self.info.get_parent_type()
        name = node.name.value
        if not isinstance(kind, GraphQLObjectType) or name not in kind.fields:
            return  # of an interface, whose objects are found below it; or introspection
        own = TYPES.get(kind.name)
        self.found |= needed_for(kind, name) | ({own} if own else set())
