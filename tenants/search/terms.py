"""The terms a title is found by: whole words, and single characters and bigrams of Chinese.

Chinese has no spaces, so every two neighbours are a term; a word of any length is found by its
bigrams. Japanese and Korean are cut the same way. Terms are matched by equality alone, which an
index serves under row-level security.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, pairwise

MAX_TERM_LENGTH = 40
MAX_TERMS = 600
MAX_QUERY_TERMS = 12
_MAX_TEXT = 5_000
_MAX_QUERY = 200

_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_RUN = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|[^\W_{_UNSPACED}]+")


def terms(text: str) -> set[str]:
    """Every term that finds `text`; at most MAX_TERMS, those of its beginning."""
    return set(islice(_distinct(_indexed(_normal(text[:_MAX_TEXT]))), MAX_TERMS))


def query_terms(text: str) -> list[str]:
    """The terms that a text must all have to be found; at most MAX_QUERY_TERMS, in order.

    Empty when the query holds no word: that is no search at all, and finds nothing.
    """
    return list(islice(_distinct(_asked(_normal(text[:_MAX_QUERY]))), MAX_QUERY_TERMS))


def _normal(text: str) -> str:
    # Folding can undo the normal form, so it is made once more (Unicode 3.13, NFKC_Casefold).
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def _indexed(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        if run["unspaced"]:
            yield from run[0]
            yield from map("".join, pairwise(run[0]))
        else:
            yield run[0][:MAX_TERM_LENGTH]


def _asked(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        if run["unspaced"] and len(run[0]) > 1:
            yield from map("".join, pairwise(run[0]))
        else:
            yield run[0][:MAX_TERM_LENGTH]


def _distinct(found: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for term in found:
        if term not in seen:
            seen.add(term)
            yield term
