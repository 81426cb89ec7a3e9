"""The GraphiQL page and the files it loads, all from this installation.

Each operation of `samples/<surface>.graphql` opens in a tab of its own; a block of JSON in the
comment above it, begun by "Variables:", becomes its variables.
"""

from functools import cache
from importlib import resources
from string import Template
from typing import Any

import orjson
from graphql import OperationDefinitionNode, parse, print_ast
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_HERE = resources.files("keystall.graphql.graphiql")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:;"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""GraphiQL styles its dialogs inline; scripts come from files only."""

_TYPES = {
    "graphiql.min.css": "text/css",
    "graphiql.min.js": "text/javascript",
    "react-dom.production.min.js": "text/javascript",
    "react.production.min.js": "text/javascript",
    "start.css": "text/css",
    "start.js": "text/javascript",
}


@cache
def samples(surface: str) -> tuple[dict[str, Any], ...]:
    """The sample operations of a schema, as GraphiQL's tabs (`variables` as JSON text)."""
    text = (_HERE / "samples" / f"{surface}.graphql").read_text("utf-8")
    tabs = []
    for definition in parse(text).definitions:
        if not isinstance(definition, OperationDefinitionNode) or definition.loc is None:
            raise ValueError(f"samples of {surface} hold operations only")
        above = text[: definition.loc.start].rpartition("}\n\n")[2]
        comments = [line.removeprefix("#").strip() for line in above.splitlines() if line]
        words = " ".join(comments)
        told, _, variables = words.partition("Variables:")
        tabs.append(
            {
                "query": f"# {told.strip()}\n{print_ast(definition)}\n",
                "variables": variables.strip(),
            }
        )
    return tuple(tabs)


@cache
def _page(surface: str) -> str:
    page = Template((_HERE / "page.html").read_text("utf-8"))
    # Inside a script element only "<" could end it.
    encoded = orjson.dumps(samples(surface)).decode().replace("<", "\\u003c")
    return page.substitute(samples=encoded)


def wants_page(request: Request) -> bool:
    """Whether a GET comes from a browser's address bar rather than from a GraphQL client."""
    return "text/html" in request.headers.get("accept", "") and "query" not in request.query_params


def page(surface: str) -> Response:
    """GraphiQL for the endpoint of `surface`."""
    return HTMLResponse(
        _page(surface), headers={"content-security-policy": POLICY, "cache-control": "no-cache"}
    )


@cache
def _file(name: str) -> bytes:
    return (_HERE / "assets" / name).read_bytes()


async def asset(request: Request) -> Response:
    """One of the page's files; 404 for any other name."""
    name = request.path_params["name"]
    if name not in _TYPES:
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=86400"}
    return Response(_file(name), headers=headers, media_type=_TYPES[name])
