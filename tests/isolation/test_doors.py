"""Each way in, tried with what opens another shop: tokens, sessions, links, callbacks, pictures."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from keystall.graphql import arrival
from keystall.graphql.executor import SCHEMAS, execute
from keystall.graphql.handlers import Handlers
from keystall.graphql.http import installation_routes, shop_routes
from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.live import Live
from keystall.platform.payments.signing import CALLBACK, merchant_secret, signed_headers
from keystall.tenants.installation import Installation
from tests.graphql.asking import ask, caller, merchant
from tests.isolation.asking import Filled, documents, tells
from tests.isolation.goods import Goods, a_full_shop, fingerprint

CANARY = "kestrel4v"


@pytest.fixture(scope="module")
async def mine(installation: Installation) -> Goods:
    return await a_full_shop(installation, "minnow2")


@pytest.fixture(scope="module")
async def theirs(installation: Installation) -> Goods:
    return await a_full_shop(installation, CANARY)


@pytest.fixture(scope="module")
async def client(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    """The endpoints and handlers of shops' hosts and of the installation's."""
    handlers = Handlers(
        installation, Live(installation.queue), lambda request: request.cookies.get("session")
    )
    app = Starlette(
        routes=[
            *shop_routes(installation), *handlers.shop_routes(),
            *installation_routes(installation), *handlers.console_routes(),
        ]
    )  # fmt: skip
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as asking:
        yield asking


def at(installation: Installation, goods: Goods, path: str) -> str:
    """An address on a shop's host."""
    return installation.settings.shop_url(goods.shop.slug) + path


async def test_an_api_token_opens_its_own_shop_whatever_is_asked(
    installation: Installation, client: httpx2.AsyncClient, mine: Goods, theirs: Goods
) -> None:
    query = "query ($id: ID!) { shop { id } node(id: $id) { id } products { nodes { name } } }"
    for goods, other in ((mine, theirs), (theirs, mine)):
        for host in (installation.settings.public_url, at(installation, other, "")):
            answer = await client.post(
                f"{host}/graphql/admin",
                headers={"authorization": f"Bearer {goods.token}"},
                json={"query": query, "variables": {"id": other.ids["Product"]}},
            )
            data = answer.json()["data"]
            assert data["shop"] == {"id": goods.ids["Shop"]}
            assert data["node"] is None
            assert data["products"]["nodes"] != []
            assert not tells(answer.json(), other.canary)


async def test_a_storefront_token_opens_its_own_shop_s_api_alone(
    installation: Installation, client: httpx2.AsyncClient, mine: Goods, theirs: Goods
) -> None:
    query = "{ shop { name } products { nodes { name } } }"
    for goods, other in ((mine, theirs), (theirs, mine)):
        opened = {}
        for at_shop in (goods, other):
            opened[at_shop.canary] = await client.post(
                at(installation, at_shop, "/graphql/storefront"),
                headers={"x-keystall-storefront-token": goods.public},
                json={"query": query},
            )
        assert opened[goods.canary].json()["data"]["shop"]["name"] == goods.shop.name
        assert opened[other.canary].status_code == 401
        assert "data" not in opened[other.canary].json()
        assert not tells(opened[other.canary].json(), other.canary)
        made_up = await client.post(
            at(installation, other, "/graphql/storefront"),
            headers={"x-keystall-storefront-token": "ks_public_made-up"},
            json={"query": query},
        )
        assert made_up.status_code == 401
        assert _plain(made_up) == _plain(opened[other.canary])


def _plain(answer: httpx2.Response) -> tuple[str, dict[str, str]]:
    """What an answer says, but for its request's own id."""
    told = answer.json()["errors"][0]
    return told["message"], {**told["extensions"], "requestId": ""}


async def test_a_session_opens_no_shop_that_its_person_does_not_run(
    installation: Installation, mine: Goods, theirs: Goods
) -> None:
    # The secret itself is the browser's; what the database knows of it is enough to ask.
    async with database.transaction(None) as tx:
        found = [
            await tx.rows(
                "select id from session_shop($1, $2)", goods.owner.secret_hash, theirs.shop.slug
            )
            for goods in (mine, theirs)
        ]
    assert found[0] == []
    assert [row["id"] for row in found[1]] == [theirs.shop.id]
    without_shop = await arrival.by_session(
        installation, "no such session", caller(), slug=theirs.shop.slug
    )
    assert without_shop.shop is None
    await without_shop.reader.finish()


async def test_a_person_outside_of_a_shop_is_answered_nothing_of_any(
    installation: Installation, mine: Goods, theirs: Goods
) -> None:
    schema = SCHEMAS["admin"]._schema
    assert schema.query_type is not None
    for name, field in schema.query_type.fields.items():
        for text in documents(schema, "query", name):
            context = merchant(installation, None, mine.owner)
            variables = Filled(name, theirs.ids).of(field.args)
            answer = await execute("admin", text, None, variables, context)
            await context.reader.finish()
            assert not tells(answer.as_json(), CANARY), name


