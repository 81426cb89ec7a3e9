"""`keystall worker`: the processes that work in the background."""

import typer

from keystall.platform.cli.settings import settings_or_exit
from keystall.platform.logs import configure_logs
from keystall.platform.metrics import serve_metrics
from keystall.workers import settings as worker_settings

app = typer.Typer()


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
