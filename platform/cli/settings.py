"""Settings for a command, or an exit that says which of them are wrong."""

import typer
from pydantic import ValidationError

from keystall.platform.settings import Settings, load_settings

WRONG = 2


def settings_or_exit() -> Settings:
    """The settings of the environment; exits with code 2 and a line a wrong one otherwise."""
    try:
        return load_settings()
    except ValidationError as error:
        typer.echo("keystall: the settings are not usable (see .env.example):", err=True)
        for wrong in error.errors(include_url=False, include_input=False):
            field = "_".join(("KEYSTALL", *map(str, wrong["loc"]))).upper() if wrong["loc"] else ""
            reason = wrong["msg"].removeprefix("Value error, ")
            typer.echo(f"  {field + ': ' if field else ''}{reason}", err=True)
        raise typer.Exit(WRONG) from None


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print why to standard error; raise what this returns."""
    typer.echo(f"keystall: {message}", err=True)
    return typer.Exit(code)
