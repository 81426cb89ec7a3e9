"""Garbage collection in processes that live long."""

import gc


def keep_what_start_up_made() -> None:
    """Takes all that exists now out of later collections: modules, schemas and templates stay.

    A full collection otherwise walks all of it, for 100 ms and more, while somebody waits.
    """
    gc.collect()
    gc.freeze()
