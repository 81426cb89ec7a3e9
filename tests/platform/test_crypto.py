import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform.crypto import (
    InvalidKeyRing,
    KeyRing,
    Sealer,
    Unreadable,
    derive,
    keyed_hash,
    keyed_hashes,
    new_key,
    open_sealed,
    seal,
)

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
ENTRY = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_what_is_sealed_opens_again(plaintext: bytes, aad: bytes) -> None:
    sealed = seal(KEY, plaintext, aad)

    assert open_sealed(KEY, sealed, aad) == plaintext
    assert len(sealed) == 12 + len(plaintext) + 16


def test_what_is_sealed_by_the_thousand_opens_each_in_its_own_place() -> None:
    places = [(b"code %d" % number, b"row %d" % number) for number in range(1000)]

    sealed = Sealer(KEY).seal_all(iter(places), 1000)

    opened = [open_sealed(KEY, one, aad) for one, (_, aad) in zip(sealed, places, strict=True)]
    assert opened == [text for text, _ in places]
    assert len({one[:12] for one in sealed}) == 1000
    with pytest.raises(Unreadable):
        open_sealed(KEY, sealed[0], b"row 1")
    with pytest.raises(ValueError, match="zip"):
        Sealer(KEY).seal_all(places, 999)


def test_the_same_text_never_seals_twice_alike() -> None:
    assert len({seal(KEY, b"code", b"row") for _ in range(200)}) == 200


@given(st.integers(min_value=0, max_value=35), st.integers(min_value=1, max_value=255))
def test_one_altered_byte_makes_it_unreadable(position: int, flip: int) -> None:
    sealed = bytearray(seal(KEY, b"12345678", b"row"))
    sealed[position] ^= flip

    with pytest.raises(Unreadable):
        open_sealed(KEY, bytes(sealed), b"row")


def test_another_key_another_place_or_a_cut_makes_it_unreadable() -> None:
    sealed = seal(KEY, b"code", b"shop 1")

    for key, stored, aad in [
        (OTHER, sealed, b"shop 1"),
        (KEY, sealed, b"shop 2"),
        (KEY, sealed[:-1], b"shop 1"),
        (KEY, sealed[:27], b"shop 1"),
        (KEY, b"", b"shop 1"),
    ]:
        with pytest.raises(Unreadable):
            open_sealed(key, stored, aad)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(size: int) -> None:
    key = bytes(size)

    with pytest.raises(ValueError, match="a key is 32 bytes"):
        seal(key, b"code", b"")
    with pytest.raises(ValueError, match="a key is 32 bytes"):
        keyed_hash(key, b"code")
    with pytest.raises(ValueError, match="a key is 32 bytes"):
        derive(key, "search")


def test_the_keyed_hash_is_hmac_sha_256() -> None:
    # RFC 4231 test case 1, its key padded with zeros to 32 bytes, which HMAC defines as equal.
    key = b"\x0b" * 20 + bytes(12)
    expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"

    assert keyed_hash(key, b"Hi There").hex() == expected


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.binary(max_size=200))
def test_keyed_hashes_after_a_prefix_are_those_of_the_whole(
    key: bytes, prefix: bytes, data: bytes
) -> None:
    hashed = keyed_hashes(key, prefix)

    assert [hashed(data), hashed(b""), hashed(data)] == [
        keyed_hash(key, prefix + data), keyed_hash(key, prefix), keyed_hash(key, prefix + data),
    ]  # fmt: skip


def test_keyed_hashes_take_only_256_bit_keys() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keyed_hashes(b"short", b"")


def test_derived_keys_are_repeatable_and_one_a_purpose() -> None:
    assert derive(KEY, "codes") == derive(KEY, "codes")
    assert len({KEY, derive(KEY, "codes"), derive(KEY, "codes2"), derive(OTHER, "codes")}) == 4
    assert len(derive(KEY, "codes")) == 32


