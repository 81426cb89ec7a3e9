"""Which codes a file had before, and where first: exact but for 64 bits, 24 bytes a code.

A set of a million digests would take ten times as much. Two different codes of a file share the 64
bits that are kept with a chance of one in 37 million for a million codes; the second would be told
as a repeat.
"""

from array import array
from collections.abc import Sequence

_SMALLEST = 1 << 12
_WORDS = 4  # of eight bytes in a lookup


class SeenCodes:
    """An open-addressed table of lookup hashes, at least twice as wide as what it holds.

    `expected` codes fit without its being widened.
    """

    def __init__(self, expected: int = 0) -> None:
        self._count = 0
        self._lay_out(max(_SMALLEST, 1 << (2 * expected).bit_length()))

    def firsts(self, lookups: Sequence[bytes], lines: Sequence[int]) -> list[int]:
        """For each of the lines the one that had its code first: itself where none had.

        The lookups are 32 random bytes each, lines count from 1.
        """
        while (self._count + len(lookups)) * 2 > self._width:
            self._widen()
        table, known, mask = self._keys, self._lines, self._width - 1
        firsts = list(lines)
        # The first eight bytes of each. In one piece, since it runs once a line.
        for at, key in enumerate(array("Q", b"".join(lookups))[::_WORDS]):
            place = key & mask
            while (line := known[place]) and table[place] != key:
                place = (place + 1) & mask
            if line:
                firsts[at] = line
            else:
                table[place], known[place] = key, lines[at]
                self._count += 1
        return firsts

    def _lay_out(self, width: int) -> None:
        self._width = width
        self._keys = array("Q", (0,)) * width
        self._lines = array("I", (0,)) * width

    def _widen(self) -> None:
        keys, lines = self._keys, self._lines
        self._lay_out(2 * self._width)
        mask = self._width - 1
        for key, line in zip(keys, lines, strict=True):
            if line:
                place = key & mask
                while self._lines[place]:
                    place = (place + 1) & mask
                self._keys[place], self._lines[place] = key, line
