"""Packages that a folder's package-lock.json pins, for what programs of npm's judge or build."""

import shutil
import subprocess
from pathlib import Path


class Skipped(Exception):
    """Something is missing; the message says what."""


def node_and_npm(folder: Path) -> tuple[str, str]:
    """Node and npm, once the packages of the folder's lock are installed in it. Raises Skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Skipped("node and npm are not on PATH")
    stamp, lock = folder / "node_modules" / ".ready", folder / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        if subprocess.run(command, cwd=folder, check=False).returncode:
            raise Skipped("its packages could not be installed")
        stamp.touch()
    return node, npm
