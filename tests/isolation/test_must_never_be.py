"""Rows that must never be, tried one by one: the database itself refuses each.

Beside every statement that is refused stands its neighbour that is not.
"""

import asyncpg
import pytest

from tests.isolation.conftest import Walls
from tests.isolation.filling import insert, undone

CHECK, UNIQUE = asyncpg.CheckViolationError, asyncpg.UniqueViolationError

NEVER: dict[str, tuple[type[asyncpg.PostgresError], str, str]] = {
    "a refund above its payment": (
        CHECK,
        "update takings set refunded = amount + 1",
        "update takings set refunded = amount",
    ),
    "a refund below nothing": (
        CHECK,
        "update takings set refunded = -1",
        "update takings set refunded = 0 where state = 'delivered'",
    ),
    "money kept that bought nothing": (
        CHECK,
        "update takings set state = 'returned', refunded = 0",
        "update takings set state = 'returned', refunded = amount",
    ),
    "a payment of nothing": (
        CHECK, "update payments set amount = 0", "update payments set amount = 1",
    ),
    "a refund of nothing": (
        CHECK, "update refunds set amount = 0", "update refunds set amount = 1",
    ),
    "a fee below nothing": (CHECK, "update takings set fee = -1", "update takings set fee = 0"),
    "a price of nothing": (CHECK, "update prices set amount = 0", "update prices set amount = 1"),
    "an order below nothing": (
        CHECK, "update orders set total = -1", "update orders set total = 0",
    ),
    "less than one in a cart": (
        CHECK, "update cart_lines set quantity = 0", "update cart_lines set quantity = 1",
    ),
    "less than one in an order": (
        CHECK, "update order_lines set quantity = 0", "update order_lines set quantity = 1",
    ),
    "a most below the fewest": (
        CHECK,
        "update variants set min_quantity = 3, max_quantity = 2",
        "update variants set min_quantity = 2, max_quantity = 2",
    ),
    "a code on sale that an order holds": (
        CHECK,
        "update codes set state = 'available' where order_line_id is not null",
        "update codes set state = 'available', order_line_id = null",
    ),
    "a code held for no order": (
        CHECK,
        "update codes set state = 'reserved', order_line_id = null",
        "update codes set state = 'reserved' where order_line_id is not null",
    ),
    "a code sold to no order": (
        CHECK,
        "update codes set state = 'sold', sold_at = now(), order_line_id = null",
        "update codes set state = 'sold', sold_at = now() where order_line_id is not null",
    ),
    "a code sold at no time": (
        CHECK,
        "update codes set state = 'sold', sold_at = null where order_line_id is not null",
        "update codes set state = 'sold', sold_at = now() where order_line_id is not null",
    ),
    "a pack of no codes": (
        CHECK,
        "update code_packs set codes = 0, marks = ''",
        "update code_packs set codes = 1, marks = '12345678'",
    ),
    "a pack of more codes than it has marks": (
        CHECK,
        "update code_packs set codes = codes + 1",
        "update code_packs set codes = codes + 1, marks = marks || '12345678'",
    ),
    "a delivered order that was not paid": (
        CHECK,
        "update orders set status = 'delivered', delivered_at = now(), paid_at = null",
        "update orders set status = 'delivered', delivered_at = now(), paid_at = now()",
    ),
    "more done than there is": (
        CHECK,
        "update jobs set done = total + 1",
        "update jobs set done = total",
    ),
    "a ledger line of nothing": (
        CHECK,
        "update ledger_entries set amount = 0",
        "update ledger_entries set amount = -amount",
    ),
    "a shop whose own language it does not speak": (
        CHECK,
        "update shops set default_locale = 'fr', locales = '{en}'",
        "update shops set default_locale = 'en', locales = '{en}'",
    ),
    "two orders of one number": (
        UNIQUE,
        "update orders set number = 'same'",
        "update orders set number = id::text",
    ),
    "one code twice in a variant": (
        UNIQUE,
        "update codes set variant_id = (select variant_id from codes same"
        " where same.shop_id = codes.shop_id order by id limit 1), lookup = 'same'",
        "update codes set lookup = id::text::bytea",
    ),
    "one taking twice": (
        UNIQUE,
        "update takings set provider_reference = 'same', account_id = (select account_id"
        " from takings same where same.shop_id = takings.shop_id order by id limit 1)",
        "update takings set provider_reference = id::text",
    ),
    "an order paid for twice": (
        UNIQUE,
        "update takings set state = 'delivered', order_id = (select order_id"
        " from takings same where same.shop_id = takings.shop_id order by id limit 1)",
        "update takings set state = 'returned', refunded = amount, order_id = (select order_id"
        " from takings same where same.shop_id = takings.shop_id order by id limit 1)",
    ),
    "one callback twice": (
        UNIQUE,
        "update inbox set event_key = 'same', account_id = (select account_id"
        " from inbox same where same.shop_id = inbox.shop_id order by id limit 1)",
        "update inbox set event_key = id::text",
    ),
    "one event booked twice": (
        UNIQUE,
        "update ledger_transactions set kind = 'sale', subject_id = shop_id",
        "update ledger_transactions set kind = 'sale', subject_id = id",
    ),
    "one operation twice under a key": (
        UNIQUE,
        "update idempotency_keys set operation = 'same', key = 'same'",
        "update idempotency_keys set operation = 'same'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("refusal", "never", "neighbour"), NEVER.values(), ids=NEVER)
async def test_what_must_never_be_is_refused_and_its_neighbour_is_not(
    judge: asyncpg.Connection,
    refusal: type[asyncpg.PostgresError],
    never: str,
    neighbour: str,
) -> None:
    with pytest.raises(refusal):
        async with undone(judge):
            await judge.execute(never)
    async with undone(judge):
        status = await judge.execute(neighbour)
    assert int(status.rpartition(" ")[2]) >= 1


async def test_a_ledger_transaction_that_does_not_sum_to_zero_is_not_kept(
    walls: Walls, judge: asyncpg.Connection
) -> None:
    table = walls.tables["ledger_entries"]
    line = {**walls.theirs.rows["ledger_entries"][0], "line": 7}
    await insert(judge, table, line)
    await insert(judge, table, {**line, "line": 8, "amount": -line["amount"]})
    await judge.execute("set constraints all immediate")
    await judge.execute("set constraints all deferred")
    await insert(judge, table, {**line, "line": 9})
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await judge.execute("set constraints all immediate")


async def test_history_is_written_once(walls: Walls, app: asyncpg.Connection) -> None:
    await app.execute("select set_config('app.shop', $1, true)", str(walls.theirs.id))
    history = (
        "shop_keys", "order_lines", "order_events", "batches", "reveals", "ledger_transactions",
        "ledger_entries", "idempotency_keys", "code_exports",
    )  # fmt: skip
    for name in history:
        for sql in (f"update {name} set shop_id = shop_id", f"delete from {name}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with undone(app):
                    await app.execute(sql)
