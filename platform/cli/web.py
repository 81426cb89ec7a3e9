"""`keystall web`: the processes that answer requests."""

from typing import Annotated

import typer

from keystall.platform.cli.settings import settings_or_exit
from keystall.platform.web.server import serve

app = typer.Typer()

WEB_APP = "keystall.platform.asgi:app"


@app.command()
def web(
    bind: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Answer requests: shops, console, operator desk and GraphQL. Run as many as you like.

    Example:

        keystall web --bind 0.0.0.0 --port 8000
    """
    serve(settings_or_exit(), WEB_APP, bind=bind, port=port)
