"""`keystall restore FILE`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from keystall.platform.archive.sealed_stream import Damaged, NoArchive, WrongPassphrase, opened
from keystall.platform.cli.backup import SEEDED
from keystall.platform.cli.passphrase import PassphraseFile, passphrase_from
from keystall.platform.cli.settings import WRONG, fail, settings_or_exit
from keystall.platform.crypto import KeyRing, is_ring_text
from keystall.platform.demo.engine import sleeping_home
from keystall.platform.demo.home import HomeError
from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.roles import DATABASE, OWNER, RolePasswords, bootstrap_roles
from keystall.platform.files import FileStore, file_store
from keystall.platform.ring_file import write_ring
from keystall.tenants.backup.reading_in import (
    Contents,
    NotEmpty,
    OtherSchema,
    read_backup,
    require_room,
    verified,
)

app = typer.Typer()


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that keystall backup has written.")],
    home: Annotated[
        Path | None, typer.Option(help="Folder for a demo to be; else KEYSTALL_* settings say.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Put a backup into an empty installation, and prove that what arrived is what was saved.

    Nothing is written before all of the file was read and proved. Run it before web and worker.

    Examples:

        keystall restore /backups/monday.keystall
        keystall restore monday.keystall --home ~/shops-again
    """
    passphrase = passphrase_from(passphrase_file, new=False)
    try:
        with file.open("rb") as source:
            contents = verified(opened(source, passphrase))
        typer.echo(f"The backup of {contents.made_at} is whole.")
        if home is None:
            _restore_settings(file, passphrase, contents)
        else:
            _restore_home(file, passphrase, contents, home.expanduser().resolve())
    except (
        Damaged, EngineError, HomeError, NoArchive, NotEmpty, OtherSchema, WrongPassphrase, OSError,
    ) as error:  # fmt: skip
        raise fail(str(error)) from None
    typer.echo(
        f"Restored: {contents.rows} rows of {len(contents.tables)} tables, every one equal,"
        f" {len(contents.files)} files and the key ring."
    )


def _restore_settings(file: Path, passphrase: str, contents: Contents) -> None:
    settings = settings_or_exit()
    if not settings.owner_database_url:
        raise fail("KEYSTALL_OWNER_DATABASE_URL is needed: only the owner may do this", WRONG)
    if is_ring_text(settings.key_ring):
        raise fail("KEYSTALL_KEY_RING must name a file: the ring is put there", WRONG)
    _restore_into(
        file, passphrase, contents, settings.owner_database_url, Path(settings.key_ring),
        file_store(settings.files_url),
    )  # fmt: skip


def _restore_home(file: Path, passphrase: str, contents: Contents, folder: Path) -> None:
    if SEEDED not in contents.notes:
        raise fail("this is no backup of a demo: restore it without --home", WRONG)
    if (folder / SEEDED).exists():
        raise NotEmpty(f"{folder} holds a demo already: choose another --home")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / "lock").touch(mode=0o600)
        write_ring(folder / "key-ring", KeyRing.parse(contents.ring))
    with sleeping_home(folder) as asleep:
        kept = asleep.secrets
        passwords = RolePasswords(owner=kept.owner, app=kept.app, system=kept.system)
        asyncio.run(bootstrap_roles(asleep.postgres.url("postgres"), passwords))
        _restore_into(
            file, passphrase, contents, asleep.postgres.url(DATABASE, OWNER, kept.owner),
            folder / "key-ring", file_store((folder / "files").as_uri()),
        )  # fmt: skip
    seeded = folder / f".{SEEDED}.partial"
    seeded.touch(mode=0o600)
    seeded.write_text(contents.notes[SEEDED], "utf-8")
    seeded.replace(folder / SEEDED)


def _restore_into(
    file: Path, passphrase: str, contents: Contents, owner_url: str, ring: Path, files: FileStore
) -> None:
    if ring.exists() and KeyRing.load(ring).to_text() != contents.ring:
        raise NotEmpty(f"{ring} holds another key ring already: name a file that is not there")

    async def work() -> None:
        await require_room(owner_url, files, contents)
        write_ring(ring, KeyRing.parse(contents.ring))
        with file.open("rb") as source:
            await read_backup(owner_url, files, opened(source, passphrase), contents, typer.echo)

    asyncio.run(work())
