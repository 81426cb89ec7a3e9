"""When a delivery is tried again, and how it is signed: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from keystall.tenants.webhooks.schedule import (
    LONGEST_ASKED,
    MAX_TRIES,
    Again,
    Arrived,
    GivenUp,
    retry_after,
    verdict,
)
from keystall.tenants.webhooks.signing import signed_headers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def waits(swing: float) -> list[timedelta]:
    found = []
    for attempts in range(1, MAX_TRIES):
        follows = verdict(503, {}, attempts=attempts, now=NOW, swing=swing)
        assert isinstance(follows, Again)
        found.append(follows.after)
    return found


def test_ten_tries_take_about_a_day_and_wait_longer_each_time() -> None:
    assert MAX_TRIES == 10
    for swing, hours in ((-1.0, 21.3), (0.0, 23.7), (1.0, 26.1)):
        assert waits(swing) == sorted(waits(swing))
        total = sum(waits(swing), timedelta())
        assert abs(total - timedelta(hours=hours)) < timedelta(minutes=6)
    assert verdict(503, {}, attempts=10, now=NOW) == GivenUp()
    assert verdict(None, {}, attempts=10, now=NOW) == GivenUp()


def test_waits_are_jittered() -> None:
    found = {repr(verdict(500, {}, attempts=5, now=NOW)) for _ in range(20)}
    assert len(found) > 10


def test_whatever_says_yes_has_arrived() -> None:
    assert {verdict(status, {}, attempts=1, now=NOW) for status in (200, 202, 204, 299)} == {
        Arrived()
    }
    assert verdict(410, {}, attempts=1, now=NOW) == GivenUp(gone=True)
    assert verdict(404, {}, attempts=1, now=NOW) == GivenUp()


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(seconds=30)),  # never sooner than our own wait
        ("-5", timedelta(seconds=30)),
        ("soon", timedelta(seconds=30)),
        ("", timedelta(seconds=30)),
        ("99999999999999999999", timedelta(seconds=30)),
        ("999999999", LONGEST_ASKED),
        ("Mon, 23 Nov 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", timedelta(seconds=30)),
        ("Fri, 23 Nov 2057 11:00:00 GMT", LONGEST_ASKED),
    ],
)
def test_retry_after_is_honoured_within_bounds(header: str, wait: timedelta) -> None:
    follows = verdict(429, {"retry-after": header}, attempts=1, now=NOW, swing=0)
    assert follows == Again(wait)
    assert retry_after({}, NOW) == timedelta(0)


def test_a_signature_is_that_of_the_specifications_own_example() -> None:
    """The vector of Standard Webhooks' reference libraries."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
