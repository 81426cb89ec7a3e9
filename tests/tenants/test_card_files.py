import codecs
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.tenants.stock.card_files import (
    BadLine,
    CodeFacts,
    Duplicate,
    LineProblem,
    ParsedCode,
    ParsedFile,
    UndecidableEncoding,
    cards,
    parse_file,
    parse_text,
    survey,
)

DATA = Path(__file__).parents[1] / "data"


def sample(name: str) -> ParsedFile:
    return parse_file((DATA / name).read_bytes())


def texts(parsed: ParsedFile) -> list[str]:
    return [code.text for code in parsed.codes]


def test_a_windows_file_with_blanks_and_stray_spaces_gives_its_thousand_codes() -> None:
    parsed = sample("codes-utf8bom-crlf.txt")

    assert parsed.encoding == "utf-8"
    assert len(set(texts(parsed))) == len(parsed.codes) == 1_000
    assert parsed.duplicates == [Duplicate(1_002 + n, n) for n in range(1, 8)]
    assert parsed.bad == []
    assert parsed.codes[0] == ParsedCode(1, "9SWY-BW2G-RRWK-T7ZS")
    assert all(len(text) == 19 and text.isascii() for text in texts(parsed))


def test_a_gb18030_file_keeps_its_chinese() -> None:
    parsed = sample("cards-gbk.txt")

    assert parsed.encoding == "gb18030"
    assert (len(parsed.codes), parsed.duplicates, parsed.bad) == (500, [], [])
    assert parsed.codes[0] == ParsedCode(1, "100000000000 uiEqDg4Ni4EWEYZi 面值100元")
    assert all(text.endswith(" 面值100元") for text in texts(parsed))


def test_a_utf16_file_with_a_mark_is_read() -> None:
    parsed = sample("accounts-utf16.txt")

    assert parsed.encoding == "utf-16-le"
    assert (len(parsed.codes), parsed.duplicates, parsed.bad) == (300, [], [])
    assert all(text.count("----") == 3 for text in texts(parsed))


def test_a_big5_file_keeps_its_text() -> None:
    parsed = sample("cards-big5.txt")

    assert parsed.encoding == "big5"
    assert (len(parsed.codes), parsed.duplicates, parsed.bad) == (120, [], [])
    assert parsed.codes[0] == ParsedCode(1, "點數卡 QB75R-LQPLL-JNCIM")
    assert all(text.startswith("點數卡 ") for text in texts(parsed))


def test_a_table_gives_codes_with_note_and_expiry_some_on_two_lines() -> None:
    parsed = sample("keys.csv")

    assert (parsed.encoding, parsed.format.kind, parsed.format.separator) == ("utf-8", "csv", ",")
    assert [(column.name, column.use.value) for column in parsed.format.columns] == [
        ("Note", "note"), ("Secret", "secret"), ("expires_at", "expires_at"),
    ]  # fmt: skip
    assert (len(parsed.codes), parsed.duplicates, parsed.bad) == (600, [], [])
    first, second = parsed.codes[:2]
    assert (first.line, first.text) == (2, "login: a0\npassword: lvhMFYATHwEngHl3")
    assert first.facts == CodeFacts(note="批次 0, 第0张")
    assert (second.line, second.text) == (4, "RXNEM-S9KKU-BS5JB-LVRGS-YKU8X")
    assert second.facts == CodeFacts(
        note="批次 0, 第1张", expires_at=datetime(2028, 1, 1, tzinfo=UTC)
    )
    assert sum("\n" in text for text in texts(parsed)) == 12


