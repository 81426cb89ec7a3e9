"""The emulator on a real socket: Stripe's API, its pay page, webhooks under a test's control."""

import asyncio
import contextlib
import html
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from stripe import WebhookSignature
from stripe.params import (
    DisputeRetrieveParams,
    PaymentIntentRetrieveParams,
    RefundCreateParams,
    RefundListParams,
    WebhookEndpointCreateParams,
)
from stripe.params.checkout import SessionCreateParams, SessionRetrieveParams

from keystall.platform.http import http_client
from tests.payments.wire import JsonObject, StripeError, checked, decode, expanded, invalid, missing
from tests.payments.world import DAY, World

Do = Callable[[World, JsonObject, str], JsonObject]


def a_key(prefix: str = "sk_test") -> str:
    """A key as Stripe makes them."""
    return f"{prefix}_51{secrets.token_hex(24)}"


@dataclass
class _Kept:
    """An answer kept for an idempotency key."""

    asked: str
    status: int
    body: JsonObject
    at: float


@dataclass(repr=False)
class Emulator:
    """Stripe. `down`: it answers nothing but errors; `losing`: so many next answers to POSTs are
    lost on the way, after what they answer has happened; `calls`: method and path of each."""

    url: str
    http: httpx2.AsyncClient
    worlds: dict[str, World] = field(default_factory=dict)
    down: bool = False
    losing: int = 0
    calls: list[str] = field(default_factory=list)
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)

    def account(self, key: str = "") -> World:
        """A new Stripe account with its key."""
        key = key or a_key()
        world = self.worlds[key] = World(key, livemode=key[3:7] == "live")
        world.account["id"] = f"acct_{secrets.token_hex(8)}"
        return world

    def forget(self) -> None:
        """A day and more has passed: keys of idempotency are gone."""
        self._kept.clear()

    # Webhooks

    def signed(self, endpoint: JsonObject, event: JsonObject) -> tuple[dict[str, str], bytes]:
        """Headers and body with which an event is delivered now."""
        body = json.dumps(event, ensure_ascii=False)
        signature = WebhookSignature.generate_signature_header(
            body, endpoint["secret"], int(time.time())
        )
        return {"stripe-signature": signature, "content-type": "application/json"}, body.encode()

    async def deliver(self, world: World, *events: JsonObject) -> list[int]:
        """Delivers events to every endpoint that wants them, answers what they were answered."""
        answers = []
        for event in events:
            for endpoint in world.of_kind("webhook_endpoint"):
                if event["type"] in endpoint["enabled_events"]:
                    headers, body = self.signed(endpoint, event)
                    answer = await self.http.post(endpoint["url"], content=body, headers=headers)
                    answers.append(answer.status_code)
        return answers

    async def deliver_new(self, world: World) -> list[int]:
        """Delivers what was not delivered yet, in order."""
        events, world.events = world.events, []
        return await self.deliver(world, *events)

    # API

    async def api(self, request: Request) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        try:
            if self.down:
                raise StripeError(503, "api_error", "Down for maintenance")
            return await self._answered(request)
        except StripeError as error:
            return JSONResponse(error.body, error.status)

    async def _answered(self, request: Request) -> Response:
        world = self._world(request)
        body = (await request.body()).decode() if request.method == "POST" else request.url.query
        params = decode(parse_qsl(body, keep_blank_values=True))
        key = request.headers.get("idempotency-key", "")
        asked = json.dumps([request.method, request.url.path, params], sort_keys=True)
        kept = self._kept.get((world.key, key)) if request.method == "POST" else None
        replayed = kept is not None and time.time() - kept.at < DAY
        if kept is not None and replayed and kept.asked != asked:
            raise StripeError(
                400, "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}'.",
            )  # fmt: skip
        if kept is None or not replayed:
            kept = _Kept(asked, 200, self._done(world, request, params), time.time())
            if request.method == "POST":
                self._kept[world.key, key] = kept
                if self.losing:
                    self.losing -= 1
                    return Response("upstream went away", 502)
        headers = {"request-id": "req_" + secrets.token_hex(7)}
        if replayed:
            headers["idempotent-replayed"] = "true"
        return JSONResponse(kept.body, kept.status, headers)

    def _world(self, request: Request) -> World:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.worlds:
            raise StripeError(401, "invalid_request_error", f"Invalid API Key: {key[:8]}***")
        return self.worlds[key]

    def _done(self, world: World, request: Request, params: JsonObject) -> JsonObject:
        _, _, *path = request.url.path.split("/")
        name = path.pop() if path[-1].partition("_")[0] in _PREFIXES else ""
        do = _ACTIONS.get((request.method, "/".join(path), bool(name)))
        if do is None:
            raise StripeError(404, "invalid_request_error", "Unrecognized request URL")
        if world.key.startswith("rk_") and path[0] in ("account", "webhook_endpoints"):
            raise StripeError(403, "invalid_request_error", "The key has no permission for that.")
        done = do(world, params, name)
        if path == ["checkout", "sessions"] and not done["url"]:
            done["url"] = world.things[done["id"]]["url"] = f"{self.url}/pay/{done['id']}"
        return done

    # The page

    def _session(self, request: Request) -> tuple[World, JsonObject]:
        name = request.path_params["session"]
        for world in self.worlds.values():
            if name in world.things:
                session = world.things[name]
                world.expire_if_due(session)
                return world, session
        raise missing("session")

    async def page(self, request: Request) -> Response:
        try:
            _, session = self._session(request)
        except StripeError as error:
            return JSONResponse(error.body, error.status)
        return HTMLResponse(_page(session))

    async def pay(self, request: Request) -> Response:
        """What the buyer pressed: pay, fail, later (on its way, as some methods are)."""
        world, session = self._session(request)
        form = dict(parse_qsl((await request.body()).decode()))
        if session["status"] != "open" or form.get("do") == "fail":
            return HTMLResponse(_page(session, failed=True))
        paid = form.get("do") == "pay"
        world.complete(session, paid=paid, method=form.get("method", "card"))
        await self.deliver_new(world)
        return RedirectResponse(session["success_url"], 303)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/pay/{session}", self.page, methods=["GET"]),
                Route("/pay/{session}", self.pay, methods=["POST"]),
                Route("/v1/{path:path}", self.api, methods=["GET", "POST", "DELETE"]),
            ]
        )


