"""What the guides name exists: links, commands, settings, and documents that validate."""

import re
from pathlib import Path

import pytest
import typer
from graphql import parse, validate

from keystall.graphql.executor import SCHEMAS
from keystall.platform.cli import Later, app
from keystall.platform.settings import Settings

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "shop-front"
GUIDES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "themes" / "README.md",
     EXAMPLE / "README.md"]
)  # fmt: skip
COMMAND_SETTINGS = frozenset(
    {
        "SUPERUSER_URL", "OWNER_PASSWORD", "APP_PASSWORD", "SYSTEM_PASSWORD", "OPERATOR_PASSWORD",
        "BACKUP_PASSPHRASE",
    }
)  # fmt: skip
"""What single commands read, beside the settings of the installation."""

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_GRAPHQL = re.compile(r"^```graphql (\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_IN_SCRIPT = re.compile(r"/\* GraphQL \*/ `([^`]*)`")
_QUOTED = re.compile(r"^```tsx? (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4,}[^\n]*$", re.DOTALL | re.MULTILINE)
_GENERATED_ANCHOR = re.compile(r"[^\w\- ]")

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))


def code_in(guide: Path) -> str:
    return "\n".join(_CODE.findall(guide.read_text(encoding="utf-8")))


def anchors(guide: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    return {_GENERATED_ANCHOR.sub("", h.lower()).replace(" ", "-") for h in headings}


@each_guide
def test_links_lead_to_files_that_stand_there(guide: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]+`", "", guide.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in _LINK.findall(prose):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (guide.parent / path).resolve() if path else guide
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


@each_guide
def test_make_commands_have_a_rule(guide: Path) -> None:
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    named = re.findall(r"(?:^|[`;&]) *make ([a-z][a-z-]*)", code_in(guide), re.MULTILINE)

    assert sorted(set(named) - set(rules)) == []


@each_guide
def test_keystall_commands_and_their_options_exist(guide: Path) -> None:
    root = typer.main.get_group(app)
    context = typer.Context(root)
    wrong = []
    for line in re.findall(r"(?:^|[`\s]|bin/)keystall ((?:--)?[a-z][^`\n]*)", code_in(guide)):
        words = line.partition(" #")[0].split()
        command: object = root
        while words and hasattr(command, "get_command") and not words[0].startswith("-"):
            word = words.pop(0).rstrip(".,;:")
            command = command.get_command(context, word)
            command = command.loaded() if isinstance(command, Later) else command
        known = {option for param in getattr(command, "params", ()) for option in param.opts}
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if command is None or options - known - {"--help"}:
            wrong.append(line)

    assert wrong == []


@each_guide
def test_documents_are_valid(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    faults = [
        str(error)
        for surface, document in _GRAPHQL.findall(text)
        for error in validate(SCHEMAS[surface]._schema, parse(document))
    ]

    assert text.count("```graphql") == len(_GRAPHQL.findall(text))
    assert faults == []


@each_guide
def test_settings_that_are_named_exist(guide: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | COMMAND_SETTINGS

    named = set(re.findall(r"KEYSTALL_([A-Z][A-Z_]*[A-Z])", guide.read_text(encoding="utf-8")))

    assert sorted(named - known) == []


def test_the_guide_quotes_the_example() -> None:
    quoted = _QUOTED.findall((ROOT / "docs" / "shop-front.md").read_text(encoding="utf-8"))

    assert len(quoted) > 5
    wrong = [
        (name, text)
        for name, text in quoted
        if text not in (EXAMPLE / name).read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_the_example_s_documents_are_valid() -> None:
    files = sorted((EXAMPLE / "src").glob("*.ts*"))
    documents = [one for file in files for one in _IN_SCRIPT.findall(file.read_text("utf-8"))]

    assert len(documents) > 5
    # Together, since fragments are shared.
    errors = validate(SCHEMAS["storefront"]._schema, parse("\n".join(documents)))
    assert [str(error) for error in errors] == []


def settings_table() -> dict[str, str]:
    text = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `KEYSTALL_([A-Z_]+)` \| (\S+) \|", text, re.MULTILINE))


def test_the_table_of_settings_has_every_one() -> None:
    assert set(settings_table()) == {name.upper() for name in Settings.model_fields}


def test_the_table_of_settings_tells_true_defaults() -> None:
    told = {name: default.strip("`") for name, default in settings_table().items()}

    assert told == {
        name.upper(): "–" if field.is_required() else str(field.default or "none")
        for name, field in Settings.model_fields.items()
    }
