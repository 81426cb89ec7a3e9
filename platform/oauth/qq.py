"""QQ (graph.qq.com, "OAuth2.0 开发文档"). It tells no address.

Without `fmt=json` it answers a form, and its refusals wrapped as `callback( … );`, and some of them
even with it: with status 200 in any case. `openid` is the person's name for our application only,
`unionid` for all applications of its owner, where it was granted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.oauth2.client import OAuth2Client

from keystall.platform.oauth.asking import text
from keystall.platform.oauth.port import Attempt, Identity, ProviderAway, ProviderRefused

_WRAPPED = re.compile(r"\s*callback\(\s*(\{.*\})\s*\)\s*;?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class QQ:
    """QQ with our application's keys."""

    client_id: str
    client_secret: str
    at: str = "https://graph.qq.com"

    def authorize_url(self, attempt: Attempt) -> str:
        client = OAuth2Client(
            None, self.client_id, scope="get_user_info", redirect_uri=attempt.redirect_uri
        )
        url, _ = client.create_authorization_url(f"{self.at}/oauth2.0/authorize", attempt.state)
        return str(url)

    async def identity(self, http: httpx2.AsyncClient, attempt: Attempt, code: str) -> Identity:
        answer = await self._told(
            http, "/oauth2.0/token",
            {
                "grant_type": "authorization_code", "client_id": self.client_id,
                "client_secret": self.client_secret, "code": code,
                "redirect_uri": attempt.redirect_uri,
            },
        )  # fmt: skip
        access = {"access_token": text(answer, "access_token"), "unionid": "1"}
        person = await self._told(http, "/oauth2.0/me", access)
        # A token that was made for another application says nothing of who came to us.
        if text(person, "client_id") != self.client_id:
            raise ProviderRefused("a token of another application")
        union = person.get("unionid")
        wider = (f"unionid:{union}",) if isinstance(union, str) and union else ()
        return Identity((*wider, f"openid:{text(person, 'openid')}"))

    async def _told(
        self, http: httpx2.AsyncClient, path: str, parameters: Mapping[str, str]
    ) -> Mapping[str, Any]:
        try:
            response = await http.get(self.at + path, params={**parameters, "fmt": "json"})
        except httpx2.HTTPError as error:
            raise ProviderAway(type(error).__name__) from None
        if response.status_code >= 500:
            raise ProviderAway(f"status {response.status_code}")
        wrapped = _WRAPPED.fullmatch(response.text)
        try:
            answer = json.loads(wrapped[1] if wrapped else response.text)
        except ValueError:
            raise ProviderAway("no JSON") from None
        if not isinstance(answer, dict):
            raise ProviderAway("no object")
        if answer.get("error"):
            raise ProviderRefused(str(answer["error"])[:80])
        return answer
