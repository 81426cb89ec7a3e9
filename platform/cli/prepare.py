"""Makes a demo's database ready: `python -m keystall.platform.cli.prepare FILE`.

Brings the schema up to date and, unless FILE stands already, fills the empty database with shops
and writes their logins to FILE, whole or not at all.
"""

import asyncio
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from keystall.platform import database
from keystall.platform.logs import configure_logs
from keystall.platform.settings import Settings, load_settings
from keystall.tenants.demo.seed import seed
from keystall.tenants.installation import installed
from keystall.tenants.migrating import migrate
from keystall.tenants.schema import connect


async def fill(settings: Settings) -> dict[str, Any]:
    """Fill an empty database; answers who may sign in where."""
    await connect(settings)
    try:
        async with installed(settings) as installation:
            return await seed(installation, password=secrets.token_hex(6))
    finally:
        await database.disconnect()


def main() -> None:
    settings, told = load_settings(), Path(sys.argv[1])
    configure_logs(settings)
    asyncio.run(migrate(settings.owner_database_url))
    if told.exists():
        return
    seeded = asyncio.run(fill(settings))
    partial = told.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(seeded, ensure_ascii=False, indent=2))
    partial.replace(told)


if __name__ == "__main__":
    main()
