"""The demo that the canaries fly through: what is done in it, and all the places where it keeps
anything."""

import asyncio
import email
import email.policy
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from keystall.platform.http import http_client
from tests.canary.callbacks import Gateway
from tests.canary.traces import files_below

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
    stripe_port: int
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

    async def order(
        self, variant: str, quantity: int = 1, *, kind: str = "sandbox"
    ) -> dict[str, Any]:
        made = await self.buyer(
            """
            mutation($input: CartCreateInput!) {
              cartCreate(input: $input) { cart { id } userErrors { code } } }
            """,
            input={"lines": [{"variantId": variant, "quantity": quantity}]},
        )
        cart = made["data"]["cartCreate"]["cart"]["id"]
        methods = await self.buyer("{ shop { paymentMethods { id kind } } }")
        wanted = (m["id"] for m in methods["data"]["shop"]["paymentMethods"] if m["kind"] == kind)
        done = await self.buyer(
            """
            mutation($cart: ID!, $buyer: CartBuyerInput!, $method: ID!, $key: String!) {
              cartBuyerUpdate(cartId: $cart, input: $buyer) { userErrors { code } }
              cartComplete(cartId: $cart, paymentMethod: $method, idempotencyKey: $key) {
                order { token } redirectUrl userErrors { code } } }
            """,
            cart=cart,
            buyer={"email": f"{secrets.token_hex(4)}@buyers.example.com"},
            method=next(wanted),
            key=secrets.token_hex(8),
        )
        complete: dict[str, Any] = done["data"]["cartComplete"]
        assert complete["userErrors"] == []
        return complete

    async def send_form(self, path: str, form: str, **fields: str) -> httpx2.Response:
        """Sends a form of the installation's own pages, signed in where that was done before."""
        base = self.town.told["platform_url"]
        return await self.http.post(
            base + path, data={"form": form, **fields}, headers={"origin": base}
        )

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


async def until(there: Callable[[], bool]) -> None:
    """Until something is so."""
    for _ in range(300):
        if there():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it does not come")


async def sooner(town: Town, kind: str) -> None:
    """Has work of this kind that waits handed out now: what a dead worker held is left alone for a
    while."""
    connection = await asyncpg.connect(town.environment("KEYSTALL_OWNER_DATABASE_URL"))
    try:
        await connection.execute(
            "update outbox set due_at = now() where kind = $1 and done_at is null", kind
        )
    finally:
        await connection.close()


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
