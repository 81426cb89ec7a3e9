"""The table of codes that a file had before."""

import hashlib

import pytest

from keystall.tenants.stock.seen_codes import SeenCodes


@pytest.mark.parametrize("expected", [0, 9000, 20_000])
@pytest.mark.parametrize("at_once", [1, 1_000, 9_000])
def test_each_code_is_known_by_the_line_that_had_it_first(expected: int, at_once: int) -> None:
    seen = SeenCodes(expected)
    lookups = [hashlib.sha256(b"%d" % number).digest() for number in range(9000)]
    lines = range(1, 9001)

    first, again = list[int](), list[int]()
    for at in range(0, 9000, at_once):
        part = slice(at, at + at_once)
        first += seen.firsts(lookups[part], lines[part])
    for at in range(0, 9000, at_once):
        again += seen.firsts(lookups[at : at + at_once], range(9001 + at, 9001 + at + at_once))

    assert first == again == list(lines)


def test_codes_that_want_the_same_place_are_told_apart() -> None:
    seen = SeenCodes()
    low = [(number << 40 | 7).to_bytes(8, "little") + bytes(24) for number in range(50)]
    nothing = bytes(32)

    assert seen.firsts([*low, nothing], range(1, 52)) == [*range(1, 52)]
    assert seen.firsts([nothing, *low], [99] * 51) == [51, *range(1, 51)]


def test_a_code_that_stands_twice_among_those_at_once_is_known_the_second_time() -> None:
    same, other = hashlib.sha256(b"same").digest(), hashlib.sha256(b"other").digest()

    assert SeenCodes().firsts([same, other, same], [3, 5, 8]) == [3, 5, 3]
