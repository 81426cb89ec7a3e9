"""Pages from memory: whose, when not, and how soon a change is seen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from prometheus_client import REGISTRY

from keystall.graphql.executor import SCHEMAS
from keystall.platform import database
from keystall.platform.asgi import front as front_door
from keystall.platform.asgi.application import application
from keystall.platform.asgi.front import Front, require_public
from keystall.platform.live import Live
from keystall.tenants.catalog.input import PriceInput, ProductChanges, VariantInput
from keystall.tenants.catalog.queries import ProductView
from keystall.tenants.catalog.service import product_update
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.operating import shop_suspend
from keystall.tenants.shops.queries import shop_by_host
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import storefront_token_create
from keystall.tenants.trusted_documents.service import (
    trusted_document_delete,
    trusted_document_register,
)
from keystall.themes.engine import Cache, Page, vouched
from keystall.themes.storefront.pages import PAGES
from keystall.workers.settling import settle
from tests.customers import signed_in
from tests.factories import a_product, a_shop, a_variant_input, a_viewer, some_codes, the_variant


class Process:
    """One web process's part of it all: its own memory, the database and Redis shared."""

    def __init__(self, installation: Installation) -> None:
        self.front = Front(installation)
        self.live = Live(installation.queue)
        self.live.watch(self.front)
        self.app = application(installation, self.live, self.front)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app))

    async def get(self, shop: Shop, path: str = "/en/", **headers: str) -> httpx2.Response:
        return await self.client.get(f"http://{shop.slug}.localhost:8000{path}", headers=headers)

    @property
    def kept(self) -> Any:
        return self.front.kept

    async def caught_up(self) -> None:
        """Returns when all that was told so far has been heard here."""
        with self.live.listening("mark") as heard:
            await self.front.installation.queue.publish("mark")
            assert await self.live.wait(heard, 20)


@asynccontextmanager
async def a_process(installation: Installation) -> AsyncIterator[Process]:
    """A process whose line is up."""
    process = Process(installation)
    async with process.live.running(), process.client:
        async with asyncio.timeout(20):
            while not process.kept.up:  # noqa: ASYNC110  # the line says nothing of itself
                await asyncio.sleep(0.005)
        yield process


