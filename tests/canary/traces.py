"""Finding a secret in bytes, however it was encoded on the way.

A code that leaked may lie there raw, as hex, base64, URL-encoded, UTF-16, compressed not at all: we
look for every window of eight characters of it in each of these forms.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from ahocorasick_rs import BytesAhoCorasick

WINDOW = 8


def needles(secret: str) -> dict[bytes, str]:
    """Byte strings that would betray `secret`, with the name of their encoding."""
    found: dict[bytes, str] = {}
    for start in range(len(secret) - WINDOW + 1):
        window = secret[start : start + WINDOW]
        raw = window.encode()
        found[raw] = "raw"
        found[raw.lower()] = "raw, lower case"
        found[raw.hex().encode()] = "hex"
        found[raw.hex().upper().encode()] = "hex"
        found[window.encode("utf-16-le")] = "utf-16-le"
        found[window.encode("utf-16-be")] = "utf-16-be"
        found["".join(f"%{byte:02X}" for byte in raw).encode()] = "url, every byte"
        found.setdefault(quote(window, safe="").encode(), "url")
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            for shift in range(3):
                # Only the characters that depend on the window alone, whatever stands before it.
                padded = encode(b"\0" * shift + raw)
                first = -(-shift * 8 // 6)
                last = (shift + len(raw)) * 8 // 6
                found[padded[first:last]] = f"base64, shift {shift}"
    return found


def traces(secrets: list[str], places: dict[str, bytes]) -> list[str]:
    """Where any of `secrets` shows: `place: encoding` of each trace found."""
    wanted = {needle: how for secret in secrets for needle, how in needles(secret).items()}
    names = list(wanted.values())
    # One pass over each place for all needles: there are thousands, over hundreds of megabytes.
    search = BytesAhoCorasick(list(wanted))
    return sorted(
        {
            f"{place}: {names[index]}"
            for place, content in places.items()
            for index, _, _ in search.find_matches_as_indexes(content)
        }
    )


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `folder`, whole, by its relative path; those that vanish are passed over."""
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_file():
                yield str(path.relative_to(folder)), path.read_bytes()
        except OSError:
            continue
