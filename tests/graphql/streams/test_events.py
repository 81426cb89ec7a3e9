"""Subscriptions as server-sent events, over real HTTP."""

import asyncio
import base64
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from keystall.graphql.arrival import Caller
from keystall.graphql.executor import SCHEMAS
from keystall.graphql.gate import Coming, Gate
from keystall.graphql.http import _buyer
from keystall.graphql.ids import encode
from keystall.graphql.streams.events import EventStream
from keystall.graphql.streams.streams import Subscription
from keystall.graphql.wire import Asked
from keystall.platform import database
from keystall.platform.database import _client
from keystall.tenants.installation import Installation
from keystall.tenants.shops.tokens import (
    Terms,
    api_token_create,
    api_token_revoke,
    storefront_token_create,
)
from keystall.tenants.staff.roles import Permission
from keystall.tenants.trusted_documents.service import trusted_document_register
from keystall.tenants.writing import writing
from tests.factories import a_shop
from tests.graphql.streams.following import (
    EVENTS,
    JOB,
    ORDER,
    PATIENCE,
    SWIFT,
    Door,
    Events,
    Served,
    serving,
)
from tests.tenants.purchases import Purchase
from tests.tenants.shelves import a_shelf


async def bearer(installation: Installation, shop: Any, **terms: Any) -> tuple[Any, dict[str, str]]:
    token, secret = await api_token_create(installation, shop, "Follower", Terms(**terms))
    return token.id, {"authorization": f"Bearer {secret}"}


async def touched(installation: Installation, shop: Any, topic: str) -> None:
    """Something is said to have changed that has not."""
    async with writing(installation, shop) as tx:
        tx.announce(topic)


async def test_a_buyer_sees_the_payment_arrive(served: Served, purchase: Purchase) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    async with served.following(door.host, ORDER, {"token": door.token}) as events:
        assert events.response.status_code == 200
        kind = events.response.headers
        assert kind["content-type"] == "text/event-stream; charset=utf-8"
        assert (kind["cache-control"], kind["access-control-allow-origin"]) == ("no-store", "*")
        first = await events.answer()
        assert first["data"]["orderChanged"]["status"] == "PENDING"
        assert first["extensions"]["cost"]["requested"] == 1
        assert served.topics == {f"{purchase.shop.id}:order:{order}"}
        await touched(purchase.installation, purchase.shop.id, f"order:{order}")
        await purchase.pay(order)
        paid = await events.answer()
        assert paid["data"]["orderChanged"]["status"] == "DELIVERED"
    await served.quiet()


async def test_a_program_follows_an_import_to_its_end(
    served: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    _, headers = await bearer(installation, shelf.shop)
    job = await shelf.ask("AAAA-1111\nBBBB-2222\n")
    given = {"id": encode("Job", job)}
    async with served.following("localhost", JOB, given, **headers) as events:
        states = [(await events.answer())["data"]["jobChanged"]["state"]]
        await shelf.work(job)
        while (told := await events.told())[0] == "next":
            last = told[1]["data"]["jobChanged"]
            states.append(last["state"])
        assert told == ("complete", None)
        assert await events.end() == []
    assert (states[0], states[-1]) == ("QUEUED", "DONE")
    assert last == {"state": "DONE", "done": 2, "total": 2}
    async with served.following("localhost", JOB, given, **headers) as events:
        assert (await events.answer())["data"]["jobChanged"] == last
        assert await events.end() == ["complete"]
    await served.quiet()


async def test_browsers_follow_by_get_and_are_told_that_the_line_is_open(
    swift: Served, purchase: Purchase
) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    url = f"http://127.0.0.1:{swift.port}/graphql/storefront"
    asked = {"query": ORDER, "variables": f'{{"token": "{door.token}"}}'}
    headers = {"host": f"{door.host}:8000", "origin": "https://front.example", **EVENTS}
    lines: list[str] = []
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", url, params=asked, headers=headers) as response,
    ):
        assert response.headers["access-control-allow-origin"] == "*"
        async for line in response.aiter_lines():
            lines.append(line)
            if lines.count(": beat") == 3:
                break
    # Looked after several times meanwhile, and sent once: nothing has changed.
    assert lines.count("event: next") == 1
    assert "event: complete" not in lines
    await swift.quiet()


