"""Sealed codes open in their own place alone."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform.crypto import Unreadable, derive, new_key, seal
from keystall.tenants.stock.sealing import FRAME, ShopCipher

SHOP, VARIANT, CODE = uuid4(), uuid4(), uuid4()
KEY = new_key()
CIPHER = ShopCipher(SHOP, {1: KEY})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_code_comes_out_as_it_went_in(text: str) -> None:
    sealed = CIPHER.seal_code(VARIANT, CODE, text)

    assert CIPHER.open_code(VARIANT, CODE, sealed, 1) == text


@pytest.mark.parametrize(
    "open_elsewhere",
    [
        lambda sealed: CIPHER.open_code(VARIANT, uuid4(), sealed, 1),
        lambda sealed: CIPHER.open_code(uuid4(), CODE, sealed, 1),
        lambda sealed: ShopCipher(uuid4(), {1: KEY}).open_code(VARIANT, CODE, sealed, 1),
        lambda sealed: ShopCipher(SHOP, {1: KEY, 2: KEY}).open_code(VARIANT, CODE, sealed, 2),
        lambda sealed: ShopCipher(SHOP, {1: new_key()}).open_code(VARIANT, CODE, sealed, 1),
        lambda sealed: CIPHER.open_code(VARIANT, CODE, sealed, 7),
        lambda sealed: CIPHER.open_code(VARIANT, CODE, sealed[:-1] + bytes([sealed[-1] ^ 1]), 1),
        lambda sealed: CIPHER.open_code(VARIANT, CODE, sealed[:20], 1),
    ],
    ids=["row", "variant", "shop", "version", "key", "lost key", "altered", "cut"],
)
def test_a_code_that_was_moved_or_altered_stays_shut(
    open_elsewhere: Callable[[bytes], str],
) -> None:
    sealed = CIPHER.seal_code(VARIANT, CODE, "SECRET-1")

    with pytest.raises(Unreadable):
        open_elsewhere(sealed)


def test_a_pack_of_codes_comes_out_as_it_went_in_whatever_they_are() -> None:
    texts = ["", "login: b\npass: 2\r\n", "say \"no\" \\ 'x'", "卡密", "\U0001f511\u2028", "[1,2]"]

    assert CIPHER.open_pack(VARIANT, CODE, CIPHER.seal_pack(VARIANT, CODE, texts), 1) == texts


@pytest.mark.parametrize(
    "open_elsewhere",
    [
        lambda sealed: CIPHER.open_pack(VARIANT, uuid4(), sealed, 1),
        lambda sealed: CIPHER.open_pack(uuid4(), CODE, sealed, 1),
        lambda sealed: ShopCipher(uuid4(), {1: KEY}).open_pack(VARIANT, CODE, sealed, 1),
        lambda sealed: ShopCipher(SHOP, {1: KEY, 2: KEY}).open_pack(VARIANT, CODE, sealed, 2),
        lambda sealed: ShopCipher(SHOP, {1: new_key()}).open_pack(VARIANT, CODE, sealed, 1),
        lambda sealed: CIPHER.open_pack(VARIANT, CODE, sealed, 7),
        lambda sealed: CIPHER.open_pack(VARIANT, CODE, sealed[:-1] + bytes([sealed[-1] ^ 1]), 1),
        lambda sealed: CIPHER.open_code(VARIANT, CODE, sealed, 1),
        lambda _: CIPHER.open_pack(VARIANT, CODE, CIPHER.seal_code(VARIANT, CODE, '["A"]'), 1),
    ],
    ids=["pack", "variant", "shop", "version", "key", "lost key", "altered", "as a code", "a code"],
)
def test_a_pack_that_was_moved_or_altered_stays_shut(
    open_elsewhere: Callable[[bytes], object],
) -> None:
    sealed = CIPHER.seal_pack(VARIANT, CODE, ["SECRET-1", "SECRET-2"])

    with pytest.raises(Unreadable):
        open_elsewhere(sealed)


def test_lookups_are_equal_within_a_variant_and_tell_nothing_across() -> None:
    stranger = ShopCipher(SHOP, {1: new_key()})

    lookups = {
        CIPHER.lookup(VARIANT, "A"), CIPHER.lookup(VARIANT, "B"), CIPHER.lookup(uuid4(), "A"),
        stranger.lookup(VARIANT, "A"),
    }  # fmt: skip

    assert CIPHER.lookup(VARIANT, "A") == CIPHER.lookup(VARIANT, "A")
    assert len(lookups) == 4


def test_a_new_key_seals_while_old_codes_open_and_their_lookups_are_known() -> None:
    rotated = ShopCipher(SHOP, {1: KEY, 2: new_key()})
    old = CIPHER.seal_code(VARIANT, CODE, "SECRET-1")

    assert (rotated.version, rotated.older) == (2, [1])
    assert rotated.open_code(VARIANT, CODE, old, 1) == "SECRET-1"
    assert rotated.lookup(VARIANT, "A") != CIPHER.lookup(VARIANT, "A")
    assert rotated.older_lookups(VARIANT, "A") == [CIPHER.lookup(VARIANT, "A")]
    assert CIPHER.older_lookups(VARIANT, "A") == []


def test_a_secret_opens_in_its_own_column_and_row_alone() -> None:
    sealed = CIPHER.seal_secret("payment_accounts.secret", CODE, b"sk_live")

    assert CIPHER.open_secret("payment_accounts.secret", CODE, sealed) == b"sk_live"
    assert sealed[:4] == b"\0\0\0\1"
    assert b"sk_live" not in sealed
    with pytest.raises(Unreadable):
        CIPHER.open_secret("payment_accounts.secret", uuid4(), sealed)
    with pytest.raises(Unreadable):
        CIPHER.open_secret("payment_accounts.webhook", CODE, sealed)
    with pytest.raises(Unreadable):
        CIPHER.open_secret("payment_accounts.secret", CODE, b"\0\0\0\x09" + sealed[4:])


async def sealed_file(cipher: ShopCipher, file: UUID, *pieces: bytes) -> bytes:
    async def coming() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return b"".join([frame async for frame in cipher.seal_file(file, coming())])


async def test_a_file_of_codes_opens_as_that_file_alone() -> None:
    file: UUID = uuid4()
    sealed = await sealed_file(CIPHER, file, b"one\n", b"two")

    assert b"".join(CIPHER.open_file(file, [sealed])) == b"one\ntwo"
    assert b"one" not in sealed
    with pytest.raises(Unreadable):
        list(CIPHER.open_file(uuid4(), [sealed]))
    with pytest.raises(Unreadable):
        list(CIPHER.open_file(file, [sealed[:4] + b"\0\0\0\x09" + sealed[8:]]))


async def test_a_long_file_opens_in_pieces_and_misses_what_was_cut_off_or_moved() -> None:
    file, content = uuid4(), bytes(range(256)) * 3_000
    sealed = await sealed_file(CIPHER, file, content[:100_000], content[100_000:])
    frame = FRAME + 4 + 28
    header, frames = sealed[:8], [sealed[at : at + frame] for at in range(8, len(sealed), frame)]

    pieces = [sealed[at : at + 1000] for at in range(0, len(sealed), 1000)]
    assert b"".join(CIPHER.open_file(file, pieces)) == content
    assert len(frames) == 3
    for broken in (frames[:2], [frames[1], frames[0], frames[2]], [*frames, b"\0"], frames[:1]):
        with pytest.raises(Unreadable):
            list(CIPHER.open_file(file, [header, *broken]))


def test_a_file_that_was_sealed_in_one_still_opens() -> None:
    file, header = uuid4(), b"\0\0\0\x01"
    sealed = header + seal(derive(KEY, "files"), b"one\ntwo", header + file.bytes)

    assert b"".join(CIPHER.open_file(file, [sealed])) == b"one\ntwo"
