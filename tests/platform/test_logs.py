"""What a process writes about itself."""

import json
import logging
from collections.abc import Iterator
from typing import Literal

import asyncpg
import pytest
import structlog

from keystall.platform.logs import configure_logs
from keystall.platform.settings import Settings


def settings(log_format: Literal["json", "console"]) -> Settings:
    return Settings(
        environment="test",
        public_url="http://localhost:8000",
        shops_suffix="localhost",
        database_url="postgresql://",
        system_database_url="postgresql://",
        redis_url="redis://",
        key_ring="",
        secret_key="",
        files_url="",
        mail_url="",
        mail_from="",
        log_format=log_format,
    )


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def fail_with_a_secret_in_a_local() -> None:
    plaintext = "canary-" + "code-42"
    raise RuntimeError(f"broken after {len(plaintext)}")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_locals(
    log_format: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(settings(log_format))
    try:
        fail_with_a_secret_in_a_local()
    except RuntimeError:
        structlog.get_logger().exception("job failed")

    written = capsys.readouterr().err
    assert "broken after 14" in written
    assert "canary-code-42" not in written


def test_lines_are_json_with_the_bound_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(settings("json"))
    structlog.contextvars.bind_contextvars(shop="0197")
    structlog.get_logger().info("order placed", order="42", token="canary")

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "order placed",
        "level": "info",
        "shop": "0197",
        "order": "42",
        "token": "[hidden]",
    }


def test_lines_of_other_libraries_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(settings("json"))
    logging.getLogger("somebody").warning("disk %s", "full")

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["logger"]) == ("disk full", "warning", "somebody")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_the_values_of_a_row_that_broke_a_constraint_are_not_logged(
    log_format: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(settings(log_format))
    violation = asyncpg.UniqueViolationError("duplicate key value violates a constraint")
    violation.detail = "Key (email)=(buyer@example.com) already exists."
    assert "buyer@example.com" in str(violation)
    try:
        raise violation
    except asyncpg.UniqueViolationError:
        structlog.get_logger().exception("job failed")

    written = capsys.readouterr().err
    assert "duplicate key value" in written
    assert "buyer@example.com" not in written
