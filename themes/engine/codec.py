"""From form fields to GraphQL variables, driven by the mutation's own input types.

Fields are dotted paths: `title`, `price.amount`, `variants.0.sku`. The rules, in one place:
- a name beginning with no variable belongs to the variable `input`;
- path and visit values fill variables of their name and cannot be sent as fields;
- a field that the form does not declare is refused;
- an absent checkbox is false; any other absent field is left out of the input ("no change");
- an empty field is null where null is allowed, "" for a required string, an error otherwise;
- an empty field that must not be null and has a default is left out, so that the default holds;
- an input object all of whose typed fields are empty (Money without an amount) is null where null
  is allowed, and a row of a list that says nothing but defaults is dropped; the rows kept are
  remembered for errors;
- a list of scalars is one text a field or a line, each text once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    get_named_type,
    is_required_input_field,
    type_from_ast,
)

from keystall.themes.engine.pages import Form

_ABSENT: Any = object()
# Fields that say nothing by themselves: a currency chosen beside an empty amount is no Money, a
# language beside empty texts no translation.
_COMPANIONS = frozenset({"currencyCode", "currency", "locale"})
_WIDE = str.maketrans("０１２３４５６７８９．，－", "0123456789.,-")
_INT_LIMIT = 2**31


class UndeclaredField(ValueError):
    """A field that its form does not declare: answered with 400."""


@dataclass(frozen=True)
class Problem:
    """A field whose text is no value of its type; `code` names a text under `form.problem`."""

    field: str
    code: str


@dataclass
class Decoded:
    """Variables to run, problems that forbid running, and the kept rows of each list field."""

    variables: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FormCodec:
    """Decodes one form. `fixed` beats fields; `timezone` is that of times typed without one."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    form: Form
    timezone: str = "UTC"

    def decode(self, fields: Iterable[tuple[str, str]], fixed: Mapping[str, str | None]) -> Decoded:
        """Variables of the operation. Raises UndeclaredField."""
        tree = _tree(self._declared(fields))
        decoded = Decoded()
        reader = _Reader(decoded, self.form, self.timezone)
        types = variable_types(self.schema, self.operation)
        for name, kind in types.items():
            if name in fixed:
                decoded.variables[name] = fixed[name]
                continue
            given = tree.get(name, _ABSENT)
            path = name
            if name == "input" and isinstance(_bare(kind), GraphQLInputObjectType):
                given = {key: value for key, value in tree.items() if key not in types}
                path = ""
            value = reader.read(kind, given, path)
            if value is not _ABSENT:
                decoded.variables[name] = value
        return decoded

    def _declared(self, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        kept = []
        for name, text in fields:
            if not self.form.declares(name):
                raise UndeclaredField(name)
            kept.append((name, text))
        return kept


def variable_types(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> dict[str, GraphQLInputType]:
    """Input types of an operation's variables, by name."""
    found: dict[str, GraphQLInputType] = {}
    for definition in operation.variable_definitions or ():
        kind: Any = type_from_ast(schema, definition.type)
        if kind is not None:
            found[definition.variable.name.value] = kind
    return found


def _tree(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Dotted fields as nested dicts; leaves are lists of texts (a field may repeat)."""
    root: dict[str, Any] = {}
    for name, text in fields:
        *parents, leaf = name.split(".")
        node = root
        for parent in parents:
            below = node.setdefault(parent, {})
            if not isinstance(below, dict):
                raise UndeclaredField(name)
            node = below
        texts = node.setdefault(leaf, [])
        if not isinstance(texts, list):
            raise UndeclaredField(name)
        texts.append(text)
    return root


def _bare(kind: GraphQLInputType) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


@dataclass(frozen=True)
class _Reader:
    decoded: Decoded
    form: Form
    timezone: str

    def read(self, kind: GraphQLInputType, given: Any, path: str) -> Any:
        bare = _bare(kind)
        required = isinstance(kind, GraphQLNonNull)
        if isinstance(bare, GraphQLInputObjectType):
            return self._object(bare, given, path, required=required)
        if isinstance(bare, GraphQLList):
            return self._list(bare, given, path, required=required)
        return self._leaf(bare, given, path, required=required)

    def _object(
        self, kind: GraphQLInputObjectType, given: Any, path: str, *, required: bool
    ) -> Any:
        if given is _ABSENT and not required:
            return _ABSENT
        if isinstance(given, dict) and path and not required and _is_empty(given):
            return None
        below = given if isinstance(given, dict) else {}
        values: dict[str, Any] = {}
        for name, item in kind.fields.items():
            here = f"{path}.{name}" if path else name
            below_here = below.get(name, _ABSENT)
            if _has_default(item) and _is_blank(below_here):
                continue
            value = self.read(item.type, below_here, here)
            if value is _ABSENT and is_required_input_field(item) and self._asks(here):
                self.decoded.problems.append(Problem(here, "required"))
            if value is not _ABSENT:
                values[name] = value
        return values

    def _list(self, kind: GraphQLList[Any], given: Any, path: str, *, required: bool) -> Any:
        if given is _ABSENT:
            return [] if required or path in self.form.blank else _ABSENT
        if isinstance(given, list):
            lines = (line.strip() for text in given for line in text.splitlines())
            texts = dict.fromkeys(line for line in lines if line)
            return [self.read(kind.of_type, [text], path) for text in texts]
        row_kind = get_named_type(kind.of_type)
        kept = tuple(sorted(int(key) for key, row in given.items() if _says(row_kind, row)))
        self.decoded.rows[path] = kept
        return [self.read(kind.of_type, given[str(at)], f"{path}.{at}") for at in kept]

    def _leaf(self, kind: Any, given: Any, path: str, *, required: bool) -> Any:
        if kind.name == "Boolean":
            if given is _ABSENT:
                return False if self.form.declares(path) else _ABSENT
            return given[-1] not in ("", "false", "0", "off")
        if given is _ABSENT:
            return _ABSENT
        if not isinstance(given, list):
            raise UndeclaredField(path)
        text = next((one for one in reversed(given) if one), "")
        if not text.strip():
            return self._empty(kind, path, required=required)
        value = _parse(kind, text, self.timezone)
        if isinstance(value, _Wrong):
            self.decoded.problems.append(Problem(path, value.code))
            return None
        return value

    def _empty(self, kind: Any, path: str, *, required: bool) -> Any:
        if kind.name == "String" and (required or path in self.form.blank):
            return ""
        if not required:
            return None
        self.decoded.problems.append(Problem(path, "required"))
        return None

    def _asks(self, path: str) -> bool:
        return self.form.declares(path)


@dataclass(frozen=True)
class _Wrong:
    code: str


def _parse(kind: Any, text: str, timezone: str) -> Any:
    if isinstance(kind, GraphQLEnumType):
        return text if text in kind.values else _Wrong("choice")
    match kind.name:
        case "Int":
            return _int(text)
        case "Float" | "Decimal":
            return _decimal(kind.name, text)
        case "Date":
            return _iso(date.fromisoformat, text)
        case "DateTime":
            return _datetime(text, timezone)
        case _:
            return text.replace("\r\n", "\n")


def _int(text: str) -> Any:
    clean = text.strip().translate(_WIDE)
    if not clean.removeprefix("-").isascii() or not clean.removeprefix("-").isdigit():
        return _Wrong("integer")
    if len(clean) > 11 or not -_INT_LIMIT <= int(clean) < _INT_LIMIT:
        return _Wrong("integer")
    return int(clean)


def _decimal(name: str, text: str) -> Any:
    clean = text.strip().translate(_WIDE)
    try:
        value = float(clean)
    except ValueError:
        return _Wrong("number")
    return value if name == "Float" else clean


def _iso(parse: Any, text: str) -> Any:
    try:
        return str(parse(text.strip()).isoformat())
    except ValueError:
        return _Wrong("date")


def _datetime(text: str, timezone: str) -> Any:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return _Wrong("date")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return aware.isoformat()


def _has_default(item: GraphQLInputField) -> bool:
    return isinstance(item.type, GraphQLNonNull) and item.default_value is not Undefined


def _is_blank(given: Any) -> bool:
    return isinstance(given, list) and not any(text.strip() for text in given)


def _says(kind: Any, row: Any) -> bool:
    """Whether a row of a list has more than its input's defaults."""
    if not isinstance(kind, GraphQLInputObjectType) or not isinstance(row, dict):
        return not _is_empty(row)
    told = {
        name: given for name, given in row.items() if not _is_default(kind.fields.get(name), given)
    }
    return not _is_empty(told)


def _is_default(item: GraphQLInputField | None, given: Any) -> bool:
    if item is None or item.default_value is Undefined or not isinstance(given, list):
        return False
    return bool(given[-1].strip().lower() == str(item.default_value).lower())


def _is_empty(given: Any) -> bool:
    if isinstance(given, list):
        return not any(text.strip() for text in given)
    return all(_is_empty(value) for key, value in given.items() if key not in _COMPANIONS)
