"""From a validated operation to its plan."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    get_argument_values,
    get_nullable_type,
    is_leaf_type,
    visit,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.resolvers import is_default_resolver
from strawberry.schema import schema_converter
from strawberry.schema.schema_converter import GraphQLCoreConverter

from keystall.graphql.context import Needs, RequestContext
from keystall.graphql.describing import loaded_of, shown_of, untaken
from keystall.graphql.guards import Guarded, GuardedKinds
from keystall.graphql.plans.leaves import Surprise, finishing, finishing_present
from keystall.graphql.plans.plan import (
    Abstract,
    Allow,
    Call,
    Leaf,
    Listed,
    Load,
    Plain,
    Present,
    Selection,
    Shape,
    asked_below,
    below,
)

_STRAWBERRYS = schema_converter.__file__
"""Where the resolvers are written that strawberry puts before ours."""

MAX_SWITCHES = 4
"""Variables of @skip and @include: each doubles the plans that a document may have."""


class NotCompiled(Exception):
    """The document asks for something that plans do not do: it is left to the stock executor."""


class Plans:
    """The plans of a document, each made when it is first asked for."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self.document = document
        found = _Switches()
        visit(document, found)
        self.switches = tuple(sorted(found.names))
        self._kept: dict[tuple[str | None, ...], Selection | None] = {}

    def plan(
        self, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Selection | None:
        """The plan of an operation of the document for these variables; None where there can be
        none."""
        if len(self.switches) > MAX_SWITCHES:
            return None
        name = operation.name.value if operation.name else None
        key = (name, *(variables.coerced.get(switch) for switch in self.switches))
        if key not in self._kept:
            compiler = Compiler(self._schema, self.document, operation, variables)
            try:
                self._kept[key] = compiler.plan()
            except NotCompiled:
                self._kept[key] = None
        return self._kept[key]


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: Any, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names.add(argument.value.name.value)


class Compiler:
    """Makes the plan of one operation as the values of its switches have it.

    `variables` are read for the switches only; arguments take theirs at each run.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._fragments = {
            one.name.value: FragmentDetails(one)
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }

    def plan(self) -> Selection:
        """What is selected of the operation's root type. Raises NotCompiled."""
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            raise NotCompiled
        collected = collect_fields(
            self._schema, self._fragments, self._variables, root, self._operation
        )
        selection = self._selection(root, collected.grouped_field_set)
        selection.calls = _marked(selection)
        asked = asked_below(selection)
        selection.unasked = {
            name: untaken(kind, asked) for name, kind in _takers(self._schema).items()
        }
        return selection

    def _selection(self, kind: GraphQLObjectType, fields: GroupedFieldSet) -> Selection:
        is_kind: Any = kind.is_type_of  # strawberry's never answers an awaitable
        exactly = frozenset({_definition(kind).origin})
        names = frozenset(
            f"{kind.name}.{details[0].node.name.value}" for details in fields.values()
        )
        selection = Selection(dict.fromkeys(fields), names, exactly, is_kind)
        chosen: list[Plain | Load | Call] = []
        for key, details in fields.items():
            definition = kind.fields.get(details[0].node.name.value)
            if details[0].node.name.value == "__typename":
                selection.blank[key] = kind.name
            elif definition is None:
                raise NotCompiled  # introspection
            else:
                chosen.append(self._field(key, definition, details))
        selection.plain = tuple(one for one in chosen if isinstance(one, Plain))
        selection.loads = tuple(one for one in chosen if isinstance(one, Load))
        selection.calls = tuple(one for one in chosen if isinstance(one, Call))
        return selection

    def _field(
        self, key: str, definition: GraphQLField, details: FieldDetailsList
    ) -> Plain | Load | Call:
        node, shape = details[0].node, self._shape(definition.type, details)
        resolve, allow = _opened(definition.resolve)
        field = _definition(definition)
        if is_default_resolver(resolve):
            return Plain(key, _attribute(field.python_name), shape, allow)
        if (method := shown_of(definition)) is not None:
            return Plain(key, _made_by(method), shape, allow)
        if (loaded := loaded_of(definition)) is not None:
            return Load(key, loaded, shape, allow)
        batches = frozenset(one.loaded.batch for one in below(shape) if isinstance(one, Load))
        needs = Needs(batches, asked_below(shape))
        arguments = _constant(definition, node)
        direct = _direct(definition, resolve)
        return Call(key, definition, node, arguments, shape, direct, allow, field.is_async, needs)

    def _shape(self, kind: GraphQLOutputType, details: FieldDetailsList) -> Shape:
        match kind:
            case GraphQLNonNull(of_type=inner) if is_leaf_type(inner):
                return Leaf(finishing_present(inner))
            case GraphQLNonNull(of_type=inner):
                return Present(self._shape(inner, details))
            case GraphQLList(of_type=inner):
                return Listed(self._shape(inner, details))
            case GraphQLObjectType():
                return self._selection(kind, self._subfields(kind, details))
            case GraphQLInterfaceType():
                return self._abstract(kind, details)
        if not is_leaf_type(kind):
            raise NotCompiled
        leaf: GraphQLLeafType = kind
        return Leaf(finishing(leaf))

    def _abstract(self, kind: GraphQLInterfaceType, details: FieldDetailsList) -> Shape:
        possible = {
            one.name: self._selection(one, self._subfields(one, details))
            for one in self._schema.get_possible_types(kind)
        }
        names = {_definition(self._schema.type_map[name]).origin: name for name in possible}
        guard = kind.resolve_type

        def select(value: Any, info: Any) -> Selection:
            name = names.get(type(value))
            if name is None:
                raise Surprise
            if isinstance(guard, GuardedKinds):
                guard.allow(name, info)
            return possible[name]

        return Abstract(select, tuple(possible.values()))

    def _subfields(self, kind: GraphQLObjectType, details: FieldDetailsList) -> GroupedFieldSet:
        return collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, details
        ).grouped_field_set


