"""What every shop of one process shares: handed to services, never looked up."""

from dataclasses import dataclass

import httpx2

from keystall.platform.crypto import KeyRing
from keystall.platform.files import FileStore
from keystall.platform.queue import Queue
from keystall.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings, keys and lines to the outside of the running process."""

    settings: Settings
    keys: KeyRing
    queue: Queue
    files: FileStore
    http: httpx2.AsyncClient
