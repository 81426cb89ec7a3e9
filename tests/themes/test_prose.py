"""Merchants' headings fit the page they stand on; long addresses break where they are read."""

import pytest

from keystall.themes.engine.prose import breakable, outlined


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
