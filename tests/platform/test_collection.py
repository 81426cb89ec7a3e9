"""What a process that lives long collects, and how often it looks."""

import gc
from collections.abc import Iterator

import pytest

from keystall.platform.collection import keep_what_start_up_made, nothing_is_garbage


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_start_up_made_is_never_looked_through_again_and_the_rest_more_seldom() -> None:
    before = gc.get_threshold()

    with nothing_is_garbage():
        assert not gc.isenabled()
        made = [[] for _ in range(100)]  # type: ignore[var-annotated]
    keep_what_start_up_made()

    assert gc.isenabled()
    assert gc.get_freeze_count() > len(made)
    assert gc.get_threshold() == (10_000, *before[1:])
