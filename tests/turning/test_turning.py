"""The short form of the turning of keys under load."""

import sys
from pathlib import Path

import pytest

from tests.turning.turning import turn


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_order_fails_while_keys_turn_and_all_of_it_comes_back_from_a_backup(
    demo_home: Path,
) -> None:
    told: list[str] = []

    assert await turn(24, 1, told.append, filled=demo_home) == [], "\n".join(told)
