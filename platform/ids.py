"""Ids of rows: UUIDv7 (RFC 9562), so that new rows land at the end of an index."""

from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DatabaseUUID
from uuid_utils import uuid7 as quick_uuid7
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new id. It tells its time of birth: never use one as a secret."""
    return uuid7()


def new_request_id() -> str:
    """The same as hexadecimal text, for every request: made in a tenth of the time."""
    return quick_uuid7().hex


def new_row_id() -> UUID:
    """The same, for rows by the thousand: of the class in which the database answers ids, which is
    made in a third of the time."""
    made: UUID = DatabaseUUID(quick_uuid7().bytes)
    return made


def told_id(text: str) -> UUID:
    """The id that the database told as text, inside of JSON say; a tenth of UUID's time."""
    told: UUID = DatabaseUUID(text)
    return told
