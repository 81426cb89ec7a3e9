"""What every shop of one process shares: handed to services, never looked up."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2

from keystall.platform.crypto import KeyRing
from keystall.platform.files import FileStore, file_store
from keystall.platform.http import client_from
from keystall.platform.queue import Queue
from keystall.platform.ring_file import open_ring
from keystall.platform.settings import Settings
from keystall.tenants.token_uses import TokenUses


class LetterTexts(Protocol):
    """Words letters: `keystall.tenants.mails.port.MailTexts`, whose letters this module cannot name
    without a circle. A door wires it."""

    def render(self, letter: Any, locale: str, own: Mapping[str, str] = ...) -> Any: ...

    def text(self, key: str, locale: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings, keys and lines to the outside of the running process; `token_uses` is written down
    where the process serves."""

    settings: Settings
    keys: KeyRing
    queue: Queue
    files: FileStore
    http: httpx2.AsyncClient
    letters: LetterTexts | None = None
    token_uses: TokenUses = field(default_factory=TokenUses)


@asynccontextmanager
async def installed(
    settings: Settings, letters: LetterTexts | None = None
) -> AsyncIterator[Installation]:
    """The installation of this process, its lines to the outside closed at the end. `letters` are
    for processes that show letters.

    Raises InvalidKeyRing where the key ring cannot be used. The database is connected apart.
    """
    keys = open_ring(settings.key_ring)
    files = file_store(settings.files_url)
    async with Queue(settings.redis_url) as queue, client_from(settings) as http:
        yield Installation(settings, keys, queue, files, http, letters)
