"""What is asked over HTTP and is no operation: callbacks, event streams, downloads, pictures.

Plain handlers, in this one short list. Each finds its shop as an operation would: by the host on a
storefront, by session and path on the console.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from keystall.graphql import arrival, ids
from keystall.graphql.arrival import caller_of
from keystall.graphql.context import RequestContext
from keystall.graphql.keeping import Keeps
from keystall.graphql.wording import worded
from keystall.platform.files import FileMissing
from keystall.platform.later import later
from keystall.platform.live import Live
from keystall.platform.payments.port import ForgedNotice, MalformedNotice
from keystall.platform.payments.registry import UnknownProvider
from keystall.platform.web.hosts import host_name
from keystall.tenants.delivery.service import reveal_order_codes
from keystall.tenants.errors import Refused
from keystall.tenants.files.queries import picture_exists
from keystall.tenants.files.service import picture_path
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.queries import job
from keystall.tenants.orders.queries import order_by_id
from keystall.tenants.orders.tokens import order_of_token
from keystall.tenants.payments.inbox import UnknownAccount
from keystall.tenants.payments.service import receive_callback
from keystall.tenants.staff.roles import Permission
from keystall.tenants.stock.exports import codes_export, csv_line
from keystall.tenants.stock.rejects import read_rejects
from keystall.tenants.stock.sealing import KeysDestroyed
from keystall.tenants.webhooks.queries import deliveries_by_id, webhooks_by_id
from keystall.tenants.webhooks.topics import delivery_topic, webhook_topic

if TYPE_CHECKING:
    from keystall.graphql.admin import code_reveal
else:
    # With the merchants' schema, which a storefront does without.
    code_reveal = later("keystall.graphql.admin.code_reveal")

STREAM_BEAT_SECONDS = 15.0
_MISSING = PlainTextResponse("Not found.\n", 404)
_NEVER_KEPT = {"cache-control": "no-store"}
_log = structlog.get_logger()

At = Callable[[Request, RequestContext], Awaitable[Response]]
SessionOf = Callable[[Request], str | None]


def _asked_first(request: Request, refused: Refused) -> Response:
    """To the page that asks for the password, and back here after it; 404 for all else."""
    if refused.errors[0].code != "PASSWORD_NEEDED":
        return _MISSING
    slug, here = request.path_params["slug"], quote(request.url.path, safe="")
    return RedirectResponse(f"/console/{slug}/confirm?to={here}", 303, _NEVER_KEPT)


def _csv_file(lines: AsyncIterator[str], name: str) -> Response:
    headers = {**_NEVER_KEPT, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@dataclass(frozen=True)
class Handlers:
    """The handlers of one process. `session_of` reads the secret of a person's session; `keeps`
    knows shops from memory, None where the process keeps nothing."""

    installation: Installation
    live: Live
    session_of: SessionOf
    keeps: Keeps | None = None

    def shop_routes(self) -> list[Route]:
        """Routes of every shop's host."""
        return [
            Route(
                "/callbacks/{provider}/{account:uuid}",
                self._at_shop(self._callback),
                methods=["GET", "POST"],
            ),
            Route("/order/{token}/events", self._at_shop(self._order_events)),
            Route("/order/{token}/codes.txt", self._at_shop(self._codes_file)),
            Route("/files/{file:uuid}/{size}.webp", self._at_shop(self._picture)),
        ]

    def console_routes(self) -> list[Route]:
        """Routes of the installation's host: each for whoever may do what it needs."""
        return [
            Route(f"/console/{{slug}}{path}", self._at_console(handler, needed))
            for path, needed, handler in (
                ("/jobs/{job}/events", Permission.STOCK, self._job_events),
                ("/jobs/{job}/rejects.csv", Permission.STOCK, self._rejects_file),
                ("/stock/{variant}/codes.csv", Permission.STOCK, self._export_file),
                (
                    "/webhooks/deliveries/{delivery}/events",
                    Permission.WEBHOOKS,
                    self._delivery_events,
                ),
                ("/webhooks/{webhook}/events", Permission.WEBHOOKS, self._webhook_events),
                ("/files/{file:uuid}/{size}.webp", Permission.OVERVIEW, self._picture),
            )
        ]

    def _at_shop(self, handler: At) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            context = await self._guest(request, host_name(request.scope))
            return await self._with(handler, request, context)

        return handle

    async def _guest(self, request: Request, host: str) -> RequestContext | None:
        caller = caller_of(request)
        if self.keeps is None:
            return await arrival.by_host(self.installation, host, caller)
        shop = await self.keeps.shop(request.headers.get("host", ""), host)
        return arrival.at_shop(self.installation, shop, caller) if shop else None

    def _at_console(
        self, handler: At, needed: Permission
    ) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            context = await arrival.by_session(
                self.installation,
                self.session_of(request),
                caller_of(request),
                slug=request.path_params["slug"],
            )
            if context.shop is not None and needed not in context.permissions:
                raise HTTPException(403)
            return await self._with(handler, request, context if context.shop else None)

        return handle

    async def _with(
        self, handler: At, request: Request, context: RequestContext | None
    ) -> Response:
        if context is None:
            return _MISSING
        try:
            return await handler(request, context)
        finally:
            await context.reader.finish()

    async def _callback(self, request: Request, context: RequestContext) -> Response:
        """Whatever is wrong with a callback, a stranger learns only that it was refused."""
        provider: str = request.path_params["provider"]
        body = await request.body()
        try:
            status, answer = await receive_callback(
                self.installation,
                context.require_shop(),
                provider=provider,
                account=request.path_params["account"],
                headers=request.headers,
                body=body or request.url.query.encode(),
            )
        except (ForgedNotice, MalformedNotice, UnknownAccount, UnknownProvider) as error:
            _log.warning(
                "callback refused",
                shop=str(context.require_shop().id),
                provider=provider,
                reason=type(error).__name__,
            )
            return PlainTextResponse("refused\n", 400)
        return Response(answer, status, media_type="text/plain")

    def _order(self, request: Request, context: RequestContext) -> UUID | None:
        shop = context.require_shop().id
        return order_of_token(self.installation.keys, shop, request.path_params["token"])

    async def _order_events(self, request: Request, context: RequestContext) -> Response:
        order = self._order(request, context)
        shop = context.require_shop().id
        if order is None or await order_by_id(context.reader.lone(), shop, order) is None:
            return _MISSING
        return self._stream(f"{shop}:order:{order}")

    async def _job_events(self, request: Request, context: RequestContext) -> Response:
        found = ids.row_of("Job", request.path_params["job"])
        shop = context.require_shop().id
        if await job(context.reader, shop, found) is None:
            return _MISSING
        return self._stream(f"{shop}:job:{found}")

    async def _webhook_events(self, request: Request, context: RequestContext) -> Response:
        found = ids.row_of("Webhook", request.path_params["webhook"])
        shop = context.require_shop().id
        if not await webhooks_by_id(context.reader, shop, [found]):
            return _MISSING
        return self._stream(f"{shop}:{webhook_topic(found)}")

    async def _delivery_events(self, request: Request, context: RequestContext) -> Response:
        found = ids.row_of("WebhookDelivery", request.path_params["delivery"])
        shop = context.require_shop().id
        if not await deliveries_by_id(context.reader, shop, [found]):
            return _MISSING
        return self._stream(f"{shop}:{delivery_topic(found)}")

    def _stream(self, topic: str) -> Response:
        """An event stream that says "changed" whenever the topic does, and once at its start, for
        what changed before it was open. It holds no connection to the database, and ends when the
        process stops."""

        async def events() -> AsyncIterator[bytes]:
            with self.live.listening(topic) as changed:
                changed.set()
                while not self.live.ending:
                    told = await self.live.wait(changed, STREAM_BEAT_SECONDS)
                    yield b"event: changed\ndata:\n\n" if told else b": beat\n\n"

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)

    async def _codes_file(self, request: Request, context: RequestContext) -> Response:
        """The codes of a delivered order, one a line, without those that turned out bad; each
        recorded as revealed."""
        order = self._order(request, context)
        shop = context.require_shop().id
        view = order and await order_by_id(context.reader, shop, order)
        if not view or view.status != "delivered":
            return _MISSING
        try:
            codes = await reveal_order_codes(
                self.installation, shop, view.id, address=context.address, good_only=True
            )
        except KeysDestroyed:
            return _MISSING
        return PlainTextResponse(
            "".join(f"{code}\n" for code in codes.values()),
            headers={
                "cache-control": "no-store",
                "content-disposition": f'attachment; filename="{view.number}.txt"',
            },
        )

    async def _export_file(self, request: Request, context: RequestContext) -> Response:
        """All codes of a variant, as CSV; recorded. The password comes first."""
        variant = ids.row_of("Variant", request.path_params["variant"])
        shop = context.require_shop().id
        try:
            await code_reveal.require_confirmed(context)
            lines = await codes_export(
                self.installation,
                shop,
                variant,
                actor=context.actor,
                address=context.address,
                user_agent=context.user_agent,
            )
        except Refused as refused:
            return _asked_first(request, refused)
        return _csv_file(lines, f"codes-{request.path_params['slug']}.csv")

    async def _rejects_file(self, request: Request, context: RequestContext) -> Response:
        """The lines that an import left out, with the reason of each. The password comes first."""
        shop, row = context.require_shop().id, ids.row_of("Job", request.path_params["job"])
        try:
            await code_reveal.require_confirmed(context)
        except Refused as refused:
            return _asked_first(request, refused)
        if await job(context.reader, shop, row) is None:
            return _MISSING
        await context.reader.close()

        async def lines() -> AsyncIterator[str]:
            yield "\ufeff" + csv_line(("line", "reason", "text"))
            async for step in read_rejects(self.installation, shop, row):
                yield "".join(
                    csv_line((
                        str(one.line),
                        worded(
                            f"line.{one.reason}", context.locale, {"first_line": one.first_line}
                        ),
                        one.text,
                    ))
                    for one in step
                )  # fmt: skip

        return _csv_file(lines(), "rejects.csv")

    async def _picture(self, request: Request, context: RequestContext) -> Response:
        """A picture never changes under its id, so browsers may keep it for ever."""
        shop, file = context.require_shop().id, request.path_params["file"]
        size = request.path_params["size"]
        if size not in ("large", "small") or not await picture_exists(context.reader, shop, file):
            return _MISSING
        await context.reader.close()
        path = picture_path(shop, file, thumbnail=size == "small")
        try:
            content = await self.installation.files.get(path)
        except FileMissing:
            return _MISSING
        return Response(
            content,
            media_type="image/webp",
            headers={"cache-control": "public, max-age=31536000, immutable"},
        )
