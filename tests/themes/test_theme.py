"""A theme is data that cannot make a page unreadable or unsafe."""

import re

import pytest
from starlette.requests import Request

from keystall.themes.engine import FAILURE_KINDS, Failures, load_theme, make_renderer
from keystall.themes.engine.theme import ThemeError, _contrast, _rgb
from keystall.themes.paths import THEMES

THEME = load_theme(THEMES / "storefront" / "theme.toml")


def test_the_three_presets_look_different() -> None:
    assert len({THEME.look(preset).css for preset in THEME.presets}) == 3
    assert list(THEME.presets) == ["harbor", "arcade", "atelier"]


@pytest.mark.parametrize("accent", ["#ffff00", "#000000", "#ffffff", "#ff69b4", "#7f7f7f"])
def test_any_accent_reads_on_light_and_on_dark(accent: str) -> None:
    css = THEME.look(chosen={"accent": accent}).css
    light, dark = re.findall(r"--accent:(#\w+);--on-accent:(#\w+)", css)
    assert _contrast(_rgb(light[0]), (255, 255, 255)) >= 4.5
    assert _contrast(_rgb(dark[0]), (22, 24, 29)) >= 4.5
    for colour, ink in (light, dark):
        assert _contrast(_rgb(colour), _rgb(ink)) >= 4.5


@pytest.mark.parametrize(
    "chosen",
    [
        {"accent": "red;}</style>"},
        {"radius": "9px"},
        {"hero_title": "x" * 81},
        {"font": "Comic"},
    ],
)
def test_a_setting_outside_its_schema_is_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(ThemeError):
        THEME.look(chosen=chosen)


@pytest.mark.parametrize("kind", FAILURE_KINDS)
@pytest.mark.parametrize("path", ["/zh/x", "/en/x"])
def test_every_error_page_stands_in_both_languages(kind: str, path: str) -> None:
    failures = Failures(make_renderer(), lambda request: "req-9")
    request = Request({"type": "http", "path": path, "headers": [], "method": "GET"})
    answer = failures.page(request, kind)
    assert answer.status_code == FAILURE_KINDS[kind]
    assert b"req-9" in answer.body
    assert answer.headers["cache-control"] == "no-store"
