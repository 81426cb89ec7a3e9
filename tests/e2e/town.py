"""A demo's shop from its merchant's, its buyers' and its gateway's side, without a browser."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import httpx2

from keystall.platform.payments.sandbox import SandboxProvider

_PRODUCT = """
mutation ($input: ProductCreateInput!) {
  productCreate(input: $input) {
    product { id slug variants { id } }
    userErrors { path message code }
  }
}
"""
_IMPORT = """
mutation ($input: CodesInput!, $key: String!) {
  codesImport(input: $input, skipBad: true, idempotencyKey: $key) {
    job { id }
    userErrors { path message code }
  }
}
"""
_JOB = "query ($id: ID!) { job(id: $id) { state total } }"
_CART = """
mutation ($lines: [CartLineInput!]!) {
  cartCreate(input: {lines: $lines}) {
    cart { id }
    userErrors { path message code }
  }
}
"""
_WHO = """
mutation ($cart: ID!, $input: CartBuyerInput!) {
  cartBuyerUpdate(cartId: $cart, input: $input) { userErrors { path message code } }
}
"""
_COMPLETE = """
mutation ($cart: ID!, $method: ID!, $key: String!) {
  cartComplete(cartId: $cart, paymentMethod: $method, idempotencyKey: $key) {
    order { token number }
    redirectUrl
    userErrors { path message code }
  }
}
"""
_METHODS = "{ shop { defaultCurrency paymentMethods { id } } }"
_STATE = """
query ($token: String!) { order(token: $token) { status timeline { at } refunds { status } } }
"""
_CODES = "query ($token: String!) { order(token: $token) { lines { codes { id } } } }"
_REPORT = """
mutation ($token: String!, $code: ID!, $note: String!) {
  orderCodeReport(token: $token, codeId: $code, reason: OTHER, note: $note) {
    userErrors { path message code }
  }
}
"""
_OF = "query ($query: String!) { orders(first: 5, query: $query) { nodes { id } } }"
_SIGN_IN = "mutation ($email: String!) { customerLinkSend(email: $email) { done } }"
_FOLLOW = """
mutation ($token: String!) {
  customerLinkFollow(token: $token) { sessionToken userErrors { path message code } }
}
"""
_PASSWORD_SET = """
mutation ($password: String!) {
  customerPasswordSet(password: $password) { done userErrors { path message code } }
}
"""
CANCEL = "mutation ($token: String!) { orderCancel(token: $token) { userErrors { code } } }"
PROBLEM = "SMTPServerDisconnected: Connection lost"
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed; `page` is the id in the payment page's address."""

    token: str
    number: str
    email: str
    page: str


