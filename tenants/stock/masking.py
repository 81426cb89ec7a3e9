"""Codes as lists show them: enough to tell two apart, never enough to use or to search by."""

MASK = "••••••"
_LONGEST_END = 2
_SHORTEST_SHOWN = 8


def mask(code: str) -> str:
    """At most the first two and last two characters, and never more than a quarter of the code.

    Under 8 characters nothing shows. The mask has one length, so it does not tell the code's.
    """
    if len(code) < _SHORTEST_SHOWN:
        return MASK
    shown = min(2 * _LONGEST_END, len(code) // 4)
    head, tail = shown // 2, shown - shown // 2
    return code[:head] + MASK + code[-tail:]
