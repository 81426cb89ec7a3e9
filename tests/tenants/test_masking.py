import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.tenants.stock.masking import MASK, mask


@pytest.mark.parametrize(
    ("code", "masked"),
    [
        ("", "••••••"),
        ("A", "••••••"),
        ("ABCDEFG", "••••••"),
        ("ABCDEFGH", "A••••••H"),
        ("ABCDEFGHIJK", "A••••••K"),
        ("ABCDEFGHIJKL", "A••••••KL"),
        ("ABCDEFGHIJKLMNOP", "AB••••••OP"),
        ("ABCD-EFGH-IJKL-MNOP-QRST", "AB••••••ST"),
        ("卡号一二三四五六七八九十密码面值", "卡号••••••面值"),
    ],
)
def test_a_mask_shows_the_ends_only(code: str, masked: str) -> None:
    assert mask(code) == masked


@given(st.text(max_size=200))
def test_no_more_than_a_quarter_and_four_characters_survive(code: str) -> None:
    shown = mask(code).replace(MASK, "", 1)

    assert len(shown) <= min(4, len(code) // 4)
    assert len(mask(code)) <= len(MASK) + 4


@given(st.text(alphabet="ABCDEFGH23456789-", min_size=8, max_size=64))
def test_no_window_of_eight_characters_survives(code: str) -> None:
    masked = mask(code)

    assert not any(code[at : at + 8] in masked for at in range(len(code) - 7))


@given(st.integers(min_value=16, max_value=4_096))
def test_the_mask_does_not_tell_the_length(length: int) -> None:
    assert mask("x" * length) == "xx••••••xx"
