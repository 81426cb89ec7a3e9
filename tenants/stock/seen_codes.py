"""Which codes a file had before, and where first: exact but for 64 bits, 24 bytes a code.

A set of a million digests would take ten times as much. Two different codes of a file share the 64
bits that are kept with a chance of one in 37 million for a million codes; the second would be told
as a repeat.
"""

from array import array

_SMALLEST = 1 << 12


class SeenCodes:
    """An open-addressed table of lookup hashes, twice as wide as what it holds."""

    def __init__(self) -> None:
        self._width = _SMALLEST
        self._keys = array("Q", bytes(8 * _SMALLEST))
        self._lines = array("L", bytes(array("L").itemsize * _SMALLEST))
        self._count = 0

    def first(self, lookup: bytes, line: int) -> int:
        """The line that had this code first: `line` itself where none had. 32 random bytes."""
        key = int.from_bytes(lookup[:8], "little") or 1  # zero is an empty place
        place = self._place(key)
        if self._keys[place]:
            return self._lines[place]
        self._keys[place], self._lines[place] = key, line
        self._count += 1
        if self._count * 2 > self._width:
            self._widen()
        return line

    def _place(self, key: int) -> int:
        keys, mask = self._keys, self._width - 1
        place = key & mask
        while keys[place] and keys[place] != key:
            place = (place + 1) & mask
        return place

    def _widen(self) -> None:
        keys, lines = self._keys, self._lines
        self._width *= 2
        self._keys = array("Q", bytes(8 * self._width))
        self._lines = array("L", bytes(lines.itemsize * self._width))
        for key, line in zip(keys, lines, strict=True):
            if key:
                place = self._place(key)
                self._keys[place], self._lines[place] = key, line