@dataclass
class Town:
    """One shop of a demo; `told` is demo.json with the demo's `home`."""

    told: dict[str, Any]
    slug: str
    http: httpx2.AsyncClient
    _orders: int = field(default=0)

    @property
    def shop(self) -> dict[str, Any]:
        found: dict[str, Any] = next(s for s in self.told["shops"] if s["slug"] == self.slug)
        return found

    def setting(self, name: str) -> str:
        """A setting of the running demo."""
        lines = (Path(self.told["home"]) / "environment").read_text("utf-8").splitlines()
        pairs = (line.partition("=") for line in lines)
        return next(value.strip("'") for key, _, value in pairs if key == name)

    async def ask(
        self, url: str, token: str, document: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """The data of an answer, of which nothing was refused."""
        answer = await self.http.post(
            url,
            json={"query": document, "variables": variables},
            headers={"authorization": f"Bearer {token}"} if token else {},
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        for payload in data.values():
            assert not (isinstance(payload, dict) and payload.get("userErrors")), payload
        return data

    async def admin(self, document: str, **variables: Any) -> dict[str, Any]:
        """As the merchant's program."""
        shop = self.shop
        return await self.ask(shop["admin_graphql"], shop["admin_token"], document, variables)

    async def buyer(self, document: str, **variables: Any) -> dict[str, Any]:
        """As a stranger in the shop."""
        return await self.ask(self.shop["storefront_graphql"], "", document, variables)

    async def product(self, name: str, *, variant: str = "", **more: Any) -> dict[str, Any]:
        """A product of one variant without codes: `id`, `slug`, and the variant's as `variant`."""
        currency = (await self.buyer(_METHODS))["shop"]["defaultCurrency"]
        price = {"amount": "1288.00", "currencyCode": currency}
        variants = [{"name": variant, "prices": [price], "maxQuantity": 5}]
        asked = {"name": name, "variants": variants, **more}
        made = (await self.admin(_PRODUCT, input=asked))["productCreate"]["product"]
        return {**made, "variant": made["variants"][0]["id"]}

    async def stock(self, variant: str, lines: list[str], *, until: tuple[str, ...]) -> str:
        """Imports `lines`, skipping bad ones; answers the job once its state is one of `until`."""
        self._orders += 1
        asked = {"variantId": variant, "text": "\n".join(lines)}
        made = await self.admin(_IMPORT, input=asked, key=f"import-{secrets.token_hex(8)}")
        job: str = made["codesImport"]["job"]["id"]

        async def there() -> bool:
            return (await self.admin(_JOB, id=job))["job"]["state"] in until

        await patiently(there, f"job in {until}")
        return job

    async def cart(self, variant: str, quantity: int = 1, **fields: str) -> str:
        """A cart with one line, whose buyer has an address of their own."""
        return (await self._cart(variant, quantity, fields))[0]

    async def _cart(self, variant: str, quantity: int, fields: dict[str, str]) -> tuple[str, str]:
        self._orders += 1
        email = f"buyer{self._orders:02d}@mail.example.com"
        lines = [{"variantId": variant, "quantity": quantity}]
        cart = str((await self.buyer(_CART, lines=lines))["cartCreate"]["cart"]["id"])
        answers = [{"key": key, "value": value} for key, value in fields.items()]
        await self.buyer(_WHO, cart=cart, input={"email": email, "buyerFields": answers})
        return cart, email

    async def place(self, variant: str, quantity: int = 1, **fields: str) -> Placed:
        """An order awaiting its payment."""
        cart, email = await self._cart(variant, quantity, fields)
        [method, *_] = (await self.buyer(_METHODS))["shop"]["paymentMethods"]
        made = await self.complete(cart, method["id"])
        order = made["order"]
        page = made["redirectUrl"].rpartition("/")[2]
        return Placed(order["token"], order["number"], email, page)

    async def complete(self, cart: str, method: str) -> dict[str, Any]:
        answer = await self.buyer(_COMPLETE, cart=cart, method=method, key=f"sweep-{cart}"[:64])
        made: dict[str, Any] = answer["cartComplete"]
        return made

    async def play(self, order: Placed, mode: str, *, delay: float = 0) -> None:
        """Has the gateway do with the order's payment what `mode` says."""
        url = f"{self.setting('KEYSTALL_SANDBOX_URL')}/v1/control"
        answer = await self.http.post(url, json={"page": order.page, "mode": mode, "delay": delay})
        assert answer.status_code == 200, answer.text

    async def give_back(self, order: Placed) -> None:
        """Sends the payment back at the gateway, behind the shop's back, as merchants sometimes
        do in a provider's own console."""
        url = self.setting("KEYSTALL_SANDBOX_URL")
        journal = (await self.http.get(f"{url}/journal.json")).json()
        [entry] = [entry for entry in journal if entry["id"] == order.page]
        provider = SandboxProvider(
            entry["merchant"],
            secret=self.setting("KEYSTALL_SANDBOX_SECRET"),
            url=url,
            http=self.http,
        )
        [taking] = entry["takings"]
        outcome = await provider.refund(
            reference=entry["reference"],
            provider_reference=taking["provider_reference"],
            refund_reference="by-hand",
            amount=taking["amount"],
            currency=entry["currency"],
        )
        assert outcome.state == "succeeded", outcome

    async def report(self, order: Placed, note: str) -> None:
        """As the buyer: the order's first code does not do what it should."""
        found = (await self.buyer(_CODES, token=order.token))["order"]
        [code, *_] = found["lines"][0]["codes"]
        await self.buyer(_REPORT, token=order.token, code=code["id"], note=note)

    async def expire(self, *orders: Placed) -> None:
        """Ends the holds of these orders now, by moving a moment in the database, for the
        shortest hold that a shop can choose is a minute. The expiry itself is real."""
        database = await asyncpg.connect(self.superuser_url())
        try:
            moved = await database.execute(
                "update outbox set due_at = now() from orders where kind = 'order.expire'"
                " and orders.shop_id = outbox.shop_id and orders.id = subject_id"
                " and number = any ($1)",
                [order.number for order in orders],
            )
            assert moved == f"UPDATE {len(orders)}"
        finally:
            await database.close()
        for order in orders:
            await self.until(order, "EXPIRED")

    async def give_up(self, kind: str) -> None:
        """Lets the last work of this kind count as given up. Real failing takes a day, so
        this is written into the database."""
        database = await asyncpg.connect(self.superuser_url())
        try:
            moved = await database.execute(
                "update outbox set failed_at = now(), done_at = null, attempts = 30,"
                " problem = $2 where (shop_id, id) ="
                " (select shop_id, id from outbox where kind = $1 order by id desc limit 1)",
                kind,
                PROBLEM,
            )
            assert moved == "UPDATE 1"
        finally:
            await database.close()

    async def put_off(self, slug: str) -> None:
        """Lets a shop wait for its approval. The demo approves shops after they open, so this is
        written into the database; what the operator then says of it is real."""
        database = await asyncpg.connect(self.superuser_url())
        try:
            moved = await database.execute(
                "update shops set status = 'pending', reviewed_at = null where slug = $1", slug
            )
            assert moved == "UPDATE 1"
        finally:
            await database.close()

    async def until(self, order: Placed, status: str, *, events: int = 0, refunds: int = 0) -> None:
        """Waits for a state, with so many events in its timeline and refunds that are settled."""

        async def there() -> bool:
            found = (await self.buyer(_STATE, token=order.token))["order"]
            settled = [one for one in found["refunds"] if one["status"] != "REQUESTED"]
            enough = len(found["timeline"]) >= events and len(settled) >= refunds
            return enough and bool(found["status"] == status)

        await patiently(there, f"{order} to be {status}")

    async def console_id(self, order: Placed) -> str:
        """The order's id for its merchant."""
        [found] = (await self.admin(_OF, query=order.number))["orders"]["nodes"]
        return str(found["id"])

    def superuser_url(self) -> str:
        """The demo's database as one whom no policy binds."""
        address = urlsplit(self.setting("KEYSTALL_DATABASE_URL"))
        kept = json.loads((Path(self.told["home"]) / "secrets.json").read_text("utf-8"))
        password = quote(kept["superuser"], safe="")
        host = f"{address.hostname}:{address.port}"
        return f"postgresql://postgres:{password}@{host}{address.path}"

    async def send_form(
        self, path: str, form: str, *, session: str = "", **fields: str
    ) -> tuple[str, str]:
        """Sends a form of the installation's own pages; answers where it leads, and the session
        that it opened."""
        base = self.told["platform_url"]
        headers = {"origin": base, **_signed(session)}
        answer = await self.http.post(base + path, data={"form": form, **fields}, headers=headers)
        assert answer.status_code == 303, answer.text
        opened = answer.cookies.get("session") or ""
        self.http.cookies.clear()  # whom it signed in is nobody here
        return answer.headers["location"], opened

    async def sign_in(self, email: str, password: str) -> str:
        """A session of an account's."""
        _, session = await self.send_form("/sign-in", "SessionCreate", email=email,
                                          password=password)  # fmt: skip
        return session

    async def storefront_token(self, origin: str) -> str:
        """A new token for the site of this origin, made by the merchant in the console."""
        who = self.shop["merchant"]
        session = await self.sign_in(who["email"], who["password"])
        made, _ = await self.send_form(
            f"/console/{self.slug}/tokens/storefront", "StorefrontTokenCreate", session=session,
            name="Front", origins=origin, expiresInDays="",
        )  # fmt: skip
        url = self.told["platform_url"] + made.removeprefix(self.told["platform_url"])
        answer = await self.http.get(url, headers=_signed(session))
        found = re.search(r"ks_public_[\w-]+", answer.text)
        assert found, answer.text
        return found[0]

    async def linked(self, path: str, beginning: str, *, session: str, but: str = "/") -> str:
        """The first address on a page of the installation's that begins like this and does not go
        on with `but`."""
        answer = await self.http.get(self.told["platform_url"] + path, headers=_signed(session))
        assert answer.status_code == 200, answer.text
        found = re.search(rf'href="({re.escape(beginning)}(?!{but})[^"?#]+)"', answer.text)
        assert found, f"no {beginning} on {path}"
        return found[1]

    async def customer(self, email: str, password: str) -> tuple[str, str]:
        """The secret of a session of the shop's customer by that address, who has a password; and
        the token of another link, which waits in the mailbox."""
        used = await self._sign_in_link(email)
        opened = (await self.buyer(_FOLLOW, token=used))["customerLinkFollow"]
        session = str(opened["sessionToken"])
        url = self.shop["storefront_graphql"]
        await self.ask(url, session, _PASSWORD_SET, {"password": password})
        return session, await self._sign_in_link(email, but=used)

    async def _sign_in_link(self, email: str, *, but: str = "") -> str:
        await self.buyer(_SIGN_IN, email=email)
        found = ""

        async def there() -> bool:
            nonlocal found
            # The same address may have bought in another shop, too.
            link = await self.mailed(email, self.shop["url"], "/sign-in/")
            found = link.rpartition("/")[2]
            return found != but

        await patiently(there, f"another link to {email}")
        return found

    async def mailed(self, email: str, *parts: str) -> str:
        """The path of the newest link with these `parts` in it that was mailed to `email`."""
        found: list[str] = []

        async def there() -> bool:
            mails = (await self.http.get(self.told["mail_url"] + ".json")).json()
            links = [link for mail in mails if email in str(mail["to"]) for link in mail["links"]]
            found[:] = [link for link in links if all(part in link for part in parts)]
            return bool(found)

        await patiently(there, f"a mail to {email}")
        return re.sub(r"^https?://[^/]+", "", found[0])


def _signed(session: str) -> dict[str, str]:
    return {"cookie": f"session={session}"} if session else {}


async def patiently(there: Callable[[], Awaitable[bool]], what: str) -> None:
    """Asks until it is so. Raises TimeoutError after a minute."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await there():  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"waited in vain for {what}") from None
