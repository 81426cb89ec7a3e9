"""A canary code goes through every flow, failures included; then everything that rests is searched.

The whole product runs as `keystall demo`. What a merchant put in and a buyer took out must show in
their answers, and nowhere else: not in the database, its WAL, Valkey's files, jobs, logs, mails,
stored files or metrics. Likewise keys that a merchant was given by others.
"""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from keystall.graphql.ids import row_of
from keystall.platform.engines.ports import free_port
from keystall.tenants.stock.packs import PACK
from tests.canary.town import (
    SLUG,
    Client,
    Town,
    canary,
    in_the_inbox,
    kill_worker,
    mails_with,
    resting_places,
    sooner,
    until,
    until_applied,
    until_mailed,
)
from tests.canary.traces import traces
from tests.canary.widest import widest
from tests.demos import copy_home
from tests.payments.emulator import emulated
from tests.webhooks.receiver import Got, receiving, verified


@pytest.fixture(scope="module")
def town(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("canary") / "home"
    copy_home(demo_home, home)
    stripe_port = free_port()
    command = [sys.executable, "-m", "keystall", "demo", "--home", str(home),
               "--stripe-url", f"http://stripe.localhost:{stripe_port}"]  # fmt: skip
    log = (home.parent / "demo.log").open("wb")
    process = subprocess.Popen([*command, "--port", str(free_port())], stdout=log, stderr=log)
    deadline = time.monotonic() + 90
    while not (home / "demo.json").exists():
        assert process.poll() is None, (home.parent / "demo.log").read_text()
        assert time.monotonic() < deadline, "the demo does not start"
        time.sleep(0.1)
    try:
        yield Town(home, process, json.loads((home / "demo.json").read_text()), stripe_port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        log.close()


async def test_a_code_shows_to_its_buyer_and_its_merchant_and_rests_nowhere(town: Town) -> None:
    client = Client(town)
    variant = await client.a_variant()

    # Put in stock: pasted, twice, with a bad line (refused, then skipped), looked at only.
    sold = town.new(2)
    kept = town.new(2)
    assert (await client.put_in_stock(variant, "\n".join(sold)))["userErrors"] == []
    assert (await client.put_in_stock(variant, "\n".join([*sold, *kept])))["userErrors"] == []
    bad = town.new(2)
    refused = await client.put_in_stock(variant, f"{bad[0]}\x01\n{bad[1]}")
    assert [error["code"] for error in refused["userErrors"]] == ["BAD_LINES"]
    skipped = await client.put_in_stock(variant, f"{bad[0]}\x01\n{bad[1]}", skip=True)
    assert skipped["userErrors"] == []
    looked_at = await client.admin(
        """
        mutation($input: CodesInput!) { codesPreview(input: $input) {
          preview { new badCount } userErrors { code } } }
        """,
        input={"variantId": variant, "text": "\n".join(town.new(3))},
    )
    assert looked_at["data"]["codesPreview"]["preview"]["new"] == 3

    # Bought: on the page, as a file, through the API; not revealed to a token.
    order = await client.order(variant, 2)
    await client.pay(order["redirectUrl"])
    await client.until(order["order"]["token"], "DELIVERED")
    shop_url, token = town.shop["url"], order["order"]["token"]
    page = await client.http.get(f"{shop_url}/zh/order/{token}/codes")
    file = await client.http.get(f"{shop_url}/order/{token}/codes.txt")
    answer = await client.buyer(
        "query($token: String!) { order(token: $token) { lines { codes { secret } } } }",
        token=token,
    )
    told = answer["data"]["order"]["lines"][0]["codes"]
    assert sorted(code["secret"] for code in told) == sorted(sold)
    assert sorted(file.text.split()) == sorted(sold)
    assert all(code in page.text for code in sold)
    listed = await client.admin(
        "query($id: ID!) { variant(id: $id) { codes { nodes { id masked state } } } }", id=variant
    )
    nodes = listed["data"]["variant"]["codes"]["nodes"]
    assert traces(town.canaries, {"the masked list": json.dumps(listed).encode()}) == []
    free = [node["id"] for node in nodes if node["state"] == "AVAILABLE"]
    shown = await client.admin(
        "mutation($id: ID!) { codeReveal(id: $id) { secret userErrors { code } } }", id=free[0]
    )
    # A token puts in stock and sells; it opens nothing.
    assert shown["data"]["codeReveal"] == {
        "secret": None, "userErrors": [{"code": "PERSON_NEEDED"}],
    }  # fmt: skip
    await client.admin(
        "mutation($ids: [ID!]!) { codesDelete(ids: $ids) { userErrors { code } } }", ids=free[:1]
    )

    # Many at once, which rest in two packs: one is opened for a buyer, the other stays.
    crowd = await client.a_variant()
    opened, packed = town.new(2), town.new(2)
    filling = [f"FILLING-{n}" for n in range(2 * PACK - 4)]
    many = "\n".join([*opened, *filling, *packed])
    assert (await client.put_in_stock(crowd, many))["userErrors"] == []
    first = await client.order(crowd)
    await client.pay(first["redirectUrl"])
    await client.until(first["order"]["token"], "DELIVERED")

    # Failures: a payment that buys nothing, words in the wrong places, a worker that dies.
    other = await client.a_variant()
    await client.put_in_stock(other, town.new()[0])
    wrong = await client.order(other)
    await client.pay(wrong["redirectUrl"], "wrong")
    await client.http.get(f"{shop_url}/zh/search", params={"q": town.new()[0]})
    await client.http.get(f"{shop_url}/zh/order/{town.new()[0]}")
    await client.buyer("{ order(token: 1) { " + town.new()[0].replace("-", " ") + " } }")
    await client.admin("query { product(id: " + json.dumps(town.new()[0]) + ") { id } }")
    gateway = await client.gateway()
    forged = await gateway.forged(town.new()[0])
    garbled = await gateway.signed({"goods": town.new()[0], "reference": 7})
    assert {*forged, garbled} == {(400, "refused\n")}
    await client.http.post(
        f"{town.told['platform_url']}/sign-in",
        data={"form": "SessionCreate", "email": "x@example.com", "password": town.new()[0]},
        headers={"origin": town.told["platform_url"]},
    )
    await client.admin(
        "mutation($input: CodesInput!) { codesPreview(input: $input) { userErrors { code } } }",
        input={"variantId": variant, "text": f"{town.new()[0]}\x00"},
    )
    kill_worker(town)
    assert (await client.put_in_stock(variant, town.new()[0]))["userErrors"] == []

    places = await resting_places(town)
    assert {"table codes", "table outbox"} < set(places)
    assert places["table code_packs"].count(str(row_of("Variant", crowd)).encode()) == 1
    assert any("pg_wal" in name for name in places)
    assert any(name.startswith("home/valkey/appendonly") for name in places)
    assert any(name.endswith(".eml") for name in places)
    assert b"callback refused" in b"".join(places[name] for name in places if "logs/" in name)
    assert traces(town.canaries, places) == []

    await client.http.aclose()


async def test_a_code_that_its_shop_mails_is_in_the_mail_to_its_buyer_and_nowhere_else(
    town: Town,
) -> None:
    client = Client(town)
    switch = """
        mutation($on: Boolean!) {
          shopUpdate(input: { mailCodes: $on }) { shop { mailCodes } userErrors { code } } }
        """
    variant = await client.a_variant()
    (code,) = codes = [canary()]
    assert (await client.put_in_stock(variant, code))["userErrors"] == []
    await client.admin(switch, on=True)

    order = await client.order(variant)
    await client.pay(order["redirectUrl"])
    await client.until(order["order"]["token"], "DELIVERED")
    await until_mailed(town, code, 1)
    found = await client.admin("{ orders(first: 1) { nodes { id } } }")
    resent = await client.admin(
        "mutation($id: ID!) { orderResend(id: $id) { userErrors { code } } }",
        id=found["data"]["orders"]["nodes"][0]["id"],
    )
    assert resent["data"]["orderResend"]["userErrors"] == []
    await until_mailed(town, code, 2)
    await client.admin(switch, on=False)

    mails = mails_with(town, code)
    assert len({mail["to"] for mail in mails}) == 1
    assert str(mails[0]["to"]).endswith("@buyers.example.com")
    places = await resting_places(town)
    files = {name for name in places if name.endswith(".eml")}
    assert files
    assert traces(codes, {name: places[name] for name in places.keys() - files}) == []
    await client.http.aclose()


async def test_what_a_gateway_signed_is_in_the_inbox_as_it_told_it_and_nowhere_else(
    town: Town,
) -> None:
    """The raw body of a verified callback is evidence and stored by design; what it holds is for
    the gateway to say, and a code is nothing that it was ever told. So the words here are no codes
    of the town's: they show that even what is signed goes no further than the inbox."""
    client = Client(town)
    gateway = await client.gateway()
    stored = {row["id"] for row in await in_the_inbox(town)}
    extra, reference, refused = canary(), canary(), canary()

    assert await gateway.signed(gateway.notice(goods=extra, reference=reference)) == (
        200,
        "success",
    )
    assert {*await gateway.forged(refused)} == {(400, "refused\n")}
    await until_applied(town)

    new = [row for row in await in_the_inbox(town) if row["id"] not in stored]
    assert [(row["notice"]["reference"], row["problem"]) for row in new] == [
        (reference, "unknown payment")
    ]
    assert extra not in json.dumps(new[0]["notice"])
    places = await resting_places(town)
    assert traces([refused], places) == []
    for word in (extra, reference):
        resting = {found.rpartition(": ")[0] for found in traces([word], places)}
        assert "table inbox" in resting
        # The files of the database are the same rows once more.
        others = {place for place in resting if not place.startswith("home/postgres/")}
        assert others == {"table inbox"}
    await client.http.aclose()


async def test_keys_that_a_merchant_was_given_show_once_at_most_and_rest_nowhere(
    town: Town,
) -> None:
    """Stripe's, of the merchant's app and of their session; where they do and where they do not."""
    client, merchant = Client(town), Client(town)
    told = town.shop["merchant"]
    await merchant.send_form("/sign-in", "SessionCreate", **told)
    session = merchant.http.cookies["session"].removeprefix("ks_session_")
    wrong, unknown, right, newer = (canary().replace("-", "") for _ in range(4))
    payments = f"/console/{SLUG}/payments"

    async with emulated(town.stripe_port) as stripe:

        async def keyed(form: str, key: str, **more: str) -> httpx2.Response:
            return await merchant.send_form(payments, form, **{"stripe.secretKey": key, **more})

        world = stripe.account(f"sk_test_51{right}")
        stripe.worlds[f"sk_test_51{newer}"] = world
        pages = [
            await keyed("StripeConnect", f"pk_test_51{wrong}"),
            await keyed("StripeConnect", f"sk_test_51{unknown}"),
        ]
        assert [page.status_code for page in pages] == [422, 422]
        assert (await keyed("StripeConnect", world.key)).status_code == 303
        pages.append(await merchant.http.get(town.told["platform_url"] + payments))
        (method,) = re.findall(r'name="form" value="StripeChange">.*?name="id" value="([^"]+)"',
                               pages[-1].text, re.DOTALL)  # fmt: skip
        assert (await keyed("StripeChange", f"sk_test_51{newer}", id=method)).status_code == 303

        # Bought by it; told what is signed, and what is not.
        variant = await client.a_variant()
        assert (await client.put_in_stock(variant, town.new()[0]))["userErrors"] == []
        order = await client.order(variant, kind="stripe")
        paid = world.things[order["redirectUrl"].rpartition("/")[2]]
        world.complete(paid, paid=True)
        assert set(await stripe.deliver_new(world)) == {200}
        await client.until(order["order"]["token"], "DELIVERED")
        (endpoint,) = world.of_kind("webhook_endpoint")
        forged = await client.http.post(
            endpoint["url"], content=endpoint["secret"], headers={"stripe-signature": right}
        )
        assert forged.status_code == 400

    second_step = "/account/second-step"
    begun = await merchant.send_form(second_step, "TotpBegin", password=told["password"])
    assert begun.status_code == 303
    page = await merchant.http.get(town.told["platform_url"] + second_step)
    found = re.search(r'id="totp-secret">(.+?)</span>', page.text)
    assert found
    app = re.sub(r"<wbr>|\s", "", found[1])
    assert len(app) == 32
    keys = [wrong, unknown, right, newer, endpoint["secret"].removeprefix("whsec_"), app, session]
    shown = {str(number): page.text.encode() for number, page in enumerate(pages)}
    assert traces(keys, shown) == []
    assert traces(keys, await resting_places(town)) == []
    await merchant.http.aclose()
    await client.http.aclose()


async def test_no_webhook_is_told_a_code_and_its_secret_rests_nowhere(town: Town) -> None:
    """Whatever a webhook may ask of whatever it may be told of; and its worker dies in between."""
    client = Client(town)
    subscribe = """
        mutation($input: WebhookInput!) { webhookCreate(input: $input) {
          webhook { id } secret userErrors { code message } } }
        """
    variant = await client.a_variant()
    codes = town.new(3)
    secrets = []
    async with receiving() as receiver:

        async def subscribed(document: str, *events: str) -> list[str]:
            given = {"url": receiver.url, "events": events, "document": document}
            answer = (await client.admin(subscribe, input=given))["data"]["webhookCreate"]
            secrets.append(answer["secret"] or "")
            return [error["code"] for error in answer["userErrors"]]

        assert await subscribed(
            "query($id: ID!) { order(id: $id) { lines { codes { masked } } } }", "ORDER_PAID"
        ) == ["DOCUMENT_SHOWS_CODES"]  # fmt: skip
        orders = ("ORDER_PLACED", "ORDER_PAID", "ORDER_DELIVERED")
        assert await subscribed(widest("Order"), *orders) == []
        stock = ("STOCK_LOW", "STOCK_SOLD_OUT", "STOCK_RESTOCKED")
        assert await subscribed(widest("Variant"), *stock) == []
        assert await subscribed(widest("CodeReport"), "CODE_REPORT_OPENED") == []

        assert (await client.put_in_stock(variant, "\n".join(codes)))["userErrors"] == []
        held = asyncio.Event()
        receiver.during = held.wait  # type: ignore[assignment]
        order = await client.order(variant, 3)
        await until(lambda: len(receiver.got) >= 1)
        kill_worker(town)
        receiver.during = None
        held.set()
        await client.pay(order["redirectUrl"])
        await client.until(order["order"]["token"], "DELIVERED")
        report = """
            query($token: String!) { order(token: $token) { lines { codes { id secret } } } }
            """
        bought = await client.buyer(report, token=order["order"]["token"])
        reported = await client.buyer(
            "mutation($token: String!, $code: ID!) { orderCodeReport(token: $token, codeId: $code,"
            " reason: USED) { userErrors { code } } }",
            token=order["order"]["token"],
            code=bought["data"]["order"]["lines"][0]["codes"][0]["id"],
        )
        assert reported["data"]["orderCodeReport"]["userErrors"] == []
        await sooner(town, "webhook.send")

        def told() -> set[str]:
            return {got.json()["type"] for got in receiver.got}

        wanted = {"order.placed", "order.paid", "order.delivered", "stock.sold_out",
                  "code_report.opened"}  # fmt: skip
        await until(lambda: told() >= wanted)
        # The one that was being told when the worker died comes again, as it was.
        name = receiver.got[0].headers["webhook-id"]

        def placed() -> list[Got]:
            return [got for got in receiver.got if got.headers["webhook-id"] == name]

        await until(lambda: len(placed()) == 2)
        assert len({got.body for got in placed()}) == 1
        for got in receiver.got:
            assert any(verified(got, secret) for secret in secrets if secret)
        bodies = {str(at): repr(got).encode() for at, got in enumerate(receiver.got)}
    assert traces(town.canaries, bodies) == []
    bare = [secret.removeprefix("whsec_").rstrip("=") for secret in secrets if secret]
    assert len(bare) == 3
    assert traces([*town.canaries, *bare], await resting_places(town)) == []
    await client.http.aclose()


async def test_a_leak_planted_on_purpose_is_found(town: Town) -> None:
    planted = canary()
    connection = await asyncpg.connect(town.environment("KEYSTALL_OWNER_DATABASE_URL"))
    await connection.execute("update orders set number = number || $1", f"~{planted[:9]}")
    await connection.close()
    with (town.home / "logs" / "worker.log").open("a") as log:
        log.write(f"bought {planted[3:12]}\n")
    found = traces([planted], await resting_places(town))
    assert "table orders: raw" in found
    assert "home/logs/worker.log: raw" in found
    assert any("pg_wal" in place for place in found)
