"""Codes that rest some hundreds together, sealed as one, until one of them is needed.

A large import leaves packs: a row of a million's five thousand, where each code for itself would be
a row in four indexes. All codes of a pack are free and alike but for their text. Whoever needs one
of them (an order, a merchant who deletes it) opens the pack: its codes become rows and the pack
goes, in one transaction, and nothing ever goes back. Sold are rows alone, each by itself.

Who opens packs of a variant, or changes them, is alone with them until its transaction ends
(`alone_with_packs`). Rows that somebody holds are passed over by an order, and by whoever is alone
with the packs: what holds them may be an order that waits for the packs. So nobody waits in a
circle.

A pack's first code has the pack's id, the others those that follow; their positions do likewise.
So a code has one id for good. Whether a code rests in a pack is told by marks, the first 64 bits of
lookups: should two different codes ever share one, the second is taken for a repeat.
docs/decisions/0077.
"""

import secrets
from array import array
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from keystall.platform.crypto import Unreadable
from keystall.platform.database import Reads, Row
from keystall.platform.ids import new_row_id
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.writing import Writing

PACK = 200
"""Codes that are packed together: opening them takes some 20 ms, of one order in 200."""

_LOOKUP_WORDS = 4  # of eight bytes
_PAGE = 200
"""Packs whose marks are looked through at once."""
_IDS = 1 << 16
"""Ids that a pack has for itself: more than it has codes."""
_UNDRAWN_BITS = 8  # so that a position drawn at random is no sign

_log = structlog.get_logger()


def new_pack_id() -> UUID:
    """An id that is followed by those of the pack's codes."""
    return pack_id(new_row_id())


def pack_id(code: UUID) -> UUID:
    """The id of the pack in which a code is or was, if it ever was in one."""
    return UUID(int=code.int & ~(_IDS - 1))


def ids_in(pack: UUID, codes: int) -> list[UUID]:
    """The ids of a pack's codes."""
    return [UUID(int=pack.int + at) for at in range(codes)]


def last_id(pack: UUID) -> UUID:
    """The last id that a pack has for itself; those of other codes come after it, or before."""
    return UUID(int=pack.int | (_IDS - 1))


def drawn(count: int) -> list[int]:
    """So many positions by chance, for codes and packs of a variant that is sold so."""
    numbers = array("Q", secrets.token_bytes(8 * count))
    return [number >> _UNDRAWN_BITS for number in numbers]


def marks_of(lookups: Sequence[bytes]) -> bytes:
    """The marks of codes with these lookups, end to end."""
    return array("Q", b"".join(lookups))[::_LOOKUP_WORDS].tobytes()


def opened(cipher: ShopCipher, pack: Row) -> dict[UUID, str]:
    """The plain codes of a row of `code_packs` by the ids that their rows will have, in order.
    Raises Unreadable."""
    texts = cipher.open_pack(pack["variant_id"], pack["id"], pack["sealed"], pack["key_version"])
    return dict(zip(ids_in(pack["id"], len(texts)), texts, strict=True))


async def packed(
    db: Reads, shop: UUID, variant: UUID, lookups: Sequence[bytes], *, but_of: UUID | None = None
) -> set[bytes]:
    """Those of the lookups whose code rests in a pack; packs of the batch `but_of` are passed
    over."""
    wanted = dict(zip(array("Q", marks_of(lookups)), lookups, strict=True))
    asked, found, after = set(wanted), set[bytes](), UUID(int=0)
    while True:
        page = await db.rows(
            "select id, marks from code_packs where shop_id = $1 and variant_id = $2 and id > $3"
            " and batch_id is distinct from $4 order by id limit $5",
            shop, variant, after, but_of, _PAGE,
        )  # fmt: skip
        if not page:
            break
        after = page[-1]["id"]
        marks = array("Q", b"".join(pack["marks"] for pack in page))
        found.update(wanted[mark] for mark in asked.intersection(marks))
    return found


async def text_in_pack(db: Reads, cipher: ShopCipher, shop: UUID, code: UUID) -> str | None:
    """The plain code where it rests in a pack, which stays as it is."""
    pack = await db.row(
        "select * from code_packs where shop_id = $1 and id = $2", shop, pack_id(code)
    )
    if pack is None:
        return None
    return opened(cipher, pack).get(code)


async def alone_with_packs(tx: Writing, shop: UUID, variants: Iterable[UUID]) -> None:
    """Waits until nobody else opens or changes packs of these variants, and holds others off."""
    await tx.rows(
        "select pg_advisory_xact_lock(hashtextextended('packs:' || $1::uuid || ':' || id, 0))"
        " from unnest($2::uuid[]) as id",
        shop, sorted(variants),
    )  # fmt: skip


async def open_packs(tx: Writing, shop: UUID, packs: Sequence[UUID]) -> None:
    """Opens those of the packs that are there, alone with them. One that nobody can open is set
    aside, for no order should fail for it."""
    cipher = await shop_cipher(tx, tx.keys, shop)
    rows = await tx.rows(
        "select code_packs.*, sale_order = 'random' as shuffled from code_packs"
        " join variants on variants.shop_id = $1 and variants.id = variant_id"
        " where code_packs.shop_id = $1 and code_packs.id = any ($2::uuid[])"
        " order by code_packs.id for update of code_packs",
        shop, list(packs),
    )  # fmt: skip
    for pack in rows:
        try:
            codes = opened(cipher, pack)
        except Unreadable:
            _log.error("a pack cannot be opened, and is not sold", pack=str(pack["id"]))
            await tx.execute(
                "update code_packs set sellable_until = '-infinity'"
                " where shop_id = $1 and id = $2",
                shop, pack["id"],
            )  # fmt: skip
        else:
            await _unpack(tx, shop, cipher, pack, codes)


async def open_with(tx: Writing, shop: UUID, codes: Sequence[UUID]) -> None:
    """Opens the packs in which these codes are, if any."""
    packs = list({pack_id(code) for code in codes})
    found = await tx.rows(
        "select distinct variant_id from code_packs where shop_id = $1 and id = any ($2::uuid[])",
        shop, packs,
    )  # fmt: skip
    if found:
        await alone_with_packs(tx, shop, [row["variant_id"] for row in found])
        await open_packs(tx, shop, packs)


async def _unpack(
    tx: Writing, shop: UUID, cipher: ShopCipher, pack: Row, codes: dict[UUID, str]
) -> None:
    variant, count = pack["variant_id"], len(codes)
    sealer, plain = cipher.for_import(variant), [text.encode() for text in codes.values()]
    made = await tx.execute(
        """
        insert into codes (shop_id, id, variant_id, batch_id, position, state, sealed, key_version,
                           lookup, expires_at, sellable_until)
        select $1, id, $2, $3, place, 'available', sealed, $4, lookup, $5, $6
        from unnest($7::uuid[], $8::bigint[], $9::bytea[], $10::bytea[])
          as given (id, place, sealed, lookup)
        on conflict (shop_id, lookup) do nothing
        """,
        shop, variant, pack["batch_id"], cipher.version, pack["expires_at"], pack["sellable_until"],
        list(codes),
        drawn(count) if pack["shuffled"] else [pack["position"] + at for at in range(count)],
        sealer.seal_all(list(zip(codes, plain, strict=True))), list(map(sealer.lookup, plain)),
    )  # fmt: skip
    if made < count:
        # Nobody sells a code twice: one that has a row already is left out. It should never be.
        _log.error("a pack held codes that have rows", pack=str(pack["id"]), codes=count - made)
    await tx.execute("delete from code_packs where shop_id = $1 and id = $2", shop, pack["id"])