@pytest.fixture
async def process(installation: Installation) -> AsyncIterator[Process]:
    async with a_process(installation) as one:
        yield one


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that is sent to the database, by whichever pool."""
    sent: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        real: Callable[..., Awaitable[Any]] = getattr(database._Connection, name)

        async def noted(self: Any, sql: str, *args: Any, _real: Any = real, **more: Any) -> Any:
            sent.append(sql)
            return await _real(self, sql, *args, **more)

        monkeypatch.setattr(database._Connection, name, noted)
    return sent


async def reprice(installation: Installation, shop: Shop, product: ProductView, to: str) -> None:
    variant = await the_variant(shop, product)
    asked = [VariantInput(id=variant.id, prices=[PriceInput(to, "CNY")])]
    await product_update(installation, shop, product.id, ProductChanges(variants=asked))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110  # what it waits for is another process
            await asyncio.sleep(0.01)


async def test_a_warm_page_asks_the_database_nothing(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    product = await a_product(installation, shop)
    await process.caught_up()
    for path in ("/en/", f"/en/p/{product.slug}", "/en/policies", "/en/search?q=steam"):
        cold = await process.get(shop, path)
        assert cold.status_code == 200
        assert statements != []
        statements.clear()
        warm = await process.get(shop, path)
        assert statements == []
        assert warm.content == cold.content
        own = {"x-request-id"}
        assert [pair for pair in warm.headers.multi_items() if pair[0] not in own] == [
            pair for pair in cold.headers.multi_items() if pair[0] not in own
        ]
        assert "set-cookie" not in warm.headers
        assert warm.headers["x-request-id"] != cold.headers["x-request-id"]


async def test_what_is_answered_from_memory_is_measured_and_logged_like_all_else(
    installation: Installation, process: Process
) -> None:
    shop = await a_shop(installation)
    await process.caught_up()
    labels = {"method": "GET", "route": "/{l}/policies", "status": "200"}

    def counted() -> tuple[float, float]:
        process.kept.count()
        requests = REGISTRY.get_sample_value("keystall_request_seconds_count", labels)
        return requests or 0.0, REGISTRY.get_sample_value("keystall_kept_hits_total") or 0.0

    before = counted()
    for _ in range(3):
        await process.get(shop, "/en/policies")
    requests, hits = (after - was for after, was in zip(counted(), before, strict=True))
    assert (requests, hits) == (3, 2)
    assert (REGISTRY.get_sample_value("keystall_kept_bytes") or 0) > 2000


async def test_a_reader_who_has_the_page_is_told_so(
    installation: Installation, process: Process
) -> None:
    shop = await a_shop(installation)
    await process.caught_up()
    etag = (await process.get(shop)).headers["etag"]
    for named in (etag, f"W/{etag}", f'"other", {etag}'):
        for _ in ("drawn anew", "from memory"):
            answer = await process.get(shop, **{"if-none-match": named})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == etag
            assert answer.headers["cache-control"] == Cache.EVERYONE.value
            assert "content-type" not in answer.headers
        process.kept.doubt(shop.id)
    assert (await process.get(shop, **{"if-none-match": '"other"'})).status_code == 200


async def test_a_price_change_is_seen_by_every_process(installation: Installation) -> None:
    shop = await a_shop(installation)
    product = await a_product(installation, shop)
    async with a_process(installation) as one, a_process(installation) as other:
        for process in (one, other):
            await process.caught_up()
            for _ in ("cold", "warm"):
                assert "9.90" in (await process.get(shop)).text
        await reprice(installation, shop, product, "12.34")
        for process in (one, other):

            async def seen(process: Process = process) -> bool:
                return "12.34" in (await process.get(shop)).text

            # The message alone: nobody looks at versions here.
            await until(seen)


async def test_a_lost_message_is_made_up_for_by_looking(
    installation: Installation, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(installation)
    product = await a_product(installation, shop)
    monkeypatch.setattr(Front, "told", lambda self, topic: None)
    await process.get(shop)
    await reprice(installation, shop, product, "12.34")
    assert "12.34" not in (await process.get(shop)).text
    await process.front.look()
    assert "12.34" in (await process.get(shop)).text


async def test_a_look_asks_once_for_all_shops_of_which_something_is_kept(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shops = [await a_shop(installation) for _ in range(3)]
    await process.caught_up()
    statements.clear()
    await process.front.look()
    assert statements == []
    for shop in shops:
        await process.get(shop)
    for _ in range(2):
        statements.clear()
        await process.front.look()
        assert len(statements) == 1


async def test_a_page_that_nobody_asked_for_meanwhile_is_not_given_stale(
    installation: Installation, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message was lost, and the first who comes after the next look sees the change."""
    shop = await a_shop(installation, name="Lulu Cards")
    monkeypatch.setattr(Front, "told", lambda self, topic: None)
    await process.get(shop)
    for _ in ("two looks", "without a visitor"):
        await process.front.look()
    await shop_update(installation, shop.id, ShopChanges(name="Momo Keys"))
    await process.front.look()
    assert "Momo Keys" in (await process.get(shop)).text


