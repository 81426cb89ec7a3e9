"""Settings for a command, or an exit that says which of them are wrong."""

import typer
from pydantic import ValidationError
from rich.console import Console

from keystall.platform.settings import Settings, load_settings

WRONG = 2


def settings_or_exit() -> Settings:
    """The settings of the environment; exits with code 2 and a line a wrong one otherwise."""
    try:
        return load_settings()
    except ValidationError as error:
        console = Console(stderr=True, highlight=False)
        console.print("keystall: the settings are not usable (see .env.example):", markup=False)
        for wrong in error.errors(include_url=False, include_input=False):
            field = "_".join(("KEYSTALL", *map(str, wrong["loc"]))).upper() if wrong["loc"] else ""
            reason = wrong["msg"].removeprefix("Value error, ")
            console.print(f"  {field + ': ' if field else ''}{reason}", markup=False)
        raise typer.Exit(WRONG) from None


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print why to standard error; raise what this returns."""
    Console(stderr=True, highlight=False).print(f"keystall: {message}", markup=False)
    return typer.Exit(code)
