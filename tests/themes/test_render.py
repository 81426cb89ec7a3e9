"""What a template puts out is escaped, whatever it is."""

from typing import Any

import pytest
from jinja2 import StrictUndefined, UndefinedError
from markupsafe import Markup, escape

from keystall.themes.engine.render import PlainEnvironment

ENVIRONMENT = PlainEnvironment(autoescape=True, undefined=StrictUndefined)


class Own(str):
    """Text of a class of its own."""


class Marked:
    def __html__(self) -> str:
        return "<b>&</b>"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "<a href='x'>\"&amp;</a>",
        "<游戏>",
        Own("<i>"),
        Markup("<b>"),
        Marked(),
        7,
        None,
        1.5,
    ],
)
def test_what_is_put_out_is_what_escape_makes_of_it(value: Any) -> None:
    template = ENVIRONMENT.from_string("[{{ value }}{% for one in [value] %}{{ one }}{% endfor %}]")
    assert template.render(value=value) == f"[{escape(value)}{escape(value)}]"


def test_what_macros_put_out_is_escaped_once() -> None:
    template = ENVIRONMENT.from_string(
        "{% macro m(x) %}<p>{{ x }}</p>{% endmacro %}{{ m('<') }}{% set y = m('&') %}{{ y ~ '>' }}"
    )
    assert template.render() == "<p>&lt;</p><p>&amp;</p>&gt;"


def test_what_is_missing_is_no_empty_text() -> None:
    with pytest.raises(UndefinedError):
        ENVIRONMENT.from_string("{{ nothing }}").render()
