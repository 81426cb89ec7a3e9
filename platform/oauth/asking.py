"""Asking a provider: what it answers as JSON, whatever it calls it."""

from collections.abc import Mapping
from typing import Any

import httpx2

from keystall.platform.oauth.port import ProviderAway, ProviderRefused


async def asked(
    http: httpx2.AsyncClient, method: str, url: str, **more: Any
) -> dict[str, Any] | list[Any]:
    """The answer to one request, whatever media type it claims. A refusal may come with any status,
    200 included: reading it is the caller's. Raises ProviderAway for what is no answer."""
    try:
        response = await http.request(method, url, **more)
    except httpx2.HTTPError as error:
        raise ProviderAway(type(error).__name__) from None
    if response.status_code >= 500:
        raise ProviderAway(f"status {response.status_code}")
    try:
        answer = response.json()
    except ValueError:
        raise ProviderAway("no JSON") from None
    if not isinstance(answer, dict | list):
        raise ProviderAway("no object")
    return answer


async def told(http: httpx2.AsyncClient, method: str, url: str, **more: Any) -> Mapping[str, Any]:
    """An answer that must be an object and no refusal. Raises ProviderAway, ProviderRefused.

    `error` is OAuth's own (RFC 6749, 5.2) and GitHub's and QQ's, which send it with 200; `errcode`
    is WeChat's, where 0 is none.
    """
    answer = await asked(http, method, url, **more)
    if not isinstance(answer, dict):
        raise ProviderAway("a list")
    refused = answer.get("error") or answer.get("errcode") or answer.get("ret")
    if refused:
        raise ProviderRefused(str(refused)[:80])
    return answer


def text(answer: Mapping[str, Any], name: str) -> str:
    """A text or number of an answer that must be there. Raises ProviderAway."""
    found = answer.get(name)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise ProviderAway(f"no {name}")
    return str(found)
