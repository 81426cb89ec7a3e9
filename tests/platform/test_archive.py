"""A sealed stream gives back what went in, or says what is wrong with it; never something else."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from keystall.platform.archive import sealed_stream
from keystall.platform.archive.entries import EntryWriter, entries
from keystall.platform.archive.sealed_stream import (
    CHUNK,
    Damaged,
    NoArchive,
    SealedWriter,
    WrongPassphrase,
    opened,
)

PASSPHRASE = "plum tree, old pond"


@pytest.fixture(autouse=True, scope="module")
def cheap_key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_stream, "MEMORY_KIB", 64)
        patch.setattr(sealed_stream, "TIME", 1)
        yield


def archived(**contents: bytes) -> bytes:
    file = io.BytesIO()
    out = EntryWriter(SealedWriter(file, PASSPHRASE))
    for name, content in contents.items():
        out.add(name, content)
    out.finish()
    return file.getvalue()


def read(data: bytes, passphrase: str = PASSPHRASE) -> dict[str, bytes]:
    return {e.name: e.content() for e in entries(opened(io.BytesIO(data), passphrase))}


@given(st.dictionaries(st.sampled_from("abc"), st.binary(max_size=200)))
@hypothesis_settings(max_examples=20)
def test_entries_come_out_as_they_went_in(contents: dict[str, bytes]) -> None:
    assert read(archived(**contents)) == contents


def test_what_is_longer_than_a_chunk_is_sealed_in_chunks_and_is_nowhere_plain() -> None:
    content = b"SECRET-CODE " * (CHUNK // 4)
    data = archived(a=content, b=b"")

    assert read(data) == {"a": content, "b": b""}
    assert b"SECRET" not in data
    assert max(len(p) for p in opened(io.BytesIO(data), PASSPHRASE)) <= CHUNK


def test_no_byte_can_be_altered_and_none_left_out() -> None:
    data = archived(a=b"hello", b=b"world")

    for place in range(len(data)):
        for altered in (data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], data[:place]):
            with pytest.raises((Damaged, NoArchive, WrongPassphrase)):
                read(altered)
    with pytest.raises(Damaged):
        read(data + b"\0")


def test_chunks_can_be_neither_swapped_nor_dropped_nor_repeated() -> None:
    data = archived(a=bytes(range(256)) * (CHUNK // 64))
    start = data.index(b"\n", len(sealed_stream.MAGIC)) + 1 + 28
    chunks = []
    while start < len(data):
        end = start + 5 + int.from_bytes(data[start + 1 : start + 5], "big")
        chunks.append(data[start:end])
        start = end
    head, (first, second, *rest) = data[: data.index(chunks[0])], chunks
    assert len(rest) >= 2

    for order in ([second, first, *rest], [first, *rest], [first, first, second, *rest],
                  [first, second, rest[-1]]):  # fmt: skip
        with pytest.raises(Damaged):
            read(head + b"".join(order))


def test_a_wrong_passphrase_is_told_from_a_damaged_file() -> None:
    data = archived(a=b"hello")

    with pytest.raises(WrongPassphrase):
        read(data, "plum tree, new pond")
    with pytest.raises(NoArchive):
        read(b"PK\x03\x04 something else")


def test_a_header_cannot_ask_for_all_the_memory_there_is() -> None:
    data = archived(a=b"hello").replace(b'"memory": 64', b'"memory": 99999999')

    with pytest.raises(NoArchive):
        read(data)
