from string import ascii_letters, digits
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.tenants.search.terms import (
    MAX_QUERY_TERMS,
    MAX_TERM_LENGTH,
    MAX_TERMS,
    query_terms,
    terms,
)

han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
words = st.text(alphabet=ascii_letters + digits, min_size=1, max_size=60)
names = st.text(alphabet=han, min_size=1, max_size=30)
titles = st.lists(words | names, min_size=1, max_size=8).map(" ".join)


def finds(query: str, title: str) -> bool:
    asked = query_terms(query)
    return bool(asked) and set(asked) <= terms(title)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Steam Wallet", {"steam", "wallet"}),
        ("充值卡", {"充", "值", "卡", "充值", "值卡"}),
        ("Steam充值 100元", {"steam", "充", "值", "充值", "100", "元"}),
        ("ＳＴＥＡＭ　１００", {"steam", "100"}),
        ("Straße", {"strasse"}),
        ("Joe's e-book_v2", {"joe", "s", "e", "book", "v2"}),
        ("游戏，点卡", {"游", "戏", "游戏", "点", "卡", "点卡"}),
        ("カード", {"カ", "ー", "ド", "カー", "ード"}),
        ("", set()),
        ("…!? 🎮", set()),
    ],
)
def test_terms_of_a_text(text: str, expected: set[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("充", ["充"]),
        ("充值", ["充值"]),
        ("充值卡", ["充值", "值卡"]),
        ("STEAM 充值", ["steam", "充值"]),
        ("steam steam", ["steam"]),
        ("100元", ["100", "元"]),
        ("   ", []),
        ("%_*", []),
    ],
)
def test_terms_of_a_query(query: str, expected: list[str]) -> None:
    assert query_terms(query) == expected


@pytest.mark.parametrize(
    ("query", "title", "found"),
    [
        ("点卡", "魔兽世界点卡 30元", True),
        ("世界点卡", "魔兽世界点卡 30元", True),
        ("卡", "魔兽世界点卡 30元", True),
        ("世界卡", "魔兽世界点卡 30元", False),
        ("兽点", "魔兽世界点卡 30元", False),
        ("wallet steam", "Steam Wallet Code", True),
        ("wall", "Steam Wallet Code", False),
        ("steam 充值", "Steam 充值卡", True),
        ("steam 点卡", "Steam 充值卡", False),
        ("", "Steam 充值卡", False),
    ],
)
def test_a_query_finds_a_title_when_all_its_terms_are_there(
    query: str, title: str, found: bool
) -> None:
    assert finds(query, title) is found


@given(st.text(alphabet=han, min_size=2, max_size=100), st.data())
def test_any_two_neighbours_of_a_chinese_title_find_it(title: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(min_value=0, max_value=len(title) - 2))

    assert finds(title[at : at + 2], title)


@given(st.text(alphabet=han, min_size=1, max_size=100), st.data())
def test_any_part_of_a_chinese_title_finds_it(title: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(min_value=0, max_value=len(title) - 1))
    end = data.draw(st.integers(min_value=start + 1, max_value=len(title)))

    assert finds(title[start:end], title)


@given(titles, st.data())
def test_any_whole_word_of_a_mixed_title_finds_it(title: str, data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(title.split()))

    assert finds(word, title)
    assert finds(word.upper(), title)


@given(titles)
def test_a_title_finds_itself(title: str) -> None:
    assert finds(title, title)


@given(st.text(max_size=300))
def test_what_is_asked_of_a_text_is_among_its_terms(text: str) -> None:
    assert set(query_terms(text)) <= terms(text)
    assert "" not in terms(text)


@given(st.text(max_size=100))
def test_normal_forms_make_no_difference(text: str) -> None:
    assert terms(normalize("NFD", text)) == terms(normalize("NFKC", text)) == terms(text)


@pytest.mark.parametrize("text", ["STRASSE", "strasse", "Straße"])
def test_case_makes_no_difference(text: str) -> None:
    assert terms(text) == {"strasse"}


def test_sizes_are_bounded() -> None:
    many = "".join(chr(0x4E00 + n) for n in range(3_000))

    assert len(terms(many)) == MAX_TERMS
    assert len(query_terms(many)) == MAX_QUERY_TERMS
    assert terms("x" * 10_000) == {"x" * MAX_TERM_LENGTH}
    assert finds("x" * 100, "x" * 10_000)
