"""What every provider of sign-in does for us, and how it says no."""

from dataclasses import dataclass
from typing import Literal, Protocol

import httpx2

ProviderName = Literal["google", "github", "qq", "wechat"]
PROVIDERS: tuple[ProviderName, ...] = ("wechat", "qq", "google", "github")
"""In the order in which pages offer them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one browser. `verifier` and `nonce` are ours alone until the provider is asked.

    `redirect_uri` is where the provider sends the browser back to, as registered with it.
    """

    redirect_uri: str
    state: str
    verifier: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider: every name that it may know them by later, the widest first.

    `email` only where the provider itself has verified it.
    """

    subjects: tuple[str, ...]
    email: str | None = None


class ProviderRefused(Exception):
    """The provider did not vouch for anybody. The text is for our log: it holds no secret."""


class ProviderAway(Exception):
    """The provider did not answer, or not as it should."""


class SignInProvider(Protocol):
    """A provider with our keys at hand."""

    def authorize_url(self, attempt: Attempt) -> str:
        """Where the browser asks its person."""
        ...

    async def identity(self, http: httpx2.AsyncClient, attempt: Attempt, code: str) -> Identity:
        """Who came back with `code`. Raises ProviderRefused, ProviderAway."""
        ...
