"""structlog and redis, loaded without what they would load and nothing here uses of them.

structlog looks for rich, which draws tracebacks (ours are written by `keystall.platform.logs`), and
for greenlet; redis cannot do without PyJWT, for a way to sign in to Azure. Together they are 6 MB
and 90 modules of every process. `keystall.platform.logs`, which the doors load first, takes
structlog from here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Has what is loaded meanwhile find modules of these names empty, where they are not loaded."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with without("greenlet", "jwt", "rich"):
    import redis.asyncio  # noqa: F401
    import structlog

__all__ = ["structlog", "without"]
