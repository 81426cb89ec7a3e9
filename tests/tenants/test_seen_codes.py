"""The table of codes that a file had before."""

import hashlib

import pytest

from keystall.tenants.stock.seen_codes import SeenCodes


@pytest.mark.parametrize("expected", [0, 9000, 20_000])
def test_each_code_is_known_by_the_line_that_had_it_first(expected: int) -> None:
    seen = SeenCodes(expected)
    lookups = [hashlib.sha256(b"%d" % number).digest() for number in range(9000)]

    first = [seen.first(lookup, line) for line, lookup in enumerate(lookups, start=1)]
    again = [seen.first(lookup, 9001 + at) for at, lookup in enumerate(lookups)]

    assert first == again == list(range(1, 9001))


def test_codes_that_want_the_same_place_are_told_apart() -> None:
    seen = SeenCodes()
    low = [(number << 40 | 7).to_bytes(8, "little") + bytes(24) for number in range(50)]

    assert [seen.first(lookup, line) for line, lookup in enumerate(low, start=1)] == [*range(1, 51)]
    assert [seen.first(lookup, 99) for lookup in low] == [*range(1, 51)]
