"""Rules of the house that no linter knows."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("graphql", "platform", "tenants", "themes", "workers")


def tracked() -> list[Path]:
    """Tracked files, and those that are about to be; links are not followed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_no_init_of_its_own(room: str) -> None:
    # It would shadow the standard library's platform, or graphql-core's graphql.
    assert not (ROOT / room / "__init__.py").exists()


def test_every_package_below_a_room_has_one() -> None:
    folders = {p.parent for p in tracked() if p.suffix == ".py"}
    inside = {
        f for f in folders if f.relative_to(ROOT).parts[:1] and len(f.relative_to(ROOT).parts) > 1
    }
    packages = {f for f in inside if f.relative_to(ROOT).parts[0] in ROOMS}

    assert [str(f) for f in sorted(packages) if not (f / "__init__.py").exists()] == []


def test_the_package_names_the_rooms_by_relative_links() -> None:
    links = {
        p.name: str(p.readlink()) for p in (ROOT / ".src/keystall").iterdir() if p.is_symlink()
    }

    assert links == {room: f"../../{room}" for room in ROOMS}


def test_no_file_names_a_package_registry() -> None:
    hosts = (
        "py" + "pi.org",
        "python" + "hosted.org",
        "registry." + "npmjs.org",
        "registry." + "yarnpkg",
    )
    options = re.compile(r"--(extra-)?index" + r"-url[ =]")

    named = [
        name
        for name, text in texts()
        if any(host in text for host in hosts) or options.search(text)
    ]

    assert named == []


def test_no_file_names_a_folder_of_this_machine() -> None:
    here = str(ROOT.parent) + "/"
    if len(ROOT.parts) < 3:
        pytest.skip("the checkout stands where its name says nothing")

    assert [name for name, text in texts() if here in text] == []


def test_every_requirement_is_pinned_by_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
        unpinned = [b.split("\n")[0] for b in blocks if "==" not in b or "--hash=sha256:" not in b]

        assert unpinned == []


def test_no_module_is_named_for_nothing() -> None:
    empty_names = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

    assert [str(p) for p in tracked() if p.suffix == ".py" and p.stem in empty_names] == []
