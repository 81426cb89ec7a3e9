"""Modules that most processes never need, loaded when they are first used.

For what is large and used by few, late and where nobody waits for a buyer's page: half a second's
wait that is paid once, for megabytes and milliseconds of every start. What buyers use is loaded
before a process is ready. See docs/decisions/0075-what-a-process-loads.md.
"""

import importlib
from typing import Any


class Later:
    """Stands for a module; what is asked of it, or set, is the module's."""

    __slots__ = ("_module_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_module_name", name)

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module_name), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(importlib.import_module(self._module_name), name, value)


def later(name: str) -> Any:
    """The module `name`, not loaded yet. Beside `if TYPE_CHECKING: import …`, so that type checkers
    and import contracts see what it is:

        if TYPE_CHECKING:
            import webauthn
        else:
            webauthn = later("webauthn")
    """
    return Later(name)
