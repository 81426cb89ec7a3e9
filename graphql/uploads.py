"""Files that programs send, by leave of `stagedUploadCreate`: raw bytes, kept as pages keep theirs.

The leave is the whole authority: no cookie, no session and no token of the shop is looked at. It is
used up before the first byte of the file is read, so nothing can be sent in two tries under one id.
For servers: no other site's page may send here.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keystall.graphql import arrival, ids
from keystall.graphql.arrival import caller_of
from keystall.graphql.wording import worded
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.files.service import picture_upload
from keystall.tenants.files.staging import (
    MAX_CODES_BYTES,
    Stage,
    exactly,
    stage_of_secret,
    stage_take,
)
from keystall.tenants.installation import Installation
from keystall.tenants.languages import LOCALES
from keystall.tenants.stock.uploads import codes_upload

_NEVER_KEPT = {"cache-control": "no-store"}
_STATUS = {"FILE_TOO_LARGE": 413, "CONFLICT": 409}


@dataclass(frozen=True, slots=True)
class Uploads:
    """The handler of one process."""

    installation: Installation

    def route(self) -> Route:
        """Its route on the installation's host."""
        # A byte more than there may be is ours to refuse, in our words.
        room = Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_CODES_BYTES + 1024)
        return Route(
            "/uploads/{file:uuid}", self.answer, methods=["PUT", "POST"], middleware=[room]
        )

    async def answer(self, request: Request) -> Response:
        """201 and the upload's id; else `errors`, with 401 (no leave, or an old one), 409 (used),
        413 (longer than was said), 415 (of another type than was said) or 422."""
        coming = stage_of_secret(self.installation.keys, _bearer(request))
        if coming is None or coming.file != request.path_params["file"]:
            return self._refused(request, UserError("NOT_FOUND", ("file",)), 401)
        if request.headers.get("content-type", "").lower() != coming.media_type:
            return self._refused(request, UserError("INVALID", ("mime_type",)), 415)
        told = request.headers.get("content-length", "")
        try:
            if told.isdigit() and int(told) != coming.size:
                raise refuse("FILE_TOO_LARGE" if int(told) > coming.size else "INVALID", "file")
            await stage_take(self.installation, coming)
            await self._keep(coming, request)
        except Refused as refused:
            error = refused.errors[0]
            return self._refused(request, error, _STATUS.get(error.code, 422))
        answer = {"uploadId": ids.encode("Upload", coming.file)}
        return JSONResponse(answer, 201, _NEVER_KEPT)

    async def _keep(self, coming: Stage, request: Request) -> None:
        keep = codes_upload if coming.purpose == "codes" else picture_upload
        chunks = exactly(_chunks(request), coming.size)
        await keep(self.installation, coming.shop, coming.name, chunks, file=coming.file)

    def _refused(self, request: Request, error: UserError, status: int) -> Response:
        locale = arrival.negotiated(caller_of(request), LOCALES)
        told = {"code": error.code, "message": worded(error.code, locale, error.params)}
        return JSONResponse({"errors": [told]}, status, _NEVER_KEPT)


def _bearer(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise refuse("INVALID", "file") from None
