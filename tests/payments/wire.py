"""Stripe's wire, server side: forms in brackets, parameters checked against the SDK's own types,
expansion, errors."""

import sys
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from stripe import _request_options
from typing_extensions import is_typeddict

JsonObject = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error: `status`, and what stands under "error"."""

    def __init__(self, status: int, kind: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, **more: str) -> StripeError:
    return StripeError(400, "invalid_request_error", message, **more)


def missing(what: str) -> StripeError:
    return StripeError(
        404, "invalid_request_error", f"No such {what}", code="resource_missing", param="id"
    )


def decode(pairs: list[tuple[str, str]]) -> JsonObject:
    """`a[b][0]=x` as nested mappings and lists."""
    root: JsonObject = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        place: JsonObject = root
        for key in rest:
            place = place.setdefault(head, {})
            head = key
        if head == "":
            head = str(len(place))
        place[head] = value
    listed: JsonObject = _listed(root)
    return listed


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(one) for key, one in value.items()}


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Checks as strictly as Stripe: what the SDK's type does not name is refused, at any depth."""
    module = vars(sys.modules[kind.__module__])
    for one in module.values():
        if is_typeddict(one):
            one.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    adapter.rebuild(_types_namespace={"StripeContext": object, **vars(_request_options), **module})
    return adapter


def checked(kind: type, params: JsonObject) -> JsonObject:
    """`params` as the SDK's parameter type `kind` has them, numbers and truths out of their text.

    Raises StripeError (parameter_unknown, parameter_missing, parameter_invalid).
    """
    try:
        found: JsonObject = _adapter(kind).validate_python(params)
    except ValidationError as error:
        fault = error.errors()[0]
        code = {"extra_forbidden": "parameter_unknown", "missing": "parameter_missing"}
        raise invalid(
            f"{fault['msg']}: {fault['loc']}",
            code=code.get(fault["type"], "parameter_invalid"),
            param=".".join(map(str, fault["loc"])),
        ) from None
    return found


def expanded(thing: JsonObject, paths: list[str], find: dict[str, JsonObject]) -> JsonObject:
    """A copy of an object with the ids at `paths` replaced by what they name."""
    if any(path.count(".") > 3 for path in paths):
        raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
    copy = dict(thing)
    for head in {path.partition(".")[0] for path in paths}:
        rest = [path.partition(".")[2] for path in paths if path.partition(".")[0] == head]
        rest = [path for path in rest if path]
        if head not in copy:
            raise invalid(f"This property cannot be expanded ({head}).", param="expand")
        value = copy[head]
        if isinstance(value, list):
            copy[head] = [expanded(one, rest, find) for one in value]
        elif isinstance(value, str):
            copy[head] = expanded(find[value], rest, find)
    return copy
