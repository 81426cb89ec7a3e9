"""A form as a template sees it: typed values to show again, errors at their fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keystall.themes.engine.pages import Form


@dataclass(frozen=True)
class FieldError:
    """One `userErrors` entry at a form field; `field` is empty for the form as a whole."""

    field: str
    message: str
    code: str = ""


@dataclass(frozen=True)
class FormState:
    """What a template knows of one form. `posted` is false until it has come back with errors.

    `fields` are all values in order, for names that repeat; `again` is what a button was pressed
    for that only draws the page anew ("preview"; the name of a list: one more row).
    """

    name: str
    posted: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    again: str = ""

    def value(self, name: str, default: Any = "") -> str:
        """What was typed, or the value to begin with. A None default reads as empty."""
        if self.posted:
            return self.values.get(name, "")
        return "" if default is None else str(default)

    def checked(self, name: str, default: bool = False) -> bool:
        """Whether a checkbox stands ticked."""
        return bool(self.values.get(name)) if self.posted else default

    def texts(self, name: str, default: Iterable[Any] = ()) -> tuple[str, ...]:
        """All that was typed at a name that repeats, or the values to begin with."""
        if self.posted:
            return tuple(dict.fromkeys(text for field, text in self.fields if field == name))
        return tuple(str(value) for value in default)

    def error(self, name: str) -> str:
        """The messages at a field, joined; empty where there are none."""
        return " ".join(error.message for error in self.errors if error.field == name)

    @property
    def general(self) -> tuple[str, ...]:
        """Messages of the form as a whole."""
        return tuple(error.message for error in self.errors if not error.field)

    def row(self, prefix: str, at: int) -> "FormState":
        """What to draw a list's row with: for one of which nothing was typed, as at first."""
        start = f"{prefix}.{at}."
        if any(name.startswith(start) for name in self.values):
            return self
        return replace(self, posted=False, values={}, fields=())

    def rows(self, prefix: str, count: int, least: int = 0) -> range:
        """Indexes to draw for a list field: `count` at first, then as many as were typed, and one
        more where that was asked for; never fewer than `least`."""
        if not self.posted:
            return range(max(count, least))
        typed = [
            int(index) + 1
            for name in self.values
            if name.startswith(prefix + ".")
            and (index := name[len(prefix) + 1 :].split(".")[0]).isdigit()
        ]
        return range(max([least, *typed]) + (self.again == prefix))


# Where an error about the whole of something is shown: at what is typed first.
_ENDS = (".amount", ".value", ".0", ".0.amount", ".name", ".0.prices.0.amount")


def without_row(fields: Iterable[tuple[str, str]], row: str) -> list[tuple[str, str]]:
    """The fields less those of a list's row ("variants.1"), those after it moved up by one."""
    prefix, _, text = row.rpartition(".")
    gone = int(text)
    kept = []
    for name, value in fields:
        head, _, rest = name.removeprefix(prefix + ".").partition(".")
        if not name.startswith(prefix + ".") or not head.isdigit() or int(head) < gone:
            kept.append((name, value))
        elif int(head) > gone:
            kept.append((f"{prefix}.{int(head) - 1}.{rest}", value))
    return kept


def place_errors(
    form: Form,
    raw: Iterable[Mapping[str, Any]],
    rows: Mapping[str, tuple[int, ...]],
    *,
    fields: Iterable[tuple[str, str]] = (),
) -> tuple[FieldError, ...]:
    """Find the form field of each `userErrors` entry.

    A path may or may not begin with `input`. List indexes count the entries sent; `rows` says
    which form row each came from. A path that names no declared field lands at its nearest
    declared parent ("price.amount" at "price"), or child (the reverse), else at the form.
    A step that is the `key` typed in a row of `fields` stands for that row ("answers.size").
    """
    keys = {
        f"{name.rsplit('.', 2)[0]}.{text}": name.removesuffix(".key")
        for name, text in fields
        if name.endswith(".key")
    }
    return tuple(
        FieldError(
            _field(form, list(error.get("path") or []), rows, keys), error["message"], error["code"]
        )
        for error in raw
    )


def _field(
    form: Form,
    path: list[str],
    rows: Mapping[str, tuple[int, ...]],
    keys: Mapping[str, str],
) -> str:
    steps = [str(step) for step in path]
    if steps[:1] == ["input"]:
        steps = steps[1:]
    steps = keys.get(".".join(steps), ".".join(steps)).split(".") if steps else steps
    for at, step in enumerate(steps):
        kept = rows.get(".".join(steps[:at]))
        if kept is not None and step.isdigit() and int(step) < len(kept):
            steps[at] = str(kept[int(step)])
    for end in range(len(steps), 0, -1):
        name = ".".join(steps[:end])
        if form.declares(name):
            return name
        if end == len(steps):
            child = next((below for end in _ENDS if form.declares(below := name + end)), None)
            if child:
                return child
    return ""
