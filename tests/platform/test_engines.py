"""The engines as the demo runs them: real programs, killed for real."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError

from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.ports import LOOPBACK, free_port, is_free
from keystall.platform.engines.postgres import Postgres, find_postgres
from keystall.platform.engines.roles import RolePasswords, bootstrap_roles
from keystall.platform.engines.supervisor import Program, Supervisor, spawn, stop_together
from keystall.platform.engines.valkey import Valkey, find_valkey

PASSWORDS = RolePasswords(owner="owner'pw", app="app pw", system="sys/pw")


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    running = Supervisor()
    yield running
    running.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Postgres:
    # Closed to others, as a home folder is: root's server runs as nobody and must get in.
    tmp_path.chmod(0o700)
    return Postgres(tmp_path / "postgres", port=free_port(), password="a/b c", durable=False)


def start(supervisor: Supervisor, postgres: Postgres) -> subprocess.Popen[bytes]:
    postgres.initialise()
    (process,) = supervisor.start_stage(postgres.program())
    postgres.wait_until_ready(process)
    return process


def tend_until_new_pid(supervisor: Supervisor, name: str, old: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        supervisor.tend()
        if supervisor.pids().get(name, old) != old:
            return
        time.sleep(0.01)
    raise AssertionError(f"{name} never came back")


async def test_postgres_keeps_what_it_acknowledged_through_a_kill(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    durable = Postgres(tmp_path / "postgres", port=free_port(), password="pw")
    process = start(supervisor, durable)
    connection = await asyncpg.connect(durable.url("postgres"))
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
    connection.terminate()

    os.kill(process.pid, signal.SIGKILL)
    tend_until_new_pid(supervisor, "postgres", process.pid)

    rows = await connect_patiently(durable.url("postgres"))
    assert await rows.fetchval("SELECT count(*) FROM kept") == 1
    await rows.close()


async def connect_patiently(url: str) -> asyncpg.Connection:
    deadline = time.monotonic() + 20
    while True:
        try:
            return await asyncpg.connect(url)
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise


async def test_postgres_wants_a_password_and_checks_its_pages(
    supervisor: Supervisor, cluster: Postgres
) -> None:
    start(supervisor, cluster)

    connection = await asyncpg.connect(cluster.url("postgres"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url("postgres", password="wrong"))

    assert await connection.fetchval("SHOW data_checksums") == "on"
    assert await connection.fetchval("SHOW password_encryption") == "scram-sha-256"
    await connection.close()


async def test_the_three_roles_can_connect_and_nothing_more(
    supervisor: Supervisor, cluster: Postgres
) -> None:
    start(supervisor, cluster)
    await bootstrap_roles(cluster.url("postgres"), PASSWORDS)
    await bootstrap_roles(cluster.url("postgres"), PASSWORDS)

    owner = await asyncpg.connect(cluster.url("keystall", "keystall_owner", PASSWORDS.owner))
    await owner.execute("CREATE TABLE things (id int)")
    for role, password in (("app", PASSWORDS.app), ("system", PASSWORDS.system)):
        connection = await asyncpg.connect(cluster.url("keystall", f"keystall_{role}", password))
        for refused in (
            "SELECT FROM things",
            "CREATE TABLE mine (id int)",
            "CREATE TEMP TABLE x()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(refused)
        await connection.close()
    attributes = await owner.fetch(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS mighty"
        " FROM pg_roles WHERE rolname LIKE 'keystall%'"
    )
    await owner.close()

    assert [row["mighty"] for row in attributes] == [False, False, False]


async def test_valkey_keeps_what_it_took_through_a_stop(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path / "valkey", free_port(), "pw", find_valkey())
    (process,) = supervisor.start_stage(valkey.program())
    valkey.wait_until_ready(process)
    async with Redis.from_url(valkey.url) as client:
        await client.set("kept", "yes")

    os.kill(process.pid, signal.SIGTERM)
    tend_until_new_pid(supervisor, "valkey", process.pid)

    wait_for_listener(valkey.port)
    async with Redis.from_url(valkey.url, decode_responses=True) as client, asyncio.timeout(20):
        assert await got(client, "kept") == "yes"
    assert not [p for p in (tmp_path / "valkey").rglob("*.rdb") if p.parent.name == "valkey"]


async def got(client: Redis, key: str) -> Any:
    """It listens before it has read what it kept, and says so to whoever asks."""
    while True:
        try:
            return await client.get(key)
        except BusyLoadingError:
            await asyncio.sleep(0.05)


def wait_for_listener(port: int) -> None:
    deadline = time.monotonic() + 20
    while is_free(port) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_valkey_refuses_a_port_where_somebody_else_answers(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]
        valkey = Valkey(tmp_path / "valkey", port, "pw", find_valkey())

        with pytest.raises(EngineError, match=f"port {port}, meant for Valkey, is taken"):
            spawn(valkey.program())


def test_a_setting_that_names_no_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="KEYSTALL_POSTGRES_BIN"):
        find_postgres(str(tmp_path))
    with pytest.raises(EngineError, match="KEYSTALL_VALKEY_SERVER"):
        find_valkey(str(tmp_path / "valkey-server"))


def test_a_postgres_too_old_on_path_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "postgres"
    old.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert find_postgres() != tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert len(pids) == 3
    assert [pid for pid in pids if is_running(pid)] == []


PARENT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from keystall.platform.engines.ports import free_port
    from keystall.platform.engines.postgres import Postgres
    from keystall.platform.engines.supervisor import Program, Supervisor
    from keystall.platform.engines.valkey import Valkey, find_valkey

    home, supervisor = Path(sys.argv[1]), Supervisor()
    postgres = Postgres(home / "postgres", port=free_port(), password="x", durable=False)
    postgres.initialise()
    valkey = Valkey(home / "valkey", free_port(), "x", find_valkey())
    sleeper = Program("sleeper", ("/bin/sleep", "600"), home / "sleeper.log")
    started = supervisor.start_stage(postgres.program(), valkey.program(), sleeper)
    postgres.wait_until_ready(started[0])
    print(*(process.pid for process in started), flush=True)
    time.sleep(600)
""")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_program_that_keeps_dying_is_started_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start_stage(Program("falling", ("/bin/false",), tmp_path / "log"))

    pauses: list[float] = []
    deadline = time.monotonic() + 20
    while len(pauses) < 3 and time.monotonic() < deadline:
        pauses += [death.pause for death in supervisor.tend()]
        time.sleep(0.01)

    assert pauses == [0.1, 0.2, 0.4]


def test_a_program_that_ignores_its_stop_signal_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = "trap '' TERM; touch \"$0\"; while :; do sleep 0.05; done"
    program = Program("deaf", ("/bin/sh", "-c", deaf, str(ready)), tmp_path / "log", grace=0.2)
    process = spawn(program)
    while not ready.exists():
        time.sleep(0.01)

    stop_together([(program, process)])

    assert process.returncode == -signal.SIGKILL
