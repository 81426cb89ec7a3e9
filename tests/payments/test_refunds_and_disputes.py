"""Money that goes back: sent by us, by the merchant's hand at Stripe, or taken by a bank."""

from datetime import UTC, datetime
from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.orders.queries import events_of_orders
from keystall.tenants.payments.disputes import disputes_of_orders
from keystall.tenants.payments.service import provider_of
from keystall.tenants.writing import writing
from tests.payments.till import Till
from tests.payments.wire import JsonObject
from tests.payments.world import DISPUTE_FEE

SOLD = {"provider:stripe": 932, "fees": 58, "sales": -990}


async def paid(till: Till) -> tuple[UUID, JsonObject]:
    """An order that was paid and delivered, and its session."""
    order = await till.order()
    session = await till.session(order)
    till.world.complete(session, paid=True)
    await till.hear()
    return order, session


async def give_back(till: Till, order: UUID, amount: int) -> UUID:
    """A refund of part of a delivered order, decided as the merchant would."""
    async with writing(till.installation, till.shop.id) as tx:
        refund = new_id()
        await tx.execute(
            """
            with taken as (
              update takings set refunded = refunded + $4::bigint
              where shop_id = $1 and order_id = $3 returning id)
            insert into refunds (shop_id, id, order_id, taking_id, amount, currency, reason, state)
            select $1, $2, $3, id, $4::bigint, 'CNY', 'merchant', 'requested' from taken
            """,
            till.shop.id, refund, order, amount,
        )  # fmt: skip
        await tx.post("refund.send", refund)
    return refund


async def test_parts_of_a_payment_go_back_until_nothing_is_left(till: Till) -> None:
    order, _ = await paid(till)
    await give_back(till, order, 300)
    await give_back(till, order, 690)
    await till.work()
    await till.hear()
    assert await till.refunds() == [("merchant", 300, "succeeded"), ("merchant", 690, "succeeded")]
    assert [refund["amount"] for refund in till.world.of_kind("refund")] == [690, 300]
    # Refunds are only half of the story: what was owed was decided elsewhere.
    assert (await till.balances())["provider:stripe"] == 932 - 990


async def test_the_same_refund_is_sent_once_even_days_later(till: Till) -> None:
    order, session = await paid(till)
    refund = await give_back(till, order, 300)
    provider = await provider_of(till.installation, till.shop.id, till.account, provider="stripe")
    payment = session["client_reference_id"]

    async def send() -> str:
        outcome = await provider.refund(
            reference=payment, provider_reference=session["payment_intent"],
            refund_reference=str(refund), amount=300, currency="CNY",
        )  # fmt: skip
        return outcome.state

    assert await send() == "succeeded"
    till.emulator.forget()
    assert await send() == "succeeded"
    assert len(till.world.of_kind("refund")) == 1


async def test_a_pending_refund_is_settled_by_its_event(till: Till) -> None:
    order, _ = await paid(till)
    till.world.refund_status = "pending"
    await give_back(till, order, 300)
    await till.work()
    assert await till.refunds() == [("merchant", 300, "requested")]

    (refund,) = till.world.of_kind("refund")
    till.world.refund_ends(refund, sent=True)
    await till.hear()

    assert await till.refunds() == [("merchant", 300, "succeeded")]
    await till.work()
    assert len(till.world.of_kind("refund")) == 1


async def test_a_refund_that_the_bank_would_not_have_is_due_again(till: Till) -> None:
    order, _ = await paid(till)
    await give_back(till, order, 990)
    await till.work()
    before = (await till.balances())["provider:stripe"]

    till.world.refund_ends(till.world.of_kind("refund")[0], sent=False)
    await till.hear()

    assert await till.refunds() == [("merchant", 990, "due")]
    assert (await till.balances())["provider:stripe"] == before + 990
    # Nobody sends it again by itself, but the merchant may at Stripe, and that settles it.
    await till.work()
    till.world.refund({"payment_intent": till.world.of_kind("payment_intent")[0]["id"]})
    await till.hear()
    assert await till.refunds() == [("merchant", 990, "succeeded")]
    assert (await till.balances())["provider:stripe"] == before


async def test_what_stripe_refuses_to_send_back_is_the_merchants_to_send(till: Till) -> None:
    order, session = await paid(till)
    till.world.refund({"payment_intent": session["payment_intent"]})
    await give_back(till, order, 990)
    await till.work()
    assert await till.refunds() == [("merchant", 990, "due")]
    assert await till.value("select problem from refunds where shop_id = $1") == (
        "charge_already_refunded"
    )


async def test_a_refund_made_at_stripe_is_seen_once(till: Till) -> None:
    _, session = await paid(till)
    till.world.refund({"payment_intent": session["payment_intent"], "amount": 300})
    events = list(till.world.events)
    await till.hear(events)
    await till.hear([*reversed(events), *events])
    assert await till.refunds() == [("at_provider", 300, "succeeded")]
    assert await till.balances() == {"provider:stripe": 632, "fees": 58, "sales": -690}


async def test_a_dispute_is_shown_and_the_money_that_it_moves_is_booked(till: Till) -> None:
    order, session = await paid(till)
    dispute = till.world.dispute(till.charge(session))
    await till.hear()
    assert await till.balances() == {
        "provider:stripe": 932 - 990 - DISPUTE_FEE, "fees": 58 + DISPUTE_FEE,
        "disputes": 990, "sales": -990,
    }  # fmt: skip
    async with writing(till.installation, till.shop.id) as tx:
        (view,) = (await disputes_of_orders(tx, till.shop.id, [order]))[order]
    assert (view.status, view.reason, view.amount) == ("needs_response", "fraudulent", 990)
    due = datetime.fromtimestamp(dispute["evidence_details"]["due_by"], UTC)
    assert (view.due_at, view.awaits_answer, view.closed_at) == (due, True, None)
    assert await till.status(order) == "delivered"

    till.world.dispute_answered(dispute)
    till.world.dispute_ends(dispute, won=True)
    await till.hear()

    assert await till.balances() == {
        "provider:stripe": 932 - DISPUTE_FEE, "fees": 58 + DISPUTE_FEE, "sales": -990,
    }  # fmt: skip
    async with writing(till.installation, till.shop.id) as tx:
        (view,) = (await disputes_of_orders(tx, till.shop.id, [order]))[order]
        events = (await events_of_orders(tx, till.shop.id, [order]))[order]
    assert (view.status, view.awaits_answer) == ("won", False)
    assert view.closed_at is not None
    told = [event.kind for event in events if event.kind.startswith("dispute.")]
    assert told == ["dispute.needs_response", "dispute.won"]


async def test_a_dispute_that_is_told_of_before_its_payment_waits_for_nothing(till: Till) -> None:
    order = await till.order()
    session = await till.session(order)
    till.world.complete(session, paid=True)
    till.world.dispute(till.charge(session))
    late, till.world.events = till.world.events, []
    await till.hear([event for event in late if event["type"] == "charge.dispute.created"])
    assert await till.status(order) == "delivered"
    assert (await till.balances())["disputes"] == 990
    before = await till.balances()
    await till.hear(late)
    assert await till.balances() == before


async def test_while_stripe_is_away_events_wait(till: Till) -> None:
    order = await till.order()
    session = await till.session(order)
    till.world.complete(session, paid=True)
    till.emulator.down = True
    try:
        await till.hear(patient=True)
        assert await till.status(order) == "pending"
    finally:
        till.emulator.down = False
    await till.work()
    assert await till.status(order) == "delivered"
