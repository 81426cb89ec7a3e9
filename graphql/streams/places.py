"""How many streams may be open, in all and for one caller: counted in this process, whose memory
and file descriptors they hold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from keystall.graphql.errors import ApiError, ErrorCode
from keystall.platform.metrics import OPEN_STREAMS

MOST: Mapping[str, int] = {
    "all": 5_000,
    "address": 100,
    "socket": 100,
    "token": 50,
    "customer": 50,
    "account": 50,
}
"""By what they are counted: all of a process; an address's, which may be a whole school's; the
sockets of an address, in use or not; and those of a token, a customer or a person."""


@dataclass(slots=True)
class Place:
    """What one open stream takes, until it is freed."""

    counted: Counter[str]
    keys: tuple[str, ...]

    def free(self) -> None:
        """Gives it back; once, however often it is asked."""
        if self.keys:
            OPEN_STREAMS.dec()
        for key in self.keys:
            self.counted[key] -= 1
            if not self.counted[key]:
                del self.counted[key]
        self.keys = ()


@dataclass(frozen=True, slots=True)
class Places:
    """What is taken of the places of one process. Keys begin with what they are counted by, such
    as `address:192.0.2.1`."""

    most: Mapping[str, int] = field(default_factory=lambda: MOST)
    counted: Counter[str] = field(default_factory=Counter)

    def take(self, *keys: str) -> Place:
        """One place of each. Raises ApiError (TOO_MANY_STREAMS) where one has none left, and takes
        nothing then."""
        wanted = tuple(dict.fromkeys(("all", *keys)))
        for key in wanted:
            most = self.most[key.partition(":")[0]]
            if self.counted[key] >= most:
                raise ApiError(
                    ErrorCode.TOO_MANY_STREAMS,
                    f"{most} streams are open already, as many as may be.",
                    details={"limit": most},
                )
        self.counted.update(wanted)
        OPEN_STREAMS.inc()
        return Place(self.counted, wanted)
