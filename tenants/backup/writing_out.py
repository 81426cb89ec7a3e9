"""Writing a backup: one moment of the database, then the files, then proof of what was written.

Entries, in this order: `about`, `ring`, `note/<name>` (what the caller adds), `file/<path>`,
`table/<name>`, `manifest`. The moment is taken before the files are read: a file that a row names
is there before its row, so no row lacks its file, but for codes that were imported in between.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import asyncpg

from keystall.platform import clock
from keystall.platform.archive.entries import Digest, EntryWriter
from keystall.platform.crypto import KeyRing
from keystall.platform.files import FileMissing, FileStore
from keystall.tenants.backup.tables import copy_rows, schema_names, sequence_values, table_forms

FORMAT = 1
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Whole:
    """What a backup is made of. `notes`: texts that the caller wants back when it restores."""

    connection: asyncpg.Connection
    ring: KeyRing
    files: FileStore
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """How much a backup holds."""

    tables: int
    rows: int
    files: int


async def write_backup(whole: Whole, out: EntryWriter, say: Say) -> Written:
    """Writes everything to `out`; memory does not grow with what there is.

    The caller holds the lock of commands that change keys, so that ring and rows belong together.
    """
    digests: dict[str, Digest] = {}
    connection = whole.connection
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        forms = await table_forms(connection)
        about = {
            "format": FORMAT,
            "made_at": clock.now().isoformat(),
            "schema": await schema_names(connection),
            "tables": {form.name: list(form.columns) for form in forms},
            "sequences": await sequence_values(connection),
        }
        digests["about"] = out.add("about", json.dumps(about).encode())
        digests["ring"] = out.add("ring", whole.ring.to_text().encode())
        for name, text in whole.notes.items():
            digests[f"note/{name}"] = out.add(f"note/{name}", text.encode())
        files = await _write_files(whole.files, out, digests)
        say(f"{files} files")
        for form in forms:
            out.begin(f"table/{form.name}")

            async def take(data: bytes) -> None:
                out.write(data)

            await copy_rows(connection, form, take)
            digests[f"table/{form.name}"] = digest = out.end()
            say(f"{form.name}: {digest.lines} rows")
    manifest = {name: asdict(digest) for name, digest in digests.items()}
    out.add("manifest", json.dumps(manifest).encode())
    out.finish()
    rows = sum(digests[f"table/{form.name}"].lines for form in forms)
    return Written(tables=len(forms), rows=rows, files=files)


async def _write_files(store: FileStore, out: EntryWriter, digests: dict[str, Digest]) -> int:
    count = 0
    async for path in store.paths():
        stream = store.stream(path)
        try:
            piece = await anext(stream, b"")
        except FileMissing:  # just imported
            continue
        out.begin(f"file/{path}")
        out.write(piece)
        async for piece in stream:
            out.write(piece)
        digests[f"file/{path}"] = out.end()
        count += 1
    return count
