"""Whole journeys: a demo as anybody would start it, and a real browser in front of it."""

import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from keystall.platform.engines.ports import free_port
from keystall.platform.engines.supervisor import Program, spawn, stop_together
from tests.demos import copy_home
from tests.payments.emulator import Emulator, emulated

_START_SECONDS = 180.0


@pytest.fixture(scope="session")
def stripe_port() -> int:
    """Where the demo takes Stripe to be."""
    return free_port()


@pytest.fixture(scope="session")
async def stripe(stripe_port: int) -> AsyncIterator[Emulator]:
    """Stripe, for the demo and for the browser."""
    async with emulated(stripe_port) as there:
        yield there


@pytest.fixture(scope="package")
def demo(
    chromium_path: str,
    stripe_port: int,
    demo_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Any]]:
    """What `demo.json` of a demo says, and its `home`; for browser tests only.

    A worker has one for all the files that it is given: what a test needs in a shop it puts there,
    and it minds nothing that others left.
    """
    home = tmp_path_factory.mktemp("demo") / "home"
    copy_home(demo_home, home)
    log = home.with_suffix(".log")
    command = (sys.executable, "-m", "keystall", "demo", "--home", str(home),
               "--port", str(free_port()),
               "--stripe-url", f"http://stripe.localhost:{stripe_port}")  # fmt: skip
    program = Program(name="demo", command=command, log=log, death_signal=signal.SIGTERM, grace=20)
    process = spawn(program)
    try:
        yield _told(home / "demo.json", log) | {"home": str(home)}
    finally:
        stop_together([(program, process)])


def _told(path: Path, log: Path) -> dict[str, Any]:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if path.exists() and "Keystall is running" in log.read_text("utf-8"):
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return told
        time.sleep(0.2)
    raise TimeoutError(f"the demo did not start:\n{log.read_text('utf-8')}")


@pytest.fixture(scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    """One browser for the run; each test opens a context of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        await browser.close()
