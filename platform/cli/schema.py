"""`keystall schema export`: the three schemas as SDL, written or compared."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from keystall.graphql.executor import SCHEMAS

app = typer.Typer()
schema = typer.Typer(help="The GraphQL schemas.", no_args_is_help=True)
app.add_typer(schema, name="schema")

COMMITTED = Path(__file__).parents[2] / "graphql"
DIFFERENT = 3


@schema.command("export")
def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the .graphql files; the committed ones by default.")
    ] = COMMITTED,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 3 where they differ.")
    ] = False,
) -> None:
    """Write storefront.graphql, admin.graphql and operator.graphql.

    Examples:

        keystall schema export
        keystall schema export --check
        keystall schema export build/
    """
    different = False
    for surface, built in SCHEMAS.items():
        path = folder / f"{surface}.graphql"
        sdl = built.as_str().rstrip() + "\n"
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(sdl, encoding="utf-8")
            continue
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        if committed != sdl:
            different = True
            _show(committed, sdl, path.name)
    if different:
        typer.echo("The schemas changed: look at the difference, then run keystall schema export.")
        raise typer.Exit(DIFFERENT)


def _show(committed: str, built: str, name: str) -> None:
    lines = difflib.unified_diff(
        committed.splitlines(), built.splitlines(), f"committed {name}", f"built {name}", "", "",
        2, "",
    )  # fmt: skip
    for line in lines:
        typer.echo(line)
