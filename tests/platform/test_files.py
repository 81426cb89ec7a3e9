import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from keystall.platform.files import BadPath, FileMissing, FileStore, FileTooLarge, file_store


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return file_store(f"file://{tmp_path}/files")


def kept(tmp_path: Path) -> list[str]:
    return sorted(
        str(path.relative_to(tmp_path / "files"))
        for path in (tmp_path / "files").rglob("*")
        if path.is_file()
    )


class Upload:
    """Chunks as a client sends them; `read` counts how many were asked for."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk


async def test_a_stream_is_stored_and_read_back(store: FileStore, tmp_path: Path) -> None:
    length = await store.put_stream("shop-1/picture", Upload(b"one ", b"", b"two"), 7)

    assert length == 7
    assert await store.get("shop-1/picture") == b"one two"
    assert b"".join([piece async for piece in store.stream("shop-1/picture")]) == b"one two"
    assert kept(tmp_path) == ["shop-1/picture"]


async def test_a_stream_longer_than_one_part_is_whole(store: FileStore) -> None:
    chunks = [bytes([number]) * 1_000_000 for number in range(12)]

    await store.put_stream("shop-1/large", Upload(*chunks), 12_000_000)

    assert await store.get("shop-1/large") == b"".join(chunks)


async def test_an_upload_too_large_is_refused_before_it_is_read_whole(
    store: FileStore, tmp_path: Path
) -> None:
    upload = Upload(*[b"x" * 1000] * 100)

    with pytest.raises(FileTooLarge) as refused:
        await store.put_stream("shop-1/large", upload, 2999)

    assert refused.value.max_bytes == 2999
    assert upload.read == 3
    assert kept(tmp_path) == []


async def test_a_refused_upload_leaves_the_older_file(store: FileStore) -> None:
    await store.put("shop-1/logo", b"older")

    with pytest.raises(FileTooLarge):
        await store.put_stream("shop-1/logo", Upload(b"newer, longer"), 5)

    assert await store.get("shop-1/logo") == b"older"


async def test_an_upload_that_breaks_off_keeps_nothing(store: FileStore, tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 6_000_000
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await store.put_stream("shop-1/part", chunks(), 10_000_000)

    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "path",
    [
        "",
        "shop",
        "/shop/file",
        "shop/",
        "shop//file",
        "../shop/file",
        "shop/../other/file",
        "shop/..",
        "shop/.hidden",
        "shop/fi le",
        "shop/file\n",
        "shop/%2e%2e",
        "shop\\file",
        "shop/ﬁle",
        "shop/" + "x" * 101,
        "a/b/c/d/e/f",
    ],
)
async def test_a_path_that_is_not_ours_is_refused(store: FileStore, path: str) -> None:
    with pytest.raises(BadPath):
        await store.put(path, b"")
    with pytest.raises(BadPath):
        await store.put_stream(path, Upload(b""), 1)
    with pytest.raises(BadPath):
        await store.get(path)
    with pytest.raises(BadPath):
        await anext(aiter(store.stream(path)))
    with pytest.raises(BadPath):
        await store.delete(path)


async def test_what_was_deleted_is_missing_and_may_be_deleted_again(store: FileStore) -> None:
    await store.put("shop-1/a", b"a")

    await store.delete("shop-1/a")
    await store.delete("shop-1/a")

    with pytest.raises(FileMissing):
        await store.get("shop-1/a")
    with pytest.raises(FileMissing):
        await anext(aiter(store.stream("shop-1/a")))


@pytest.mark.parametrize("url", ["", "files", "http://bucket/x", "s3://", "file://"])
def test_an_address_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="files_url must be"):
        file_store(url)


async def test_s3_is_spoken_to_at_its_endpoint(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    objects: dict[str, bytes] = {}

    def s3(request: Request) -> Response:
        if request.method == "PUT":
            objects[request.path] = request.get_data()
            return Response("", headers={"etag": '"1"'})
        if request.method == "POST":
            [key] = re.findall("<Key>(.+?)</Key>", request.get_data(as_text=True))
            objects.pop(f"/shops/{key}", None)
            return Response(f"<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>")
        if request.path not in objects:
            return Response("<Error><Code>NoSuchKey</Code></Error>", status=404)
        headers = {"etag": '"1"', "last-modified": "Fri, 01 May 2026 12:00:00 GMT"}
        return Response(objects[request.path], headers=headers)

    httpserver.expect_request(re.compile("/shops.*")).respond_with_handler(s3)
    endpoint = f"http://127.0.0.1:{httpserver.port}"
    store = file_store(f"s3://shops/files?region=auto&endpoint={endpoint}")

    await store.put("shop-1/a", b"content")
    assert objects == {"/shops/files/shop-1/a": b"content"}
    assert await store.get("shop-1/a") == b"content"
    await store.delete("shop-1/a")
    with pytest.raises(FileMissing):
        await store.get("shop-1/a")
