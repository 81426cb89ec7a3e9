"""One keep-alive HTTP/1.1 connection to this machine, and an event stream; no more than needed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import orjson


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """Requests one after another to 127.0.0.1:`port`, for `host`. `close()` it.

    `source`: the loopback address to come from, where it matters (127.0.0.0/8 are all ours).
    `headers` go with every request.
    """

    def __init__(
        self,
        port: int,
        host: str,
        *,
        source: str = "127.0.0.1",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._port, self._host, self._source = port, host, source
        self._more = [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def graphql(self, path: str, query: str, **variables: Any) -> dict[str, Any]:
        """The operation's data. Raises `ValueError` for errors and user errors."""
        body = orjson.dumps({"query": query, "variables": variables})
        answer = await self.send("POST", path, body, "application/json")
        told = orjson.loads(answer.body)
        if answer.status != 200 or "errors" in told:
            raise ValueError(f"status {answer.status}: {answer.body[:400]!r}")
        data: dict[str, Any] = told["data"]
        for payload in data.values():
            if isinstance(payload, dict) and payload.get("userErrors"):
                raise ValueError(f"refused: {payload['userErrors']}")
        return data

    async def send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "", more: str = ""
    ) -> Answer:
        """`more`: a header of this request only, such as "Authorization: Bearer x"."""
        reader = await self._send(method, path, body, content_type, more)
        status, headers = await _head(reader)
        if "content-length" in headers:
            text = await reader.readexactly(int(headers["content-length"]))
        elif "chunked" in headers.get("transfer-encoding", ""):
            text = b"".join([chunk async for chunk in _chunks(reader)])
        else:
            text = b""
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, text)

    async def events(self, path: str) -> AsyncIterator[bytes]:
        """The chunks of a stream as they arrive; the connection serves nothing else after it."""
        reader = await self._send("GET", path, b"", "")
        status, headers = await _head(reader)
        if status != 200 or "text/event-stream" not in headers["content-type"]:
            raise ValueError(f"no event stream at {path}: status {status}")
        async for chunk in _chunks(reader):
            yield chunk

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects, unless it is connected; whoever times an answer does so before."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._source, 0)
            )
        return self._reader, self._writer

    async def _send(
        self, method: str, path: str, body: bytes, content_type: str, more: str = ""
    ) -> asyncio.StreamReader:
        reader, writer = await self.open()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", *self._more]
        if more:
            lines.append(more)
        if method != "GET":
            lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        return reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
