"""Files that programs send: with leave for one, once, and kept as the pages' are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image
from starlette.applications import Starlette

from keystall.graphql.executor import execute
from keystall.graphql.http import installation_routes
from keystall.graphql.ids import encode, row_of
from keystall.platform import clock, database
from keystall.platform.web.stack import middleware
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from keystall.tenants.stock.import_work import import_codes
from keystall.tenants.stock.uploads import codes_path
from tests.factories import a_product, a_shop, a_viewer, the_variant
from tests.graphql.asking import ask, merchant
from tests.isolation.goods import fingerprint

STAGE = """mutation ($input: StagedUploadInput!) { stagedUploadCreate(input: $input) {
  stagedUpload { uploadId url headers { name value } expiresAt } userErrors { path code } } }"""
CODES = b"SEALED-CODE-1\nSEALED-CODE-2\n"

Api = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(
        routes=installation_routes(installation), middleware=middleware(installation.settings)
    )
    base = installation.settings.public_url
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as asking:
        yield asking


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


def program(client: httpx2.AsyncClient, secret: str) -> Api:
    async def api(query: str, **variables: Any) -> dict[str, Any]:
        answer = await client.post(
            "/graphql/admin",
            headers={"authorization": f"Bearer {secret}"},
            json={"query": query, "variables": variables},
        )
        data: dict[str, Any] = answer.json()["data"]
        return data

    return api


@pytest.fixture
async def api(installation: Installation, client: httpx2.AsyncClient, shop: Shop) -> Api:
    _, secret = await api_token_create(installation, shop.id, "ERP")
    return program(client, secret)


async def staged(api: Api, content: bytes = CODES, **changed: Any) -> dict[str, Any]:
    asked = {
        "filename": "codes.txt", "mimeType": "text/plain", "bytes": len(content),
        "purpose": "CODES", **changed,
    }  # fmt: skip
    answer = (await api(STAGE, input=asked))["stagedUploadCreate"]
    assert answer["userErrors"] == []
    leave: dict[str, Any] = answer["stagedUpload"]
    return leave


def headers(leave: Mapping[str, Any]) -> dict[str, str]:
    return {header["name"]: header["value"] for header in leave["headers"]}


async def send(
    client: httpx2.AsyncClient, leave: Mapping[str, Any], content: Any = CODES, **changed: str
) -> httpx2.Response:
    return await client.put(leave["url"], content=content, headers=headers(leave) | changed)


async def files(shop: Shop) -> int:
    async with database.transaction(shop.id) as tx:
        count: int = await tx.value("select count(*) from files where shop_id = $1", shop.id)
    return count


async def test_codes_that_a_program_sends_are_sealed_and_come_into_stock(
    installation: Installation, client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    variant = await the_variant(shop, await a_product(installation, shop))
    leave = await staged(api)

    answer = await send(client, leave)

    assert (answer.status_code, answer.json()) == (201, {"uploadId": leave["uploadId"]})
    stored = await installation.files.get(codes_path(shop.id, row_of("Upload", leave["uploadId"])))
    assert b"SEALED" not in stored
    asked = """mutation ($input: CodesInput!) {
      codesImport(input: $input, idempotencyKey: "import-once") {
        job { id } userErrors { path code } } }"""
    wanted = {"variantId": encode("Variant", variant.id), "uploadId": leave["uploadId"]}
    job = (await api(asked, input=wanted))["codesImport"]
    assert job["userErrors"] == []
    row = row_of("Job", job["job"]["id"])
    async with database.transaction(shop.id) as tx:
        item = await tx.value("select id from outbox where subject_id = $1", row)
    await import_codes(installation, shop.id, item)
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from codes where shop_id = $1", shop.id) == 2


async def test_a_picture_that_a_program_sends_is_a_products(
    client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    drawn = BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, "PNG")
    picture = drawn.getvalue()
    leave = await staged(api, picture, filename="card.png", mimeType="image/png", purpose="PICTURE")
    answer = await client.post(leave["url"], content=picture, headers=headers(leave))
    assert answer.status_code == 201
    made = await api(
        """mutation ($input: ProductCreateInput!) { productCreate(input: $input) {
          product { images { id } } userErrors { path code } } }""",
        input={
            "name": "Card", "uploadIds": [leave["uploadId"]],
            "variants": [{"prices": [{"amount": "1", "currencyCode": "CNY"}]}],
        },
    )  # fmt: skip
    assert made["productCreate"] == {
        "product": {"images": [{"id": leave["uploadId"]}]}, "userErrors": [],
    }  # fmt: skip


async def test_a_leave_works_once_also_for_two_that_come_at_a_time(
    client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    leave = await staged(api)
    both = await asyncio.gather(send(client, leave), send(client, leave, CODES.lower()))
    assert sorted(answer.status_code for answer in both) == [201, 409]
    again = await send(client, leave)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "CONFLICT")
    assert await files(shop) == 1


async def test_what_is_no_leave_for_this_file_or_too_old_opens_nothing(
    installation: Installation,
    client: httpx2.AsyncClient,
    shop: Shop,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    superuser_url: str,
) -> None:
    leave, other = await staged(api), await staged(api)
    before = await fingerprint(superuser_url, shop.id)
    secret = headers(leave)["Authorization"]
    for wrong in (
        "",
        "Bearer ",
        "Bearer ks_upload_AAAA",
        secret[:-4] + "AAAA",
        "Bearer ks_upload_!!",
    ):
        answer = await send(client, leave, Authorization=wrong)
        assert answer.status_code == 401, wrong
    assert (await send(client, other, Authorization=secret)).status_code == 401
    later = clock.now() + timedelta(minutes=15)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: later)
        assert (await send(client, leave)).status_code == 401
    assert await fingerprint(superuser_url, shop.id) == before
    assert (await send(client, leave)).status_code == 201


async def test_a_file_is_of_the_length_and_type_that_were_said_or_nothing_is_kept(
    client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    async def pieces(*all_of_them: bytes) -> AsyncIterator[bytes]:
        for piece in all_of_them:
            yield piece

    leave = await staged(api)
    wrong = await send(client, leave, **{"Content-Type": "text/csv"})
    assert wrong.status_code == 415
    # What its length gives away beforehand does not use the leave up.
    assert (await send(client, leave, CODES + b"x")).status_code == 413
    assert (await send(client, leave, CODES[:-1])).status_code == 422
    assert (await send(client, leave)).status_code == 201
    for content, status, code in (
        (pieces(CODES, b"x"), 413, "FILE_TOO_LARGE"),
        (pieces(CODES[:-1]), 422, "INVALID"),
    ):
        leave = await staged(api)
        answer = await send(client, leave, content)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
        assert (await send(client, leave)).status_code == 409
    leave = await staged(api, mimeType="image/png", purpose="PICTURE")
    answer = await send(client, leave)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "PICTURE_INVALID")
    assert await files(shop) == 1


async def test_a_file_larger_than_other_requests_may_be_is_taken(
    client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    large = b"A-LONG-CODE-OF-A-LARGE-FILE-0001\n" * 70_000
    leave = await staged(api, large)
    assert (await send(client, leave, large)).status_code == 201
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select size from files where shop_id = $1", shop.id) == len(large)


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"filename": " "}, "filename", "REQUIRED"),
        ({"filename": "x" * 201}, "filename", "TOO_LONG"),
        ({"mimeType": "image/png"}, "mimeType", "INVALID"),
        ({"mimeType": "text/plain\r\nx: y"}, "mimeType", "INVALID"),
        ({"mimeType": "text/plain", "purpose": "PICTURE"}, "mimeType", "INVALID"),
        ({"bytes": 0}, "bytes", "OUT_OF_RANGE"),
        ({"bytes": 64 * 1024 * 1024 + 1}, "bytes", "OUT_OF_RANGE"),
        (
            {"bytes": 15 * 1024 * 1024 + 1, "mimeType": "image/png", "purpose": "PICTURE"},
            "bytes",
            "OUT_OF_RANGE",
        ),
    ],
)
async def test_leave_is_refused_for_what_would_be_refused(
    api: Api, changed: dict[str, Any], field: str, code: str
) -> None:
    asked = {"filename": "a.txt", "mimeType": "text/plain", "bytes": 9, "purpose": "CODES"}
    answer = await api(STAGE, input=asked | changed)
    assert answer["stagedUploadCreate"] == {
        "stagedUpload": None, "userErrors": [{"path": ["input", field], "code": code}],
    }  # fmt: skip


async def test_who_may_not_keep_files_gets_no_leave_and_another_shop_has_no_use_of_one(
    installation: Installation, client: httpx2.AsyncClient, shop: Shop, api: Api
) -> None:
    person = await a_viewer(installation)
    asked = {"filename": "a.txt", "mimeType": "text/plain", "bytes": 9, "purpose": "CODES"}
    context = merchant(installation, shop, person, role="support")
    answer = await execute("admin", STAGE, None, {"input": asked}, context)
    await context.reader.close()
    assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]

    leave = await staged(api)
    assert (await send(client, leave)).status_code == 201
    other = await a_shop(installation, person)
    variant = await the_variant(other, await a_product(installation, other))
    found = await ask(
        "admin",
        merchant(installation, other, person),
        """mutation ($v: ID!, $u: ID!) { codesImport(
          input: {variantId: $v, uploadId: $u}, idempotencyKey: "not-theirs") {
          userErrors { path code } } }""",
        v=encode("Variant", variant.id),
        u=leave["uploadId"],
    )
    assert found["codesImport"]["userErrors"] == [
        {"path": ["input", "uploadId"], "code": "NOT_FOUND"}
    ]
