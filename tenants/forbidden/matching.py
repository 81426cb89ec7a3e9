"""Whether a text has a forbidden term, however it is spelled out. Pure.

Text and term are brought to one form (NFKC, case-folded, accents, zero-width characters and HTML
entities undone) and compared letter by letter; what stands between two letters is judged apart:

- in scripts without spaces (Chinese, Japanese, Korean) a term is found wherever it stands, through
  spaces and marks, but not across the end of a clause: "水枪，支持退款" has no "枪支";
- in the others it must be a word: "gift" is not in "gifted", it is in "gift-shop", "g.i.f.t" and
  "gift2". Letters set apart by spaces ("g i f t", "gi ft") are a word where no piece of it has more
  than two of them, so that "the rapist" is no "therapist";
- a space within a term stands for any gap or none: "gift card" is in "giftcard" and "gift-card".

What looks alike but is another letter ("g1ft", Cyrillic "а") is another letter, and a plural is
another word: those are terms of their own.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_UNSPACED = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U000323af]"
)
_ACCENT = re.compile("[\u0300-\u036f]")
_CLAUSE = frozenset(",;:!?。、")
_WIDEST = 3
"""Characters between two letters of one word, at most."""
_PIECE = 2
_SHORTEST_SPACED = 3
"""Letters of a word that is looked for with spaces between them, at least."""

JOINED, MARKS, SPACE, CLAUSE, BREAK = range(5)
"""What stands between a letter and the one before: nothing, marks, a space, the end of a clause, a
line break or too much."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A text as its letters, and for each what stands before it; the first has a BREAK."""

    letters: str
    gaps: bytes


def spread(text: str) -> Spread:
    """The text brought to the form in which terms are looked for."""
    letters: list[str] = []
    gaps = bytearray()
    between = "\n"
    for character in _normal(text):
        if not character.isalnum():
            between += character
            continue
        letters.append(character)
        gaps.append(_gap(between))
        between = ""
    return Spread("".join(letters), bytes(gaps))


def contains(text: Spread, term: Spread) -> bool:
    """Whether `text` has `term`, which has a letter."""
    at = text.letters.find(term.letters)
    while at >= 0:
        if _is_word(text, at, len(term.letters), term) and _holds_together(text, at, term):
            return True
        at = text.letters.find(term.letters, at + 1)
    return False


def found_in(text: str, terms: Sequence[Spread]) -> list[int]:
    """Which of the terms a text has, by their places."""
    looked = spread(text)
    return [place for place, term in enumerate(terms) if contains(looked, term)]


def _normal(text: str) -> str:
    plain = unicodedata.normalize("NFKD", html.unescape(text))
    # Accents of Latin, Greek and Cyrillic alone: other scripts' marks make other letters.
    plain = _ACCENT.sub("", plain)
    folded = unicodedata.normalize("NFKC", plain).casefold()
    return "".join(c for c in unicodedata.normalize("NFKC", folded) if _shows(c))


def _shows(character: str) -> bool:
    return character in "\n\r\t" or unicodedata.category(character) not in ("Cf", "Cc")


def _gap(between: str) -> int:
    if not between:
        return JOINED
    if len(between) > _WIDEST or "\n" in between or "\r" in between:
        return BREAK
    if not _CLAUSE.isdisjoint(between):
        return CLAUSE
    return SPACE if any(c.isspace() for c in between) else MARKS


def _class(letter: str) -> int:
    if _UNSPACED.match(letter):
        return 0
    return 1 if letter.isdigit() else 2


def _is_word(text: Spread, at: int, length: int, term: Spread) -> bool:
    """Whether the letters at a place are no part of a longer word."""
    end = at + length
    before = at and text.gaps[at] == JOINED and _same_word(text.letters[at - 1], term.letters[0])
    after = (
        end < len(text.letters)
        and text.gaps[end] == JOINED
        and _same_word(text.letters[end], term.letters[-1])
    )
    return not (before or after)


def _same_word(one: str, other: str) -> bool:
    return _class(one) == _class(other) != 0


def _holds_together(text: Spread, at: int, term: Spread) -> bool:
    """Whether nothing parts the letters at a place that may not stand in the term."""
    for word in _words(term):
        if word.start and text.gaps[at + word.start] >= CLAUSE:
            return False
        pieces = [at + word.start]
        for place in range(word.start + 1, word.stop):
            gap = text.gaps[at + place]
            spaced = all(_class(c) for c in term.letters[place - 1 : place + 1])
            if gap == BREAK or (gap == CLAUSE and not spaced):
                return False
            if spaced and gap in (SPACE, CLAUSE):
                pieces.append(at + place)
        if not _spelled_out([*pieces, at + word.stop]):
            return False
    return True


def _words(term: Spread) -> Iterator[range]:
    """The words of a term, as ranges of its letters."""
    starts = [place for place, gap in enumerate(term.gaps) if gap != JOINED]
    for start, stop in pairwise([*starts, len(term.letters)]):
        yield range(start, stop)


def _spelled_out(pieces: Sequence[int]) -> bool:
    """Whether spaces between these pieces of a word are a trick and no spaces between words."""
    if len(pieces) == 2:
        return True
    long_enough = pieces[-1] - pieces[0] >= _SHORTEST_SPACED
    return long_enough and all(stop - start <= _PIECE for start, stop in pairwise(pieces))