def test_a_ring_unwraps_what_it_wrapped_for_the_same_place_only() -> None:
    ring = KeyRing.generate()
    wrapped = ring.wrap(KEY, b"shop 1")

    assert wrapped[:4] == b"\x00\x00\x00\x01"
    assert ring.unwrap(wrapped, b"shop 1") == KEY
    with pytest.raises(Unreadable):
        ring.unwrap(wrapped, b"shop 2")
    with pytest.raises(Unreadable):
        KeyRing.generate().unwrap(wrapped, b"shop 1")


def test_a_rotated_ring_wraps_with_the_new_key_and_still_unwraps_the_old() -> None:
    ring = KeyRing.generate()
    rotated = ring.rotated()

    assert (ring.current, rotated.current, rotated.versions) == (1, 2, [1, 2])
    assert rotated.unwrap(ring.wrap(KEY, b""), b"") == KEY
    with pytest.raises(Unreadable, match="no version 2"):
        ring.unwrap(rotated.wrap(KEY, b""), b"")


def test_the_version_in_front_cannot_be_swapped() -> None:
    # Both versions hold the same key, so only the associated data can notice.
    ring = KeyRing({1: KEY, 2: KEY})
    wrapped = ring.wrap(OTHER, b"")

    with pytest.raises(Unreadable):
        ring.unwrap(b"\x00\x00\x00\x01" + wrapped[4:], b"")


@pytest.mark.parametrize("wrapped", [b"", b"\x00\x00\x00\x01", b"\xff" * 64])
def test_noise_is_unreadable(wrapped: bytes) -> None:
    with pytest.raises(Unreadable):
        KeyRing.generate().unwrap(wrapped, b"")


def test_a_ring_survives_its_text_form_and_a_file(tmp_path: Path) -> None:
    ring = KeyRing.generate().rotated()
    wrapped = ring.wrap(KEY, b"")
    file = tmp_path / "keys"
    file.write_text("\ufeff# the installation's keys\r\n" + ring.to_text(), "utf-8")

    for source in (ring.to_text(), file, str(file)):
        assert KeyRing.load(source).unwrap(wrapped, b"") == KEY


def test_both_alphabets_of_base64_and_missing_padding_are_read() -> None:
    key = b"\xff\xfe\xfd" + bytes(range(29))

    for encoded in (base64.b64encode(key), base64.urlsafe_b64encode(key).rstrip(b"=")):
        assert KeyRing.parse(f"7:{encoded.decode()}").key() == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key ring is empty"),
        ("# nothing\n", "the key ring is empty"),
        (f"{ENTRY} changeme", "entry 2 of the key ring is not version:base64"),
        (f"{ENTRY}\n{ENTRY}", "version 1 stands twice in the key ring"),
        (f"0{ENTRY[1:]}", "version 0 of the key ring is out of range"),
        (f"4294967296{ENTRY[1:]}", "version 4294967296 of the key ring is out of range"),
        ("1:AAECAw==", "version 1 of the key ring is not 32 bytes"),
        ("1:AAECA", "version 1 of the key ring is not base64"),
        (f"1:{'A' * 43}=", "version 1 of the key ring is a placeholder, not random"),
    ],
)
def test_a_bad_ring_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidKeyRing) as refusal:
        KeyRing.parse(text)

    assert str(refusal.value) == message


@pytest.mark.parametrize("source", ["/nowhere/keys", f"x{ENTRY}", "\0", "a" * 5_000, "."])
def test_an_unreadable_source_is_refused_without_repeating_it(source: str) -> None:
    with pytest.raises(InvalidKeyRing, match=r"^the key ring file cannot be read \(\w+\)$") as seen:
        KeyRing.load(source)

    assert seen.value.__cause__ is None


def test_keys_never_show() -> None:
    ring = KeyRing({3: KEY})

    assert (repr(ring), str(ring)) == ("KeyRing(versions=[3])", "KeyRing(versions=[3])")
    assert f"{ring!r:>30}".strip() == "KeyRing(versions=[3])"


def test_new_keys_are_256_bits_and_distinct() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert len(new_key()) == 32
