"""Our migrations, and how an installation takes them."""

import re
from collections.abc import Sequence
from importlib import resources

from keystall.platform import migrating
from keystall.tenants.schema import MODELS

MIGRATIONS = "keystall.tenants.migrations"


async def migrate(owner_url: str, *, only: Sequence[str] = ("__latest__",)) -> None:
    """Brings the schema up to date, or runs those migrations; safe from many processes at once."""
    await migrating.migrate(owner_url, MODELS, MIGRATIONS, only=only)


def migration_names() -> list[str]:
    """Every migration that this version knows, oldest first."""
    folder = resources.files(MIGRATIONS)
    found = (re.fullmatch(r"(\d{4}_\w+)\.py", entry.name) for entry in folder.iterdir())
    return sorted(match[1] for match in found if match)