def _page(session: JsonObject, *, failed: bool = False) -> str:
    """The hosted page, as bare as may be. A method's button pays, fails, or pays later."""
    buttons = "".join(
        f'<form method="post"><input type="hidden" name="method" value="{method}">'
        + "".join(
            f'<button name="do" value="{do}" id="{method}-{do}">{do} with {method}</button>'
            for do in ("pay", "later", "fail")
        )
        + "</form>"
        for method in session["payment_method_types"]
    )
    told = "" if session["status"] == "open" else f"<p>This page is {session['status']}.</p>"
    told += "<p>Your payment was declined.</p>" if failed else ""
    return (
        f'<!doctype html><html lang="{session["locale"]}"><meta charset="utf-8">'
        f"<title>Stripe emulator</title><h1>{html.escape(session['x_name'])}</h1>"
        f"<p>{session['amount_total']} {session['currency']}</p>{told}"
        + (buttons if session["status"] == "open" else "")
        + f'<p><a href="{html.escape(session["cancel_url"])}">Back</a></p></html>'
    )


def _listed(things: list[JsonObject]) -> JsonObject:
    return {"object": "list", "data": things, "has_more": False, "url": "/v1"}


def _create_session(world: World, params: JsonObject, _: str) -> JsonObject:
    asked = checked(SessionCreateParams, params)
    if asked.get("adaptive_pricing", {}).get("enabled") is not False:
        raise invalid("the emulator converts nothing", param="adaptive_pricing")
    return world.open_session(asked)


def _get(kind: str, params_kind: type) -> Do:
    def get(world: World, params: JsonObject, name: str) -> JsonObject:
        asked = checked(params_kind, params)
        found = world.thing(kind, name)
        if kind == "checkout.session":
            world.expire_if_due(found)
        return expanded(found, asked.get("expand", []), world.things)

    return get


def _list_refunds(world: World, params: JsonObject, _: str) -> JsonObject:
    asked = checked(RefundListParams, params)
    found = world.of_kind("refund", payment_intent=asked["payment_intent"])
    listed = _listed(found[: asked.get("limit", 10)])
    return expanded(listed, asked.get("expand", []), world.things)


def _create_refund(world: World, params: JsonObject, _: str) -> JsonObject:
    return dict(world.refund(checked(RefundCreateParams, params)))


def _create_endpoint(world: World, params: JsonObject, _: str) -> JsonObject:
    asked = checked(WebhookEndpointCreateParams, params)
    if world.livemode and not asked["url"].startswith("https://"):
        raise invalid("Invalid URL: live-mode endpoints must be https", code="url_invalid")
    made = world.new("webhook_endpoint", "we", **asked, secret=f"whsec_{secrets.token_hex(16)}")
    return dict(made)


def _list_endpoints(world: World, params: JsonObject, _: str) -> JsonObject:
    found = world.of_kind("webhook_endpoint")
    # The secret is told once, by the request that made the endpoint.
    return _listed([{k: v for k, v in one.items() if k != "secret"} for one in found])


def _delete_endpoint(world: World, params: JsonObject, name: str) -> JsonObject:
    world.thing("webhook_endpoint", name)
    del world.things[name]
    return {"id": name, "object": "webhook_endpoint", "deleted": True}


_PREFIXES = {"cs", "pi", "re", "dp", "we"}
_ACTIONS: dict[tuple[str, str, bool], Do] = {
    ("GET", "account", False): lambda world, params, _: world.account,
    ("POST", "checkout/sessions", False): _create_session,
    ("GET", "checkout/sessions", True): _get("checkout.session", SessionRetrieveParams),
    ("GET", "payment_intents", True): _get("payment_intent", PaymentIntentRetrieveParams),
    ("GET", "refunds", False): _list_refunds,
    ("POST", "refunds", False): _create_refund,
    ("GET", "disputes", True): _get("dispute", DisputeRetrieveParams),
    ("POST", "webhook_endpoints", False): _create_endpoint,
    ("GET", "webhook_endpoints", False): _list_endpoints,
    ("DELETE", "webhook_endpoints", True): _delete_endpoint,
}


@contextlib.asynccontextmanager
async def emulated(port: int = 0) -> AsyncIterator[Emulator]:
    """A running emulator at a host of its own, at any free port unless told which."""
    listening = socket.create_server(("127.0.0.1", port))
    async with http_client() as http:
        there = Emulator(f"http://stripe.localhost:{listening.getsockname()[1]}", http)
        config = uvicorn.Config(there.app(), log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        running: Awaitable[None] = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(30):
                while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                    await asyncio.sleep(0.01)
            yield there
        finally:
            server.should_exit = True
            await running
            listening.close()
