"""`keystall backup FILE` and `keystall backup verify FILE`."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from keystall.platform.archive.entries import EntryWriter
from keystall.platform.archive.sealed_stream import (
    Damaged,
    NoArchive,
    SealedWriter,
    WrongPassphrase,
    opened,
)
from keystall.platform.cli.home import settings_of
from keystall.platform.cli.passphrase import PassphraseFile, passphrase_from
from keystall.platform.cli.settings import WRONG, fail, settings_or_exit
from keystall.platform.crypto import InvalidKeyRing
from keystall.platform.demo.engine import sleeping_home
from keystall.platform.demo.home import Home, HomeError
from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.roles import DATABASE, OWNER
from keystall.platform.files import file_store
from keystall.platform.ring_file import open_ring
from keystall.tenants.backup.reading_in import OtherSchema, verified
from keystall.tenants.backup.writing_out import Whole, Written, write_backup
from keystall.tenants.key_locks import Busy, only_command

app = typer.Typer()

SEEDED = "seeded.json"
"""A demo's logins, which come along."""


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; or the word verify.")],
    verify: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="After verify: the backup to read.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of a demo, running or not; else KEYSTALL_* say.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write database, files and key ring to one file, sealed under a passphrase, or verify one.

    Everything goes on meanwhile. Verifying reads the whole file and needs nothing else.

    Examples:

        keystall backup /backups/monday.keystall
        keystall backup verify /backups/monday.keystall
        keystall backup monday.keystall --home ~/shops --passphrase-file ~/passphrase
    """
    if verify is not None:
        if str(file) != "verify":
            raise fail("keystall backup FILE, or keystall backup verify FILE", WRONG)
        _verify(verify, passphrase_from(passphrase_file, new=False))
        return
    if file.exists():
        raise fail(f"{file} exists already: a backup overwrites nothing", WRONG)
    passphrase = passphrase_from(passphrase_file, new=True)
    try:
        written = _write(file, passphrase, home)
    except (Busy, EngineError, HomeError, InvalidKeyRing, OSError) as error:
        raise fail(str(error)) from None
    typer.echo(
        f"{file}: {written.rows} rows of {written.tables} tables, {written.files} files and the"
        f" key ring, {file.stat().st_size} bytes."
    )


def _verify(file: Path, passphrase: str) -> None:
    try:
        with file.open("rb") as source:
            contents = verified(opened(source, passphrase))
    except (Damaged, NoArchive, OtherSchema, WrongPassphrase, OSError) as error:
        raise fail(str(error)) from None
    typer.echo(
        f"{file} is whole: {contents.rows} rows of {len(contents.tables)} tables,"
        f" {len(contents.files)} files and the key ring, of {contents.made_at},"
        f" schema {contents.schema[-1]}."
    )


def _write(file: Path, passphrase: str, home: Path | None) -> Written:
    if home is None:
        settings = settings_or_exit()
        if not settings.owner_database_url:
            raise fail("KEYSTALL_OWNER_DATABASE_URL is needed: only the owner sees all", WRONG)
        return _write_from(
            file, passphrase, settings.owner_database_url, settings.key_ring, settings.files_url, {}
        )
    folder = home.expanduser().resolve()
    if not (folder / SEEDED).exists():
        raise fail(f"{home} holds no demo", WRONG)
    notes = {SEEDED: (folder / SEEDED).read_text("utf-8")}
    if Home(folder).is_open_elsewhere():
        settings = settings_of(folder)
        return _write_from(
            file, passphrase, settings.owner_database_url, settings.key_ring, settings.files_url,
            notes,
        )  # fmt: skip
    with sleeping_home(folder) as asleep:
        owner_url = asleep.postgres.url(DATABASE, OWNER, asleep.secrets.owner)
        return _write_from(
            file, passphrase, owner_url, str(folder / "key-ring"), (folder / "files").as_uri(),
            notes,
        )  # fmt: skip


def _write_from(
    file: Path, passphrase: str, owner_url: str, ring: str, files_url: str,
    notes: Mapping[str, str],
) -> Written:  # fmt: skip
    async def work(out: Any) -> Written:
        async with only_command(owner_url) as connection:
            whole = Whole(connection, open_ring(ring), file_store(files_url), notes)
            return await write_backup(whole, EntryWriter(SealedWriter(out, passphrase)), typer.echo)

    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            written = asyncio.run(work(out))
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return written
