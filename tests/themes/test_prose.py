"""Merchants' headings fit the page they stand on."""

import pytest

from keystall.themes.engine.prose import outlined


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
