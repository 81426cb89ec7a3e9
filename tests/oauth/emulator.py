"""Google, GitHub, QQ and WeChat on a real socket, each with its own rules and odd answers.

A code is good once, for the client it was made for, at the address it was sent to, and with the
verifier of its challenge where there was one; whatever else is asked is refused as that provider
refuses it. Written after each provider's public documents.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from keystall.platform.http import http_client


@dataclass
class Client:
    """An application as it is registered with a provider."""

    id: str
    secret: str
    redirect_uri: str


@dataclass
class Code:
    """What a code stands for until it is used."""

    provider: str
    redirect_uri: str
    challenge: str
    nonce: str
    person: dict[str, Any]


@dataclass(repr=False)
class Emulator:
    """The four of them. `people`: who is signed in at each; `denying`: they press Cancel; `down`:
    nothing but errors; `claims`: what Google says instead; `forging`: it signs with a key that it
    does not publish; `wrapping`: QQ refuses as it does without `fmt=json`."""

    url: str
    http: httpx2.AsyncClient
    clients: dict[str, Client] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Code] = field(default_factory=dict)
    denying: bool = False
    down: bool = False
    forging: bool = False
    wrapping: bool = False
    foreign: bool = False
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def reset(self) -> None:
        self.denying = self.down = self.forging = self.wrapping = self.foreign = False
        self.claims, self.asked = {}, []

    # ---- where people are asked ----

    def _authorized(self, provider: str, query: Any, client_id: str) -> Response:
        client = self.clients[provider]
        if client_id != client.id or query.get("redirect_uri") != client.redirect_uri:
            return PlainTextResponse("redirect_uri_mismatch", 400)
        if query.get("response_type") != "code" or not query.get("state"):
            return PlainTextResponse("invalid_request", 400)
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return PlainTextResponse("invalid_request", 400)
        told = {"state": query["state"]}
        if self.denying:
            told["error"] = "access_denied"
        else:
            told["code"] = secrets.token_urlsafe(12)
            self.codes[told["code"]] = Code(
                provider, client.redirect_uri, query.get("code_challenge", ""),
                query.get("nonce", ""), dict(self.people[provider]),
            )  # fmt: skip
        return RedirectResponse(f"{client.redirect_uri}?{urlencode(told)}", 302)

    async def google_asks(self, request: Request) -> Response:
        query = request.query_params
        if set(query.get("scope", "").split()) != {"openid", "email"}:
            return PlainTextResponse("invalid_scope", 400)
        return self._authorized("google", query, query.get("client_id", ""))

    async def github_asks(self, request: Request) -> Response:
        query = request.query_params
        return self._authorized("github", query, query.get("client_id", ""))

    async def qq_asks(self, request: Request) -> Response:
        query = request.query_params
        return self._authorized("qq", query, query.get("client_id", ""))

    async def wechat_asks(self, request: Request) -> Response:
        query = request.query_params
        if query.get("scope") != "snsapi_login" or list(query)[:2] != ["appid", "redirect_uri"]:
            return PlainTextResponse("Scope 参数错误或没有 Scope 权限", 400)
        return self._authorized("wechat", query, query.get("appid", ""))

    # ---- where programs ask ----

    def _spent(self, provider: str, given: Any, *, names: tuple[str, str]) -> Code | None:
        """What a code stands for, used up by whoever asks, be it rightly or not."""
        found = self.codes.pop(given.get("code", ""), None)
        client = self.clients[provider]
        if found is None or found.provider != provider:
            return None
        if (given.get(names[0]), given.get(names[1])) != (client.id, client.secret):
            return None
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if found.challenge and found.challenge != challenge:
            return None
        return found

    async def google_token(self, request: Request) -> Response:
        given = await request.form()
        code = self._spent("google", given, names=("client_id", "client_secret"))
        if code is None or given.get("redirect_uri") != code.redirect_uri or not code.challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com", "aud": self.clients["google"].id, "iat": now,
            "exp": now + 3600, "nonce": code.nonce, **code.person, **self.claims,
        }  # fmt: skip
        key = RSAKey.generate_key(2048, {"kid": "one"}) if self.forging else self._key
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        return JSONResponse({"access_token": "ya29", "expires_in": 3599, "id_token": token})

    async def google_keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def github_token(self, request: Request) -> Response:
        given = await request.form()
        if request.headers.get("accept") != "application/json":
            return PlainTextResponse("error=this+is+a+form")
        code = self._spent("github", given, names=("client_id", "client_secret"))
        if code is None or not code.challenge:
            return JSONResponse({"error": "bad_verification_code", "error_description": "…"})
        token = f"gho_{secrets.token_hex(8)}"
        self.tokens[token] = code
        return JSONResponse({"access_token": token, "scope": "user:email", "token_type": "bearer"})

    async def github_person(self, request: Request) -> Response:
        code = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if not request.headers.get("user-agent") or code is None:
            return JSONResponse({"message": "Bad credentials"}, 401)
        if request.url.path.endswith("/emails"):
            return JSONResponse(code.person["emails"])
        return JSONResponse({"id": code.person["id"], "login": "octocat", "email": "lie@x.test"})

    def _qq_says(self, answer: dict[str, Any], request: Request) -> Response:
        bare = request.query_params.get("fmt") == "json" and not (
            self.wrapping and "error" in answer
        )
        if bare:
            return PlainTextResponse(json.dumps(answer), media_type="text/html")
        return PlainTextResponse(f"callback( {json.dumps(answer)} );\n", media_type="text/html")

    async def qq_token(self, request: Request) -> Response:
        given = request.query_params
        code = self._spent("qq", given, names=("client_id", "client_secret"))
        if code is None or given.get("redirect_uri") != code.redirect_uri:
            return self._qq_says({"error": 100020, "error_description": "code is reused error"},
                                 request)  # fmt: skip
        token = secrets.token_hex(16).upper()
        self.tokens[token] = code
        return self._qq_says(
            {"access_token": token, "expires_in": "7776000", "refresh_token": "R"}, request
        )

    async def qq_me(self, request: Request) -> Response:
        code = self.tokens.get(request.query_params.get("access_token", ""))
        if code is None:
            return self._qq_says({"error": 100016, "error_description": "token check failed"},
                                 request)  # fmt: skip
        client = "somebody-else" if self.foreign else self.clients["qq"].id
        return self._qq_says({"client_id": client, **code.person}, request)

    async def wechat_token(self, request: Request) -> Response:
        code = self._spent("wechat", request.query_params, names=("appid", "secret"))
        if code is None:
            answer: dict[str, Any] = {"errcode": 40163, "errmsg": "code been used, rid: 6a"}
        else:
            answer = {"access_token": "A", "expires_in": 7200, "scope": "snsapi_login",
                      **code.person}  # fmt: skip
        return PlainTextResponse(json.dumps(answer))

    def app(self) -> Starlette:
        """All of it, each provider below its name."""

        async def counted(request: Request) -> Response:
            path = request.url.path
            self.asked.append(path)
            if self.down:
                return PlainTextResponse("bad gateway", 502)
            answer: Response = await routes[path](request)
            return answer

        routes = {
            "/google/o/oauth2/v2/auth": self.google_asks,
            "/google/token": self.google_token,
            "/google/oauth2/v3/certs": self.google_keys,
            "/github/login/oauth/authorize": self.github_asks,
            "/github/login/oauth/access_token": self.github_token,
            "/github/user": self.github_person,
            "/github/user/emails": self.github_person,
            "/qq/oauth2.0/authorize": self.qq_asks,
            "/qq/oauth2.0/token": self.qq_token,
            "/qq/oauth2.0/me": self.qq_me,
            "/wechat/connect/qrconnect": self.wechat_asks,
            "/wechat/sns/oauth2/access_token": self.wechat_token,
        }
        return Starlette(routes=[Route(path, counted, methods=["GET", "POST"]) for path in routes])


@contextlib.asynccontextmanager
async def emulated() -> AsyncIterator[Emulator]:
    """A running emulator at any free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    async with http_client() as http:
        there = Emulator(f"http://providers.localhost:{listening.getsockname()[1]}", http)
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
