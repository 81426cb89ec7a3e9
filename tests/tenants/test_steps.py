"""How a file is cut into steps: nothing lost, nothing twice, wherever a worker goes on."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from keystall.platform.crypto import new_key
from keystall.tenants.stock.card_files import BadLine, card_runs, cards, first_bad, survey
from keystall.tenants.stock.sealing import ShopCipher
from keystall.tenants.stock.steps import Step, Stepping

SHOP, VARIANT = UUID(int=1), UUID(int=2)
CIPHER = ShopCipher(SHOP, {1: new_key()})
line = st.sampled_from(["", " ", "A", "B", "C ", "bad\x01", "卡", "worse\x02", "D"])


def steps(data: bytes, size: int, *, done: int = 0) -> list[Step]:
    found = survey([data])
    stepping = Stepping(VARIANT, CIPHER, "CNY", size, done)
    return list(stepping.steps(card_runs([data], found), found.lines))


def told(step: Step) -> tuple[object, ...]:
    """A step, to be compared."""
    codes = step.codes
    return (step.upto, codes.lines, codes.texts, codes.lookups, sorted(step.rejects), step.repeats,
            step.bad)  # fmt: skip


@given(st.lists(line, max_size=30), st.integers(min_value=1, max_value=7))
def test_a_worker_that_goes_on_after_any_step_takes_the_same_ones(
    lines: Sequence[str], size: int
) -> None:
    data = "\n".join(lines).encode()

    whole = steps(data, size)

    for at, step in enumerate(whole):
        again = steps(data, size, done=step.upto)
        left = [told(one) for one in whole[at + 1 :]]
        # After the last one there is nothing but the end.
        assert [told(one) for one in again] == left or (not left and not again[0].cards)
    assert whole[-1].upto == survey([data]).lines
    assert all(step.cards >= size for step in whole[:-1])
    assert sum(step.cards for step in whole) == len(list(cards([data], survey([data]))))


@given(st.lists(line, max_size=30))
def test_what_is_taken_for_flawless_is(lines: Sequence[str]) -> None:
    data = "\n".join(lines).encode()
    found = survey([data])

    bad = [card for card in cards([data], found) if isinstance(card, BadLine)]

    assert first_bad([data], found) == (bad[0] if bad else None)
    assert not (found.flawless and bad)
    assert found.flawless == all(text.isascii() and text.isprintable() for text in lines)


def test_a_step_has_each_code_once_with_its_line_and_lookup() -> None:
    made = steps(b"one\ntwo\none\n\x01\nthree", 2)

    codes = [
        (code_line, text, lookup)
        for step in made
        for code_line, text, lookup in zip(
            step.codes.lines, step.codes.texts, step.codes.lookups, strict=True
        )
    ]
    assert codes == [
        (at, text.encode(), CIPHER.lookup(VARIANT, text))
        for at, text in ((1, "one"), (2, "two"), (5, "three"))
    ]
