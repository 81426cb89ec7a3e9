"""When a provider is asked about a payment that it has not told us of. Pure.

WeChat Pay's guide asks merchants to query at 5 s, 30 s, 1, 3, 5, 10 and 30 minutes after an order;
the gaps here grow likewise. Twice the hold's end matters: just before it, so that goods that were
paid for do not go back on sale, and soon after, for who paid at the last moment. The last question
lies three days after the hold's end, which is as long as providers repeat callbacks.
"""

from datetime import datetime, timedelta

_AFTER_START = tuple(
    timedelta(seconds=seconds)
    for seconds in (30, 60, 180, 300, 600, 1800, 3600, 7200, 14400, 28800, 57600)
)
_BEFORE_END = timedelta(seconds=30)
_AFTER_END = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=72),
)


def next_check(started_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
    """The first moment after `now` to ask about a payment of a hold that ends at `expires_at`;
    None where it was asked about often enough."""
    moments = [started_at + after for after in _AFTER_START if started_at + after < expires_at]
    moments += [expires_at - _BEFORE_END, *(expires_at + after for after in _AFTER_END)]
    return min((moment for moment in moments if moment > now), default=None)
