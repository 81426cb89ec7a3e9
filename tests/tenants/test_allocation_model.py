"""Any sequence of filling, reserving, selling and freeing, against a model that only counts."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock import packs
from keystall.tenants.stock.allocation import Wanted, free, reserve, sell
from keystall.tenants.writing import writing
from tests.factories import a_shop, some_codes
from tests.tenants.shelves import Shelf, a_shelf, an_order_line

Answer = TypeVar("Answer")


@dataclass
class Order:
    """An order of one line, as the model sees it."""

    id: UUID
    line: UUID
    shelf: int
    held: int = 0
    sold: int = 0


@dataclass
class Model:
    """Codes in stock of each shelf, and what each order has of them."""

    made: list[int] = field(default_factory=lambda: [0, 0])
    orders: list[Order] = field(default_factory=list)

    def available(self, shelf: int) -> int:
        taken = sum(order.held + order.sold for order in self.orders if order.shelf == shelf)
        return self.made[shelf] - taken


class Stock(RuleBasedStateMachine):
    """Two variants of one shop; each example has fresh ones. Runs beside the tests' event loop."""

    installation: Installation
    shop: Shop
    loop: asyncio.AbstractEventLoop
    orders = Bundle("orders")

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    @initialize()
    def open_the_shop(self) -> None:
        self.model = Model()
        self.sold_to: dict[UUID, UUID] = {}
        self.shelves: list[Shelf] = [
            self.run(a_shelf(self.installation, self.shop.id)) for _ in range(2)
        ]
        for shelf in range(2):
            self.fill(shelf, 4)

    @rule(shelf=st.integers(0, 1), count=st.integers(1, 5))
    def refill(self, shelf: int, count: int) -> None:
        self.fill(shelf, count)

    @rule(shelf=st.integers(0, 1), count=st.integers(1, 8))
    def bring_a_file(self, shelf: int, count: int) -> None:
        self.run(self.shelves[shelf].fill("\n".join(str(new_id()) for _ in range(count))))
        self.model.made[shelf] += count

    def fill(self, shelf: int, count: int) -> None:
        self.run(some_codes(self.installation, self.shop, self.shelves[shelf].variant, count))
        self.model.made[shelf] += count

    @rule(target=orders, shelf=st.integers(0, 1), quantity=st.integers(1, 4))
    def order(self, shelf: int, quantity: int) -> Order:
        available = self.model.available(shelf)
        id_, line = self.run(an_order_line(self.shelves[shelf], quantity))

        short = self.run(self._reserve(line, self.shelves[shelf].variant, quantity))

        order = Order(id_, line, shelf, held=min(quantity, available))
        assert short == ({line: quantity - available} if quantity > available else {})
        self.model.orders.append(order)
        return order

    @rule(order=orders)
    def pay(self, order: Order) -> None:
        assert self.run(self._move(sell, order)) == order.held
        order.held, order.sold = 0, order.sold + order.held

    @rule(order=orders)
    def expire(self, order: Order) -> None:
        assert self.run(self._move(free, order)) == order.held
        order.held = 0

    @invariant()
    def the_shelves_are_as_the_model_has_them(self) -> None:
        for number, shelf in enumerate(self.shelves):
            codes = self.run(self._codes(shelf))
            found = Counter((code["state"], code["order_line_id"]) for code in codes)
            found["available", None] += sum(self.run(shelf.packs()))
            assert found.total() == self.model.made[number]
            assert found == Counter(self._expected(number))
            for code in codes:
                if code["state"] == "sold" or code["id"] in self.sold_to:
                    # Once sold, never again, and to nobody else.
                    assert code["state"] == "sold"
                    owner = self.sold_to.setdefault(code["id"], code["order_line_id"])
                    assert owner == code["order_line_id"]

    def _expected(self, number: int) -> dict[tuple[str, UUID | None], int]:
        orders = [order for order in self.model.orders if order.shelf == number]
        counts: dict[tuple[str, UUID | None], int] = {
            ("available", None): self.model.available(number)
        }
        counts |= {("reserved", order.line): order.held for order in orders}
        counts |= {("sold", order.line): order.sold for order in orders}
        return counts

    async def _reserve(self, line: UUID, variant: UUID, quantity: int) -> dict[UUID, int]:
        async with writing(self.installation, self.shop.id) as tx:
            return await reserve(tx, self.shop.id, [Wanted(line, variant, quantity)])

    async def _move(self, move: Any, order: Order) -> int:
        async with database.transaction(self.shop.id) as tx:
            moved: int = await move(tx, self.shop.id, order.id)
        return moved

    async def _codes(self, shelf: Shelf) -> Sequence[Row]:
        async with database.transaction(self.shop.id) as tx:
            return await tx.rows(
                "select id, state, order_line_id from codes where variant_id = $1", shelf.variant
            )


async def test_stock_is_conserved_whatever_is_bought_paid_and_expired(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "PACK", 3)

    class StockHere(Stock):
        pass

    StockHere.installation = installation
    StockHere.shop = await a_shop(installation)
    StockHere.loop = asyncio.get_running_loop()

    await asyncio.to_thread(
        run_state_machine_as_test,
        StockHere,
        settings=settings(max_examples=40, stateful_step_count=20, deadline=None, database=None),
    )
