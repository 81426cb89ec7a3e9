"""Static files under content-hashed addresses: kept for ever, never stale.

`/assets/<hash>/app.css` is served from `themes/assets/`; a wrong hash is 404, so an address can
never show other bytes than those it was made of.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keystall.themes.paths import THEMES

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Assets:
    """All assets in memory (a few hundred kilobytes), with their hashes."""

    files: dict[str, bytes]
    hashes: dict[str, str]

    def url(self, name: str) -> str:
        """The address of an asset. Raises KeyError for an unknown one."""
        return f"/assets/{self.hashes[name]}/{name}"

    async def serve(self, request: Request) -> Response:
        """Starlette endpoint of `/assets/{hash}/{name:path}`."""
        name = request.path_params["name"]
        if self.hashes.get(name) != request.path_params["hash"]:
            return Response(status_code=404)
        headers = {"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"}
        media = _TYPES[Path(name).suffix]
        return Response(self.files[name], media_type=media, headers=headers)

    def route(self) -> Route:
        """The route that serves them."""
        return Route("/assets/{hash}/{name:path}", self.serve, methods=["GET"])


def load_assets(root: Path = THEMES / "assets") -> Assets:
    """Read and hash every known kind of file below `root`."""
    paths = sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in _TYPES)
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in paths}
    hashes = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in files.items()}
    return Assets(files, hashes)
