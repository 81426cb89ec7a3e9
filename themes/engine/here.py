"""Where a page stands: its address and what can be made of it, for templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request

from keystall.themes.engine.pages import Page
from keystall.themes.messages import URL_CODES


@dataclass(frozen=True)
class Here:
    """`page` in a template. `posted`: it comes back from a form, whatever its address says."""

    name: str
    path: str
    locale: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    live: tuple[str, ...] = ()
    posted: bool = False

    @property
    def l(self) -> str:  # noqa: E743 - the short code in addresses, as in routes
        """The language as addresses write it."""
        return URL_CODES[self.locale]

    @property
    def url(self) -> str:
        """Path and query string of this page."""
        return self.address()

    def address(self, **changes: object) -> str:
        """This page with query values changed; None or "" takes one away."""
        query = {**self.query, **changes}
        kept = {name: str(value) for name, value in query.items() if value not in (None, "")}
        return self.path + ("?" + urlencode(kept) if kept else "")

    def switched(self, locale: str) -> str:
        """This page in another language, where addresses carry it."""
        _, _, rest = self.path.removeprefix("/").partition("/")
        return self.address().replace(self.path, f"/{URL_CODES[locale]}/{rest}", 1)

    def asked(self, name: str) -> str:
        """A value of the query string, empty where there is none."""
        return self.query.get(name, "")

    def at(self, prefix: str) -> bool:
        """Whether this page stands at or below an address: marks the current item of a menu."""
        return self.path == prefix or self.path.startswith(prefix.rstrip("/") + "/")


def here(page: Page, request: Request, locale: str) -> Here:
    """Where this request stands."""
    params = {name: str(value) for name, value in request.path_params.items()}
    return Here(
        name=page.name,
        path=quote(request.url.path),
        locale=locale,
        params=params,
        query=dict(request.query_params),
        posted=request.method == "POST",
        live=tuple(fill(topic, params) for topic in page.topics),
    )


def local(address: str) -> bool:
    """Whether an address is a path of this site, and cannot lead to another."""
    return address.startswith("/") and not address.startswith(("//", "/\\"))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """An address template with `{dotted.name}` holes filled and quoted.

    A template that is one hole is an address by itself and is taken as it is, if it is a path of
    this site or http(s). Raises KeyError for a hole without a value, ValueError for
    other addresses.
    """
    if template.startswith("{") and template.find("}") == len(template) - 1:
        address = str(_reach(template[1:-1], values))
        if address.startswith(("https://", "http://")) or local(address):
            return address
        raise ValueError(f"no address at {template}")
    parts = template.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        hole, _, rest = part.partition("}")
        filled.append(quote(str(_reach(hole, values)), safe="") + rest)
    return "".join(filled)


def _reach(path: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for step in path.split("."):
        found = found[step]
    if found is None:
        raise KeyError(path)
    return found
