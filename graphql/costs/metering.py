"""What an operation costs is taken from the bucket of whoever asks, before it runs.

Over HTTP every request has a meter; our own pages have none, and are held to the limit alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystall.graphql.errors import ApiError, ErrorCode
from keystall.platform.bucket import Bucket, Level, take
from keystall.platform.queue import Queue

MAX_COST = 1_000
"""What one operation may cost."""
_CHARACTERS = 100
"""As many of a document cost a point at least: whatever it asks for, it is read."""
_REFUSED, _REFUSED_CHARACTERS = 10, 20
"""What a request costs at least, and beside that a point for as many characters, that is refused
before its cost is known: finding out that a document is wrong is work, too."""


@dataclass(slots=True)
class Meter:
    """The bucket of one caller at one shop, for one request with a document of `length`
    characters (0 where it was known before)."""

    queue: Queue
    key: str
    bucket: Bucket
    length: int = 0
    requested: int | None = None
    level: Level | None = None

    async def take(self, points: int) -> None:
        """Takes what something costs. Raises ApiError (THROTTLED) where less is left."""
        self.level = await take(self.queue, self.key, points, self.bucket)
        if not self.level.taken:
            seconds = self.level.wait_seconds
            raise ApiError(
                ErrorCode.THROTTLED,
                f"Too much was asked for lately: {points} points are needed, {self.level.left} are"
                f" left. Try again in {seconds} s.",
                details={"retryAfter": seconds},
            )

    async def take_refused(self) -> None:
        """Takes what a request costs that never came to its cost. Raises ApiError (THROTTLED)."""
        await self.take(min(MAX_COST, _REFUSED + self.length // _REFUSED_CHARACTERS))

    @property
    def throttled(self) -> bool:
        """Whether less was left than wanted."""
        return self.level is not None and not self.level.taken

    def told(self) -> Mapping[str, Any] | None:
        """What an answer says of it in `extensions.cost`."""
        if self.level is None or self.requested is None:
            return None
        return {
            "requested": self.requested,
            "limit": MAX_COST,
            "throttle": {
                "maximumAvailable": self.bucket.size,
                "currentlyAvailable": self.level.left,
                "restoreRate": self.bucket.restore,
            },
        }

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The same as headers (draft-ietf-httpapi-ratelimit-headers-10), and Retry-After."""
        if self.level is None:
            return []
        bucket, level = self.bucket, self.level
        headers = [
            (b"ratelimit-policy", b'"cost";q=%d;w=%d' % (bucket.size, bucket.window_seconds)),
            (b"ratelimit", b'"cost";r=%d;t=%d' % (level.left, level.full_in_seconds)),
        ]
        if not level.taken:
            headers.append((b"retry-after", b"%d" % level.wait_seconds))
        return headers


async def pay(cost: int, meter: Meter | None) -> None:
    """Lets an operation of this cost run. Raises ApiError: QUERY_TOO_COSTLY, THROTTLED."""
    if meter is not None:
        meter.requested = cost
    if cost > MAX_COST:
        raise ApiError(
            ErrorCode.QUERY_TOO_COSTLY,
            f"The operation costs {cost}; {MAX_COST} are allowed. Ask for less, or shorter lists.",
            details={"cost": cost, "limit": MAX_COST},
        )
    if meter is not None:
        await meter.take(max(cost, 1 + meter.length // _CHARACTERS))
