"""Rests between items: what comes out, and when it is asked for."""

from collections.abc import Iterator

from keystall.platform.resting import resting


def test_all_items_come_in_order() -> None:
    assert list(resting(range(5))) == [0, 1, 2, 3, 4]
    assert list(resting([])) == []


def test_none_is_read_before_it_is_asked_for() -> None:
    read = list[int]()

    def items() -> Iterator[int]:
        for number in range(3):
            read.append(number)
            yield number

    rested = resting(items())
    assert read == []
    assert next(rested) == 0
    assert read == [0]
