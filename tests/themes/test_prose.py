"""Merchants' headings fit the page they stand on; long addresses break where they are read."""

import pytest

from keystall.themes.engine.prose import breakable, linked, outlined


@pytest.mark.parametrize(
    ("html", "top", "fitted"),
    [
        ("<h3>A</h3><p>h1</p><h3>B</h3>", 2, "<h2>A</h2><p>h1</p><h2>B</h2>"),
        ("<h1>A</h1><h4>B</h4><h2>C</h2>", 3, "<h3>A</h3><h4>B</h4><h4>C</h4>"),
        ("<h2>A</h2><h1>B</h1>", 2, "<h2>A</h2><h2>B</h2>"),
        ("<p>&lt;h1&gt;</p><hr>", 2, "<p>&lt;h1&gt;</p><hr>"),
        ("", 2, ""),
    ],
)
def test_headings_begin_at_the_given_level_and_skip_none(html: str, top: int, fitted: str) -> None:
    assert outlined(html, top) == fitted


def test_an_address_breaks_after_its_at_and_before_its_dots() -> None:
    html = breakable("a.b@mail.example.com")
    assert html == "a<wbr>.b@<wbr>mail<wbr>.example<wbr>.com"
    assert breakable("<b>") == "&lt;b&gt;"
    assert breakable("") == ""


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "a.b+c@mail.example.com",
            '<a href="mailto:a.b+c@mail.example.com">a.b+c@mail.example.com</a>',
        ),
        (
            "QQ 12345，邮箱：hi@x.cn。",
            'QQ 12345，邮箱：<a href="mailto:hi@x.cn">hi@x.cn</a>。',
        ),
        (
            "See https://t.me/lulu_cards, or (https://x.cn/a).",
            'See <a href="https://t.me/lulu_cards" rel="noopener nofollow">https://t.me/lulu_cards</a>,'
            ' or (<a href="https://x.cn/a" rel="noopener nofollow">https://x.cn/a</a>).',
        ),
        # The @ of an address is not one of a mailbox.
        (
            "https://x.cn/@lulu@b.cn",
            '<a href="https://x.cn/@lulu@b.cn" rel="noopener nofollow">https://x.cn/@lulu@b.cn</a>',
        ),
        ("http://x.cn", "http://x.cn"),
        ("javascript:alert(1) @lulu a@b", "javascript:alert(1) @lulu a@b"),
        (
            "a?bcc=x@x.cn&body=1",
            'a?bcc=<a href="mailto:x@x.cn">x@x.cn</a>&amp;body=1',
        ),
        ('"><script>', "&#34;&gt;&lt;script&gt;"),
        ("", ""),
    ],
)
def test_what_is_plainly_an_address_is_a_link_and_all_else_is_escaped(text: str, html: str) -> None:
    assert linked(text) == html


def test_a_long_text_is_looked_through_once() -> None:
    for one in ("a." * 50_000, "a@" * 50_000, "https://" * 20_000, "a@b." * 30_000):
        assert len(linked(one)) >= len(one)
