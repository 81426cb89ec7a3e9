import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keystall.platform.money import (
    CURRENCIES,
    MAX_MINOR,
    InvalidAmount,
    Money,
    UnknownCurrency,
    decimal_text,
    exponent,
    format_money,
    parse_amount,
)

currencies = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(min_value=0, max_value=MAX_MINOR)

ZERO_DECIMAL = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "JPY",
    "KMF",
    "KRW",
    "MGA",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
THREE_DECIMAL = ["BHD", "JOD", "KWD", "OMR", "TND"]


@pytest.mark.parametrize("currency", ZERO_DECIMAL)
def test_currencies_without_decimals_have_none(currency: str) -> None:
    assert exponent(currency) == 0


@pytest.mark.parametrize("currency", THREE_DECIMAL)
def test_currencies_with_three_decimals_have_three(currency: str) -> None:
    assert exponent(currency) == 3


@pytest.mark.parametrize("currency", ["CNY", "USD", "EUR", "HKD", "TWD", "GBP"])
def test_the_usual_currencies_have_two_decimals(currency: str) -> None:
    assert exponent(currency) == 2


@pytest.mark.parametrize("currency", ["", "cny", "CNH", "XAU", "XXX", "XTS", "CLF", "CN", "CNY "])
def test_what_is_no_currency_is_refused_everywhere(currency: str) -> None:
    for use in (
        lambda: exponent(currency),
        lambda: parse_amount("1", currency),
        lambda: decimal_text(1, currency),
        lambda: format_money(1, currency, "en"),
        lambda: Money(1, currency),
    ):
        with pytest.raises(UnknownCurrency):
            use()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "CNY", 1250),
        ("12.5", "CNY", 1250),
        ("12", "CNY", 1200),
        ("0", "CNY", 0),
        ("0.01", "CNY", 1),
        ("007.00", "CNY", 700),
        (" 12.50\n", "CNY", 1250),
        ("１２．５０", "CNY", 1250),
        ("　９９　", "CNY", 9900),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("10000000000.00", "CNY", MAX_MINOR),
        ("1000000000000", "JPY", MAX_MINOR),
    ],
)
def test_amounts_become_minor_units(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("", "CNY", "INVALID"),
        (".", "CNY", "INVALID"),
        (".5", "CNY", "INVALID"),
        ("5.", "CNY", "INVALID"),
        ("-1", "CNY", "INVALID"),
        ("+1", "CNY", "INVALID"),
        ("1e3", "CNY", "INVALID"),
        ("NaN", "CNY", "INVALID"),
        ("Infinity", "CNY", "INVALID"),
        ("1,234", "CNY", "INVALID"),
        ("1.234,00", "CNY", "INVALID"),
        ("1 234", "CNY", "INVALID"),
        ("1_000", "CNY", "INVALID"),
        ("0x10", "CNY", "INVALID"),
        ("１，２３４", "CNY", "INVALID"),
        ("12²", "CNY", "INVALID"),
        ("½", "CNY", "INVALID"),
        ("①", "CNY", "INVALID"),
        ("١٢", "CNY", "INVALID"),
        ("一百", "CNY", "INVALID"),
        ("¥12", "CNY", "INVALID"),
        ("1.2.3", "CNY", "INVALID"),
        ("1\0", "CNY", "INVALID"),
        ("9" * 5_000, "CNY", "INVALID"),
        ("12.505", "CNY", "TOO_MANY_DECIMALS"),
        ("12.500", "CNY", "TOO_MANY_DECIMALS"),
        ("100.0", "JPY", "TOO_MANY_DECIMALS"),
        ("1.2345", "KWD", "TOO_MANY_DECIMALS"),
        ("10000000000.01", "CNY", "OUT_OF_RANGE"),
        ("99999999999999999999", "JPY", "OUT_OF_RANGE"),
    ],
)
def test_what_is_no_clear_amount_is_refused_by_name(text: str, currency: str, code: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        parse_amount(text, currency)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1250, "CNY", "12.50"),
        (5, "CNY", "0.05"),
        (0, "CNY", "0.00"),
        (-5, "CNY", "-0.05"),
        (-1250, "CNY", "-12.50"),
        (100, "JPY", "100"),
        (-3, "JPY", "-3"),
        (5, "KWD", "0.005"),
        (10**30, "CNY", "1" + "0" * 28 + ".00"),
    ],
)
def test_decimal_text_has_exactly_the_decimals_of_the_currency(
    minor: int, currency: str, text: str
) -> None:
    assert decimal_text(minor, currency) == text


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (123450, "CNY", "zh-CN", "¥1,234.50"),
        (123450, "CNY", "en", "CN¥1,234.50"),
        (123450, "USD", "zh-CN", "US$1,234.50"),
        (123450, "USD", "en", "$1,234.50"),
        (1234, "JPY", "en", "¥1,234"),
        (1234, "KWD", "en", "KWD\u00a01.234"),
        (1234, "IQD", "en", "IQD\u00a01.234"),
        (1234, "MGA", "en", "MGA\u00a01,234"),
        (-5, "CNY", "zh-CN", "-¥0.05"),
        (0, "CNY", "zh-CN", "¥0.00"),
    ],
)
def test_money_reads_as_its_readers_write_it(
    minor: int, currency: str, locale: str, text: str
) -> None:
    assert format_money(minor, currency, locale) == text


@given(amounts, currencies)
def test_every_amount_survives_its_text(minor: int, currency: str) -> None:
    assert parse_amount(decimal_text(minor, currency), currency) == minor


@given(amounts, currencies)
def test_formatting_never_changes_a_digit(minor: int, currency: str) -> None:
    shown = "".join(c for c in format_money(minor, currency, "en") if c in "0123456789.")

    # A symbol may end in a point: Cg. for the Caribbean guilder.
    assert shown.removeprefix(".") == decimal_text(minor, currency)


@given(st.text(max_size=30), currencies)
def test_any_text_gives_an_amount_in_bounds_or_a_named_refusal(text: str, currency: str) -> None:
    outcome = outcome_of(text, currency)

    assert outcome in {"INVALID", "TOO_MANY_DECIMALS", "OUT_OF_RANGE"} or (
        isinstance(outcome, int) and 0 <= outcome <= MAX_MINOR
    )


def outcome_of(text: str, currency: str) -> int | str:
    try:
        return parse_amount(text, currency)
    except InvalidAmount as refusal:
        return refusal.code


@given(st.integers(), st.integers(), currencies)
def test_different_amounts_never_read_alike(first: int, second: int, currency: str) -> None:
    assume(first != second)

    assert decimal_text(first, currency) != decimal_text(second, currency)
