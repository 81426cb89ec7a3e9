"""What is asked again under its key is done once: the same answer, whenever a process dies."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.tenants import writing as write_path
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.orders.service import cancel_order
from keystall.tenants.payments.due_refunds import refund_retry
from keystall.tenants.stock.batches import batch_undo
from keystall.tenants.stock.listing import codes_delete
from keystall.tenants.writing import Writing
from tests.factories import a_shop
from tests.tenants.purchases import Purchase
from tests.tenants.test_refunds import a_due_refund, refunded

KEY = "a-key-of-our-own"


@dataclass(frozen=True)
class Case:
    """Something to be done once: `do` it to what has an id; `other` has another."""

    shop: UUID
    do: Callable[[UUID, str | None], Awaitable[object]]
    first: UUID
    other: UUID
    shown: str
    """A statement whose one value differs after it was done; $1 is the shop."""


async def _ids(purchase: Purchase, table: str) -> Sequence[UUID]:
    async with database.transaction(purchase.shop.id) as tx:
        rows = await tx.rows(f"select id from {table} where shop_id = $1 order by id",
                             purchase.shop.id)  # fmt: skip
    return [row["id"] for row in rows]


async def _canceling(purchase: Purchase, actor: str) -> Case:
    await purchase.stock("AAAA-1", "AAAA-2")
    orders = [await purchase.order(email=f"b{n}@x.test") for n in range(2)]

    async def do(order: UUID, key: str | None) -> object:
        await cancel_order(
            purchase.installation, purchase.shop.id, order, actor=actor, idempotency_key=key
        )
        return None

    shown = "select count(*) from order_events where shop_id = $1 and kind = 'order.canceled'"
    return Case(purchase.shop.id, do, orders[0], orders[1], shown)


async def canceled_by_buyer(purchase: Purchase) -> Case:
    return await _canceling(purchase, "buyer")


async def canceled_by_merchant(purchase: Purchase) -> Case:
    return await _canceling(purchase, "merchant")


async def codes_deleted(purchase: Purchase) -> Case:
    await purchase.stock("AAAA-1", "AAAA-2", "AAAA-3")
    codes = await _ids(purchase, "codes")

    async def do(code: UUID, key: str | None) -> object:
        return await codes_delete(
            purchase.installation, purchase.shop.id, [code], idempotency_key=key
        )

    return Case(
        purchase.shop.id, do, codes[0], codes[1], "select count(*) from codes where shop_id = $1"
    )


async def batch_undone(purchase: Purchase) -> Case:
    await purchase.stock("AAAA-1", "AAAA-2")
    await purchase.restock("BBBB-1", "BBBB-2", "BBBB-3")
    batches = await _ids(purchase, "batches")

    async def do(batch: UUID, key: str | None) -> object:
        return await batch_undo(
            purchase.installation, purchase.shop.id, batch, actor="lin", idempotency_key=key
        )

    return Case(
        purchase.shop.id,
        do,
        batches[1],
        batches[0],
        "select count(*) from codes where shop_id = $1",
    )


async def refund_tried_again(purchase: Purchase) -> Case:
    await purchase.stock("AAAA-1")
    order = await purchase.order()
    await purchase.pay(order)
    due = []
    for amount in (100, 200):
        await refunded(purchase, order, amount)
        due.append(await a_due_refund(purchase, order))

    async def do(refund: UUID, key: str | None) -> object:
        return await refund_retry(
            purchase.installation, purchase.shop.id, refund, actor="merchant", idempotency_key=key
        )

    shown = "select count(*) from outbox where shop_id = $1 and kind = 'refund.send'"
    return Case(purchase.shop.id, do, due[0], due[1], shown)


@pytest.fixture(
    params=[
        canceled_by_buyer, canceled_by_merchant, codes_deleted, batch_undone, refund_tried_again,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
async def case(installation: Installation, request: pytest.FixtureRequest) -> Case:
    made: Case = await request.param(Purchase(installation, await a_shop(installation)))
    return made


async def counted(case: Case, sql: str) -> int:
    async with database.transaction(case.shop) as tx:
        count: int = await tx.value(sql, case.shop)
    return count


async def keys_kept(case: Case) -> list[tuple[str, UUID]]:
    async with database.transaction(case.shop) as tx:
        rows = await tx.rows(
            "select key, object_id from idempotency_keys where shop_id = $1 and key = $2",
            case.shop, KEY,
        )  # fmt: skip
    return [(row["key"], row["object_id"]) for row in rows]


async def test_the_same_key_does_it_once_and_answers_the_same(case: Case) -> None:
    before = await counted(case, case.shown)
    answer = await case.do(case.first, KEY)
    after = await counted(case, case.shown)
    assert after != before
    assert await case.do(case.first, KEY) == answer
    assert await counted(case, case.shown) == after
    assert await keys_kept(case) == [(KEY, case.first)]


async def test_another_thing_under_the_same_key_is_refused_and_nothing_changes(case: Case) -> None:
    await case.do(case.first, KEY)
    after = await counted(case, case.shown)
    with pytest.raises(Refused) as refused:
        await case.do(case.other, KEY)
    assert refused.value.errors == (UserError("IDEMPOTENCY_MISMATCH", ("idempotency_key",)),)
    assert await counted(case, case.shown) == after
    with pytest.raises(Refused, match="idempotency_key: INVALID"):
        await case.do(case.other, "short")


async def test_without_a_key_a_second_time_is_refused_as_ever(case: Case) -> None:
    await case.do(case.first, None)
    with pytest.raises(Refused):
        await case.do(case.first, None)
    assert await keys_kept(case) == []


async def test_what_dies_before_its_commit_keeps_nothing_and_is_done_when_asked_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await counted(case, case.shown)

    @asynccontextmanager
    async def dying(shop: UUID, *, few: bool) -> AsyncIterator[Transaction]:
        async with database.transaction(shop, few=few) as tx:
            yield tx
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(write_path, "database", SimpleNamespace(transaction=dying))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await case.do(case.first, KEY)
    assert await counted(case, case.shown) == before
    assert await keys_kept(case) == []
    await case.do(case.first, KEY)
    assert await counted(case, case.shown) != before


async def test_what_dies_after_its_commit_is_answered_when_asked_again_and_not_done_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(*_: Any) -> None:
        raise ConnectionError("the process died before it could say so")

    with monkeypatch.context() as patched:
        patched.setattr(Writing, "tell", dying)
        with pytest.raises(ConnectionError):
            await case.do(case.first, KEY)
    after = await counted(case, case.shown)
    await case.do(case.first, KEY)
    assert await counted(case, case.shown) == after
