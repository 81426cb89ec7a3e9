"""Adapter of the sandbox provider: the whole payment path without money.

The far side is `keystall.platform.sandbox`, reached over HTTP like any gateway. A merchant id is
the payment account's id, its secret derived from the installation's sandbox secret.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from keystall.platform import clock
from keystall.platform.payments.port import (
    Charge,
    Facts,
    ForgedNotice,
    Hint,
    MalformedNotice,
    Notice,
    ProviderRefused,
    ProviderUnavailable,
    RefundOutcome,
    Started,
)
from keystall.platform.payments.signing import (
    CALLBACK,
    MERCHANT_HEADER,
    BadSignature,
    check_signature,
    merchant_secret,
    signed_headers,
)

_TIMEOUT = httpx2.Timeout(3.0, connect=1.0)
_Body = TypeVar("_Body", bound=BaseModel)


class _NoticeBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    event_key: str = Field(min_length=1, max_length=100)
    kind: Literal["payment.succeeded", "payment.failed"]
    reference: str = Field(min_length=1, max_length=100)
    provider_reference: str = Field(min_length=1, max_length=100)
    amount: int = Field(ge=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    fee: int = Field(ge=0)
    merchant_id: str
    occurred_at: AwareDatetime

    def notice(self) -> Notice:
        return Notice(**self.model_dump())


class _StartedBody(BaseModel):
    id: str
    page: str = Field(pattern=r"^/p/[A-Za-z0-9_-]+$")


class _PaymentBody(BaseModel):
    taken: _NoticeBody | None


class _RefundBody(BaseModel):
    id: str
    state: Literal["succeeded", "failed"]
    reason: str


class SandboxProvider:
    """`PaymentProvider` over the sandbox gateway at `url`; shares `http`, which it never closes.

    Raises `UnusableSecret` at once where `secret` is empty or a placeholder.
    """

    name = "sandbox"
    can_refund = True
    acknowledgement = (200, b"success")

    def __init__(
        self, merchant_id: str, *, secret: str, url: str, http: httpx2.AsyncClient
    ) -> None:
        self._merchant_id = merchant_id
        self._secret = merchant_secret(secret, merchant_id)
        self._url = url.rstrip("/")
        self._http = http

    async def start(self, charge: Charge) -> Started:
        wire = {**asdict(charge), "expires_at": charge.expires_at.isoformat()}
        answer = await self._ask("POST", "/v1/payments", wire)
        body = _read(_StartedBody, answer)
        return Started(provider_reference=body.id, redirect_url=self._url + body.page)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            check_signature(
                self._secret, headers, purpose=CALLBACK, body=body, at=clock.now().timestamp()
            )
        except BadSignature as error:
            raise ForgedNotice(str(error)) from None
        notice = _notice(body)
        if notice.merchant_id != self._merchant_id or not self._is_addressed(headers):
            raise ForgedNotice("meant for another merchant")
        return notice

    async def look(self, hint: Hint) -> Facts | None:
        """Never of use: the sandbox's callbacks say all there is, and hint at nothing."""
        return None

    async def query(self, reference: str, provider_reference: str | None = None) -> Notice | None:
        try:
            answer = await self._ask("GET", f"/v1/payments/{quote(reference, safe='')}")
        except ProviderRefused as refusal:
            if refusal.code == "UNKNOWN_PAYMENT":
                return None
            raise
        taken = _read(_PaymentBody, answer).taken
        return taken.notice() if taken else None

    async def refund(
        self,
        *,
        reference: str,
        provider_reference: str,
        refund_reference: str,
        amount: int,
        currency: str,
    ) -> RefundOutcome:
        wire = {
            "refund_reference": refund_reference,
            "provider_reference": provider_reference,
            "amount": amount,
            "currency": currency,
        }
        path = f"/v1/payments/{quote(reference, safe='')}/refunds"
        body = _read(_RefundBody, await self._ask("POST", path, wire))
        return RefundOutcome(provider_reference=body.id, state=body.state, reason=body.reason)

    def _is_addressed(self, headers: Mapping[str, str]) -> bool:
        told = {name.lower(): value for name, value in headers.items()}
        return told.get(MERCHANT_HEADER) == self._merchant_id

    async def _ask(self, method: str, path: str, wire: object = None) -> bytes:
        body = b"" if wire is None else json.dumps(wire).encode()
        headers = signed_headers(
            self._secret,
            self._merchant_id,
            purpose=f"{method} {path}",
            body=body,
            at=clock.now().timestamp(),
        )
        headers["content-type"] = "application/json"
        try:
            answer = await self._http.request(
                method, self._url + path, content=body, headers=headers, timeout=_TIMEOUT
            )
        except httpx2.TransportError as error:
            raise ProviderUnavailable(type(error).__name__) from error
        if answer.is_success:
            return answer.content
        # Anything but a considered "no" may be a proxy, a restart, or clocks that are apart (401):
        # worth asking again.
        if answer.status_code in {400, 404, 409, 422} and (code := _code(answer.content)):
            raise ProviderRefused(code)
        raise ProviderUnavailable(f"status {answer.status_code}")


def _notice(body: bytes) -> Notice:
    try:
        return _NoticeBody.model_validate_json(body).notice()
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) or "body" for fault in error.errors()})
        raise MalformedNotice(", ".join(fields)) from None


def _read(kind: type[_Body], answer: bytes) -> _Body:
    try:
        return kind.model_validate_json(answer)
    except ValidationError as error:
        raise ProviderUnavailable("answered something else than its protocol") from error


def _code(answer: bytes) -> str:
    try:
        told = json.loads(answer)
    except ValueError:
        return ""
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else ""
