"""When providers are asked about payments."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keystall.tenants.payments.check_times import next_check

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def asked_at(hold: timedelta) -> list[timedelta]:
    """Every moment of asking, counted from the payment's start."""
    moments, now = [], START
    while (moment := next_check(START, START + hold, now)) is not None:
        moments.append(moment - START)
        now = moment
    return moments


def test_a_quarter_of_an_hour_is_asked_about_soon_then_seldom_and_for_three_days() -> None:
    minutes = [moment / timedelta(minutes=1) for moment in asked_at(timedelta(minutes=15))]

    assert minutes[:8] == [0.5, 1, 3, 5, 10, 14.5, 15.5, 20]
    assert minutes[8:] == [45, 135, 375, 1455, 4335]


@given(st.integers(1, 1440))
def test_every_hold_is_asked_about_before_its_end_and_three_days_after_it(minutes: int) -> None:
    hold = timedelta(minutes=minutes)
    moments = asked_at(hold)

    assert moments == sorted(set(moments))
    assert moments[0] == timedelta(seconds=30)
    assert hold - timedelta(seconds=30) in moments
    assert moments[-1] == hold + timedelta(hours=72)
    assert len(moments) <= 19