async def test_nothing_of_the_database_is_held_while_nothing_happens(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    pools: list[Any] = [_client(alias)._pool for alias in ("app", "reader")]
    async with served.following(door.host, ORDER, {"token": door.token}) as events:
        await events.answer()
        async with asyncio.timeout(PATIENCE):
            while any(one.get_size() != one.get_idle_size() for one in pools):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await database.system().value(
            "select count(*) from pg_stat_activity where state = 'idle in transaction'"
            " and datname = current_database() and pid <> pg_backend_pid()"
        ) == 0  # fmt: skip


async def test_a_strangers_token_is_answered_like_a_made_up_one(
    served: Served, purchase: Purchase
) -> None:
    elsewhere = await a_shop(purchase.installation)
    theirs = Door.of(purchase.installation, purchase.shop, await purchase.order()).token
    told = []
    for token in (theirs, theirs[:-4] + "AAAA", "nonsense", ""):
        door = Door(elsewhere, token)
        async with served.following(door.host, ORDER, {"token": token}) as events:
            answer = await events.answer()
            answer["extensions"]["cost"].pop("throttle")
            told.append((answer, await events.end()))
    missing = {
        "data": {"orderChanged": None},
        "extensions": {"cost": {"requested": 1, "limit": 1000}},
    }
    assert told == [(missing, ["complete"])] * 4
    await served.quiet()


async def test_another_shops_job_is_answered_like_a_missing_one(
    served: Served, installation: Installation
) -> None:
    shelf, mine = await a_shelf(installation), await a_shop(installation)
    job = await shelf.ask("AAAA-1111\n")
    _, headers = await bearer(installation, mine.id)
    for given in (encode("Job", job), encode("Order", job), "nonsense"):
        async with served.following("localhost", JOB, {"id": given}, **headers) as events:
            assert (await events.answer())["data"] == {"jobChanged": None}
            assert await events.end() == ["complete"]
    await served.quiet()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("subscription {", "BAD_USER_INPUT"),
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ("subscription ($token: Int!) { orderChanged(token: $token) { id } }", "BAD_USER_INPUT"),
        (
            'subscription { orderChanged(token: "x") { id } b: orderChanged(token: "y") { id } }',
            "BAD_USER_INPUT",
        ),
        (
            'subscription { orderChanged(token: "x") { id } __typename }',
            "BAD_USER_INPUT",
        ),
        (
            'subscription { orderChanged(token: "x") { '
            + " ".join(f"a{n}: id" for n in range(51))
            + " } }",
            "QUERY_TOO_COSTLY",
        ),
    ],
)
async def test_what_is_wrong_is_told_as_an_event_and_nothing_is_subscribed(
    served: Served, purchase: Purchase, document: str, code: str
) -> None:
    host = f"{purchase.shop.slug}.localhost"
    async with served.following(host, document, {"token": "x"}) as events:
        assert events.response.status_code == 200
        answer = await events.answer()
        assert answer["errors"][0]["extensions"]["code"] == code
        assert "data" not in answer
        assert served.topics == set()
        assert await events.end() == ["complete"]


async def test_a_subscription_costs_what_a_query_costs_and_no_more_than_one_may() -> None:
    documents = SCHEMAS["storefront"].documents
    for root in ("query", "subscription"):
        name = "order" if root == "query" else "orderChanged"
        read = documents.read(f'{root} {{ {name}(token: "x") {{ lines {{ codes {{ id }} }} }} }}')
        assert read.faults == ()
        assert read.cost(read.operations[0], {}) == 1 + 2 * (1 + 2)


