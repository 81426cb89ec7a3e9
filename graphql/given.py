"""What the input of a change says, and what it leaves as it is."""

from collections.abc import Collection
from typing import Any

import strawberry

UNSET: Any = strawberry.UNSET
"""The default of a field that may be left out of a change, and then changes nothing."""


def given(changes: object, removable: Collection[str] = ()) -> dict[str, Any]:
    """The fields that say something: null does for `removable` ones alone."""
    return {
        name: value
        for name, value in vars(changes).items()
        if value is not UNSET and (value is not None or name in removable)
    }
