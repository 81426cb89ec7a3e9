"""How often one address, or all together about one email, may try something: refused THROTTLED.

The same for hits and misses, so that the refusal itself tells nothing.
"""

import hashlib

from keystall.graphql.context import RequestContext
from keystall.platform.throttle import allow, network
from keystall.tenants.errors import refuse

WINDOW_SECONDS = 900.0
TRIES_OF_ADDRESS = 30
"""Tries of one kind that one address may make in a window, whoever they are about."""


async def count_try(
    context: RequestContext, what: str, *, email: str = "", tries_of_email: int = 0
) -> None:
    """Counts one try of `what` ("account:sign-in") by the request's address, and about `email`
    where one is given; refuses THROTTLED beyond `TRIES_OF_ADDRESS` or `tries_of_email`."""
    tries = [(f"{what}:address:{network(context.address)}", TRIES_OF_ADDRESS)]
    if email:
        hashed = hashlib.sha256(email.strip().lower().encode()).hexdigest()
        tries.append((f"{what}:email:{hashed}", tries_of_email))
    for key, most in tries:
        if not await allow(context.installation.queue, key, most, WINDOW_SECONDS):
            raise refuse("THROTTLED")


async def count_key(context: RequestContext, key: str, most: int, window: float) -> None:
    """Counts one try of `key`; refuses THROTTLED beyond `most` in `window` seconds."""
    if not await allow(context.installation.queue, key, most, window):
        raise refuse("THROTTLED")
