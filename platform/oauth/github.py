"""GitHub, by OAuth 2 with PKCE (docs.github.com, "Authorizing OAuth apps").

Its refusals of a code come with status 200. The address is the primary one, where it is verified;
GitHub's own addresses that forward nothing are none.
"""

from dataclasses import dataclass

import httpx2
from authlib.oauth2.client import OAuth2Client

from keystall.platform.oauth.asking import asked, text, told
from keystall.platform.oauth.port import Attempt, Identity, ProviderAway

_NO_MAIL = "@users.noreply.github.com"


@dataclass(frozen=True, slots=True)
class GitHub:
    """GitHub with our keys; `at` answers for people, `api` for programs."""

    client_id: str
    client_secret: str
    at: str = "https://github.com"
    api: str = "https://api.github.com"

    def authorize_url(self, attempt: Attempt) -> str:
        client = OAuth2Client(
            None, self.client_id, scope="user:email", code_challenge_method="S256",
            redirect_uri=attempt.redirect_uri,
        )  # fmt: skip
        url, _ = client.create_authorization_url(
            f"{self.at}/login/oauth/authorize", attempt.state, attempt.verifier
        )
        return str(url)

    async def identity(self, http: httpx2.AsyncClient, attempt: Attempt, code: str) -> Identity:
        answer = await told(
            http, "POST", f"{self.at}/login/oauth/access_token",
            headers={"accept": "application/json"},
            data={
                "code": code, "client_id": self.client_id, "client_secret": self.client_secret,
                "redirect_uri": attempt.redirect_uri, "code_verifier": attempt.verifier,
            },
        )  # fmt: skip
        headers = {
            "authorization": f"Bearer {text(answer, 'access_token')}",
            "accept": "application/vnd.github+json",
            "user-agent": "keystall",  # its API refuses whoever names none
        }
        person = await told(http, "GET", f"{self.api}/user", headers=headers)
        mails = await asked(http, "GET", f"{self.api}/user/emails", headers=headers)
        if not isinstance(mails, list):
            raise ProviderAway("no list of addresses")
        proven = (
            mail["email"]
            for mail in mails
            if isinstance(mail, dict) and mail.get("primary") is True
            if mail.get("verified") is True and isinstance(mail.get("email"), str)
        )
        email = next(proven, None)
        if email is not None and email.lower().endswith(_NO_MAIL):
            email = None
        return Identity((text(person, "id"),), email)
