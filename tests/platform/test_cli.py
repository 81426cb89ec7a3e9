"""The command line, called as a person calls it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from keystall.platform.cli import COMMANDS, Later, app
from keystall.platform.settings import Settings
from keystall.tenants.identity.operators import account_create_confirmed

NAMES = [
    "demo", "web", "worker", "roles", "migrate", "operator", "keys", "backup", "restore", "doctor",
    "schema",
]  # fmt: skip


def keystall(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keystall", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"} | environment,
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as an administrator would export them."""
    given = settings.model_dump(exclude_defaults=True)
    return {f"KEYSTALL_{name.upper()}": str(value) for name, value in given.items()}


def test_help_names_every_command() -> None:
    told = keystall("--help")

    assert told.returncode == 0
    assert [one.name for one in COMMANDS] == NAMES
    assert [name for name in NAMES if f"│ {name} " not in told.stdout] == []


def test_help_loads_no_command() -> None:
    program = (
        "import sys, keystall.platform.cli as door; door.app(['--help'], standalone_mode=False)"
    )
    counted = f"{program}; print(sorted(one for one in sys.modules if one.startswith('keystall.')))"
    told = subprocess.run(
        [sys.executable, "-c", counted], capture_output=True, text=True, check=True
    )

    assert told.stdout.splitlines()[-1] == (
        "['keystall.platform', 'keystall.platform.cli', 'keystall.platform.collection']"
    )


@pytest.mark.parametrize("listed", COMMANDS, ids=lambda listed: listed.name)
def test_a_command_is_listed_with_the_first_words_of_its_own_help(listed: Later) -> None:
    own = listed.loaded().help.split("\n\n")[0]

    assert listed.help == " ".join(own.split())


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["web"],
        ["worker"],
        ["roles"],
        ["migrate"],
        ["operator", "create"],
        ["operator", "reset-second-factor"],
        ["doctor"],
        ["schema", "export"],
    ],
)
def test_the_help_of_a_command_has_an_example(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "100"})

    assert told.exit_code == 0
    assert f"keystall {' '.join(command)}" in told.stdout.partition("Example")[2]


def test_missing_settings_are_named_one_by_one_and_exit_with_2() -> None:
    told = keystall("web", KEYSTALL_PUBLIC_URL="http://localhost:8000")

    assert told.returncode == 2
    assert "KEYSTALL_DATABASE_URL: Field required" in told.stderr
    assert "KEYSTALL_PUBLIC_URL" not in told.stderr
    assert "Traceback" not in told.stderr


async def test_an_operator_is_made_and_a_weak_password_is_refused(settings: Settings) -> None:
    environment = as_environment(settings)
    weak = keystall(
        "operator", "create", "weak@example.org", KEYSTALL_OPERATOR_PASSWORD="x", **environment
    )
    made = keystall(
        "operator",
        "create",
        "olga@example.org",
        KEYSTALL_OPERATOR_PASSWORD="correct horse battery",
        **environment,
    )
    owner = await asyncpg.connect(settings.owner_database_url)
    operators = await owner.fetch(
        "SELECT email FROM accounts JOIN operators ON operators.account_id = accounts.id"
        " WHERE email IN ('weak@example.org', 'olga@example.org')"
    )
    await owner.close()

    assert (weak.returncode, "Traceback" in weak.stderr) == (2, False)
    assert made.stdout == "olga@example.org may sign in at http://localhost:8000/operator/\n"
    assert [row["email"] for row in operators] == ["olga@example.org"]


async def test_codes_are_reset_once_and_those_of_nobody_are_refused(settings: Settings) -> None:
    environment = as_environment(settings)
    account = await account_create_confirmed(
        settings.owner_database_url, "nina@example.org", "correct horse battery"
    )
    owner = await asyncpg.connect(settings.owner_database_url)
    await owner.execute(
        "insert into totp_secrets (account_id, id, wrapped, confirmed_at)"
        " values ($1, $1, '\\x00', now())",
        account,
    )
    reset = ("operator", "reset-second-factor")
    nobody = keystall(*reset, "none@example.org", **environment)
    done = keystall(*reset, "Nina@example.org", **environment)
    again = keystall(*reset, "nina@example.org", **environment)
    left = await owner.fetchval("select count(*) from totp_secrets where account_id = $1", account)
    await owner.close()

    assert (nobody.returncode, "Traceback" in nobody.stderr) == (2, False)
    assert "nobody signs in with none@example.org" in nobody.stderr
    assert done.stdout == (
        "Nina@example.org signs in with the password alone,"
        " until they set up a second step again.\n"
    )
    assert (
        again.stdout == "nina@example.org was not asked for a second step; nothing was changed.\n"
    )
    assert left == 0


def test_the_doctor_finds_a_fit_installation_fit(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as provider:
        keys = {
            "KEYSTALL_SIGN_IN_URL": f"http://127.0.0.1:{provider.getsockname()[1]}",
            "KEYSTALL_GITHUB_CLIENT_ID": "Iv1.8a61f9b3a7aba766",
            "KEYSTALL_GITHUB_CLIENT_SECRET": "3f9c1b7e5d2a4860",
        }
        told = keystall("doctor", **as_environment(settings) | keys)

    assert (told.returncode, told.stderr) == (0, "")
    assert "database as app: PostgreSQL 18 as keystall_app" in told.stdout
    address = "http://localhost:8000/oauth/github"
    assert (
        f"sign-in by github: 127.0.0.1 answers; the address to register is {address}" in told.stdout
    )


def test_the_doctor_finds_a_runtime_role_that_no_wall_binds(
    settings: Settings, superuser_url: str
) -> None:
    environment = as_environment(settings) | {"KEYSTALL_DATABASE_URL": superuser_url}
    told = keystall("doctor", **environment)

    assert told.returncode == 3
    assert "database as app: UnfitRole" in told.stdout
    assert superuser_url not in told.stdout


def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    told = keystall("migrate", **as_environment(settings))

    assert (told.returncode, told.stdout) == (0, "The schema is up to date.\n")


def test_an_export_is_compared_with_what_was_committed(tmp_path: Path) -> None:
    runner = CliRunner()
    written = runner.invoke(app, ["schema", "export", str(tmp_path)])
    same = runner.invoke(app, ["schema", "export", "--check", str(tmp_path)])
    (tmp_path / "operator.graphql").write_text("type Query { nothing: Int }\n")
    changed = keystall("schema", "export", "--check", str(tmp_path))

    assert (written.exit_code, same.exit_code, changed.returncode) == (0, 0, 3)
    assert "-type Query { nothing: Int }" in changed.stdout


def test_a_demo_refuses_to_pose_as_production(tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = keystall("demo", "--home", str(home), KEYSTALL_ENVIRONMENT="production")

    assert told.returncode == 1
    assert "KEYSTALL_ENVIRONMENT says production" in told.stderr
    assert not home.exists()
