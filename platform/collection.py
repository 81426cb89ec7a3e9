"""Garbage collection in processes that live long."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 10_000
"""Objects that may be new before cycles are looked for among them. Python's own 700 are fewer than
the answer to a list takes, so that every request was looked through; nearly all that it makes is
freed by counting."""


@contextmanager
def nothing_is_garbage() -> Iterator[None]:
    """No collections meanwhile: loading modules leaves nothing to collect, and looking for it takes
    an eighth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep_what_start_up_made() -> None:
    """Takes all that exists now out of later collections: modules, schemas and templates stay.

    A full collection otherwise walks all of it, for 100 ms and more, while somebody waits. What
    comes later is looked through more seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
