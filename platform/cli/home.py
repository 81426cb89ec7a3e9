"""Settings of a demo, for commands that work beside it."""

from pathlib import Path

from pydantic import ValidationError

from keystall.platform.cli.settings import WRONG, fail, settings_or_exit
from keystall.platform.settings import Settings

_PREFIX = "KEYSTALL_"


def settings_of(home: Path | None) -> Settings:
    """The settings of the demo that runs in `home`, or of the environment where it is None.

    Exits with code 2 where there are none.
    """
    if home is None:
        return settings_or_exit()
    try:
        lines = (home.expanduser() / "environment").read_text("utf-8").splitlines()
    except OSError:
        raise fail(f"no demo has run in {home}", WRONG) from None
    pairs = (line.partition("=") for line in lines if line.startswith(_PREFIX))
    given = {name.removeprefix(_PREFIX).lower(): value.strip("'") for name, _, value in pairs}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic reads the texts
    except ValidationError:
        raise fail(f"the settings that the demo in {home} wrote are not usable", WRONG) from None