async def test_one_that_is_too_dear_is_never_subscribed(
    installation: Installation, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keystall.graphql.costs.metering.MAX_COST", 0)
    monkeypatch.setattr("keystall.graphql.streams.watching.MAX_COST", 0)
    door = Door.of(installation, purchase.shop, await purchase.order())
    async with (
        serving(installation) as there,
        there.following(door.host, ORDER, {"token": door.token}) as events,
    ):
        told = await events.answer()
        assert told["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"
        assert there.topics == set()
        assert await events.end() == ["complete"]


async def test_without_a_stream_a_subscription_is_refused(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    url = f"http://127.0.0.1:{served.port}/graphql/storefront"
    asked: dict[str, Any] = {"query": ORDER, "variables": {"token": door.token}}
    headers = {"host": f"{door.host}:8000"}
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        for accept in ("application/json", "application/graphql-response+json", "*/*"):
            answer = await client.post(url, json=asked, headers={**headers, "accept": accept})
            assert answer.status_code == 406
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        params = {"query": ORDER, "variables": f'{{"token": "{door.token}"}}'}
        head = await client.request("HEAD", url, params=params, headers={**headers, **EVENTS})
        assert head.status_code == 406
    assert served.topics == set()


async def test_queries_and_mutations_come_as_one_event_and_under_the_same_rules(
    served: Served, purchase: Purchase
) -> None:
    host = f"{purchase.shop.slug}.localhost"
    async with served.following(host, "{ shop { slug } }", {}) as events:
        assert (await events.answer())["data"] == {"shop": {"slug": purchase.shop.slug}}
        assert await events.end() == ["complete"]
    made = "mutation { cartCreate(input: {}) { cart { id } } }"
    async with served.following(host, made, {}) as events:
        assert (await events.answer())["data"]["cartCreate"]["cart"] is not None
    url = f"http://127.0.0.1:{served.port}/graphql/storefront"
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        by_get = await client.get(url, params={"query": made}, headers={"host": host, **EVENTS})
        assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
        both = {"host": host, "accept": "text/event-stream, application/json"}
        plain = await client.post(url, json={"query": "{ shop { slug } }"}, headers=both)
        assert plain.headers["content-type"] == "application/json; charset=utf-8"
        unknown = await client.post(
            url, json={"query": ORDER}, headers={"host": "nobody.localhost", **EVENTS}
        )
        assert unknown.status_code == 404


async def test_more_than_may_be_open_are_refused_and_places_are_given_back(
    installation: Installation, purchase: Purchase
) -> None:
    door = Door.of(installation, purchase.shop, await purchase.order())
    given = {"token": door.token}
    async with serving(installation, address=2) as there:
        async with (
            there.following(door.host, ORDER, given) as one,
            there.following(door.host, ORDER, given) as two,
        ):
            await one.answer()
            await two.answer()
            async with there.following(door.host, ORDER, given) as third:
                assert third.response.status_code == 429
                told = await third.answer()
                assert told["errors"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
                assert told["errors"][0]["extensions"]["limit"] == 2
            assert there.taken == 2
        await there.quiet()
        async with there.following(door.host, ORDER, given) as again:
            await again.answer()


async def test_a_tokens_streams_are_counted_together(installation: Installation) -> None:
    shelf = await a_shelf(installation)
    _, headers = await bearer(installation, shelf.shop)
    _, others = await bearer(installation, shelf.shop)
    given = {"id": encode("Job", await shelf.ask("AAAA-1111\n"))}
    async with (
        serving(installation, token=1) as there,
        there.following("localhost", JOB, given, **headers) as one,
        there.following("localhost", JOB, given, **headers) as two,
        there.following("localhost", JOB, given, **others) as other,
    ):
        statuses = [events.response.status_code for events in (one, two, other)]
    assert statuses == [200, 429, 200]


async def test_a_token_that_was_revoked_ends_its_streams(
    swift: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    token, headers = await bearer(installation, shelf.shop)
    given = {"id": encode("Job", await shelf.ask("AAAA-1111\n"))}
    async with swift.following("localhost", JOB, given, **headers) as events:
        await events.answer()
        await api_token_revoke(installation, shelf.shop, token)
        told = await events.answer()
        assert told["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "data" not in told
        assert await events.end() == ["complete"]
    async with swift.following("localhost", JOB, given, **headers) as events:
        assert events.response.status_code == 401
    await swift.quiet()


async def test_a_site_s_stream_is_for_its_origin_and_ends_with_its_token(
    swift: Served, purchase: Purchase
) -> None:
    installation, shop = purchase.installation, purchase.shop
    door = Door.of(installation, shop, await purchase.order())
    sites = ["https://www.example.com"]
    token = await storefront_token_create(installation, shop.id, "Site", sites)
    sent = {"x-keystall-storefront-token": token.public_text}
    given = {"token": door.token}
    async with swift.following(
        door.host, ORDER, given, **sent, origin="https://evil.example"
    ) as events:
        assert events.response.status_code == 403
        assert "access-control-allow-origin" not in events.response.headers
    async with swift.following(door.host, ORDER, given, **sent, origin=sites[0]) as events:
        assert events.response.headers["access-control-allow-origin"] == sites[0]
        await events.answer()
        await api_token_revoke(installation, shop.id, token.id)
        told = await events.answer()
        assert told["errors"][0]["extensions"]["reason"] == "STOREFRONT_TOKEN_UNKNOWN"
        assert await events.end() == ["complete"]
    await swift.quiet()


async def test_a_token_without_the_scope_is_refused_and_hears_nothing(
    served: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    scopes = frozenset({Permission.ORDERS})
    _, headers = await bearer(installation, shelf.shop, scopes=scopes)
    given = {"id": encode("Job", await shelf.ask("AAAA-1111\n"))}
    async with served.following("localhost", JOB, given, **headers) as events:
        told = await events.answer()
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert told["data"] == {"jobChanged": None}
        assert served.topics == set()
        assert await events.end() == ["complete"]


async def test_an_end_that_nobody_told_of_is_found(
    swift: Served, installation: Installation
) -> None:
    shelf = await a_shelf(installation)
    _, headers = await bearer(installation, shelf.shop)
    job = await shelf.ask("AAAA-1111\n")
    async with swift.following("localhost", JOB, {"id": encode("Job", job)}, **headers) as events:
        assert (await events.answer())["data"]["jobChanged"]["state"] == "QUEUED"
        async with database.transaction(shelf.shop) as tx:
            await tx.execute(
                "update jobs set state = 'canceled', finished_at = now() where id = $1", job
            )
        assert (await events.answer())["data"]["jobChanged"]["state"] == "CANCELED"
        assert await events.end() == ["complete"]


async def test_who_has_no_points_left_is_answered_when_there_are_some_again(
    installation: Installation, purchase: Purchase
) -> None:
    changed = {"api_bucket": 1_000, "api_restore": 100}
    narrow = replace(installation, settings=installation.settings.model_copy(update=changed))
    order = await purchase.order()
    door = Door.of(narrow, purchase.shop, order)
    url, headers = "/graphql/storefront", {"host": f"{door.host}:8000"}
    dear = {"query": "{ products(first: 98) { nodes { variants { id } } } }"}
    async with (
        serving(narrow, pace=SWIFT) as there,
        there.following(door.host, ORDER, {"token": door.token}) as events,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{there.port}") as client,
    ):
        await events.answer()
        while (await client.post(url, json=dear, headers=headers)).status_code == 200:
            pass
        await purchase.pay(order)
        told = await events.answer()
    assert told["data"]["orderChanged"]["status"] == "DELIVERED"


async def test_a_stream_outlives_an_outage_of_the_database(
    swift: Served, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    async with swift.following(door.host, ORDER, {"token": door.token}) as events:
        await events.answer()
        with monkeypatch.context() as away:

            def gone() -> Any:
                raise ConnectionRefusedError

            away.setattr(database, "single", gone)
            await touched(purchase.installation, purchase.shop.id, f"order:{order}")
            for _ in range(3):
                await events.beat()
        await purchase.pay(order)
        assert (await events.answer())["data"]["orderChanged"]["status"] == "DELIVERED"


async def test_an_answer_with_codes_is_a_reveal_and_looking_after_a_stream_is_none(
    swift: Served, purchase: Purchase
) -> None:
    order = await purchase.order()
    await purchase.pay(order)
    door = Door.of(purchase.installation, purchase.shop, order)
    asked = (
        "subscription ($token: String!) {"
        " orderChanged(token: $token) { lines { codes { secret } } } }"
    )
    async with swift.following(door.host, asked, {"token": door.token}) as events:
        (line,) = (await events.answer())["data"]["orderChanged"]["lines"]
        assert line["codes"] == [{"secret": "CODE-AAAA"}]
        for _ in range(5):
            await events.beat()
    async with database.transaction(purchase.shop.id) as tx:
        assert await tx.value("select count(*) from reveals") == 1


async def test_a_trusted_document_is_followed_by_its_hash(
    served: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    kept = await trusted_document_register(
        purchase.installation, purchase.shop.id, ORDER, name="Followed", cost=1
    )
    asked = {
        "documentId": f"sha256:{kept.sha256}",
        "variables": f'{{"token": "{door.token}"}}',
    }
    url, headers = f"http://127.0.0.1:{served.port}/graphql/storefront", {"host": door.host}
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", url, params=asked, headers=headers | EVENTS) as response,
    ):
        told = await Events(response, response.aiter_lines()).answer()
    assert told["data"]["orderChanged"]["status"] == "PENDING"


async def test_a_reader_who_takes_nothing_is_given_up(swift: Served, purchase: Purchase) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 1:
            await asyncio.Event().wait()

    subscription = await _subscription(swift, door)
    place = swift.streams.places.take("address:192.0.2.1")
    stream = EventStream(subscription, place)
    async with asyncio.timeout(PATIENCE):
        await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    await swift.quiet()


async def _subscription(served: Served, door: Door) -> Subscription:
    gate = Gate(served.installation, "storefront", partial(_buyer, None), dict)
    who = Coming(door.host, None, Caller(request_id="request-1", address="192.0.2.1"))
    context = await gate.admitted(who)
    asked = Asked(ORDER, variables={"token": door.token})
    found = await served.streams.subscription(gate, asked, context, who)
    await context.reader.finish()
    assert found is not None
    return found


async def test_signals_that_come_while_nobody_reads_are_one(
    served: Served, purchase: Purchase
) -> None:
    order = await purchase.order()
    door = Door.of(purchase.installation, purchase.shop, order)
    answers = (await _subscription(served, door)).answers()
    first = await anext(answers)
    assert first is not None
    await purchase.pay(order)
    for _ in range(100):
        await touched(purchase.installation, purchase.shop.id, f"order:{order}")
    second = await anext(answers)
    assert second is not None
    assert second.data is not None
    assert second.data["orderChanged"]["status"] == "DELIVERED"
    waiting = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await answers.aclose()
    await served.quiet()


async def test_when_the_process_stops_a_stream_is_cut_and_not_completed(
    installation: Installation, purchase: Purchase
) -> None:
    door = Door.of(installation, purchase.shop, await purchase.order())
    async with (
        serving(installation) as there,
        there.following(door.host, ORDER, {"token": door.token}) as events,
    ):
        await events.answer()
        there.live.end()
        assert await events.end() == []
        await there.quiet()


async def test_trusted_documents_alone_are_followed_where_a_shop_takes_no_others(
    swift: Served, purchase: Purchase
) -> None:
    door = Door.of(purchase.installation, purchase.shop, await purchase.order())
    async with swift.following(door.host, ORDER, {"token": door.token}) as events:
        await events.answer()
        async with writing(purchase.installation, purchase.shop.id) as tx:
            await tx.execute("update shops set trusted_only = true where id = $1", purchase.shop.id)
        await touched(purchase.installation, purchase.shop.id, f"order:{_row(door)}")
        told = await events.answer()
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert await events.end() == ["complete"]


def _row(door: Door) -> Any:
    raw = base64.urlsafe_b64decode(door.token + "=" * (-len(door.token) % 4))
    return UUID(bytes=raw[:16])
