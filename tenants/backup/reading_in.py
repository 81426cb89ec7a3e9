"""Reading a backup: proved whole first, then put into an empty installation, then proved equal."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

from keystall.platform.archive.entries import Entry, Measure, entries
from keystall.platform.archive.sealed_stream import Damaged
from keystall.platform.files import FileStore
from keystall.tenants.backup.tables import TableForm, copy_rows, schema_names, table_forms
from keystall.tenants.backup.writing_out import FORMAT
from keystall.tenants.migrating import migrate, migration_names

_SMALL = ("about", "ring", "note/")
_MOST_FILE_BYTES = 1 << 40

Say = Callable[[str], None]


class NotEmpty(Exception):
    """The installation that a backup was to be put into holds something already."""


class OtherSchema(Exception):
    """The backup and this version of Keystall, or this database, do not fit together."""


@dataclass(frozen=True, slots=True, repr=False)
class Contents:
    """A backup that was proved whole. `digests` by entry, as the backup itself tells them."""

    schema: Sequence[str]
    made_at: str
    tables: Mapping[str, Sequence[str]]
    sequences: Mapping[str, int]
    ring: str
    notes: Mapping[str, str]
    digests: Mapping[str, Mapping[str, Any]]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(self.digests[f"table/{name}"]["lines"] for name in self.tables)

    @property
    def files(self) -> list[str]:
        """Paths of its files."""
        return [name.removeprefix("file/") for name in self.digests if name.startswith("file/")]


def verified(stream: Iterator[bytes]) -> Contents:
    """Reads all of a backup and compares it with its manifest. Raises Damaged, OtherSchema."""
    found: dict[str, dict[str, Any]] = {}
    small: dict[str, bytes] = {}
    manifest: dict[str, dict[str, Any]] = {}
    for entry in entries(stream):
        if entry.name == "manifest":
            manifest = json.loads(entry.content())
            continue
        if entry.name.startswith(_SMALL):
            small[entry.name] = entry.content()
        else:
            for _ in entry.pieces():
                pass
        found[entry.name] = asdict(entry.digest())
    if found != manifest:
        raise Damaged("the backup does not hold what its manifest names")
    about = json.loads(small["about"])
    if about["format"] != FORMAT:
        raise OtherSchema("the backup was written by a newer Keystall")
    return Contents(
        schema=about["schema"],
        made_at=about["made_at"],
        tables=about["tables"],
        sequences=about["sequences"],
        ring=small["ring"].decode(),
        notes={
            name.removeprefix("note/"): text.decode()
            for name, text in small.items()
            if name.startswith("note/")
        },
        digests=manifest,
    )


async def require_room(owner_url: str, files: FileStore, contents: Contents) -> None:
    """Brings an empty database to the backup's schema.

    Raises NotEmpty where there are accounts, shops or files that are not the backup's; OtherSchema.
    """
    unknown = set(contents.schema) - set(migration_names())
    if unknown:
        raise OtherSchema(
            f"the backup's schema has {', '.join(sorted(unknown))}, which this version of Keystall "
            "does not know: install the version it was made with, or a later one"
        )
    async for path in files.paths():
        if path not in contents.files:
            raise NotEmpty("the file store holds files already")
    connection = await asyncpg.connect(owner_url)
    try:
        present = await schema_names(connection)
        if present:
            if await connection.fetchval(
                "select exists (select from accounts) or exists (select from shops)"
            ):
                raise NotEmpty("the database holds accounts or shops already")
            if present != list(contents.schema):
                raise OtherSchema(
                    "the database has the schema of another version than the backup: begin with "
                    "an empty database, in which keystall migrate has not run"
                )
    finally:
        await connection.close()
    if not present:
        await migrate(owner_url, only=contents.schema)


async def read_backup(
    owner_url: str, files: FileStore, stream: Iterator[bytes], contents: Contents, say: Say
) -> None:
    """Puts the rows and files of a verified backup into an empty installation.

    The rows come in one transaction, which ends only once every table was proved equal; afterwards
    the schema is brought up to date. Raises Damaged.
    """
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            forms = {form.name: form for form in await table_forms(connection)}
            if {name: list(form.columns) for name, form in forms.items()} != dict(contents.tables):
                raise OtherSchema("the backup's tables are not those that its migrations make")
            async with _unguarded(connection, list(forms)):
                await _load(connection, files, stream, forms)
            for name, value in contents.sequences.items():
                await connection.execute("select setval($1::text::regclass, $2)", name, value)
            for form in forms.values():
                await _prove(connection, form, contents.digests[f"table/{form.name}"])
                say(f"{form.name}: {contents.digests[f'table/{form.name}']['lines']} rows, equal")
    finally:
        await connection.close()
    await migrate(owner_url)


async def _load(
    connection: asyncpg.Connection,
    files: FileStore,
    stream: Iterator[bytes],
    forms: Mapping[str, TableForm],
) -> None:
    for entry in entries(stream):
        kind, _, name = entry.name.partition("/")
        if kind == "file":
            await files.put_stream(name, _pieces(entry), _MOST_FILE_BYTES)
        elif kind == "table":
            await connection.copy_to_table(
                name, source=_pieces(entry), columns=forms[name].columns, format="text"
            )
        else:
            entry.content()


async def _pieces(entry: Entry) -> AsyncIterator[bytes]:
    for piece in entry.pieces():
        yield piece


@asynccontextmanager
async def _unguarded(connection: asyncpg.Connection, tables: Sequence[str]) -> AsyncIterator[None]:
    """Tables that take rows in any order: no references, no triggers, no walls for their owner.

    COPY does not go through walls at all. Whatever migrations had put there goes. Everything stands
    again, and is checked, before the transaction ends.
    """
    references = await connection.fetch(
        "select conrelid::regclass::text as name, quote_ident(conname) as constraint,"
        " pg_get_constraintdef(oid) as definition from pg_constraint"
        " where contype = 'f' and connamespace = 'public'::regnamespace"
    )
    walled = await connection.fetch(
        "select oid::regclass::text as name from pg_class"
        " where relnamespace = 'public'::regnamespace and relforcerowsecurity"
    )
    for row in references:
        await connection.execute(f"alter table {row['name']} drop constraint {row['constraint']}")
    names = [f'"{name}"' for name in tables]
    await connection.execute(f"truncate {', '.join(names)}")
    for name in names:
        await connection.execute(f"alter table {name} disable trigger user")
    for row in walled:
        await connection.execute(f"alter table {row['name']} no force row level security")
    yield
    for row in walled:
        await connection.execute(f"alter table {row['name']} force row level security")
    for name in names:
        await connection.execute(f"alter table {name} enable trigger user")
    for row in references:
        await connection.execute(
            f"alter table {row['name']} add constraint {row['constraint']} {row['definition']}"
        )


async def _prove(
    connection: asyncpg.Connection, form: TableForm, expected: Mapping[str, Any]
) -> None:
    measure = Measure()

    async def take(data: bytes) -> None:
        measure.add(data)

    await copy_rows(connection, form, take)
    if asdict(measure.digest()) != expected:
        raise Damaged(f"the rows of {form.name} did not come out as they went in")
