"""Markdown that merchants write, as HTML that is safe to show to anyone.

Two walls: the renderer knows no raw HTML, and what it gives is cleaned against a short list of
elements. Nothing is loaded from elsewhere: a picture becomes its description. Headings start at
level 2, below the page's own.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_ELEMENTS = """
p br hr h2 h3 h4 h5 h6 ul ol li blockquote pre code strong em s a table thead tbody tr th td
"""
_TAGS = frozenset(_ELEMENTS.split())
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = frozenset({"http", "https", "mailto"})


def render_markdown(text: str) -> str:
    """Sanitised HTML of CommonMark with tables and strikethrough; line breaks are kept."""
    # A lone surrogate can arrive by JSON; the sanitiser takes Unicode only.
    html = _MARKDOWN.render(text.encode("utf-8", "replace").decode())
    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="nofollow noopener",
    )
    return str(cleaned)


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def _picture_text(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return escape(tokens[index].content)


def _renderer() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.core.ruler.push("lower_headings", _lower_headings)
    markdown.add_render_rule("image", _picture_text)
    return markdown


_MARKDOWN = _renderer()
