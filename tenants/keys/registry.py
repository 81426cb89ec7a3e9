"""What is sealed, and where: the one list that rotation works from.

A column that is sealed and does not stand here would be lost with the first key that goes, so a
test compares this list with the catalogue. To add one: its row here, and `seal_wall` in the
migration that makes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from keystall.platform.database import Row
from keystall.tenants.checkout import holding
from keystall.tenants.customers import marks
from keystall.tenants.files import staging
from keystall.tenants.identity import links
from keystall.tenants.identity.totp import totp_place
from keystall.tenants.orders import tokens
from keystall.tenants.stock.packs import PACK, marks_of
from keystall.tenants.stock.sealing import ShopCipher, key_place

LINKS_FOR_EVER = (tokens.PURPOSE,)
"""What the ring's oldest key derives for links without an end."""
GOES_WITH_ITS_KEY = (holding.PURPOSE, staging.PURPOSE)
"""What is derived for a quarter of an hour: unpaid orders from before count as from elsewhere, and
leave to send a file is asked for again."""
LINKS_FOR_A_WHILE = (
    links.PURPOSE,
    links.BROWSER_PURPOSE,
    links.INVITATION_PURPOSE,
    marks.LINK_PURPOSE,
    marks.FLOW_PURPOSE,
)
"""What each key derives for links that are mailed soon and do not last."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A column that the installation's ring wraps; its value begins with the ring's version.

    `keys` are the columns of the primary key, `place` gives a row's associated data.
    """

    table: str
    column: str
    keys: tuple[str, ...]
    place: Callable[[Row], bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """Columns of a shop's table, keyed (shop_id, id), that its data key makes.

    `reseal` answers, for a row with `reads`, the new values of `makes`, whose values are their
    types; a row holds so many `codes`. `version` is SQL for the version of a row's key; rows that
    do not match `filled` hold nothing sealed.
    """

    table: str
    makes: Mapping[str, str]
    reads: tuple[str, ...]
    version: str
    reseal: Callable[[ShopCipher, UUID, Row], tuple[object, ...]]
    filled: str = "true"
    codes: int = 1


def secret_column(table: str, column: str) -> Sealed:
    """A column that holds what `ShopCipher.seal_secret` made for `table.column`."""
    name = f"{table}.{column}"

    def reseal(cipher: ShopCipher, row_id: UUID, row: Row) -> tuple[object, ...]:
        secret = cipher.open_secret(name, row_id, row[column])
        return (cipher.seal_secret(name, row_id, secret),)

    return Sealed(
        table=table,
        makes={column: "bytea"},
        reads=(column,),
        version=f"('x' || encode(substr({column}, 1, 4), 'hex'))::bit(32)::int",
        reseal=reseal,
        filled=f"{column} is not null",
    )


def _code(cipher: ShopCipher, row_id: UUID, row: Row) -> tuple[object, ...]:
    variant = row["variant_id"]
    text = cipher.open_code(variant, row_id, row["sealed"], row["key_version"])
    sealed = cipher.seal_code(variant, row_id, text)
    return sealed, cipher.version, cipher.lookup(variant, text)


def _pack(cipher: ShopCipher, row_id: UUID, row: Row) -> tuple[object, ...]:
    variant = row["variant_id"]
    texts = cipher.open_pack(variant, row_id, row["sealed"], row["key_version"])
    lookups = [cipher.lookup(variant, text) for text in texts]
    return cipher.seal_pack(variant, row_id, texts), cipher.version, marks_of(lookups)


WRAPPED = (
    Wrapped("shop_keys", "wrapped", ("shop_id", "version"), lambda row: key_place(row["shop_id"])),
    Wrapped("totp_secrets", "wrapped", ("account_id",), lambda row: totp_place(row["account_id"])),
)

SEALED = (
    Sealed(
        table="codes",
        makes={"sealed": "bytea", "key_version": "integer", "lookup": "bytea"},
        reads=("variant_id", "sealed", "key_version"),
        version="key_version",
        reseal=_code,
    ),
    Sealed(
        table="code_packs",
        makes={"sealed": "bytea", "key_version": "integer", "marks": "bytea"},
        reads=("variant_id", "sealed", "key_version"),
        version="key_version",
        reseal=_pack,
        codes=PACK,
    ),
    secret_column("payment_secrets", "sealed"),
    secret_column("import_rejects", "sealed"),
    secret_column("webhook_secrets", "sealed"),
)
