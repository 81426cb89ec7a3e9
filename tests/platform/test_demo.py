"""The demo's life with stand-ins for the upper rooms: real engines, processes and signals."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keystall.platform.engines.ports import LOOPBACK, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SEEDED = {
    "operator": {"email": "olga@example.org", "password": "operator-pw"},
    "shops": [
        {
            "name": "鹿鹿点卡",
            "slug": "lulu",
            "admin_token": "token-1",
            "merchant": {"email": "lulu@example.org", "password": "merchant-pw"},
        }
    ],
}

APP = textwrap.dedent("""
    import os
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def ready(request):
        return PlainTextResponse(f"{os.getpid()} {request.headers['host']}")

    app = Starlette(routes=[Route("/readyz", ready)])
""")

PREPARE = textwrap.dedent("""
    import asyncio, asyncpg, os, sys
    from pathlib import Path

    async def main():
        owner = await asyncpg.connect(os.environ["KEYSTALL_OWNER_DATABASE_URL"])
        await owner.execute("CREATE TABLE prepared (id int)")
        await owner.close()

    asyncio.run(main())
    Path(sys.argv[1]).write_text(os.environ["TEST_SEEDED"])
""")

# Slower than the web, and waiting for the same as the true one does once it has started.
WORKER = textwrap.dedent("""
    import os, time
    from pathlib import Path
    from redis import Redis
    from redis.exceptions import RedisError

    time.sleep(0.7)
    Path(os.environ["TEST_WORKER"]).touch()
    while True:
        try:
            Redis.from_url(os.environ["KEYSTALL_REDIS_URL"]).blpop(["nothing"])
        except RedisError:
            time.sleep(0.05)
""")

PARENT = textwrap.dedent("""
    import sys
    from pathlib import Path
    from rich.console import Console
    from keystall.platform.demo.installation import Commands, Options
    from keystall.platform.demo.run import Demo

    home, port, code, web = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    commands = Commands(
        web=(sys.executable, "-m", "keystall.platform.web.server", "app:app"),
        worker=(sys.executable, str(code / "worker.py")),
        prepare=(sys.executable, str(code / "prepare.py")),
        schema=(code / "prepare.py",),
    )
    Demo(Options(home, port=port, web=web), commands, Console()).run()
