"""The door `keystall`: commands over all rooms.

Exit codes: 0 done; 1 it failed, for the reason printed; 2 it was called wrongly or the settings are
wrong; 3 a check found something.

A command's module is loaded when the command is called: some take two seconds and 100 MB to load,
`keystall --help` needs none of them, and a demo's supervisor lives as long as the demo does.
"""

import importlib
from collections.abc import Iterable
from typing import Any

import typer

from keystall.platform.collection import nothing_is_garbage


class Later(typer.core.TyperCommand):
    """Stands for a command where commands are listed; who calls it gets the one of its module.

    `help` is the first paragraph of what the command says of itself (a test compares them).
    """

    def __init__(self, name: str, module: str, help: str) -> None:
        super().__init__(name, help=help)
        self._called, self._module = name, f"keystall.platform.cli.{module}"

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """A context of the command itself: what runs, and whose help is shown."""
        return self.loaded().make_context(info_name, args, parent, **extra)

    def loaded(self) -> Any:
        """The command itself."""
        with nothing_is_garbage():
            module = importlib.import_module(self._module)
        group: Any = typer.main.get_group(module.app)
        return group.commands[self._called]


COMMANDS = (
    Later(
        "demo",
        "demo",
        "Run the whole product on this machine, with three shops, play money and readable mail.",
    ),
    Later(
        "web",
        "web",
        "Answer requests: shops, console, operator desk and GraphQL. Run as many as you like.",
    ),
    Later(
        "worker",
        "worker",
        "Deliver, mail and tidy up in the background. Run as many as you like.",
    ),
    Later(
        "roles",
        "upkeep",
        "Make the database keystall and its three login roles, or set their passwords.",
    ),
    Later(
        "migrate",
        "upkeep",
        "Bring the database's schema up to date. Safe while web and worker run, and twice at once.",
    ),
    Later("operator", "upkeep", "Those who run the installation."),
    Later("keys", "keys", "The keys that guard what is stored."),
    Later(
        "backup",
        "backup",
        "Write database, files and key ring to one file, sealed under a passphrase, or verify one.",
    ),
    Later(
        "restore",
        "restore",
        "Put a backup into an empty installation, and prove that what arrived is what was saved.",
    ),
    Later(
        "doctor",
        "doctor",
        "Look at what Keystall needs and say, line by line, what is well and what is not.",
    ),
    Later("schema", "schema", "The GraphQL schemas."),
)


class _Commands(typer.core.TyperGroup):
    def __init__(self, *, commands: Iterable[Any] = (), **attributes: Any) -> None:
        super().__init__(commands=[*COMMANDS], **attributes)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Keystall: self-service shops for digital goods, with automatic delivery.",
)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """What the script `keystall` and `python -m keystall` call."""
    app(prog_name="keystall")
