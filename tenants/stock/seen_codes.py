"""Which codes a file had before, and where first: exact but for 64 bits, 24 bytes a code.

A set of a million digests would take ten times as much. Two different codes of a file share the 64
bits that are kept with a chance of one in 37 million for a million codes; the second would be told
as a repeat.
"""

from array import array

_SMALLEST = 1 << 12


class SeenCodes:
    """An open-addressed table of lookup hashes, at least twice as wide as what it holds.

    `expected` codes fit without its being widened.
    """

    def __init__(self, expected: int = 0) -> None:
        self._count = 0
        self._lay_out(max(_SMALLEST, 1 << (2 * expected).bit_length()))

    def first(self, lookup: bytes, line: int) -> int:
        """The line that had this code first: `line` itself where none had. 32 random bytes."""
        key = int.from_bytes(lookup[:8], "little") or 1  # zero is an empty place
        # In one piece, since it runs once a line.
        keys, mask = self._keys, self._width - 1
        place = key & mask
        while (there := keys[place]) and there != key:
            place = (place + 1) & mask
        if there:
            return self._lines[place]
        keys[place], self._lines[place] = key, line
        self._count += 1
        if self._count * 2 > self._width:
            self._widen()
        return line

    def _lay_out(self, width: int) -> None:
        self._width = width
        self._keys = array("Q", (0,)) * width
        self._lines = array("I", (0,)) * width

    def _widen(self) -> None:
        keys, lines = self._keys, self._lines
        self._lay_out(2 * self._width)
        mask = self._width - 1
        for key, line in zip(keys, lines, strict=True):
            if key:
                place = key & mask
                while self._keys[place]:
                    place = (place + 1) & mask
                self._keys[place], self._lines[place] = key, line