""")


class RunningDemo:
    def __init__(self, folder: Path, *, port: int | None = None, web: int = 1) -> None:
        self.home = folder / "home"
        self.port = port or free_port()
        code = folder / "code"
        code.mkdir(exist_ok=True)
        (code / "app.py").write_text(APP)
        (code / "prepare.py").write_text(PREPARE)
        (code / "worker.py").write_text(WORKER)
        self.worker_waits = code / "worker-waits"
        environment = {
            "TEST_SEEDED": json.dumps(SEEDED),
            "TEST_WORKER": str(self.worker_waits),
            "PYTHONPATH": os.pathsep.join((str(code), os.environ.get("PYTHONPATH", ""))),
        }
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(self.home), str(self.port), str(code), str(web)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
        )

    def wait_until_ready(self) -> dict[str, Any]:
        assert eventually(lambda: (self.home / "demo.json").exists() or not self.is_running(), 60)
        assert self.is_running(), self.parent.communicate()[0]
        told: dict[str, Any] = json.loads((self.home / "demo.json").read_text())
        return told

    def is_running(self) -> bool:
        return self.parent.poll() is None

    def get(self, path: str = "/readyz") -> str:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        connection.request("GET", path, headers={"Host": "lulu.localhost"})
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def children(self) -> dict[int, str]:
        """Command lines by process id of everything below the parent."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if int(fields[1]) == self.parent.pid and fields[0] != "Z":
                found[int(folder.name)] = command
        return found

    def stop(self, number: int = signal.SIGTERM) -> str:
        self.parent.send_signal(number)
        output: str = self.parent.communicate(timeout=20)[0]
        return output


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningDemo]]:
    running: list[RunningDemo] = []

    def start_one(**options: Any) -> RunningDemo:
        running.append(RunningDemo(tmp_path, **options))
        return running[-1]

    yield start_one
    for demo in running:
        if demo.is_running():
            demo.stop()
        elif demo.parent.stdout:
            demo.parent.stdout.close()


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_demo_tells_where_it_is_and_starts_again_with_what_it_had(
    start: Callable[..., RunningDemo],
) -> None:
    first = start()
    told = first.wait_until_ready()
    host = first.get().split()[1]
    output = first.stop(signal.SIGINT)
    # Preparing twice would fail: the table is there.
    second = start(port=first.port)
    again = second.wait_until_ready()

    far_side = int(told["mail_url"].removesuffix("/mail").rpartition(":")[2])
    assert told == {
        "platform_url": f"http://localhost:{first.port}",
        "mail_url": f"http://mail.localhost:{far_side}/mail",
        "operator": SEEDED["operator"],
        "shops": [
            {
                "name": "鹿鹿点卡",
                "slug": "lulu",
                "url": f"http://lulu.localhost:{first.port}",
                "storefront_graphql": f"http://lulu.localhost:{first.port}/graphql/storefront",
                "admin_graphql": f"http://localhost:{first.port}/graphql/admin",
                "admin_token": "token-1",
                "merchant": {"email": "lulu@example.org", "password": "merchant-pw"},
            }
        ],
    }
    assert again["shops"] == told["shops"]
    assert host == "lulu.localhost"
    assert first.parent.returncode == 0
    assert "merchant-pw" in output
    assert (first.home / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_demo_says_that_it_runs_when_its_worker_does_too(
    start: Callable[..., RunningDemo],
) -> None:
    demo = start()
    demo.wait_until_ready()

    # Or the first buyer would pay and wait for a worker that is still loading.
    assert demo.worker_waits.exists()


def test_whatever_dies_comes_back(start: Callable[..., RunningDemo]) -> None:
    demo = start(web=2)
    demo.wait_until_ready()
    before = demo.children()
    assert len(before) == 6  # postgres, valkey, far side, two web, worker

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def all_back() -> bool:
        now = demo.children()
        return sorted(now.values()) == sorted(before.values()) and not set(now) & set(before)

    assert eventually(all_back)
    assert demo.get().split()[1] == "lulu.localhost"


def test_a_killed_demo_leaves_no_process_and_starts_again(
    start: Callable[..., RunningDemo],
) -> None:
    demo = start()
    demo.wait_until_ready()
    pids = list(demo.children())
    demo.parent.kill()
    demo.parent.wait()

    assert eventually(lambda: not any(is_alive(pid) for pid in pids), 10)
    assert len(pids) == 5
    (demo.home / "demo.json").unlink()
    start(port=demo.port).wait_until_ready()


def test_a_busy_port_is_named_before_anything_starts(start: Callable[..., RunningDemo]) -> None:
    with socket.create_server((LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]
        demo = start(port=port)
        output = demo.parent.communicate(timeout=20)[0]

    assert demo.parent.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in output
    assert not demo.home.exists()


def test_two_demos_never_share_a_home(start: Callable[..., RunningDemo]) -> None:
    first = start()
    first.wait_until_ready()
    second, same_port = start(), start(port=first.port)
    outputs = [
        " ".join(one.parent.communicate(timeout=20)[0].split()) for one in (second, same_port)
    ]

    told = (
        f"a demo runs in {first.home} already (process {first.parent.pid}): "
        f"open http://localhost:{first.port}, or stop it"
    )
    assert [told if told in output else output for output in outputs] == [told, told]
    assert first.get().split()[1] == "lulu.localhost"


def test_a_folder_with_something_else_in_it_is_left_alone(
    start: Callable[..., RunningDemo], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    demo = start()
    output = demo.parent.communicate(timeout=20)[0]

    assert "holds something that is no Keystall demo" in output
    assert [entry.name for entry in demo.home.iterdir()] == ["thesis.txt"]
