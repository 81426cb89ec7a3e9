"""Keystall: self-service shops for digital goods, with automatic delivery.

The five rooms are folders at the repository's root; the symlinks beside this file give them their
names as packages. A checkout without symlinks (Windows) finds them by the repository root instead.
"""

from pathlib import Path

if not (Path(__file__).parent / "platform").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[2]))
