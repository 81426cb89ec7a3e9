"""The passphrase of a backup: asked for, or from a file or the environment; never an argument."""

import os
from pathlib import Path
from typing import Annotated

import typer

from keystall.platform.cli.settings import WRONG, fail

VARIABLE = "KEYSTALL_BACKUP_PASSPHRASE"
SHORTEST = 12
"""Characters; with fewer a stolen backup is a matter of patience."""

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help=f"File that holds the passphrase; else {VARIABLE}, else it is asked for."),
]


def passphrase_from(file: Path | None, *, new: bool) -> str:
    """The passphrase; a new one is typed twice and must be long. Exits with code 2 otherwise."""
    try:
        given = file.read_text("utf-8").strip() if file else os.environ.get(VARIABLE, "")
    except (OSError, ValueError):
        raise fail("the passphrase file cannot be read", WRONG) from None
    if not given and file is None:
        given = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new)
    if new and len(given) < SHORTEST:
        raise fail(f"a passphrase has at least {SHORTEST} characters: a few words will do", WRONG)
    return given
