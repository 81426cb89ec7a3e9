"""When a delivery is tried again, and when no more. Pure but for the jitter.

Ten tries over a day: the waits between them grow and add up to 23 hours and 43 minutes.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (30, 120, 600, 1800, 3600, 7200, 14_400, 25_200, 32_400)
)
MAX_TRIES = len(_WAITS) + 1
JITTER = 0.1
"""Each wait is longer or shorter by as much, so that what failed together is not tried together."""

LONGEST_ASKED = timedelta(hours=12)
"""As long as a receiver may ask us to wait by Retry-After."""

LASTING = timedelta(days=3)
"""Nothing arrives for so long: then the webhook is disabled."""

_AGAIN = frozenset({408, 429})
_GONE = 410


@dataclass(frozen=True, slots=True)
class Arrived:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after a while."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No more tries. `gone`: the receiver wants no delivery ever again."""

    gone: bool = False


Verdict = Arrived | Again | GivenUp


def verdict(
    status: int | None,
    headers: Mapping[str, str],
    *,
    attempts: int,
    now: datetime,
    swing: float | None = None,
) -> Verdict:
    """What follows from the answer to try number `attempts` (the first is 1); `status` None: there
    was none. `swing` is the jitter, from -1 to 1; random unless given.

    Any 2xx has arrived. 4xx is not tried again but 408 and 429; 410 ends the webhook. Redirects are
    not followed, and are failures like any other. Retry-After lengthens a wait, never shortens it.
    """
    if status is not None and 200 <= status < 300:
        return Arrived()
    if status is not None and 400 <= status < 500 and status not in _AGAIN:
        return GivenUp(gone=status == _GONE)
    if attempts >= MAX_TRIES:
        return GivenUp()
    wait = _WAITS[attempts - 1]
    swing = random.uniform(-1, 1) if swing is None else swing  # noqa: S311  (no secret)
    asked = min(retry_after(headers, now), LONGEST_ASKED)
    return Again(max(wait * (1 + JITTER * swing), asked))


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """What a Retry-After header asks for (RFC 9110, 10.2.3), seconds or a date; nothing where it
    cannot be read or lies in the past."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) <= 9:
        return timedelta(seconds=int(text))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(date - now, timedelta(0))
