"""The database of a demo that does not run, started for one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keystall.platform.demo.home import Home
from keystall.platform.demo.installation import DemoInstallation, Options, Ports
from keystall.platform.engines.supervisor import Supervisor


@contextmanager
def sleeping_home(folder: Path) -> Iterator[DemoInstallation]:
    """The installation in `folder`, made if it is missing, locked, with its database alone running.

    Raises HomeError where a demo runs there or it is no demo's; EngineError.
    """
    home = Home(folder)
    home.open(fresh=False)
    supervisor = Supervisor()
    installation = DemoInstallation(Options(folder), home, Ports(1, 1, 1))
    try:
        installation.postgres.initialise()
        (server,) = supervisor.start_stage(installation.postgres.program())
        installation.postgres.wait_until_ready(server)
        yield installation
    finally:
        supervisor.stop()
