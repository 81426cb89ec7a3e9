"""The daily sweep: what is older than its time goes, what is younger stays, the ledger is whole."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import clock, database
from keystall.platform.tokens import secret_hash
from keystall.tenants.identity.passkey_sign_in import passkey_attempt
from keystall.tenants.identity.service import Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.retention import sweep
from keystall.tenants.retention.sweep import days_kept, post_sweep, row_of_day, sweep_kept
from keystall.tenants.writing import INSTALLATION
from tests.authenticator import begun, with_app
from tests.factories import PASSWORD, a_viewer
from tests.isolation.goods import Goods, a_full_shop

CANARY = "forgetful5"


def keeping(installation: Installation, **days: int) -> Installation:
    """The same installation with other times."""
    settings = installation.settings.model_copy(update=days)
    return Installation(
        settings, installation.keys, installation.queue, installation.files, installation.http
    )


async def judged(url: str, sql: str, *args: object) -> list[Mapping[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql, *args))
    finally:
        await connection.close()


async def aged(url: str, goods: Goods, days: int) -> None:
    """Makes everything of the shop as old as that."""
    for table, column in (
        ("carts", "updated_at"), ("orders", "created_at"), ("inbox", "received_at"),
        ("idempotency_keys", "created_at"), ("customers", "seen_at"),
        ("customer_sessions", "expires_at"), ("customer_links", "expires_at"),
        ("customer_flows", "expires_at"),
        ("invitations", "expires_at"),
    ):  # fmt: skip
        await judged(
            url, f"update {table} set {column} = {column} - make_interval(days => $2)"
            " where shop_id = $1", goods.shop.id, days,
        )  # fmt: skip
    await judged(
        url, "update outbox set done_at = done_at - make_interval(days => $2)"
        " where shop_id = $1", goods.shop.id, days,
    )  # fmt: skip


async def run(installation: Installation, owner_url: str) -> None:
    """Today's sweep, as if it had not been done."""
    item = row_of_day(clock.now().date())
    await judged(owner_url, "delete from outbox where id = $1", item)
    assert await post_sweep() is True
    assert await post_sweep() is False
    await sweep_kept(installation, INSTALLATION, item)
    (row,) = await judged(owner_url, "select done_at from outbox where id = $1", item)
    assert row["done_at"] is not None


async def counts(url: str, shop: UUID) -> dict[str, int]:
    found = {}
    for name, sql in {
        "carts": "select count(*) as n from carts where shop_id = $1",
        "keys": "select count(*) as n from idempotency_keys where shop_id = $1",
        "bodies": "select count(*) as n from inbox where shop_id = $1 and body <> ''",
        "done": "select count(*) as n from outbox where shop_id = $1 and done_at is not null",
        "waiting": "select count(*) as n from outbox where shop_id = $1 and done_at is null",
        "buyers": "select count(*) as n from orders where shop_id = $1 and email <> 'erased'",
        "orders": "select count(*) as n from orders where shop_id = $1",
        "customers": "select count(*) as n from customers where shop_id = $1",
        "customer sessions": "select count(*) as n from customer_sessions where shop_id = $1",
        "customer flows": "select count(*) as n from customer_flows where shop_id = $1",
        "invitations": "select count(*) as n from invitations where shop_id = $1",
        "customer links": "select count(*) as n from customer_links where shop_id = $1",
        "ledger": "select coalesce(sum(abs(amount)), 0) as n from ledger_entries"
        " where shop_id = $1",
    }.items():
        (row,) = await judged(url, sql, shop)
        found[name] = int(row["n"])
    return found


async def test_what_is_older_than_its_time_goes_and_all_else_stays(
    installation: Installation, superuser_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 1)  # as many transactions as there are rows
    old, young = [await a_full_shop(installation, f"{CANARY}{at}") for at in range(2)]
    for goods in (old, young):
        await judged(superuser_url, "update inbox set body = 'x' where shop_id = $1", goods.shop.id)
    before = {goods.canary: await counts(superuser_url, goods.shop.id) for goods in (old, young)}
    assert min(before[old.canary].values()) > 0
    await aged(superuser_url, old, 100)

    times = {"keep_buyers_days": 60, "keep_callbacks_days": 60}
    for _ in range(2):
        await run(keeping(installation, **times), owner_url)

    assert await counts(superuser_url, young.shop.id) == before[young.canary]
    after = await counts(superuser_url, old.shop.id)
    # The order that waits for its refund keeps its buyer: somebody may have to write to them.
    over = await judged(
        superuser_url, "select count(*) as n from orders where shop_id = $1"
        " and status in ('delivered', 'expired', 'canceled', 'refunded')", old.shop.id,
    )  # fmt: skip
    assert after == before[old.canary] | {
        "carts": 0, "keys": 0, "bodies": 0, "done": 0,
        "customers": 0, "customer sessions": 0, "customer links": 0, "customer flows": 0,
        "invitations": 0,
        "buyers": before[old.canary]["orders"] - over[0]["n"],
    }  # fmt: skip
    assert over[0]["n"] >= 1
    answers = await judged(
        superuser_url, "select buyer_fields from orders where shop_id = $1 and email = 'erased'",
        old.shop.id,
    )  # fmt: skip
    assert {row["buyer_fields"] for row in answers} == {"[]"}