def test_numbers_to_pick_come_with_preview_premium_and_cost() -> None:
    parsed = sample("pick-a-number.txt")

    assert (len(parsed.codes), parsed.duplicates) == (198, [])
    assert parsed.bad == [
        BadLine(14, LineProblem.COLUMNS_MISSING),
        BadLine(58, LineProblem.CODE_MISSING),
    ]
    assert parsed.codes[3] == ParsedCode(
        4, "67182196----sEVCOZQNoMHNjfII",
        CodeFacts(preview="QQ 671****96", premium=Decimal("8.8"), cost=Decimal(1)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",2027-12-31,", LineProblem.CODE_MISSING),
        ("A-1,soon,", LineProblem.EXPIRY_INVALID),
        ("A-1,2027-02-30,", LineProblem.EXPIRY_INVALID),
        ("A-1,,free", LineProblem.AMOUNT_INVALID),
        ("A-1,,-1", LineProblem.AMOUNT_INVALID),
        ("A-1,,1e99", LineProblem.AMOUNT_INVALID),
        ("b\x07l,,", LineProblem.CONTROL_CHARACTERS),
        ('"never closed,,', LineProblem.QUOTE_UNCLOSED),
    ],
)
def test_a_row_that_holds_no_code_is_named_and_the_next_goes_on(
    row: str, reason: LineProblem
) -> None:
    parsed = parse_text(f"code,expires,cost\n{row}\nB-2,,\nC-3,2027/1/5 12:30,2.50")

    assert parsed.bad == [BadLine(2, reason)]
    assert [(code.line, code.text) for code in parsed.codes] == [(3, "B-2"), (4, "C-3")]
    assert parsed.codes[1].facts == CodeFacts(
        expires_at=datetime(2027, 1, 5, 12, 30, tzinfo=UTC), cost=Decimal("2.50")
    )


def test_an_account_and_its_password_are_one_code_of_labelled_lines() -> None:
    parsed = parse_text("卡号;密码;备注\n100;abc;甲\n;def;\n")

    assert parsed.format.separator == ";"
    assert texts(parsed) == ["卡号: 100\n密码: abc", "def"]


def test_lines_with_signs_but_no_headings_stay_codes_as_they_are() -> None:
    lines = ["a,b,c", '"quoted"', "mail----pass", "x|y"]

    assert texts(parse_text("\n".join(lines))) == lines
    assert texts(parse_text("code,note\nx,y", plain=True)) == ["code,note", "x,y"]


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
def test_a_file_in_pieces_is_the_file_in_one(data: bytes, cuts: list[int]) -> None:
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    pieces.append(data[at:])
    try:
        whole = parse_file(data)
    except UndecidableEncoding:
        with pytest.raises(UndecidableEncoding):
            survey(pieces)
        return

    found = survey(pieces)
    read = list(cards(pieces, found))
    bad = [one for one in read if isinstance(one, BadLine)]
    codes = [one for one in read if not isinstance(one, BadLine)]
    assert found.format == whole.format
    assert bad == whole.bad
    assert [*dict.fromkeys(code.text for code in codes)] == texts(whole)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_line_without_end_is_too_long_and_is_not_held(encoding: str) -> None:
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    pieces = [mark + "good\n".encode(encoding)] + ["x".encode(encoding) * 100_000] * 50
    pieces.append("\nbetter".encode(encoding))

    read = list(cards(pieces, survey(pieces)))

    assert read[1] == BadLine(2, LineProblem.TOO_LONG)
    assert len(read[1].text) < 300_000
    assert (read[0], read[2]) == (ParsedCode(1, "good"), ParsedCode(3, "better"))


