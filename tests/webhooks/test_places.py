"""How many receivers a worker speaks to at once, and when the others have their turn."""

import asyncio

import pytest

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.tenants.webhooks import desk as desks
from keystall.tenants.webhooks.desk import LONGEST_WAIT, MAX_AT_ONCE, MAX_OF_SHOP
from tests.webhooks.hooks import Wired, deliveries, waiting


async def test_few_are_spoken_to_at_once_and_of_one_shop_fewer(wired: Wired) -> None:
    for number in range(MAX_OF_SHOP + 2):
        await wired.happen(f"Card {number}")
    items = [row["id"] for row in await waiting(wired.shop.id)]
    held = asyncio.Event()
    wired.receiver.during = held.wait  # type: ignore[assignment]

    from_here = [asyncio.create_task(wired.sender.send(wired.shop.id, item)) for item in items]
    async with asyncio.timeout(10):
        while len(wired.receiver.got) < MAX_OF_SHOP:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.gather(*from_here[MAX_OF_SHOP:])
    assert len(wired.receiver.got) == MAX_OF_SHOP
    put_back = [row for row in await waiting(wired.shop.id) if row["id"] in items[MAX_OF_SHOP:]]
    assert len(put_back) == 2
    assert all(row["due_at"] > clock.now() and row["attempts"] == 0 for row in put_back)
    held.set()
    await asyncio.gather(*from_here)
    states = sorted(one["state"] for one in await deliveries(wired.shop.id))
    assert states == ["delivered"] * MAX_OF_SHOP + ["pending"] * 2
    assert wired.sender.desk.speaking.total() == 0

    wired.sender.desk.speaking.update({new_id(): 1 for _ in range(MAX_AT_ONCE)})
    await wired.soon()
    await wired.send()
    assert len(wired.receiver.got) == MAX_OF_SHOP


async def test_what_finds_no_place_comes_again_as_fast_as_its_receiver_takes_it(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, shop, now = wired.sender.desk, new_id(), 1000.0
    monkeypatch.setattr(desks, "monotonic", lambda: now)
    desk.takes[shop] = 15.0  # it never answers

    waits = [desk.appointment(shop).total_seconds() for _ in range(2000)]
    assert waits[:3] == [2.0, 7.0, 12.0]
    assert max(waits) == LONGEST_WAIT.total_seconds()
    # Another shop's come at once all the same, and a receiver that is quick is told quickly.
    other = new_id()
    desk.takes[other] = 0.03
    quick = [desk.appointment(other).total_seconds() for _ in range(101)]
    assert quick[0] == 2.0
    assert quick[100] == pytest.approx(3.0)
    # What was learnt goes when nobody waits any more.
    now = 10_000.0
    async with desk.place(shop) as free:
        assert free
    assert shop not in desk.takes
    assert shop not in desk.booked
