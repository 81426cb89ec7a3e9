"""Merchants' formatted texts in the outline of a page, long words with places to break, and links
in plain texts."""

import re

from markupsafe import Markup, escape

_HEADING = re.compile(r"<(/?)h([1-6])\b")
_ADDRESS = re.compile(
    r"(?P<page>https://[A-Za-z0-9][!#-;=?-~]*[A-Za-z0-9/=_~-])"
    r"|(?<![\w.+-])(?P<mail>[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63})(?![\w@-])",
    re.ASCII,
)


def breakable(text: str) -> Markup:
    """`text` that may go on in the next line after an @ and before a dot: an address is read in
    these parts, and is copied without a trace of them."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=@)|(?=\.)", text) if part)


def linked(text: str) -> Markup:
    """`text`, escaped, in which mailboxes and https addresses are links, and nothing else is."""
    parts, at = [], 0
    for found in _ADDRESS.finditer(text):
        page = '<a href="{0}" rel="noopener nofollow">{0}</a>'
        link = Markup(page if found["page"] else '<a href="mailto:{0}">{0}</a>')  # noqa: S704
        parts += [escape(text[at : found.start()]), link.format(found[0])]
        at = found.end()
    return Markup().join([*parts, escape(text[at:])])


def outlined(html: str, top: int = 2) -> Markup:
    """`html` (sanitised by the gateway) with its headings beginning at level `top`, none skipped.

    A merchant writes `###` because it looks right; who listens to a page walks it by its levels
    (WCAG 2.2, 1.3.1).
    """
    first = min((int(found[2]) for found in _HEADING.finditer(html) if not found[1]), default=1)
    level = top - 1

    def renamed(found: re.Match[str]) -> str:
        nonlocal level
        if not found[1]:
            level = min(int(found[2]) - first + top, level + 1, 6)
        return f"<{found[1]}h{level}"

    return Markup(_HEADING.sub(renamed, html))  # noqa: S704 - only names of headings changed
