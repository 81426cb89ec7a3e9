"""A canary code goes through every flow, failures included; then everything that rests is searched.

The whole product runs as `keystall demo`. What a merchant put in and a buyer took out must show in
their answers, and nowhere else: not in the database, its WAL, Valkey's files, jobs, logs, mails,
stored files or metrics.
"""

import asyncio
import email
import email.policy
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from keystall.platform.engines.ports import free_port
from keystall.platform.http import http_client
from tests.canary.callbacks import Gateway
from tests.canary.traces import files_below, traces
from tests.demos import copy_home

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
SLUG = "galaxy"


def canary() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(6)) for _ in range(4))


@dataclass
class Town:
    """A running demo, and everything secret that was ever given to it."""

    home: Path
    process: subprocess.Popen[bytes]
    told: dict[str, Any]
    canaries: list[str] = field(default_factory=list)

    def new(self, count: int = 1) -> list[str]:
        made = [canary() for _ in range(count)]
        self.canaries += made
        return made

    @property
    def shop(self) -> dict[str, Any]:
        found: dict[str, Any] = next(s for s in self.told["shops"] if s["slug"] == SLUG)
        return found

    def environment(self, name: str) -> str:
        for line in (self.home / "environment").read_text().splitlines():
            if line.startswith(f"{name}="):
                return line.partition("=")[2].strip("'")
        raise KeyError(name)


