"""Ids of rows: UUIDv7 (RFC 9562), so that new rows land at the end of an index."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new id. It tells its time of birth: never use one as a secret."""
    return uuid7()
