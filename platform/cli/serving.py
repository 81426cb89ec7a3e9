"""`keystall web` and `keystall worker`: the two kinds of process an installation runs."""

from typing import Annotated

import typer

from keystall.platform.cli.settings import settings_or_exit
from keystall.platform.logs import configure_logs
from keystall.platform.metrics import serve_metrics
from keystall.platform.web.server import serve
from keystall.workers import settings as worker_settings

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


@app.command()
def worker() -> None:
    """Deliver, mail and tidy up in the background. Run as many as you like.

    Example:

        keystall worker
    """
    settings = settings_or_exit()
    configure_logs(settings)
    if settings.metrics_port:
        serve_metrics(settings.metrics_port)
    worker_settings.main()
