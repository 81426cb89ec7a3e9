"""Documents by their hash, and shops whose API answers no others."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from keystall.graphql.executor import execute
from keystall.graphql.http import installation_routes, shop_routes
from keystall.platform import database
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from keystall.tenants.trusted_documents import service
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import ask, merchant

SHOP = "query Name { shop { name } }"
PAGE = "query Page { shop { slug } }"
OTHER = "query Other { shop { status } }"
REGISTER = """mutation ($document: String!, $name: String) {
  trustedDocumentRegister(document: $document, name: $name) {
    trustedDocument { id name documentId document cost }
    userErrors { path message code } } }"""
DELETE = """mutation ($id: ID!) {
  trustedDocumentDelete(id: $id) { deletedId userErrors { path code } } }"""
ONLY = """mutation ($on: Boolean!) {
  shopUpdate(input: {trustedOnly: $on}) { shop { trustedOnly } userErrors { code } } }"""


def sha256(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


@pytest.fixture
async def web(installation: Installation, shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    def known() -> Mapping[str, str]:
        return {sha256(PAGE): PAGE}

    app = Starlette(routes=shop_routes(installation, known))
    base = installation.settings.shop_url(shop.slug)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def post(web: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await web.post("/graphql/storefront", json=body)


async def change(installation: Installation, shop: Shop, mutation: str, **given: Any) -> Any:
    person = await a_viewer(installation)
    context = merchant(installation, shop, person)
    answer = await execute("admin", mutation, None, given, context)
    await context.reader.finish()
    assert answer.errors == ()
    assert answer.data is not None
    return next(iter(answer.data.values()))


def code(answer: httpx2.Response) -> str:
    assert "data" not in answer.json()
    found: str = answer.json()["errors"][0]["extensions"]["code"]
    return found


async def test_a_registered_document_goes_by_its_hash(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    unknown = await post(web, documentId=f"sha256:{sha256(SHOP)}")
    kept = await change(installation, shop, REGISTER, document=SHOP)
    by_id = await post(web, documentId=f"sha256:{sha256(SHOP)}")
    extension = {"persistedQuery": {"version": 1, "sha256Hash": sha256(SHOP)}}
    by_extension = await post(web, extensions=extension)
    both = await post(web, query=SHOP, extensions=extension)
    by_get = await web.get("/graphql/storefront", params={"documentId": f"sha256:{sha256(SHOP)}"})

    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert kept["userErrors"] == []
    document = kept["trustedDocument"]
    assert (document["name"], document["document"], document["cost"]) == ("Name", SHOP, 1)
    assert document["documentId"] == f"sha256:{sha256(SHOP)}"
    for answer in (by_id, by_extension, both, by_get):
        assert answer.json()["data"] == {"shop": {"name": shop.name}}


async def test_the_documents_of_our_own_pages_are_known(web: httpx2.AsyncClient) -> None:
    answer = await post(web, documentId=f"sha256:{sha256(PAGE)}")
    assert list(answer.json()["data"]) == ["shop"]


async def test_nothing_is_registered_by_asking(web: httpx2.AsyncClient) -> None:
    extension = {"persistedQuery": {"version": 1, "sha256Hash": sha256(OTHER)}}
    answered = await post(web, query=OTHER, extensions=extension)
    again = await post(web, extensions=extension)
    assert list(answered.json()["data"]) == ["shop"]
    assert code(again) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": sha256(SHOP)},
        {"documentId": f"sha256:{sha256(SHOP).upper()}"},
        {"documentId": "sha256:abc"},
        {"documentId": 1},
        {"documentId": f"sha256:{sha256(SHOP)}", "query": OTHER},
        {"documentId": f"sha256:{sha256(SHOP)}", "query": 1},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": sha256(SHOP)}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": sha256(SHOP)}},
    ],
)
async def test_what_is_no_hash_or_anothers_is_refused(
    web: httpx2.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await post(web, **body)
    assert (answer.status_code, code(answer)) == (400, "BAD_USER_INPUT")


async def test_a_shop_may_answer_trusted_documents_alone(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    await change(installation, shop, REGISTER, document=SHOP)
    switched = await change(installation, shop, ONLY, on=True)
    statuses = {
        document: (await post(web, query=document)).status_code
        for document in (SHOP, PAGE, OTHER, "{ __schema { queryType { name } } }")
    }
    refused = await post(web, query=OTHER)
    wrong_hash = await post(web, query=OTHER, documentId=f"sha256:{sha256(OTHER)}")
    by_hash = await post(web, documentId=f"sha256:{sha256(SHOP)}")
    await change(installation, shop, ONLY, on=False)
    free = await post(web, query=OTHER)

    assert switched == {"shop": {"trustedOnly": True}, "userErrors": []}
    assert list(statuses.values()) == [200, 200, 403, 403]
    assert code(refused) == "FORBIDDEN"
    assert code(wrong_hash) == "FORBIDDEN"
    assert by_hash.status_code == free.status_code == 200


async def test_a_deleted_document_is_forgotten_at_once(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    kept = await change(installation, shop, REGISTER, document=SHOP)
    row = kept["trustedDocument"]["id"]
    deleted = await change(installation, shop, DELETE, id=row)
    gone = await post(web, documentId=f"sha256:{sha256(SHOP)}")
    again = await change(installation, shop, DELETE, id=row)

    assert deleted == {"deletedId": row, "userErrors": []}
    assert code(gone) == "PERSISTED_QUERY_NOT_FOUND"
    assert again["userErrors"] == [{"path": ["id"], "code": "NOT_FOUND"}]


async def test_another_shops_documents_are_not_trusted(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    other = await a_shop(installation)
    kept = await change(installation, other, REGISTER, document=SHOP)
    answer = await post(web, documentId=f"sha256:{sha256(SHOP)}")
    deleted = await change(installation, shop, DELETE, id=kept["trustedDocument"]["id"])
    await change(installation, shop, ONLY, on=True)
    by_text = await post(web, query=SHOP)

    assert code(answer) == "PERSISTED_QUERY_NOT_FOUND"
    assert deleted["userErrors"][0]["code"] == "NOT_FOUND"
    assert code(by_text) == "FORBIDDEN"


async def test_registering_again_changes_nothing(installation: Installation, shop: Shop) -> None:
    first = await change(installation, shop, REGISTER, document=SHOP, name="Header")
    again = await change(installation, shop, REGISTER, document=SHOP, name="Other")
    assert first["trustedDocument"]["name"] == "Header"
    assert again == first


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        ("", "REQUIRED"),
        ("{ shop { name }", "DOCUMENT_FAULTY"),
        ("{ shop { none } }", "DOCUMENT_FAULTY"),
        ("fragment F on Shop { name }", "DOCUMENT_FAULTY"),
        ("{ products(first: 900) { nodes { images { url } } } }", "DOCUMENT_TOO_COSTLY"),
        ("{ shop { name } }" + " " * service.MAX_LENGTH, "TOO_LONG"),
    ],
)
async def test_what_could_not_run_is_not_kept(
    installation: Installation, shop: Shop, document: str, refusal: str
) -> None:
    told = await change(installation, shop, REGISTER, document=document)
    assert told["trustedDocument"] is None
    assert [error["code"] for error in told["userErrors"]] == [refusal]
    assert [error["path"] for error in told["userErrors"]] == [["document"]]
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from trusted_documents") == 0


async def test_what_is_wrong_is_told_in_the_readers_language(
    installation: Installation, shop: Shop
) -> None:
    context = merchant(installation, shop, await a_viewer(installation))
    context.locale = "zh-CN"
    answer = await execute("admin", REGISTER, None, {"document": "{ shop { name }"}, context)
    await context.reader.finish()
    assert answer.data is not None
    (error,) = answer.data["trustedDocumentRegister"]["userErrors"]
    assert error["message"] == (
        "这不是店铺前台 API 的有效文档：第 1 行第 16 列：这里应为 Name，却是 <EOF>。"
    )


async def test_lines_end_as_programs_write_them(installation: Installation, shop: Shop) -> None:
    """A form in a browser sends CR LF for what was pasted with LF."""
    kept = await change(installation, shop, REGISTER, document="{\r\n  shop { name }\r\n}")
    assert kept["trustedDocument"]["documentId"] == "sha256:" + sha256("{\n  shop { name }\n}")


async def test_a_fault_is_told_at_no_great_length(installation: Installation, shop: Shop) -> None:
    told = await change(installation, shop, REGISTER, document="{ " + "n" * 30_000 + " }")
    (error,) = told["userErrors"]
    assert error["code"] == "DOCUMENT_FAULTY"
    assert len(error["message"]) < 400


async def test_a_shop_has_so_many(
    installation: Installation, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_DOCUMENTS", 1)
    await change(installation, shop, REGISTER, document=SHOP)
    told = await change(installation, shop, REGISTER, document=OTHER)
    again = await change(installation, shop, REGISTER, document=SHOP)
    assert [error["code"] for error in told["userErrors"]] == ["LIMIT_REACHED"]
    assert again["userErrors"] == []


async def test_the_list_is_newest_first_and_goes_on(installation: Installation, shop: Shop) -> None:
    for document in (SHOP, PAGE, OTHER):
        await change(installation, shop, REGISTER, document=document)
    document = """query ($after: String) { trustedDocuments(first: 2, after: $after) {
      nodes { name } pageInfo { hasNextPage endCursor } } }"""
    person = await a_viewer(installation)
    first = (await ask("admin", merchant(installation, shop, person), document))["trustedDocuments"]
    after = first["pageInfo"]["endCursor"]
    second = await ask("admin", merchant(installation, shop, person), document, after=after)
    assert [node["name"] for node in first["nodes"]] == ["Other", "Page"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert [node["name"] for node in second["trustedDocuments"]["nodes"]] == ["Name"]


async def test_the_log_tells_of_documents(installation: Installation, shop: Shop) -> None:
    kept = await change(installation, shop, REGISTER, document=SHOP)
    await change(installation, shop, DELETE, id=kept["trustedDocument"]["id"])
    document = """{ activity(first: 2) { nodes { operation kind
      changes { change fields { key before after } } } } }"""
    person = await a_viewer(installation)
    found = await ask("admin", merchant(installation, shop, person), document)
    deleted, registered = found["activity"]["nodes"]
    assert (registered["operation"], registered["kind"]) == (
        "trustedDocumentRegister", "TRUSTED_DOCUMENT",
    )  # fmt: skip
    assert deleted["operation"] == "trustedDocumentDelete"
    told = {one["key"]: one["after"] for one in registered["changes"][0]["fields"]}
    assert sha256(SHOP) in str(told.values())


async def test_other_apis_trust_no_documents(installation: Installation, shop: Shop) -> None:
    await change(installation, shop, REGISTER, document=SHOP)
    _, token = await api_token_create(installation, shop.id, "Build")
    app = Starlette(routes=installation_routes(installation))
    base = installation.settings.public_url
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base) as client:
        answer = await client.post(
            "/graphql/admin",
            json={"documentId": f"sha256:{sha256(SHOP)}"},
            headers={"authorization": f"Bearer {token}"},
        )
    assert code(answer) == "PERSISTED_QUERY_NOT_FOUND"
