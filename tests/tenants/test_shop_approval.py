"""Shops approved before or after they open: every deed in every state, and who is told."""

import itertools
from typing import Any, get_args

import asyncpg
import pytest

from keystall.platform import database
from keystall.tenants.desk.record import operator_actions
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.mails.merchant_posts import merchant_reviewed
from keystall.tenants.mails.port import MerchantApproved, MerchantDeclined
from keystall.tenants.shops import operating, service
from keystall.tenants.shops.operating import ShopCounts, ShopFilter
from keystall.tenants.shops.queries import shop_by_id
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.status import Deed, ShopStatus, first_status, status_after
from tests.factories import a_shop, a_viewer


@pytest.fixture
async def operator(installation: Installation) -> Viewer:
    return await a_viewer(installation, operator=True)


def approving(installation: Installation) -> Installation:
    """The same installation, whose operator approves shops before they open."""
    settings = installation.settings.model_copy(update={"shop_approval": "before"})
    return Installation(
        settings, installation.keys, installation.queue, installation.files, installation.http
    )


async def put(owner_url: str, shop: Shop, status: str, before: str | None) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        "update shops set status = $2, status_before = $3 where id = $1", shop.id, status, before
    )
    await connection.close()


async def now(shop: Shop) -> tuple[ShopStatus, str]:
    async with database.transaction(shop.id) as tx:
        found = await shop_by_id(tx, shop.id)
    assert found is not None
    return found.status, found.status_reason


async def done(deed: Deed, installation: Installation, operator: Viewer, shop: Shop) -> list[str]:
    """Does the deed as whoever may; answers why it was refused."""
    calls: dict[str, Any] = {
        "approve": lambda: operating.shop_approve(installation, operator, shop.id),
        "decline": lambda: operating.shop_decline(installation, operator, shop.id, reason="No."),
        "suspend": lambda: operating.shop_suspend(installation, operator, shop.id, reason="No."),
        "resume": lambda: operating.shop_resume(installation, operator, shop.id),
        "ask": lambda: service.shop_ask_approval(installation, shop.id),
        "open": lambda: service.shop_reopen(installation, shop.id),
        "close": lambda: service.shop_close(installation, shop.id),
    }
    try:
        await calls[deed]()
    except Refused as refused:
        return [error.code for error in refused.errors]
    return []


async def test_the_database_moves_shops_exactly_as_the_rules_say(
    installation: Installation, operator: Viewer, owner_url: str
) -> None:
    shop = await a_shop(installation)
    states: list[tuple[ShopStatus, ShopStatus | None]] = [
        (one, None) for one in get_args(ShopStatus) if one != "suspended"
    ]
    states += [("suspended", before) for before, _ in states[:]]
    for (status, before), deed in itertools.product(states, get_args(Deed)):
        await put(owner_url, shop, status, before)
        expected = status_after(status, deed, before)
        refused = await done(deed, installation, operator, shop)
        assert refused == ([] if expected or deed == "ask" else ["CONFLICT"]), (status, deed)
        # Asking where nothing was declined changes nothing, and is no mistake.
        assert (await now(shop))[0] == (expected or status), (status, before, deed)


async def test_a_shop_that_waits_opens_when_it_is_approved_and_its_merchant_is_told(
    installation: Installation, operator: Viewer
) -> None:
    shop = await a_shop(approving(installation), name="Waiting")
    assert (await now(shop))[0] == "pending"
    for call in (service.shop_reopen, service.shop_close):
        with pytest.raises(Refused):
            await call(installation, shop.id)
    await operating.shop_decline(installation, operator, shop.id, reason=" No imprint. ")
    assert await now(shop) == ("declined", "No imprint.")
    async with database.transaction(shop.id) as tx:
        (post,) = await merchant_reviewed(tx, installation, shop.id, shop.id)
    assert isinstance(post.letter, MerchantDeclined)
    assert post.letter.reason == "No imprint."
    await service.shop_ask_approval(installation, shop.id)
    assert (await now(shop))[0] == "pending"
    approved = await operating.shop_approve(installation, operator, shop.id)
    assert (approved.status, approved.status_reason) == ("open", "")
    async with database.transaction(shop.id) as tx:
        (post,) = await merchant_reviewed(tx, installation, shop.id, shop.id)
        kinds = await tx.rows("select kind from outbox where shop_id = $1 order by id", shop.id)
    assert isinstance(post.letter, MerchantApproved)
    assert [row["kind"] for row in kinds] == ["mail.merchant_declined", "mail.merchant_approved"]
    async with database.transaction(None) as tx:
        done = await operator_actions(tx, operator, after=None, limit=2)
    assert [(one.action, one.shop_name, one.note) for one in done] == [
        ("shop.approve", "Waiting", ""), ("shop.decline", "Waiting", "No imprint."),
    ]  # fmt: skip


async def test_a_shop_that_opened_by_itself_is_new_until_somebody_looked(
    installation: Installation, operator: Viewer
) -> None:
    shop = await a_shop(installation)
    new = ShopFilter(new=True)
    async with database.transaction(None) as tx:
        found = await operating.operated_shops(tx, operator, new, after=None, limit=1)
        before = await operating.shop_counts(tx, operator)
    assert [(one.id, one.status) for one in found] == [(shop.id, "open")]
    for _ in range(2):
        seen = await operating.shop_look(installation, operator, shop.id)
        assert (seen.status, seen.reviewed_at is None) == ("open", False)
    async with database.transaction(None) as tx:
        found = await operating.operated_shops(tx, operator, new, after=None, limit=1)
        after = await operating.shop_counts(tx, operator)
    assert shop.id not in [one.id for one in found]
    assert after == ShopCounts(before.waiting, before.unseen - 1, before.selling)


async def test_no_merchant_approves_a_shop(installation: Installation, operator: Viewer) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(approving(installation), owner)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operating.shop_approve(installation, owner, shop.id)
    with pytest.raises(Refused) as refused:
        await operating.shop_decline(installation, operator, shop.id, reason=" ")
    assert [(error.path, error.code) for error in refused.value.errors] == [
        (("reason",), "REQUIRED")
    ]
    assert await now(shop) == ("pending", "")


def test_the_setting_says_what_a_new_shop_is() -> None:
    assert (first_status("before"), first_status("after")) == ("pending", "open")
