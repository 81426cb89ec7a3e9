import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform.markdown import render_markdown

LINK = 'rel="nofollow noopener"'
ELEMENTS = """
p br hr h2 h3 h4 h5 h6 ul ol li blockquote pre code strong em s a table thead tbody tr th td
"""


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("plain & simple", "<p>plain &amp; simple</p>\n"),
        ("**bold** *soft*", "<p><strong>bold</strong> <em>soft</em></p>\n"),
        ("~~old~~ `code`", "<p><s>old</s> <code>code</code></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# Title\n## Part", "<h2>Title</h2>\n<h3>Part</h3>\n"),
        ("###### Deep", "<h6>Deep</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>\n'),
        ("使用说明：**立即发货**", "<p>使用说明：<strong>立即发货</strong></p>\n"),
        ("[x](http://x.test/?b&c)", f'<p><a href="http://x.test/?b&amp;c" {LINK}>x</a></p>\n'),
        ("<a@x.example>", f'<p><a href="mailto:a@x.example" {LINK}>a@x.example</a></p>\n'),
        ("[policies](/zh/policies)", f'<p><a href="/zh/policies" {LINK}>policies</a></p>\n'),
        ("![a <b> picture](https://example.com/p.png)", "<p>a &lt;b&gt; picture</p>\n"),
        ("```js\nlet a = '<b>'\n```", "<pre><code>let a = '&lt;b&gt;'\n</code></pre>\n"),
    ],
)  # fmt: skip
def test_markdown_becomes_html(text: str, html: str) -> None:
    assert render_markdown(text) == html


def test_tables_are_kept_without_styles() -> None:
    html = render_markdown("| a | b |\n|---|--:|\n| 1 | 2 |")

    assert re.sub(r"\s", "", html) == (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    )


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://example.com "\\"onmouseover=alert(1) ")',
    "![x](javascript:alert(1))",
    "![x](https://example.com/track.gif)",
    '![" onerror="alert(1)](x)',
    "```\"><script>alert(1)</script>\nx\n```",
    "```x\" onclick=\"alert(1)\nx\n```",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "<form action=//evil.example><input></form>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "</p></div><script>alert(1)</script>",
    "| a |\n|---|\n| <script>alert(1)</script> |",
]  # fmt: skip


class Elements(HTMLParser):
    """What a browser would make of it: elements and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


HARMLESS = frozenset(ELEMENTS.split())


def assert_harmless(html: str) -> None:
    for tag, attributes in Elements(html).found:
        assert tag in HARMLESS
        assert set(attributes) <= {"a": {"href", "title", "rel"}, "ol": {"start"}}.get(tag, set())
        href = attributes.get("href")
        scheme = re.match(r"[\s\x00-\x20]*([a-zA-Z][\w+.-]*):", href or "")
        assert scheme is None or scheme[1] in {"http", "https", "mailto"}
        assert tag != "a" or attributes["rel"] == "nofollow noopener"


@pytest.mark.parametrize("text", ATTACKS)
def test_attacks_become_harmless(text: str) -> None:
    assert_harmless(render_markdown(text))


@given(st.lists(st.sampled_from([*ATTACKS, "**", "`", "[", "](", "<", "\n\n", "> ", "- "])))
def test_attacks_stay_harmless_in_any_mixture(parts: list[str]) -> None:
    assert_harmless(render_markdown("".join(parts)))


@given(st.text(max_size=200))
def test_any_text_renders(text: str) -> None:
    assert_harmless(render_markdown(text))


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "> " * 5_000, "[" * 5_000, "*a " * 5_000])
def test_senseless_text_renders_too(text: str) -> None:
    assert_harmless(render_markdown(text))
