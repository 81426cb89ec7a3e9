"""Changes that leave things out: `KEEP` says "as it is", where None would say "nothing"."""

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Keep(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"


KEEP = Keep.KEEP


def given(changes: "DataclassInstance") -> dict[str, Any]:
    """The fields of `changes` that are not KEEP, by name."""
    values = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: value for name, value in values.items() if value is not KEEP}
