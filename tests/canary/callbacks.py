"""Telling a shop of a payment as its gateway would, or as somebody who is not the gateway.

Codes are nothing that a gateway knows or is ever told: whoever sends one in a callback is no
gateway. What is not signed must rest nowhere. What is signed is the gateway's own word, stored
whole before it is believed, as evidence of what was told: that the inbox holds it is by design.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import httpx2

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.payments.signing import CALLBACK, merchant_secret, signed_headers


@dataclass(frozen=True)
class Gateway:
    """The sandbox's own pen: `account` is the shop's payment account, `url` where it is told."""

    http: httpx2.AsyncClient
    url: str
    account: str
    secret: str

    def notice(self, **changed: Any) -> dict[str, Any]:
        """A notice that is understood, about a payment that nobody made."""
        return {
            "event_key": str(new_id()), "kind": "payment.succeeded", "reference": str(new_id()),
            "provider_reference": str(new_id()), "amount": 990, "currency": "CNY", "fee": 0,
            "merchant_id": self.account, "occurred_at": clock.now().isoformat(), **changed,
        }  # fmt: skip

    async def signed(self, notice: object) -> tuple[int, str]:
        """Tells with the right signature; answers status and text."""
        body = json.dumps(notice).encode()
        key = merchant_secret(self.secret, self.account)
        at = clock.now().timestamp()
        headers = signed_headers(key, self.account, purpose=CALLBACK, body=body, at=at)
        answer = await self.http.post(self.url, content=body, headers=headers)
        return answer.status_code, answer.text

    async def forged(self, word: str) -> list[tuple[int, str]]:
        """Tells what holds `word` in every way that is not signed: as a text, as a notice, in the
        query, and in headers, with another's signature. Answers status and text of each."""
        notice = json.dumps(self.notice(reference=word, goods=word)).encode()
        at = clock.now().timestamp()
        stranger = merchant_secret(secrets.token_urlsafe(32), self.account)
        wrong = signed_headers(stranger, self.account, purpose=CALLBACK, body=notice, at=at)
        telling = {"user-agent": word, "x-goods": word, "authorization": f"Bearer {word}"}
        answers = [
            await self.http.post(self.url, content=word),
            await self.http.post(self.url, content=notice, headers=wrong | telling),
            await self.http.post(self.url, content=notice, headers={**wrong, **_signed_by(word)}),
            await self.http.get(self.url, params={"goods": word, "reference": word}),
        ]
        return [(answer.status_code, answer.text) for answer in answers]


def _signed_by(word: str) -> dict[str, str]:
    names = ("merchant", "timestamp", "signature")
    return {f"keystall-sandbox-{name}": word for name in names}