async def test_an_order_opens_at_its_own_shop_alone(
    installation: Installation, client: httpx2.AsyncClient, mine: Goods, theirs: Goods
) -> None:
    token = theirs.words["delivered token"]
    before = await _order_at(installation, client, mine, token)
    assert before == (404, None)
    status, order = await _order_at(installation, client, theirs, token)
    assert status == 200
    assert order is not None
    assert order["lines"][0]["codes"][0]["secret"].startswith(CANARY)


async def _order_at(
    installation: Installation, client: httpx2.AsyncClient, goods: Goods, token: str
) -> tuple[int, Any]:
    query = "query ($t: String!) { order(token: $t) { lines { codes { secret } } } }"
    answer = await client.post(
        at(installation, goods, "/graphql/storefront"),
        json={"query": query, "variables": {"t": token}},
    )
    file = await client.get(at(installation, goods, f"/order/{token}/codes.txt"))
    assert (CANARY in file.text) == (goods.canary == CANARY)
    if goods.canary != CANARY:
        events = await client.get(at(installation, goods, f"/order/{token}/events"))
        assert events.status_code == 404
    return file.status_code, answer.json()["data"]["order"]


async def test_a_cart_exists_at_its_own_shop_alone(
    installation: Installation, client: httpx2.AsyncClient, mine: Goods, theirs: Goods
) -> None:
    query = {
        "query": "query ($id: ID!) { cart(id: $id) { email } }",
        "variables": {"id": theirs.ids["Cart"]},
    }
    elsewhere = await client.post(at(installation, mine, "/graphql/storefront"), json=query)
    at_home = await client.post(at(installation, theirs, "/graphql/storefront"), json=query)
    assert elsewhere.json()["data"] == {"cart": None}
    assert at_home.json()["data"] == {"cart": {"email": f"{CANARY}@keystall.test"}}


async def test_a_picture_is_at_its_own_shop_alone(
    installation: Installation, client: httpx2.AsyncClient, mine: Goods, theirs: Goods
) -> None:
    path = f"/files/{theirs.rows['Upload']}/large.webp"
    missing = f"/files/{new_id()}/large.webp"
    elsewhere = await client.get(at(installation, mine, path))
    nowhere = await client.get(at(installation, mine, missing))
    assert (elsewhere.status_code, elsewhere.content) == (nowhere.status_code, nowhere.content)
    assert elsewhere.status_code == 404
    assert (await client.get(at(installation, theirs, path))).status_code == 200


async def test_a_callback_for_an_account_is_taken_at_its_own_shop_alone(
    installation: Installation,
    client: httpx2.AsyncClient,
    superuser_url: str,
    mine: Goods,
    theirs: Goods,
) -> None:
    account = str(theirs.rows["PaymentMethod"])
    notice = {
        "event_key": str(new_id()), "kind": "payment.succeeded",
        "reference": str(theirs.rows["Payment"]), "provider_reference": "p", "amount": 990,
        "currency": "CNY", "fee": 0, "merchant_id": account,
        "occurred_at": clock.now().isoformat(),
    }  # fmt: skip
    body = json.dumps(notice).encode()
    secret = merchant_secret(installation.settings.sandbox_secret, account)
    headers = signed_headers(
        secret, account, purpose=CALLBACK, body=body, at=clock.now().timestamp()
    )
    own_account = str(mine.rows["PaymentMethod"])
    before = [await fingerprint(superuser_url, goods.shop.id) for goods in (mine, theirs)]

    for path in (f"/callbacks/sandbox/{account}", f"/callbacks/sandbox/{own_account}"):
        refused = await client.post(at(installation, mine, path), content=body, headers=headers)
        assert (refused.status_code, refused.text) == (400, "refused\n")
    after = [await fingerprint(superuser_url, goods.shop.id) for goods in (mine, theirs)]
    assert after == before

    taken = await client.post(
        at(installation, theirs, f"/callbacks/sandbox/{account}"), content=body, headers=headers
    )
    assert taken.status_code == 200
    changed = await fingerprint(superuser_url, theirs.shop.id)
    assert {name for name in changed if changed[name] != before[1][name]} == {"inbox", "outbox"}


async def test_the_shop_of_a_transaction_decides_whom_its_functions_name_and_close(
    installation: Installation, superuser_url: str, mine: Goods, theirs: Goods
) -> None:
    before = await fingerprint(superuser_url, theirs.shop.id)
    async with database.transaction(mine.shop.id) as tx:
        rows = await tx.rows("select email from shop_merchants()")
        assert [row["email"] for row in rows] == [mine.owner.email]
        assert await tx.value("select shop_set_open(false)") is True
        assert await tx.value("select shop_set_open(true)") is True
    async with database.transaction(None) as tx:
        assert await tx.rows("select email from shop_merchants()") == []
        assert await tx.value("select shop_set_open(false)") is False
    assert await fingerprint(superuser_url, theirs.shop.id) == before


async def test_the_console_lists_its_persons_shops_alone(
    installation: Installation, mine: Goods, theirs: Goods
) -> None:
    context = merchant(installation, None, mine.owner)
    found = await ask("admin", context, "{ viewer { shops { id } } }")
    assert [one["id"] for one in found["viewer"]["shops"]] == [mine.ids["Shop"]]
