"""The gateway's API for merchants, every request signed; see `keystall.platform.payments.signing`.

    POST /v1/payments                       announces a payment; the same again answers the same
    GET  /v1/payments/{reference}           {"id", "page", "taken": notice | null}
    POST /v1/payments/{reference}/refunds   {"id", "state", "reason"}

A refusal is `{"code": …}` with 400, 401, 404, 409 or 422.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keystall.platform import clock
from keystall.platform.money import exponent
from keystall.platform.payments.signing import (
    MERCHANT_HEADER,
    BadSignature,
    check_signature,
    merchant_secret,
)
from keystall.platform.sandbox import payments
from keystall.platform.sandbox.journal import Journal
from keystall.platform.sandbox.payments import Order, Refusal, Return

MAX_BODY = 64 * 1024
Handler = Callable[[Request], Awaitable[Response]]
_Wire = TypeVar("_Wire", bound=BaseModel)
_URL = r"^https?://[^\s/?#]+(/\S*)?$"
# Plain characters only: a reference is also a part of paths, which servers decode at their whim.
_REFERENCE = Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")


class _OrderBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    reference: str = _REFERENCE
    amount: int = Field(gt=0, lt=2**53)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    description: str = Field(max_length=300)
    locale: Literal["zh-CN", "en"]
    notify_url: str = Field(pattern=_URL, max_length=2000)
    return_url: str = Field(pattern=_URL, max_length=2000)
    expires_at: AwareDatetime

    @field_validator("currency")
    @classmethod
    def _known(cls, currency: str) -> str:
        exponent(currency)
        return currency


class _RefundBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    refund_reference: str = _REFERENCE
    provider_reference: str = _REFERENCE
    amount: int = Field(gt=0, lt=2**53)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


async def body_of(request: Request) -> bytes:
    """The raw body. Raises `Refusal` 400 above `MAX_BODY`, without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(400, "BODY_TOO_LARGE")
    return bytes(body)


def parsed(kind: type[_Wire], body: bytes) -> _Wire:
    """`body` as `kind`. Raises `Refusal` 422."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "BODY"
        raise Refusal(422, f"INVALID_{field.upper()}") from None


def answering(handler: Handler) -> Handler:
    """Turns a `Refusal` into its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return JSONResponse({"code": refusal.code}, status_code=refusal.status)

    return answer


def routes(journal: Journal, secret: str) -> list[Route]:
    """The API's routes over `journal`, merchants' keys derived from `secret`."""

    async def create(request: Request) -> Response:
        merchant, body = await _signed(request, secret)
        wire = parsed(_OrderBody, body).model_dump()
        order = Order(**{**wire, "expires_at": wire["expires_at"].timestamp()})
        now = clock.now().timestamp()
        row = await journal.run(lambda db: payments.create(db, merchant, order, now))
        return JSONResponse(_names(row), status_code=201)

    async def show(request: Request) -> Response:
        merchant, _ = await _signed(request, secret)
        reference = request.path_params["reference"]
        now = clock.now().timestamp()
        return JSONResponse(await journal.run(lambda db: _told(db, merchant, reference, now)))

    async def give_back(request: Request) -> Response:
        merchant, body = await _signed(request, secret)
        wanted = Return(**parsed(_RefundBody, body).model_dump())
        reference = request.path_params["reference"]
        now = clock.now().timestamp()

        def work(db: sqlite3.Connection) -> dict[str, str]:
            return payments.refund(db, payments.known(db, merchant, reference), wanted, now)

        return JSONResponse(await journal.run(work))

    return [
        Route("/v1/payments", answering(create), methods=["POST"]),
        Route("/v1/payments/{reference}", answering(show), methods=["GET"]),
        Route("/v1/payments/{reference}/refunds", answering(give_back), methods=["POST"]),
    ]


async def _signed(request: Request, secret: str) -> tuple[str, bytes]:
    """Merchant and body of a well signed request. Raises `Refusal` 401."""
    body = await body_of(request)
    merchant = request.headers.get(MERCHANT_HEADER, "")
    path = request.scope["raw_path"].decode("ascii")
    try:
        check_signature(
            merchant_secret(secret, merchant),
            request.headers,
            purpose=f"{request.method} {path}",
            body=body,
            at=clock.now().timestamp(),
        )
    except BadSignature:
        raise Refusal(401, "BAD_SIGNATURE") from None
    return merchant, body


def _told(db: sqlite3.Connection, merchant: str, reference: str, now: float) -> dict[str, Any]:
    row = payments.known(db, merchant, reference)
    taken = payments.takings(payments.events_of(db, row["id"]), now)
    return {**_names(row), "taken": payments.notice(row, taken[0]) if taken else None}


def _names(row: sqlite3.Row) -> dict[str, str]:
    return {"id": row["id"], "page": f"/p/{row['id']}"}