async def test_an_answer_read_before_a_change_is_not_kept_as_one_after_it(
    installation: Installation, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop is changed while a page is drawn: after its frame was read, before its goods are,
    or after both and before it is kept."""
    shop = await a_shop(installation)
    product = await a_product(installation, shop)
    # As if the message were late: only what was read can tell.
    monkeypatch.setattr(Front, "told", lambda self, topic: None)
    drawn: list[str] = []
    real = front_door.Draft.seen

    async def seen_late(self: front_door.Draft, context: Any) -> None:
        await real(self, context)
        if drawn:
            await reprice(installation, shop, product, drawn.pop())

    monkeypatch.setattr(front_door.Draft, "seen", seen_late)
    drawn.append("11.11")
    assert "9.90" in (await process.get(shop)).text
    # It was kept for what it is: of the version before.
    process.kept.learn(shop.id, await version_of(shop))
    assert "11.11" in (await process.get(shop)).text


async def test_a_frame_of_one_version_and_goods_of_another_are_shown_once_and_not_kept(
    installation: Installation, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(installation, name="Lulu Cards")
    product = await a_product(installation, shop)
    monkeypatch.setattr(Front, "told", lambda self, topic: None)
    await process.get(shop, "/en/policies")
    # The shop itself is known here as of the version before.
    await shop_update(installation, shop.id, ShopChanges(name="Momo Keys"))
    await reprice(installation, shop, product, "13.13")
    mixed = (await process.get(shop)).text
    assert "Lulu Cards" in mixed
    assert "13.13" in mixed
    whole = (await process.get(shop)).text
    assert "Momo Keys" in whole
    assert "13.13" in whole


async def version_of(shop: Shop) -> int:
    async with database.transaction(shop.id) as tx:
        version: int = await tx.value("select catalog_version from shops where id = $1", shop.id)
    return version


async def test_what_is_in_stock_again_is_shown_so_once_the_worker_has_compared(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    variant = await the_variant(shop, await a_product(installation, shop))
    await settle(installation.queue)
    await process.caught_up()
    for _ in ("cold", "warm"):
        assert "Sold out" in (await process.get(shop)).text
    await some_codes(installation, shop, variant.id, 20)
    statements.clear()
    assert "Sold out" in (await process.get(shop)).text
    assert statements == [], "nobody knows yet"
    await settle(installation.queue)
    await process.caught_up()
    assert "In stock" in (await process.get(shop)).text


async def test_a_suspended_shop_is_shut_at_once_and_a_renamed_one_has_its_name(
    installation: Installation, process: Process
) -> None:
    shop = await a_shop(installation, name="Lulu Cards")
    assert "Lulu Cards" in (await process.get(shop)).text
    await shop_update(installation, shop.id, ShopChanges(name="Momo Keys"))

    async def renamed() -> bool:
        return "Momo Keys" in (await process.get(shop)).text

    await until(renamed)
    operator = await a_viewer(installation, operator=True)
    await shop_suspend(installation, operator, shop.id, reason="no goods")

    async def shut() -> bool:
        return (await process.get(shop)).status_code == 403

    await until(shut)


async def test_without_the_line_every_page_is_drawn_from_the_database(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    await process.get(shop)
    process.front.line_down()
    for _ in range(2):
        statements.clear()
        assert (await process.get(shop)).status_code == 200
        assert statements != []
    assert process.kept.bytes == 0
    process.front.line_up()
    await process.get(shop)
    statements.clear()
    await process.get(shop)
    assert statements == []


async def test_a_line_that_is_cut_drops_everything_and_what_is_kept_after_it_is_new(
    installation: Installation,
) -> None:
    before = await _listening(installation)
    async with a_process(installation) as process:
        (line,) = await _listening(installation) - before
        shop = await a_shop(installation, name="Lulu Cards")
        await process.caught_up()
        await process.get(shop)
        assert process.kept.bytes > 0
        await installation.queue.redis.client_kill_filter(_id=line)

        async def down() -> bool:
            return not process.kept.up

        await until(down)
        assert process.kept.bytes == 0
        # Nobody is there to hear of it.
        await shop_update(installation, shop.id, ShopChanges(name="Momo Keys"))
        assert "Momo Keys" in (await process.get(shop)).text

        async def up() -> bool:
            return bool(process.kept.up)

        await until(up)
        for _ in ("drawn", "from memory"):
            assert "Momo Keys" in (await process.get(shop)).text
        assert process.kept.bytes > 0


async def _listening(installation: Installation) -> set[str]:
    """Connections to Redis that listen, of this worker's own numbered database."""
    redis = installation.queue.redis
    number = str(redis.connection_pool.connection_kwargs.get("db", 0))
    clients = await redis.client_list(_type="pubsub")
    return {client["id"] for client in clients if client["db"] == number}


async def test_many_visitors_of_a_cold_page_have_it_drawn_once(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    await a_product(installation, shop)
    await process.caught_up()
    await process.get(shop, "/en/policies")
    statements.clear()
    await process.get(shop, "/en/?one=alone")
    alone = len(statements)
    statements.clear()
    answers = await asyncio.gather(*(process.get(shop) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(statements) == alone


async def ask_by_hash(process: Process, shop: Shop, sha256: str, **headers: str) -> httpx2.Response:
    return await process.get(shop, f"/graphql/storefront?documentId=sha256:{sha256}", **headers)


async def test_an_answer_to_a_document_asked_for_by_its_hash_comes_from_memory(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    await a_product(installation, shop, "Steam Card")
    text = "query Names { products(first: 2) { nodes { name } } }"
    registered = await trusted_document_register(installation, shop.id, text, name="", cost=4)
    await process.caught_up()
    own = next(key for key, one in vouched(PAGES).items() if one.startswith("query Policies"))
    for sha256 in (own, registered.sha256):
        cold = await ask_by_hash(process, shop, sha256)
        assert cold.status_code == 200
        assert cold.headers["ratelimit"]
        statements.clear()
        warm = await ask_by_hash(process, shop, sha256)
        assert statements == []
        assert warm.content == cold.content
        assert (warm.headers["etag"], warm.headers["vary"]) == (
            cold.headers["etag"], cold.headers["vary"],
        )  # fmt: skip
        assert "ratelimit" not in warm.headers, "it cost nobody anything"
        held = await ask_by_hash(process, shop, sha256, **{"if-none-match": warm.headers["etag"]})
        assert (held.status_code, held.content, statements) == (304, b"", [])
    assert "Steam Card" in warm.text
    await trusted_document_delete(installation, shop.id, registered.id)
    await process.caught_up()
    gone = await ask_by_hash(process, shop, registered.sha256)
    assert gone.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_arbitrary_documents_and_those_who_sign_in_are_answered_from_the_database(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    await process.caught_up()
    own = next(key for key, one in vouched(PAGES).items() if one.startswith("query Policies"))
    cart = next(key for key, one in vouched(PAGES).items() if one.startswith("query Cart"))
    await ask_by_hash(process, shop, own)
    _, secret = await signed_in(installation, shop, "reader@keystall.test")
    asked: list[tuple[str, dict[str, str]]] = [
        ("query={products{nodes{name}}}", {}),
        (f"documentId=sha256:{cart}", {}),
        (f"documentId=sha256:{own}", {"authorization": f"Bearer {secret}"}),
    ]
    for query, headers in asked:
        for _ in range(2):
            statements.clear()
            answer = await process.get(shop, f"/graphql/storefront?{query}", **headers)
            assert answer.status_code == 200
            assert statements != [], query
    chinese = await ask_by_hash(process, shop, own, **{"x-keystall-locale": "zh-CN"})
    assert chinese.status_code == 200
    assert len({key[-1] for key in process.kept._once if isinstance(key, tuple)}) == 2


async def test_a_shop_that_asks_for_a_token_gives_nothing_from_memory_without_one(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    token = await storefront_token_create(
        installation, shop.id, "Site", ["https://www.example.com"]
    )
    own = next(key for key, one in vouched(PAGES).items() if one.startswith("query Policies"))
    async with a_process(installation) as other:
        for each in (process, other):
            await each.caught_up()
            for _ in ("cold", "warm"):
                assert (await ask_by_hash(each, shop, own)).status_code == 200
            page = await each.get(shop)
        await shop_update(installation, shop.id, ShopChanges(token_only=True))
        for each in (process, other):
            await each.caught_up()
            for _ in range(2):
                refused = await ask_by_hash(each, shop, own)
                assert refused.status_code == 401
                error = refused.json()["errors"][0]["extensions"]
                assert error["reason"] == "STOREFRONT_TOKEN_NEEDED"
            statements.clear()
            for _ in ("cold", "warm"):
                drawn = await each.get(shop)
                assert (drawn.status_code, drawn.content) == (200, page.content)
            told = {"x-keystall-storefront-token": token.public_text}
            assert (await ask_by_hash(each, shop, own, **told)).status_code == 200
            assert (await ask_by_hash(each, shop, own)).status_code == 401


async def test_an_answer_that_everyone_gets_from_memory_is_not_given_to_who_sends_a_token(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    token = await storefront_token_create(
        installation, shop.id, "Site", ["https://www.example.com"]
    )
    await process.caught_up()
    own = next(key for key, one in vouched(PAGES).items() if one.startswith("query Policies"))
    told = {"x-keystall-storefront-token": token.public_text}
    site, foreign = {"origin": "https://www.example.com"}, {"origin": "https://evil.example"}
    for _ in ("first", "again"):
        answer = await ask_by_hash(process, shop, own, **told, **site)
        assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    anyone = await ask_by_hash(process, shop, own, **foreign)
    assert anyone.headers["access-control-allow-origin"] == "*"
    statements.clear()
    warm = await ask_by_hash(process, shop, own, **foreign)
    assert (warm.content, statements) == (answer.content, [])
    refused = await ask_by_hash(process, shop, own, **told, **foreign)
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)
    wrong = await ask_by_hash(process, shop, own, **{"x-keystall-storefront-token": "none"})
    assert wrong.status_code == 401


async def test_a_page_is_not_drawn_again_where_only_the_shop_was_forgotten(
    installation: Installation, process: Process, statements: list[str]
) -> None:
    shop = await a_shop(installation)
    await process.caught_up()
    await process.get(shop)
    process.kept._drop(f"{shop.slug}.localhost:8000".encode())
    statements.clear()
    assert (await process.get(shop)).status_code == 200
    assert [sql for sql in statements if "host_shop" not in sql] == []


async def test_two_shops_never_share_a_page(installation: Installation, process: Process) -> None:
    lulu = await a_shop(installation, name="Lulu Cards")
    momo = await a_shop(installation, name="Momo Keys")
    await process.caught_up()
    for _ in ("cold", "warm"):
        assert "Lulu Cards" in (await process.get(lulu)).text
        assert "Momo Keys" in (await process.get(momo)).text
    pages = [key for key in [*process.kept._once, *process.kept._often] if isinstance(key, tuple)]
    assert {key[0] for key in pages} == {lulu.id, momo.id}
    assert all(isinstance(key[0], UUID) for key in pages)
    process.kept.doubt(lulu.id)
    assert [key[0] for key in process.kept._keys[momo.id] if isinstance(key, tuple)] == [momo.id]


async def test_each_currency_and_language_has_its_own_page(
    installation: Installation, process: Process
) -> None:
    shop = await a_shop(installation)
    await shop_update(
        installation, shop.id, ShopChanges(currencies=["CNY", "USD"], locales=["en", "zh-CN"])
    )
    shop = await reread(shop)
    variants = [a_variant_input(CNY="9.90", USD="1.50")]
    await a_product(installation, shop, variants=variants)
    for _ in ("cold", "warm"):
        for cookie, price in (("", "9.90"), ("currency=USD", "1.50"), ("currency=XXX", "9.90")):
            text = (await process.get(shop, **{"cookie": f"cart=x; {cookie}"})).text
            assert price in text
        assert 'lang="zh-CN"' in (await process.get(shop, "/zh/")).text


async def test_the_api_knows_its_shop_from_memory_until_anything_of_it_changes(
    installation: Installation, process: Process, statements: list[str], owner_url: str
) -> None:
    shop = await a_shop(installation)
    url = f"http://{shop.slug}.localhost:8000/graphql/storefront"

    async def name() -> str:
        statements.clear()
        answer = await process.client.post(url, json={"query": "{ shop { name } }"})
        return str(answer.json()["data"]["shop"]["name"])

    async def asked() -> bool:
        await name()
        return any("host_shop" in sql for sql in statements)

    assert await asked() is True
    assert await asked() is False
    await shop_update(installation, shop.id, ShopChanges(name="Lulu & Co"))
    await process.caught_up()
    assert await name() == "Lulu & Co"
    assert await asked() is False
    # What nobody announces, and no visitor sees: limits of unpaid orders, which orders go by.
    owner = await asyncpg.connect(owner_url)
    await owner.execute("update shops set unpaid_per_buyer = 1 where id = $1", shop.id)
    await owner.close()
    await process.front.look()
    assert await asked() is True


async def test_nothing_that_requests_know_of_a_shop_changes_without_its_version(
    installation: Installation, owner_url: str
) -> None:
    owner = await asyncpg.connect(owner_url)
    passed = await owner.fetchval(
        "select tgargs from pg_trigger"
        " where tgrelid = 'shops'::regclass and tgname = 'catalog_updated'"
    )
    await owner.close()
    shop_column, *hidden = passed.decode().rstrip("\0").split("\0")
    assert shop_column == "id"
    assert set(hidden) & set(Shop.__slots__) == {"catalog_version"}


async def reread(shop: Shop) -> Shop:
    found = await shop_by_host(database.single(), f"{shop.slug}.localhost")
    assert found is not None
    return found


async def test_what_is_not_the_same_for_everyone_or_no_page_is_not_kept(
    installation: Installation, process: Process
) -> None:
    shop = await a_shop(installation)
    paths = ("/en/cart", "/en/checkout", "/en/account", "/en/p/none", "/en/find-order", "/xx/")
    for path in paths:
        await process.get(shop, path)
    await process.get(shop, "/en/", **{"hx-request": "true", "hx-target": "main#main"})
    await process.get(shop, "/en/search?q=" + "x" * 1100)
    kept = [key for key in [*process.kept._once, *process.kept._often] if isinstance(key, tuple)]
    assert kept == []


def test_pages_for_everyone_ask_for_public_fields_only() -> None:
    schema = SCHEMAS["storefront"]._schema
    require_public(PAGES, schema)
    assert {page.name for page in PAGES if page.cache is Cache.EVERYONE} == {
        "home", "category", "search", "product", "policies",
    }  # fmt: skip
    cart = Page("cart", "/{l}/cart", "storefront", cache=Cache.EVERYONE)
    with pytest.raises(ValueError, match=r"cart is for everyone and asks for Query\.cart"):
        require_public([cart], schema)
