"""Browsers by the names that people know."""

import pytest

from keystall.platform.web.browsers import browser_name

_LIKE = "(KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         "Firefox · Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_LIKE} Chrome/140.0.0.0"
         " Safari/537.36 Edg/140.0.0.0", "Edge · Windows"),
        (f"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 {_LIKE} Version/4.0 Chrome/116.0"
         " Mobile Safari/537.36 MicroMessenger/8.0.49", "WeChat · Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 {_LIKE}"
         " Version/18.0 Mobile/15E148 Safari/604.1", "Safari · iPhone"),
        ("curl/8.5.0", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_most_particular_name_counts(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name