def _marked(root: Selection) -> tuple[Call, ...]:
    """The root's calls, the one told that is alone in reading."""
    reading = [
        one
        for one in below(root)
        if isinstance(one, Abstract) or (isinstance(one, Call) and one.reads)
    ]
    alone = len(reading) == 1 and all(
        one is reading[0] or not list(below(one.shape)) for one in root.calls
    )
    if not alone or root.loads:
        return tuple(root.calls)
    return tuple(
        replace(one, needs=replace(one.needs, alone=True)) if one is reading[0] else one
        for one in root.calls
    )


@cache
def _takers(schema: GraphQLSchema) -> Mapping[str, type]:
    """The types that have columns which are read only where they are asked for."""
    kinds = {
        name: _definition(kind).origin
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }
    return {name: kind for name, kind in kinds.items() if untaken(kind, frozenset())}


def _definition(built: Any) -> Any:
    """What strawberry made a type or a field of."""
    return built.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]


def _opened(resolve: Any) -> tuple[Any, Allow | None]:
    """A resolver apart from the question who may ask for it."""
    return (resolve.resolve, resolve.allow) if isinstance(resolve, Guarded) else (resolve, None)


def _attribute(name: str) -> Callable[[Sequence[Any], RequestContext], Sequence[Any]]:
    read = attrgetter(name)
    return lambda sources, _: list(map(read, sources))


def _made_by(
    method: Callable[[Any, RequestContext], Any],
) -> Callable[[Sequence[Any], RequestContext], Sequence[Any]]:
    return lambda sources, context: [method(source, context) for source in sources]


def _direct(definition: GraphQLField, resolve: Any) -> Callable[..., Any]:
    """A field's resolver; where all that it takes is plain, past strawberry, which at each call
    looks for what there is to convert, and wraps what it hands over. What stands before strawberry
    (a mutation that is recorded) stays."""
    field, own = _definition(definition), getattr(resolve, "__code__", None)
    plain = all(is_leaf_type(get_nullable_type(one.type)) for one in definition.args.values())
    strange = field.extensions or field.permission_classes
    if own is None or own.co_filename != _STRAWBERRYS or not plain or strange:
        wrapped: Callable[..., Any] = resolve
        return wrapped
    method: Callable[..., Any] = field.base_resolver.wrapped_func
    told = "info" in field.base_resolver.signature.parameters
    names = {name: _definition(one).python_name for name, one in definition.args.items()}
    if not names:
        return method if told else lambda source, _: method(source)

    def called(source: Any, info: Any, **given: Any) -> Any:
        arguments = {names[name]: value for name, value in given.items()}
        return method(source, info, **arguments) if told else method(source, **arguments)

    return called


def _constant(definition: GraphQLField, node: FieldNode) -> Mapping[str, Any] | None:
    """The arguments of a field in which no variable stands; None where one does."""
    if any(isinstance(one, VariableNode) for one in _within(node.arguments or ())):
        return None
    return get_argument_values(definition, node)


def _within(nodes: Any) -> Iterator[Node]:
    """The nodes and all that is inside of them."""
    for node in nodes:
        yield node
        for key in node.keys:
            inside = getattr(node, key)
            if isinstance(inside, Node):
                yield from _within((inside,))
            elif isinstance(inside, tuple | list):
                yield from _within(inside)