async def test_sessions_and_links_go_some_time_after_they_ended(
    installation: Installation, superuser_url: str, owner_url: str
) -> None:
    ended, live = await a_viewer(installation), await a_viewer(installation)
    await judged(
        superuser_url, "update sessions set expires_at = now() - interval '31 days'"
        " where account_id = $1", ended.account_id,
    )  # fmt: skip
    await run(installation, owner_url)
    left = await judged(
        superuser_url, "select account_id from sessions where account_id = any ($1::uuid[])",
        [ended.account_id, live.account_id],
    )  # fmt: skip
    assert {row["account_id"] for row in left} == {live.account_id}


async def test_a_sweep_that_died_goes_on_and_is_done_once(
    installation: Installation, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = row_of_day(clock.now().date())
    await judged(owner_url, "delete from outbox where id = $1", item)
    await post_sweep()
    with monkeypatch.context() as broken:
        broken.setattr(sweep, "days_kept", lambda settings: {"no such kind": 1})
        with pytest.raises(asyncpg.PostgresError):
            await sweep_kept(installation, INSTALLATION, item)
    async with database.transaction(INSTALLATION) as tx:
        assert await tx.value("select done_at from outbox where id = $1", item) is None
    await sweep_kept(installation, INSTALLATION, item)
    async with database.transaction(INSTALLATION) as tx:
        done = await tx.value("select done_at from outbox where id = $1", item)
    assert done is not None
    await sweep_kept(installation, INSTALLATION, item)
    async with database.transaction(INSTALLATION) as tx:
        assert await tx.value("select done_at from outbox where id = $1", item) == done


async def test_nothing_young_can_be_swept_whatever_is_asked(installation: Installation) -> None:
    moment = clock.now() - timedelta(minutes=1)
    for sweeping in (
        "retention_sweep('carts'",
        "retention_sweep_customers('customers'",
        "retention_sweep_invitations('invitations'",
        "retention_sweep_steps('sign_in_steps'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with database.transaction(None) as tx:
                await tx.value(f"select {sweeping}, $1, 1)", moment)


async def test_old_steps_and_setups_that_came_to_nothing_go(
    installation: Installation, owner_url: str
) -> None:
    on, waiting = await a_viewer(installation), await a_viewer(installation)
    await with_app(installation, on)
    await begun(installation, waiting)
    for _ in range(2):
        await sign_in(installation, on.email, PASSWORD, visitor=Visitor())
    asked = [secret_hash((await passkey_attempt(installation)).secret) for _ in range(2)]
    await judged(
        owner_url, "update passkey_challenges set expires_at = now() - interval '90 days'"
        " where holder_hash = $1", asked[0],
    )  # fmt: skip
    await judged(
        owner_url, "update sign_in_steps set expires_at = now() - interval '90 days'"
        " where secret_hash = (select min(secret_hash) from sign_in_steps where account_id = $1)",
        on.account_id,
    )  # fmt: skip
    await judged(owner_url, "update totp_secrets set begun_at = now() - interval '90 days'")

    await run(installation, owner_url)

    of = (on.account_id, waiting.account_id)
    steps = await judged(owner_url, "select from sign_in_steps where account_id = any ($1)", of)
    kept = await judged(
        owner_url, "select account_id from totp_secrets where account_id = any ($1)", of
    )
    assert (len(steps), [row["account_id"] for row in kept]) == (1, [on.account_id])
    left = await judged(
        owner_url, "select holder_hash from passkey_challenges where holder_hash = any ($1)", asked
    )
    assert [row["holder_hash"] for row in left] == asked[1:]


def test_what_is_kept_for_ever_is_not_swept(installation: Installation) -> None:
    kept = days_kept(installation.settings)
    assert "orders" not in kept
    assert kept["carts"] == 30
    assert days_kept(keeping(installation, keep_carts_days=0).settings).get("carts") is None
