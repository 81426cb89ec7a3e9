from datetime import UTC, datetime

import time_machine

from keystall.platform.clock import now


def test_now_is_aware_and_follows_the_one_clock() -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 250_000, tzinfo=UTC)
    with time_machine.travel(moment, tick=False):
        assert now() == moment
        assert now().tzinfo is UTC
