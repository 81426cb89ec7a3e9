"""The gateway as one ASGI application: API, pay page, inspection, and the mail viewer's host."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Route, Router

from keystall.platform.http import http_client
from keystall.platform.payments.signing import merchant_secret
from keystall.platform.sandbox import api, inspection, mails, page
from keystall.platform.sandbox.callbacks import CallbackSender
from keystall.platform.sandbox.journal import Journal

JOURNAL_NAME = "journal.sqlite3"


def create_app(home: Path, *, secret: str, mail_folder: Path) -> Starlette:
    """The application over the journal in `home`, which is made if missing.

    Hosts that begin with `mail.` show `mail_folder`; every other host is the gateway. Callbacks go
    out while the lifespan lasts. Raises `UnusableSecret` for an empty or placeholder `secret`.
    """
    merchant_secret(secret, "")
    home.mkdir(parents=True, exist_ok=True)
    journal = Journal(home / JOURNAL_NAME)
    http = http_client()
    sender = CallbackSender(journal, secret, http)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sending = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await http.aclose()
            journal.close()

    return Starlette(
        routes=[
            Host("mail.{rest}", Router(mails.routes(mail_folder))),
            Route("/healthz", _healthy, methods=["GET"]),
            *api.routes(journal, secret),
            *page.routes(journal, sender),
            *inspection.routes(journal, sender),
        ],
        lifespan=lifespan,
    )


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
