"""The layers around every request, driven as ASGI applications."""

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from keystall.platform.logs import HIDDEN, hide_secrets
from keystall.platform.settings import Settings
from keystall.platform.web.headers import headers_of
from keystall.platform.web.health import Unready, health_routes
from keystall.platform.web.observation import loggable_path
from keystall.platform.web.stack import BODY_LIMIT, middleware

ORIGIN = "http://lulu.localhost:8000"

SETTINGS = Settings(
    environment="test",
    public_url="http://localhost:8000",
    shops_suffix="localhost",
    database_url="postgresql://",
    system_database_url="postgresql://",
    redis_url="redis://",
    key_ring="",
    secret_key="",
    files_url="",
    mail_url="",
    mail_from="",
    sandbox_url="http://pay.localhost:8100",
    sandbox_secret="x",
)


async def echo(request: Request) -> Response:
    body = await request.body()
    own = {"content-security-policy": "default-src 'none'"} if request.query_params else {}
    return PlainTextResponse(f"{len(body)} {request.headers.get('cookie', '-')}", headers=own)


async def fall(_: Request) -> Response:
    raise RuntimeError("broken")


@pytest.fixture
def client() -> TestClient:
    both = ["GET", "POST"]
    routes = [Route(path, echo, methods=both) for path in ("/echo", "/callbacks/sandbox/1")]
    app = Starlette(routes=[*routes, Route("/fall", fall)], middleware=middleware(SETTINGS))
    return TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    written = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(written),
        cache_logger_on_first_use=False,
    )
    yield written
    structlog.configure(**before)


def test_an_answer_carries_the_headers_that_guard_it(client: TestClient) -> None:
    answer = client.get("/echo")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self' http://pay.localhost:8100" in policy
    assert "strict-transport-security" not in answer.headers


def test_an_answer_with_a_policy_of_its_own_keeps_it(client: TestClient) -> None:
    answer = client.get("/echo?own=1")

    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin", "cookie": "s=1"}, 200),
        ({"sec-fetch-site": "cross-site", "cookie": "s=1"}, 403),
        ({"sec-fetch-site": "same-site", "origin": ORIGIN, "cookie": "s=1"}, 403),
        ({"sec-fetch-site": "none", "cookie": "s=1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": ORIGIN, "cookie": "s=1"}, 200),
        ({"origin": "http://lulu.localhost:9999", "cookie": "s=1"}, 403),
        ({"origin": "http://evil.localhost:8000", "cookie": "s=1"}, 403),
        ({"origin": "null", "cookie": "s=1"}, 403),
        ({"origin": "http://[", "cookie": "s=1"}, 403),
        ({"cookie": "s=1"}, 403),
        ({"authorization": "Bearer x"}, 200),
    ],
)
def test_only_pages_of_the_same_origin_may_post(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/echo", headers=headers).status_code == status


def test_a_foreign_read_is_nobodys_business(client: TestClient) -> None:
    answer = client.get("/echo", headers={"sec-fetch-site": "cross-site", "cookie": "s=1"})

    assert answer.text == "0 s=1"


def test_a_stranger_on_an_open_path_loses_its_cookies(client: TestClient) -> None:
    answer = client.post(
        "/callbacks/sandbox/1",
        content=b"paid",
        headers={"sec-fetch-site": "cross-site", "cookie": "s=1"},
    )

    assert answer.text == "4 -"


def test_a_body_above_the_limit_is_refused(client: TestClient) -> None:
    assert client.post("/echo", content=b"x" * BODY_LIMIT).text == f"{BODY_LIMIT} -"
    assert client.post("/echo", content=b"x" * (BODY_LIMIT + 1)).status_code == 413


def test_a_request_id_is_kept_when_it_is_well_formed_and_made_otherwise(client: TestClient) -> None:
    given = client.get("/echo", headers={"x-request-id": "trace-0123456789"})
    made = client.get("/echo", headers={"x-request-id": 'x"}\tforged'})

    assert given.headers["x-request-id"] == "trace-0123456789"
    assert len(made.headers["x-request-id"]) == 32


def test_a_request_is_logged_without_its_secrets(
    client: TestClient, log_lines: io.StringIO
) -> None:
    client.get(
        "/zh/order/Zk3vT9xQ0aLmW2pRb7Yc/codes?key=canary-query",
        headers={"x-request-id": "trace-0123456789", "cookie": "canary-cookie=1"},
    )

    line = json.loads(log_lines.getvalue())
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "request_id": "trace-0123456789",
        "method": "GET",
        "path": "/zh/order/*/codes",
        "status": 404,
    }


def test_a_failure_is_logged_and_answered_with_its_id(
    client: TestClient, log_lines: io.StringIO
) -> None:
    answer = client.get("/fall")

    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert answer.status_code == 500
    assert [line["event"] for line in lines] == ["request failed", "request"]
    assert lines[1]["status"] == 500


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/zh/p/super-long-but-readable-product-name", None),
        ("/graphql/storefront", None),
        ("/assets/shop.0a1b2c3d4e5f.css", None),
        ("/confirm/Q2hlY2tUaGlzT3V0", "/confirm/*"),
        ("/en/order/0123456789abcdef0123", "/en/order/*"),
        # As a mail program or a person sends it on: with what stood around the link.
        ("/order/AZrNq0123456789abcdef0123.", "/order/*"),
        ("/en/order/AZrNq0123456789abcdef0123)/codes", "/en/order/*/codes"),
    ],
)
def test_a_logged_path_hides_what_may_be_a_token(path: str, shown: str | None) -> None:
    assert loggable_path(path) == (shown or path)


def test_values_named_like_secrets_never_reach_the_log() -> None:
    event = {"event": "x", "password": "a", "code": "b", "reset_token": "c", "error_code": "E1"}

    assert hide_secrets(None, "info", event) == {
        "event": "x",
        "password": HIDDEN,
        "code": HIDDEN,
        "reset_token": HIDDEN,
        "error_code": "E1",
    }


def test_readiness_names_what_is_not_ready_and_shows_no_reason_of_its_own() -> None:
    async def well() -> None:
        pass

    async def broken() -> None:
        raise OSError("canary: password=hunter2")

    async def late() -> None:
        raise Unready("the oldest work waits since 90 s")

    async def stuck() -> None:
        raise TimeoutError

    checks = {"database": well, "redis": broken, "outbox": late, "files": stuck}
    client = TestClient(Starlette(routes=health_routes(checks)))
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {
            "database": "ok",
            "redis": "failed",
            "outbox": "the oldest work waits since 90 s",
            "files": "failed",
        },
    }
    assert client.get("/healthz").text == "ok\n"


def test_readiness_is_200_when_everything_answers() -> None:
    async def well() -> None:
        await asyncio.sleep(0)

    answer = TestClient(Starlette(routes=health_routes({"database": well}))).get("/readyz")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_headers_that_were_put_in_the_place_of_others_are_read_anew() -> None:
    scope: dict[str, Any] = {"headers": [(b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"c")]}
    before = headers_of(scope)
    assert headers_of(scope) is before
    assert before == {"accept": "a", "cookie": "c"}
    scope["headers"] = scope["headers"][:2]
    assert headers_of(scope) == {"accept": "a"}