def test_a_hostile_file_gives_its_good_lines_and_names_the_bad_ones() -> None:
    parsed = sample("hostile.bin")

    assert parsed.bad == [
        BadLine(4, LineProblem.TOO_LONG),
        BadLine(5, LineProblem.CONTROL_CHARACTERS),
        BadLine(6, LineProblem.INVALID_ENCODING),
        BadLine(7, LineProblem.CONTROL_CHARACTERS),
    ]
    assert [(code.line, code.text) for code in parsed.codes] == [
        (1, '=HYPERLINK("http://evil.example","x")'),
        (2, "<script>alert(1)</script>"),
        (3, "'; DROP TABLE codes; --"),
        (8, "ok-OAAK-MZLK-9YYE-HHFL"),
        (9, "{{ 7*7 }}"),
        (10, "%s%n"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_counts_lines_as_an_editor_does(end: str, last: bool) -> None:
    text = end.join(["one", "", "  two\t", "one"]) + (end if last else "")

    for parsed in (parse_file(text.encode()), parse_text(text)):
        assert parsed.codes == [ParsedCode(1, "one"), ParsedCode(3, "two")]
        assert parsed.duplicates == [Duplicate(4, 1)]
        assert parsed.bad == []


def test_duplicates_of_one_code_all_point_at_the_first() -> None:
    assert parse_text("a\nb\na\na\n").duplicates == [Duplicate(3, 1), Duplicate(4, 1)]


def test_codes_that_differ_in_case_or_form_are_different_codes() -> None:
    assert texts(parse_text("Abc\nabc\nＡbc\nA bc\ncafé\ncafe\u0301")) == [
        "Abc", "abc", "Ａbc", "A bc", "café", "cafe\u0301",
    ]  # fmt: skip


def test_invisible_ends_are_trimmed_and_inner_tabs_kept() -> None:
    assert texts(parse_text("\ufeffone\u200b\n\u3000two\u00a0\nthree\tfour")) == [
        "one", "two", "three\tfour",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x" * 4_097, LineProblem.TOO_LONG),
        ("nul\0inside", LineProblem.CONTROL_CHARACTERS),
        ("bell\x07inside", LineProblem.CONTROL_CHARACTERS),
        ("escape\x1b[31minside", LineProblem.CONTROL_CHARACTERS),
        ("delete\x7finside", LineProblem.CONTROL_CHARACTERS),
        ("next\x85line", LineProblem.CONTROL_CHARACTERS),
        ("separated\u2028line", LineProblem.CONTROL_CHARACTERS),
        ("right\u202eleft", LineProblem.CONTROL_CHARACTERS),
        ("isolate\u2066d", LineProblem.CONTROL_CHARACTERS),
        ("lost\ufffdcharacter", LineProblem.INVALID_ENCODING),
        ("half\ud800pair", LineProblem.INVALID_ENCODING),
    ],
)
def test_a_pasted_line_that_holds_no_code_is_named(line: str, reason: LineProblem) -> None:
    parsed = parse_text(f"good\n{line}\nbetter")

    assert parsed.bad == [BadLine(2, reason)]
    assert parsed.codes == [ParsedCode(1, "good"), ParsedCode(3, "better")]


def test_a_code_of_the_full_length_is_taken() -> None:
    assert texts(parse_text(" " + "x" * 4_096 + " ")) == ["x" * 4_096]


def test_codes_do_not_show_in_a_repr() -> None:
    assert "SECRET" not in repr(parse_text("SECRET-1\nSECRET-1\nSECRET\0"))


def test_a_broken_line_among_gb18030_lines_is_reported_alone() -> None:
    good = ["卡号 1 密码", "卡号 2 密码", "激活码 3"] * 10
    data = "\n".join(good).encode("gb18030") + b"\nbroken \xff\xff\nplain"

    parsed = parse_file(data)

    assert parsed.encoding == "gb18030"
    assert parsed.bad == [BadLine(31, LineProblem.INVALID_ENCODING)]
    assert texts(parsed) == [*good[:3], "plain"]


def test_a_broken_line_under_a_utf8_mark_is_reported_alone() -> None:
    parsed = parse_file("\ufeff卡号\n".encode() + b"\xff\xfe\n" + "密码".encode())

    assert parsed.bad == [BadLine(2, LineProblem.INVALID_ENCODING)]
    assert texts(parsed) == ["卡号", "密码"]


def test_gb18030_that_happens_to_be_valid_utf8_stays_chinese() -> None:
    data = "AAAA 100元\nBBBB 50元\n".encode("gb18030")
    assert data.decode("utf-8") == "AAAA 100Ԫ\nBBBB 50Ԫ\n"

    assert texts(parse_file(data)) == ["AAAA 100元", "BBBB 50元"]


@pytest.mark.parametrize("text", ["café 1\nnaïve 2", "ключ 1", "κλειδί", "מפתח", "clé 元"])
def test_utf8_in_other_scripts_stays_utf8(text: str) -> None:
    parsed = parse_file(text.encode())

    assert (parsed.encoding, texts(parsed)) == ("utf-8", text.split("\n"))


@pytest.mark.parametrize("text", ["𠮷野家 点卡 激活码", "充值卡 €100 元", "账户----密码"])
def test_gb18030_beyond_gbk_is_read(text: str) -> None:
    parsed = parse_file(text.encode("gb18030"))

    assert (parsed.encoding, texts(parsed)) == ("gb18030", [text])


@pytest.mark.parametrize(
    "data",
    [
        "我們今天去看海".encode("big5"),
        "会員カード".encode("shift_jis"),
        "naïve café".encode("latin-1"),
        "UTF-16 卡号".encode("utf-16-le"),
        "UTF-32".encode("utf-32"),
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
        b"PK\x03\x04\x14\x00\x08\x08\x08\x00\xa5\x9b\x00\x00\x00\x00",
    ],
)
def test_bytes_that_no_one_encoding_explains_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(UndecidableEncoding):
        parse_file(data)


def test_an_empty_file_holds_nothing() -> None:
    for data in (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n \r\n"):
        parsed = parse_file(data)
        assert (parsed.codes, parsed.duplicates, parsed.bad) == ([], [], [])


def test_utf16_cut_in_half_loses_only_its_last_line() -> None:
    parsed = parse_file("\ufeffone\ntwo".encode("utf-16-be")[:-1])

    assert parsed.codes == [ParsedCode(1, "one")]
    assert parsed.bad == [BadLine(2, LineProblem.INVALID_ENCODING)]


chinese = st.text(alphabet=[chr(c) for c in range(0x4E00, 0x9FA6)], min_size=1, max_size=8)
printable = st.text(alphabet=[chr(c) for c in range(0x21, 0x7F)], min_size=1, max_size=40)


@given(st.lists(st.tuples(printable, chinese), min_size=1, max_size=20))
def test_any_utf8_file_is_read_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    lines = [" ".join(row) for row in rows]

    assert texts(parse_file("\r\n".join(lines).encode())) == list(dict.fromkeys(lines))


odd = st.text(alphabet=" A1\t\x01\u00e9\u200b\u202e", max_size=6)


@given(st.lists(odd, min_size=1, max_size=12), st.integers(min_value=1, max_value=30))
def test_lines_are_the_same_codes_whether_they_were_looked_at_together_or_one_by_one(
    lines: list[str], size: int
) -> None:
    # A file is read by batches, a pasted text line by line.
    pasted = parse_text("\n".join(lines))
    data = codecs.BOM_UTF8 + "\n".join(lines).encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    read = list(cards(pieces, survey(pieces)))

    codes = {one.text: one for one in reversed(read) if isinstance(one, ParsedCode)}
    assert sorted(codes.values()) == pasted.codes
    assert [one for one in read if isinstance(one, BadLine)] == pasted.bad


@given(st.lists(st.tuples(printable, chinese), min_size=1, max_size=20))
def test_a_gb18030_file_is_read_as_written_or_refused(rows: list[tuple[str, str]]) -> None:
    lines = ["面值100元 " + " ".join(row) for row in rows]
    try:
        parsed = parse_file("\n".join(lines).encode("gb18030"))
    except UndecidableEncoding:
        return

    assert texts(parsed) == list(dict.fromkeys(lines))


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused_by_name(data: bytes) -> None:
    try:
        parsed = parse_file(data)
    except UndecidableEncoding:
        return

    numbers = [code.line for code in parsed.codes]
    numbers += [duplicate.line for duplicate in parsed.duplicates]
    numbers += [bad.line for bad in parsed.bad]
    assert len(set(numbers)) == len(numbers)
    assert len(set(texts(parsed))) == len(parsed.codes)
