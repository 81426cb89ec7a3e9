"""Programs of other people judge our API: `python -m tests.conformance` and one of
http, fuzz, relay, webhooks, diff, baseline.

`http` asks a demo's endpoints all that GraphQL over HTTP wants (graphql-http's audit), `fuzz` sends
them generated documents (schemathesis), `relay` has Relay's compiler take our SDL, `webhooks` has
deliveries verified by Standard Webhooks' own library (npm's; the suite has PyPI's), and `diff` says
what has changed since the last release, whose SDL is in `released/`; `baseline` writes it there.
Each is skipped, loudly, where what it takes is not installed and cannot be.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keystall.platform.engines.ports import free_port
from tests.packages import Skipped, node_and_npm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RELEASED = HERE / "released"
SURFACES = ("storefront", "admin", "operator")
_START_SECONDS = 180.0
_FUZZING = (
    "--phases", "fuzzing", "--max-examples", "20", "--seed", "1", "--no-color",
    "--checks", "answered_as_the_schema_says",
)  # fmt: skip
"""So many documents for each field. The checks are those of schemathesis.toml's hooks."""


def main(arguments: list[str]) -> int:
    """Runs one of them; 0 where it is content, or was skipped."""
    commands: dict[str, Callable[[], int]] = {
        "http": audit_http,
        "fuzz": fuzz,
        "relay": relay,
        "webhooks": webhooks,
        "diff": diff,
        "baseline": baseline,
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m tests.conformance {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]]()
    except Skipped as reason:
        print(f"SKIPPED {arguments[0]}: {reason}", file=sys.stderr)
        return 0


def audit_http() -> int:
    """Every check ok, on the storefront's endpoint and on the merchant's."""
    node, _ = node_and_npm(HERE)
    with _demo() as told:
        return max(
            _run(node, str(HERE / "audit.mjs"), url, host, *token)
            for url, host, token in _endpoints(told)
        )


def fuzz() -> int:
    """No server error and no answer against the schema, whatever is asked."""
    program = _schemathesis()
    with _demo() as told:
        outcomes = []
        for url, host, token in _endpoints(told):
            headers = [f"Host: {host}", *(f"Authorization: Bearer {one}" for one in token)]
            given = [part for header in headers for part in ("--header", header)]
            outcomes.append(_run(program, "run", url, *_FUZZING, *given, within=HERE))
        return max(outcomes)


def relay() -> int:
    """Relay's compiler takes each schema, and pages through a list of it as Relay does."""
    node, _ = node_and_npm(HERE)
    compiler = HERE / "node_modules" / "relay-compiler" / "cli.js"
    outcomes = []
    for surface in ("storefront", "admin"):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            shutil.copytree(HERE / "relay" / surface, project / "src")
            shutil.copy(ROOT / "graphql" / f"{surface}.graphql", project / "schema.graphql")
            settings = {
                "src": "src",
                "schema": "schema.graphql",
                "language": "typescript",
                "artifactDirectory": "made",
                "noSourceControl": True,
            }
            (project / "made").mkdir()
            (project / "relay.config.json").write_text(json.dumps(settings))
            outcomes.append(_run(node, str(compiler), "relay.config.json", within=project))
            made = sorted(one.name for one in (project / "made").iterdir())
            print(f"{surface}: {len(made)} artifacts: {', '.join(made)}")
    return max(outcomes)


def webhooks() -> int:
    """What a webhook sends is verified, and nothing that was changed on the way."""
    node, _ = node_and_npm(HERE)
    with _demo() as told:
        (admin,) = [one for one in _endpoints(told) if one[2]]
        url, host, token = admin
        return _run(node, str(HERE / "webhooks.mjs"), url, host, *token)


def diff() -> int:
    """Nothing that works with the last release is broken."""
    node, _ = node_and_npm(HERE)
    return _run(node, str(HERE / "diff.mjs"), str(RELEASED), str(ROOT / "graphql"))


def baseline() -> int:
    """Takes the SDL of now for that of the last release: part of making one."""
    RELEASED.mkdir(exist_ok=True)
    for surface in SURFACES:
        shutil.copy(ROOT / "graphql" / f"{surface}.graphql", RELEASED)
    return 0


def _endpoints(told: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Address, host and token of the endpoints that are judged, in a demo that runs."""
    shop = next(one for one in told["shops"] if one["slug"] == "northwind")
    for address, token in (
        (shop["storefront_graphql"], []),
        (shop["admin_graphql"], [shop["admin_token"]]),
    ):
        parts = urlsplit(address)
        yield f"http://127.0.0.1:{parts.port}{parts.path}", parts.netloc, token


def _schemathesis() -> str:
    """Schemathesis, in an environment of its own. Raises Skipped."""
    environment = ROOT / ".venv-conformance"
    program = environment / "bin" / "schemathesis"
    stamp, pins = environment / ".ready", HERE / "requirements.txt"
    if not stamp.exists() or stamp.stat().st_mtime < pins.stat().st_mtime:
        pip = str(environment / "bin" / "pip")
        if _run(sys.executable, "-m", "venv", str(environment)) or _run(
            pip, "install", "--quiet", "--require-hashes", "-r", str(pins)
        ):
            raise Skipped("schemathesis could not be installed")
        stamp.touch()
    return str(program)


@contextmanager
def _demo() -> Iterator[dict[str, Any]]:
    """A demo of its own, and what it tells of itself."""
    with tempfile.TemporaryDirectory(prefix="keystall-conformance-") as folder:
        home = Path(folder) / "home"
        log = Path(folder) / "demo.log"
        command = [sys.executable, "-m", "keystall", "demo", "--home", str(home)]
        command += ["--port", str(free_port())]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        told = home / "demo.json"
        end = time.monotonic() + _START_SECONDS
        try:
            while not told.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"the demo did not start:\n{log.read_text('utf-8')}")
                time.sleep(0.2)
            yield json.loads(told.read_text("utf-8"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _run(program: str, *arguments: str, within: Path = ROOT) -> int:
    return subprocess.run([program, *arguments], cwd=within, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
