"""WeChat, for websites (open.weixin.qq.com, "网站应用微信登录"): a code to scan, and no address.

Not quite OAuth: `appid` and `secret` for the client's names, the parameters of the first address in
a fixed order and a fragment after them, refusals as `errcode` with status 200 and text/plain.
`openid` is the person's name for our application only, `unionid` for all of its owner's.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2

from keystall.platform.oauth.asking import text, told
from keystall.platform.oauth.port import Attempt, Identity


@dataclass(frozen=True, slots=True)
class WeChat:
    """WeChat with our website application's keys; `at` answers for people, `api` for programs."""

    client_id: str
    client_secret: str
    at: str = "https://open.weixin.qq.com"
    api: str = "https://api.weixin.qq.com"

    def authorize_url(self, attempt: Attempt) -> str:
        asked = urlencode(
            {
                "appid": self.client_id, "redirect_uri": attempt.redirect_uri,
                "response_type": "code", "scope": "snsapi_login", "state": attempt.state,
            }
        )  # fmt: skip
        return f"{self.at}/connect/qrconnect?{asked}#wechat_redirect"

    async def identity(self, http: httpx2.AsyncClient, attempt: Attempt, code: str) -> Identity:
        answer = await told(
            http, "GET", f"{self.api}/sns/oauth2/access_token",
            params={
                "appid": self.client_id, "secret": self.client_secret, "code": code,
                "grant_type": "authorization_code",
            },
        )  # fmt: skip
        union = answer.get("unionid")
        wider = (f"unionid:{union}",) if isinstance(union, str) and union else ()
        return Identity((*wider, f"openid:{text(answer, 'openid')}"))
