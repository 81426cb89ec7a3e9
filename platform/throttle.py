"""So many tries in so many seconds: a fixed window, counted in Redis by all processes together.

Redis away never locks people out nor opens the gate: this process then counts by itself. (The
`limits` library does the same with a connection of its own; one script over the line we have is
less to run.)
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable
from functools import lru_cache
from typing import cast

import structlog
from redis.exceptions import RedisError

from keystall.platform.queue import Queue

_PREFIX = "keystall:throttle:"
_MOST_KEYS = 10_000
# One step, so that a key can never be left without its end.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_log = structlog.get_logger()
_counted: OrderedDict[str, tuple[float, int]] = OrderedDict()


async def allow(queue: Queue, key: str, limit: int, window_seconds: float) -> bool:
    """Counts one try of `key`; answers whether it is among the first `limit` of its window.

    A window starts with its first try. Put no secret or address book in keys: hash what is private.
    """
    milliseconds = math.ceil(window_seconds * 1000)
    try:
        count = await cast(
            "Awaitable[int]", queue.redis.eval(_COUNT, 1, _PREFIX + key, str(milliseconds))
        )
    except (RedisError, OSError) as error:
        _log.warning("throttle counts alone", error=type(error).__name__)
        count = _count_alone(key, window_seconds)
    return count <= limit


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """What to count an address by: itself, or the /64 of an IPv6 one, which is one subscriber's
    (RFC 6177) and holds more addresses than anyone could count. What is no address stays itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


def _count_alone(key: str, window_seconds: float) -> int:
    now = time.monotonic()
    ends, count = _counted.pop(key, (0.0, 0))
    if ends <= now:
        ends, count = now + window_seconds, 0
    _counted[key] = (ends, count + 1)
    if len(_counted) > _MOST_KEYS:
        _counted.popitem(last=False)  # the key that was quiet longest
    return count + 1