@pytest.fixture(scope="module")
def town(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("canary") / "home"
    copy_home(demo_home, home)
    command = [sys.executable, "-m", "keystall", "demo", "--home", str(home)]
    log = (home.parent / "demo.log").open("wb")
    process = subprocess.Popen([*command, "--port", str(free_port())], stdout=log, stderr=log)
    deadline = time.monotonic() + 90
    while not (home / "demo.json").exists():
        assert process.poll() is None, (home.parent / "demo.log").read_text()
        assert time.monotonic() < deadline, "the demo does not start"
        time.sleep(0.1)
    try:
        yield Town(home, process, json.loads((home / "demo.json").read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        log.close()


class Client:
    """A program on the shop's APIs."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.http = http_client()

    async def admin(self, document: str, **variables: Any) -> dict[str, Any]:
        shop = self.town.shop
        answer = await self.http.post(
            shop["admin_graphql"],
            json={"query": document, "variables": variables},
            headers={"authorization": f"Bearer {shop['admin_token']}"},
        )
        body: dict[str, Any] = answer.json()
        return body

    async def buyer(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = await self.http.post(
            self.town.shop["storefront_graphql"], json={"query": document, "variables": variables}
        )
        body: dict[str, Any] = answer.json()
        return body

    async def a_variant(self) -> str:
        made = await self.admin(
            """
            mutation($input: ProductCreateInput!) {
              productCreate(input: $input) {
                product { variants { id } } userErrors { path code } } }
            """,
            input={
                "name": f"Canary {secrets.token_hex(3)}",
                "variants": [{"prices": [{"amount": "9.90", "currencyCode": "CNY"}]}],
            },
        )
        assert made["data"]["productCreate"]["userErrors"] == []
        variant: str = made["data"]["productCreate"]["product"]["variants"][0]["id"]
        return variant

    async def put_in_stock(self, variant: str, text: str, **more: Any) -> dict[str, Any]:
        answer = await self.admin(
            """
            mutation($input: CodesInput!, $key: String!, $skip: Boolean!) {
              codesImport(input: $input, idempotencyKey: $key, skipBad: $skip) {
                job { id } userErrors { path code message } } }
            """,
            input={"variantId": variant, "text": text},
            key=secrets.token_hex(8),
            skip=more.get("skip", False),
        )
        result: dict[str, Any] = answer["data"]["codesImport"]
        if result["job"]:
            await self.until_done(result["job"]["id"])
        return result

    async def until_done(self, job: str) -> None:
        for _ in range(200):
            answer = await self.admin("query($id: ID!) { job(id: $id) { state } }", id=job)
            if answer["data"]["job"]["state"] in ("DONE", "FAILED", "CANCELED"):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the import does not end")

    async def order(self, variant: str, quantity: int = 1) -> dict[str, Any]:
        made = await self.buyer(
            """
            mutation($input: CartCreateInput!) {
              cartCreate(input: $input) { cart { id } userErrors { code } } }
            """,
            input={"lines": [{"variantId": variant, "quantity": quantity}]},
        )
        cart = made["data"]["cartCreate"]["cart"]["id"]
        methods = await self.buyer("{ shop { paymentMethods { id } } }")
        done = await self.buyer(
            """
            mutation($cart: ID!, $buyer: CartBuyerInput!, $method: ID!, $key: String!) {
              cartBuyerUpdate(cartId: $cart, input: $buyer) { userErrors { code } }
              cartComplete(cartId: $cart, paymentMethod: $method, idempotencyKey: $key) {
                order { token } redirectUrl userErrors { code } } }
            """,
            cart=cart,
            buyer={"email": f"{secrets.token_hex(4)}@buyers.example.com"},
            method=methods["data"]["shop"]["paymentMethods"][0]["id"],
            key=secrets.token_hex(8),
        )
        complete: dict[str, Any] = done["data"]["cartComplete"]
        assert complete["userErrors"] == []
        return complete

    async def pay(self, redirect_url: str, act: str = "pay") -> None:
        page = await self.http.get(redirect_url)
        assert page.status_code == 200
        origin = redirect_url.rpartition("/p/")[0]
        paid = await self.http.post(redirect_url, data={"act": act}, headers={"origin": origin})
        assert paid.status_code in (200, 303), paid.text

    async def gateway(self) -> Gateway:
        """The sandbox as it would tell the shop of payments."""
        owner = await asyncpg.connect(self.town.environment("KEYSTALL_OWNER_DATABASE_URL"))
        try:
            account = await owner.fetchval(
                "select payment_accounts.id from payment_accounts"
                " join shops on shops.id = shop_id where slug = $1 and provider = 'sandbox'",
                SLUG,
            )
        finally:
            await owner.close()
        url = f"{self.town.shop['url']}/callbacks/sandbox/{account}"
        secret = self.town.environment("KEYSTALL_SANDBOX_SECRET")
        return Gateway(self.http, url, str(account), secret)

    async def until(self, token: str, status: str) -> None:
        for _ in range(200):
            answer = await self.buyer(
                "query($token: String!) { order(token: $token) { status } }", token=token
            )
            if answer["data"]["order"]["status"] == status:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"the order does not become {status}: {answer}")


async def in_the_inbox(town: Town) -> list[dict[str, Any]]:
    """Callbacks of all shops, as they are stored."""
    connection = await asyncpg.connect(town.environment("KEYSTALL_OWNER_DATABASE_URL"))
    try:
        rows = await connection.fetch("select id, notice, problem, applied_at from inbox")
    finally:
        await connection.close()
    return [{**row, "notice": json.loads(row["notice"])} for row in rows]


async def until_applied(town: Town) -> None:
    """Until a worker has looked at every callback."""
    for _ in range(200):
        if all(row["applied_at"] for row in await in_the_inbox(town)):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("a callback is not applied")


async def resting_places(town: Town) -> dict[str, bytes]:
    """Everything that the town keeps: files as they lie there, and the database as it reads."""
    places = dict(files_below(town.home.parent))
    # `secrets.json` and `environment` are the demo's own keys, made before any canary.
    connection = await asyncpg.connect(town.environment("KEYSTALL_OWNER_DATABASE_URL"))
    try:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public'"
        )
        for table in (row["tablename"] for row in tables):
            rows = await connection.fetch(f'select t::text from "{table}" t')
            places[f"table {table}"] = "\n".join(row["t"] for row in rows).encode()
    finally:
        await connection.close()
    return places


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


def mails_with(town: Town, code: str) -> list[EmailMessage]:
    """The mails that were sent with `code` in both of their bodies."""
    found = []
    for path in sorted(town.home.rglob("*.eml")):
        message = email.message_from_bytes(
            path.read_bytes(), _class=EmailMessage, policy=email.policy.default
        )
        parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
        if parts and all(code in str(part.get_content()) for part in parts):
            found.append(message)
    return found


async def until_mailed(town: Town, code: str, times: int) -> None:
    for _ in range(200):
        if len(mails_with(town, code)) == times:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the code is not mailed")


def kill_worker(town: Town) -> None:
    """SIGKILL the demo's worker; its supervisor starts another."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"worker" in words and parent == town.process.pid:
            os.kill(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError("no worker to kill")
