"""Templates that were compiled by an earlier process."""

import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, pass_context

from keystall.themes.engine.compiled import Compiled


@pytest.fixture(autouse=True)
def python_keeps_what_it_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def environment(folder: Path, source: str = "{{ 6 * 7 }}", **options: Any) -> Environment:
    """As a process of its own would have it."""
    made = Environment(
        loader=DictLoader({"page": source}), autoescape=True, bytecode_cache=Compiled(folder),
        **options,
    )  # fmt: skip
    made.filters["own"] = str.upper
    return made


def drawn(made: Environment) -> tuple[str, bool]:
    """What `page` comes to, and whether it was compiled for that."""
    compiled = []
    compile_source = made.compile

    def compile_and_note(*given: Any, **more: Any) -> Any:
        compiled.append(given)
        return compile_source(*given, **more)

    made.compile = compile_and_note  # type: ignore[method-assign]
    return made.get_template("page").render(), bool(compiled)


def test_the_next_process_does_not_compile_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when-missing"

    assert drawn(environment(folder)) == ("42", True)
    assert drawn(environment(folder)) == ("42", False)
    assert [path.suffix for path in folder.iterdir()] == [".jinja"]


def test_a_changed_template_is_compiled_anew(tmp_path: Path) -> None:
    drawn(environment(tmp_path))

    assert drawn(environment(tmp_path, "{{ 6 + 7 }}")) == ("13", True)
    assert drawn(environment(tmp_path, "{{ 6 + 7 }}")) == ("13", False)


def test_an_environment_that_compiles_otherwise_has_code_of_its_own(tmp_path: Path) -> None:
    drawn(environment(tmp_path, "{{ 'a'|own }}"))
    trimming = environment(tmp_path, "{{ 'a'|own }}", trim_blocks=True)
    calling = environment(tmp_path, "{{ 'a'|own }}")
    calling.filters["own"] = pass_context(lambda context, text: f"{context.name} {text}")

    assert drawn(trimming) == ("A", True)
    assert drawn(calling) == ("page a", True)


def test_a_damaged_file_is_compiled_anew(tmp_path: Path) -> None:
    drawn(environment(tmp_path))
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"no code")

    assert drawn(environment(tmp_path)) == ("42", True)
    assert drawn(environment(tmp_path)) == ("42", False)


def test_where_nothing_may_be_written_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    unwritable = drawn(environment(occupied))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    unwanted = drawn(environment(tmp_path / "folder"))

    assert (unwritable, unwanted) == (("42", True), ("42", True))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
