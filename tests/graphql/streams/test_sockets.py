"""Subscriptions over WebSockets, by a client of their own (`websockets`)."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from keystall.graphql.executor import SCHEMAS
from keystall.graphql.gate import Gate
from keystall.graphql.http import _buyer
from keystall.graphql.ids import encode
from keystall.graphql.streams.sockets import AT_ONCE, PROTOCOL, Sockets
from keystall.platform.database import _client
from keystall.platform.metrics import OPEN_STREAMS
from keystall.platform.web.server import MESSAGE_BYTES
from keystall.tenants.installation import Installation
from keystall.tenants.shops.tokens import (
    api_token_create,
    api_token_revoke,
    storefront_token_create,
)
from keystall.tenants.writing import writing
from tests.factories import a_shop
from tests.graphql.streams.following import JOB, ORDER, PATIENCE, Door, Served, serving
from tests.graphql.streams.speaking import INIT, opened
from tests.tenants.purchases import Purchase
from tests.tenants.shelves import a_shelf


async def a_bearer(installation: Installation, shop: Any) -> tuple[Any, str]:
    token, secret = await api_token_create(installation, shop, "Follower")
    return token.id, f"Bearer {secret}"


async def test_a_buyer_sees_the_payment_arrive(served: Served, purchase: Purchase) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    async with opened(served.port, door.host) as socket:
        assert socket.connection.subprotocol == PROTOCOL
        await socket.follow("one", ORDER, token=door.token)
        first = await socket.answer("one")
        assert first["data"]["orderChanged"]["status"] == "PENDING"
        assert first["extensions"]["cost"]["requested"] == 1
        await purchase.pay(order)
        paid = await socket.answer("one")
        assert paid["data"]["orderChanged"]["status"] == "DELIVERED"
        await socket.say(type="complete", id="one")
        await socket.say(type="ping", payload={"n": 1})
        assert await socket.heard() == {"type": "pong", "payload": {"n": 1}}
        assert served.topics == set()
    await served.quiet()


async def test_a_program_follows_two_imports_over_one_socket(
    served: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    _, bearer = await a_bearer(installation, shelf.shop)
    jobs = [await shelf.ask(f"AAAA-{n}\nBBBB-{n}\n") for n in range(2)]
    ended: list[str] = []
    last: dict[str, Any] = {}
    async with opened(served.port, "localhost", authorization=bearer) as socket:
        for number, job in enumerate(jobs):
            await socket.follow(f"job {number}", JOB, id=encode("Job", job))
            await socket.answer(f"job {number}")
        for job in jobs:
            await shelf.work(job)
        while len(ended) < 2:
            message = await socket.heard()
            if message["type"] == "complete":
                ended.append(message["id"])
            else:
                last[message["id"]] = message["payload"]["data"]["jobChanged"]
        await socket.follow("job 0", JOB, id=encode("Job", jobs[0]))
        assert (await socket.answer("job 0"))["data"]["jobChanged"] == last["job 0"]
    done = {"state": "DONE", "done": 2, "total": 2}
    assert (sorted(ended), last) == (["job 0", "job 1"], {"job 0": done, "job 1": done})
    await served.quiet()


async def test_browsers_say_who_they_are_when_they_greet(
    served: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    _, bearer = await a_bearer(installation, shelf.shop)
    row = await shelf.ask("AAAA-1111\n")
    result = "subscription ($id: ID!) { jobChanged(id: $id) { state result } }"
    await shelf.work(row)
    async with opened(served.port, "localhost", greet=False) as socket:
        payload = {"Authorization": bearer, "X-Keystall-Locale": "zh-CN", "other": 1}
        await socket.say(**INIT, payload=payload)
        assert await socket.heard() == {"type": "connection_ack"}
        await socket.follow("one", result, id=encode("Job", row))
        told = (await socket.answer("one"))["data"]["jobChanged"]
    assert told["state"] == "DONE"
    assert not told["result"].isascii()


async def test_who_may_not_ask_is_not_greeted(served: Served, installation: Installation) -> None:
    shop = await a_shop(installation)
    codes = []
    for host, payload in (
        ("localhost", {}),
        ("localhost", {"authorization": "Bearer ks_admin_nonsense"}),
        (f"{shop.slug}.localhost", {"authorization": "Bearer ks_customer_nonsense"}),
        ("nobody.localhost", {}),
    ):
        async with opened(served.port, host, greet=False) as socket:
            await socket.say(**INIT, payload=payload)
            codes.append((await socket.closed())[0])
    assert codes == [4401, 4401, 4401, 4404]
    await served.quiet()


@pytest.mark.parametrize(
    ("said", "greet", "code"),
    [
        (['{"type": "subscribe", "id": "1", "payload": {"query": "{a}"}}'], False, 4401),
        ([json.dumps(INIT), json.dumps(INIT)], False, 4429),
        ([json.dumps(INIT)], True, 4429),
        (["{"], True, 4400),
        (["[]"], True, 4400),
        ([b"{}"], True, 4400),
        (['{"type": 1}'], True, 4400),
        (['{"type": "start", "id": "1"}'], True, 4400),
        (['{"type": "subscribe", "payload": {"query": "{a}"}}'], True, 4400),
        (['{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}'], True, 4400),
        (['{"type": "subscribe", "id": "1"}'], True, 4400),
        (['{"type": "subscribe", "id": "1", "payload": {}}'], True, 4400),
        (['{"type": "subscribe", "id": "1", "payload": {"query": 1}}'], True, 4400),
        (["x" * (MESSAGE_BYTES + 1)], True, 1009),
    ],
)  # fmt: skip
async def test_what_the_protocol_does_not_know_closes_the_socket(
    served: Served, installation: Installation, said: list[Any], greet: bool, code: int
) -> None:
    shop = await a_shop(installation)
    async with opened(served.port, f"{shop.slug}.localhost", greet=greet) as socket:
        for message in said:
            await socket.connection.send(message)
        assert (await socket.closed())[0] == code
    await served.quiet()


async def test_a_name_that_is_in_use_closes_the_socket(served: Served, purchase: Purchase) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    async with opened(served.port, door.host) as socket:
        await socket.follow("one", ORDER, token=door.token)
        await socket.answer("one")
        await socket.follow("one", ORDER, token=door.token)
        assert await socket.closed() == (4409, "Subscriber for one already exists")
    await served.quiet()


async def test_who_says_nothing_is_let_go(swift: Served, installation: Installation) -> None:
    shop = await a_shop(installation)
    async with opened(swift.port, f"{shop.slug}.localhost", greet=False) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")
    await swift.quiet()


async def test_another_sub_protocol_is_not_spoken(
    served: Served, installation: Installation
) -> None:
    shop = await a_shop(installation)
    async with opened(served.port, f"{shop.slug}.localhost", protocol="", greet=False) as socket:
        assert (await socket.closed())[0] == 4406


async def test_what_is_wrong_is_an_error_and_the_socket_stays(
    served: Served, purchase: Purchase
) -> None:
    two = 'subscription { orderChanged(token: "x") { id } b: orderChanged(token: "y") { id } }'
    told = {}
    async with opened(served.port, f"{purchase.shop.slug}.localhost") as socket:
        for name, query in {
            "syntax": "subscription {",
            "field": "subscription { nothing }",
            "two": two,
            "query": "{ shop { slug } }",
            "mutation": "mutation { cartCreate(input: {}) { cart { id } } }",
        }.items():
            await socket.follow(name, query)
            message = await socket.heard()
            assert (message["type"], message["id"]) == ("error", name)
            told[name] = message["payload"][0]["message"]
            assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await socket.follow("missing", ORDER, token="nonsense")
        assert (await socket.answer("missing"))["data"] == {"orderChanged": None}
        assert await socket.heard() == {"id": "missing", "type": "complete"}
    assert told["query"] == "Send queries by HTTP: a WebSocket is for subscriptions."
    assert told["mutation"] == "Send mutations by POST."
    await served.quiet()


async def test_one_socket_has_so_many_subscriptions_at_once(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    async with opened(served.port, door.host) as socket:
        for number in range(AT_ONCE):
            await socket.follow(f"{number}", ORDER, token=door.token)
        for _ in range(AT_ONCE):
            assert (await socket.heard())["type"] == "next"
        await socket.follow("more", ORDER, token=door.token)
        refused = await socket.heard()
        assert (refused["type"], refused["id"]) == ("error", "more")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
        await socket.say(type="complete", id="0")
        await socket.follow("more", ORDER, token=door.token)
        await socket.answer("more")
    await served.quiet()


async def test_places_are_counted_and_given_back(
    installation: Installation, purchase: Purchase
) -> None:
    door = Door.of(installation, purchase.shop, await purchase.order())
    before = OPEN_STREAMS._value.get()
    async with serving(installation, socket=2, address=1) as there:
        async with opened(there.port, door.host) as one, opened(there.port, door.host) as two:
            await one.follow("one", ORDER, token=door.token)
            await one.answer("one")
            await two.follow("two", ORDER, token=door.token)
            refused = await two.heard()
            assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
            with pytest.raises(InvalidStatus) as third:
                async with opened(there.port, door.host):
                    pass
            assert third.value.response.status_code == 429
            assert OPEN_STREAMS._value.get() - before == 3
        await there.quiet()
        assert OPEN_STREAMS._value.get() == before
        async with opened(there.port, door.host) as again:
            await again.follow("one", ORDER, token=door.token)
            await again.answer("one")


async def test_a_token_that_was_revoked_closes_the_socket(
    swift: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    token, bearer = await a_bearer(installation, shelf.shop)
    job = await shelf.ask("AAAA-1111\n")
    async with opened(swift.port, "localhost", authorization=bearer) as socket:
        await socket.follow("one", JOB, id=encode("Job", job))
        await socket.answer("one")
        await api_token_revoke(installation, shelf.shop, token)
        assert await socket.closed() == (4401, "Unauthorized")
    await swift.quiet()


async def test_a_sites_token_is_told_when_it_greets_and_is_for_its_origin(
    served: Served, installation: Installation
) -> None:
    shop = await a_shop(installation)
    sites = ["https://www.example.com"]
    token = await storefront_token_create(installation, shop.id, "Site", sites)
    async with writing(installation, shop.id) as tx:
        await tx.execute("update shops set token_only = true where id = $1", shop.id)
    told = {}
    for origin in (sites[0], "https://evil.example"):
        for payload in ({"x-keystall-storefront-token": token.public_text}, {}):
            host = f"{shop.slug}.localhost"
            async with opened(served.port, host, greet=False, origin=origin) as socket:
                await socket.say(**INIT, payload=payload)
                try:
                    told[origin, bool(payload)] = (await socket.heard())["type"]
                except ConnectionClosed:
                    told[origin, bool(payload)] = socket.connection.close_code
    assert told == {
        (sites[0], True): "connection_ack",
        (sites[0], False): 4401,
        ("https://evil.example", True): 4403,
        ("https://evil.example", False): 4401,
    }


async def test_nothing_of_the_database_is_held_while_nothing_happens(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    pools: list[Any] = [_client(alias)._pool for alias in ("app", "reader")]
    async with opened(served.port, door.host) as socket:
        await socket.follow("one", ORDER, token=door.token)
        await socket.answer("one")
        async with asyncio.timeout(PATIENCE):
            while any(one.get_size() != one.get_idle_size() for one in pools):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_no_page_of_another_site_opens_a_socket_of_the_installation(
    served: Served, installation: Installation
) -> None:
    shop = await a_shop(installation)
    _, bearer = await a_bearer(installation, shop.id)
    evil, own, front = "http://evil.example", "http://localhost:8000", "http://front.example"
    with pytest.raises(InvalidStatus) as refused:
        async with opened(served.port, "localhost", origin=evil, authorization=bearer):
            pass
    assert refused.value.response.status_code == 403
    async with opened(served.port, "localhost", origin=own, authorization=bearer):
        pass
    # A shop's API is meant for any site, and knows no cookies.
    async with opened(served.port, f"{shop.slug}.localhost", origin=front, cookie="session=x"):
        pass


async def test_there_is_no_socket_where_there_is_nothing_to_follow(served: Served) -> None:
    assert SCHEMAS["operator"]._schema.subscription_type is None
    for path in ("/graphql/operator", "/", "/graphql/nothing"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                f"ws://localhost:8000{path}", host="127.0.0.1", port=served.port, proxy=None
            ):
                pass
        assert refused.value.response.status_code == 403


async def test_a_client_who_takes_nothing_is_given_up(swift: Served, purchase: Purchase) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    says = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": json.dumps(INIT)},
        {
            "type": "websocket.receive",
            "text": json.dumps({
                "type": "subscribe", "id": "1",
                "payload": {"query": ORDER, "variables": {"token": door.token}},
            }),
        },
    ]  # fmt: skip
    sent: list[str] = []

    async def receive() -> Any:
        if says:
            return says.pop(0)
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) > 2:
            await asyncio.Event().wait()

    scope = {
        "type": "websocket", "path": "/graphql/storefront", "query_string": b"",
        "headers": [(b"host", f"{door.host}:8000".encode())], "scheme": "ws",
        "subprotocols": [PROTOCOL], "client": ("192.0.2.1", 1),
    }  # fmt: skip
    gate = Gate(swift.installation, "storefront", partial(_buyer, None), dict)
    async with asyncio.timeout(PATIENCE):
        await Sockets(gate, swift.streams).serve(WebSocket(scope, receive, send))
    # Accepted, acknowledged, and one answer that nobody took.
    assert sent == ["websocket.accept", "websocket.send", "websocket.send"]
    await swift.quiet()


async def test_what_is_deeper_than_we_write_closes_the_socket(
    served: Served, installation: Installation
) -> None:
    shop = await a_shop(installation)
    async with opened(served.port, f"{shop.slug}.localhost") as socket:
        deep = '{"a":' * 400 + "1" + "}" * 400
        await socket.connection.send(f'{{"type": "ping", "payload": {deep}}}')
        assert await socket.closed() == (4400, "`payload` is nested too deep")


async def test_a_subscription_is_one_of_the_sockets_until_it_has_ended(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    asked = {"query": ORDER, "variables": {"token": door.token}}
    says: list[dict[str, Any]] = [INIT]
    for number in range(30):
        says.append({"type": "subscribe", "id": str(number), "payload": asked})
        says.append({"type": "complete", "id": str(number)})
    running, most, begun = 0, 0, 0

    async def admit(there: Installation, who: Any) -> Any:
        """As of a database that needs its time to be asked, and to be told to stop."""
        nonlocal running, most, begun
        if not begun:
            begun += 1
            return await _buyer(None, there, who)
        running, begun = running + 1, begun + 1
        most = max(most, running)
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            running -= 1

    async def receive() -> Any:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not connected:
            connected.append(True)
            return {"type": "websocket.connect"}
        if says:
            return {"type": "websocket.receive", "text": json.dumps(says.pop(0))}
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        pass

    connected: list[bool] = []
    scope = {
        "type": "websocket", "path": "/graphql/storefront", "query_string": b"",
        "headers": [(b"host", f"{door.host}:8000".encode())], "scheme": "ws",
        "subprotocols": [PROTOCOL], "client": ("192.0.2.1", 1),
    }  # fmt: skip
    gate = Gate(served.installation, "storefront", admit, dict)
    async with asyncio.timeout(PATIENCE):
        await Sockets(gate, served.streams).serve(WebSocket(scope, receive, send))
    assert (begun, most, running) == (31, 1, 0)


async def test_when_the_process_stops_sockets_are_closed_as_going_away(
    installation: Installation, purchase: Purchase
) -> None:
    door = Door.of(installation, purchase.shop, await purchase.order())
    async with (
        serving(installation) as there,
        opened(there.port, door.host) as idle,
        opened(there.port, door.host) as busy,
        opened(there.port, door.host, greet=False) as silent,
    ):
        await busy.follow("one", ORDER, token=door.token)
        await busy.answer("one")
        there.live.end()
        codes = [(await socket.closed())[0] for socket in (idle, busy, silent)]
        with pytest.raises(ConnectionClosed):
            await busy.connection.recv()
        await there.quiet()
    assert codes == [1001] * 3
