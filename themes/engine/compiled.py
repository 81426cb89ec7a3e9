"""Templates as compiled, kept as Python keeps modules: in `__pycache__`, or where it is told to.

Compiling takes a page's template tens of milliseconds, which its first reader would wait for after
every start. What is kept is used for the very same source only, of the same Python and Jinja, and
of an environment that compiles alike.
"""

import hashlib
import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType

import jinja2
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from keystall.themes.paths import THEMES


class Compiled(BytecodeCache):
    """In memory once for all languages of a process, in which it is the same code as long as
    nothing that a language's filters make of a constant is folded into it; and in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(cache_from_source(str(THEMES / "paths.py"))).parent
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What is kept of a template, if it is of its source as that is now."""
        known = bucket.key, bucket.checksum
        bucket.code = self._code.get(known)
        if bucket.code is None:
            with suppress(OSError), self._file(bucket).open("rb") as file:
                bucket.load_bytecode(file)
            if bucket.code is not None:
                self._code[known] = bucket.code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps it; in the folder only where Python keeps modules too, and where it may write."""
        if bucket.code is None:
            return
        self._code[bucket.key, bucket.checksum] = bucket.code
        if sys.dont_write_bytecode:
            return
        path = self._file(bucket)
        partial = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                bucket.write_bytecode(file)
            partial.replace(path)

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}-{_manner(bucket.environment)}.jinja"


def _manner(environment: Environment) -> str:
    """All that the code made of a source hangs on besides."""
    called = {**environment.tests, **environment.filters}
    parts = (
        jinja2.__version__,
        sys.implementation.cache_tag,
        environment.code_generator_class.__qualname__,
        environment.trim_blocks, environment.lstrip_blocks, environment.optimized,
        environment.autoescape, environment.is_async, environment.sandboxed,
        # How a filter is called is compiled in: whether it takes the context.
        *(f"{name}:{getattr(one, 'jinja_pass_arg', '')}" for name, one in sorted(called.items())),
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
