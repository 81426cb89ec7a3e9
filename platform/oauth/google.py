"""Google, by OpenID Connect (openid.net/specs/openid-connect-core-1_0) with PKCE.

Its word is the signed `id_token`: issuer, audience, time, nonce and signature are checked.
"""

from dataclasses import dataclass

import httpx2
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from keystall.platform.oauth.asking import text, told
from keystall.platform.oauth.port import Attempt, Identity, ProviderAway, ProviderRefused

ISSUERS = ["https://accounts.google.com", "accounts.google.com"]
"""developers.google.com/identity/openid-connect: an ID token's `iss` is either."""
_LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Google:
    """Google with our keys; `at` answers for accounts, `api` for tokens, `certs` for keys."""

    client_id: str
    client_secret: str
    at: str = "https://accounts.google.com"
    api: str = "https://oauth2.googleapis.com"
    certs: str = "https://www.googleapis.com"

    def authorize_url(self, attempt: Attempt) -> str:
        client = OAuth2Client(
            None, self.client_id, scope="openid email", code_challenge_method="S256",
            redirect_uri=attempt.redirect_uri, nonce=attempt.nonce,
        )  # fmt: skip
        url, _ = client.create_authorization_url(
            f"{self.at}/o/oauth2/v2/auth", attempt.state, attempt.verifier
        )
        return str(url)

    async def identity(self, http: httpx2.AsyncClient, attempt: Attempt, code: str) -> Identity:
        answer = await told(
            http, "POST", f"{self.api}/token",
            data={
                "grant_type": "authorization_code", "code": code, "client_id": self.client_id,
                "client_secret": self.client_secret, "redirect_uri": attempt.redirect_uri,
                "code_verifier": attempt.verifier,
            },
        )  # fmt: skip
        keys = await told(http, "GET", f"{self.certs}/oauth2/v3/certs")
        claims = self._claims(text(answer, "id_token"), dict(keys), attempt.nonce)
        verified = claims.get("email_verified") in (True, "true")
        email = claims.get("email")
        return Identity(
            (text(claims, "sub"),), email if verified and isinstance(email, str) else None
        )

    def _claims(self, token: str, keys: dict[str, object], nonce: str) -> CodeIDToken:
        try:
            known = KeySet.import_key_set(keys)  # type: ignore[arg-type]  # it is checked within
            read = jwt.decode(token, known, algorithms=["RS256"])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderRefused(f"id_token: {type(error).__name__}") from None
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "values": ISSUERS},
                "aud": {"essential": True, "value": self.client_id},
            },
            {"nonce": nonce, "client_id": self.client_id},
        )
        try:
            claims.validate(leeway=_LEEWAY_SECONDS)
        except JoseError as error:
            raise ProviderRefused(f"id_token: {type(error).__name__}") from None
        if "exp" not in claims:
            raise ProviderAway("an id_token without an end")
        return claims
