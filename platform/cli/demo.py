"""`keystall demo`: the whole product on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from keystall.platform.demo.home import HomeError
from keystall.platform.demo.installation import Commands, Options
from keystall.platform.demo.run import Demo, DemoError
from keystall.platform.engines.errors import EngineError

WEB_APP = "keystall.platform.asgi:app"
ROOT = Path(__file__).parents[2]

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Folder that everything is kept in.")] = Path("home"),
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where shops and console are.")
    ] = 8000,
    bind: Annotated[
        str, typer.Option(help="127.0.0.1: this machine only; 0.0.0.0: its network too.")
    ] = "127.0.0.1",
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what the folder holds.")] = False,
    web: Annotated[int, typer.Option(min=1, max=64, help="How many web processes.")] = 1,
    postgres_bin: Annotated[
        str, typer.Option(envvar="KEYSTALL_POSTGRES_BIN", help="Folder of PostgreSQL's programs.")
    ] = "",
    valkey_server: Annotated[
        str, typer.Option(envvar="KEYSTALL_VALKEY_SERVER", help="Valkey's or Redis's program.")
    ] = "",
    stripe_url: Annotated[
        str, typer.Option(envvar="KEYSTALL_STRIPE_URL", help="What stands in for Stripe, in tests.")
    ] = "",
) -> None:
    """Run the whole product on this machine, with three shops, play money and readable mail.

    Needs nothing but Python: PostgreSQL and Valkey come along and keep their data in the folder.

    Examples:

        keystall demo
        keystall demo --home ~/shops --port 9000 --web 2
        keystall demo --fresh
    """
    options = Options(home, port, bind, fresh, web, postgres_bin, valkey_server, stripe_url)
    try:
        Demo(options, _commands(), Console(highlight=False)).run()
    except (DemoError, HomeError, EngineError) as error:
        typer.echo(f"keystall demo: {error}", err=True)
        raise typer.Exit(1) from None


def _commands() -> Commands:
    here = (sys.executable, "-m")
    return Commands(
        web=(*here, "keystall.platform.web.server", WEB_APP),
        worker=(*here, "keystall", "worker"),
        prepare=(*here, "keystall.platform.cli.prepare"),
        schema=(ROOT / "tenants" / "migrations",),
    )
