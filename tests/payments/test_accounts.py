"""Keys of the merchant's own: tried before they are kept, sealed, and never told again."""

import pytest

from keystall.platform import database
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.payments.accounts import (
    PaymentAccountView,
    StripeKeys,
    payment_account_remove,
    payment_account_set_enabled,
    payment_accounts,
    stripe_connect,
)
from keystall.tenants.payments.secrets import account_secrets
from keystall.tenants.shops.shop import Shop
from tests.factories import a_shop
from tests.payments.emulator import Emulator, a_key
from tests.payments.till import Till, a_till

WHSEC = "whsec_9Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"


async def refusal(
    installation: Installation, shop: Shop, keys: StripeKeys
) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(Refused) as refused:
        await stripe_connect(installation, shop, keys)
    async with database.transaction(shop.id) as tx:
        assert [view.provider for view in await payment_accounts(tx, shop.id)] == ["sandbox"]
        assert await tx.value("select count(*) from payment_secrets") == 0
    return [(error.code, error.path) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("key", "webhook_secret", "refused"),
    [
        ("", "", [("REQUIRED", ("secret_key",))]),
        ("pk_test_51Hq8ZtVn3Lr7Xc1Kp5Ws9", "", [("INVALID", ("secret_key",))]),
        ("sk_test_...", "whsec_", [("INVALID", (f,)) for f in ("secret_key", "webhook_secret")]),
        ("sk_test_" + "x" * 24, "", [("PLACEHOLDER", ("secret_key",))]),
        ("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "", [("PLACEHOLDER", ("secret_key",))]),
        ("sk_live_your_secret_key_goes_here", "", [("PLACEHOLDER", ("secret_key",))]),
    ],
)
async def test_what_is_no_key_of_ones_own_is_refused_before_stripe_is_asked(
    at_stripe: Installation,
    emulator: Emulator,
    key: str,
    webhook_secret: str,
    refused: list[tuple[str, tuple[str, ...]]],
) -> None:
    calls = len(emulator.calls)
    shop = await a_shop(at_stripe)
    assert await refusal(at_stripe, shop, StripeKeys(key, webhook_secret)) == refused
    assert len(emulator.calls) == calls


async def test_a_key_that_stripe_does_not_know_or_a_stripe_that_is_away_changes_nothing(
    at_stripe: Installation, emulator: Emulator
) -> None:
    shop = await a_shop(at_stripe)
    stranger = StripeKeys(a_key())
    assert await refusal(at_stripe, shop, stranger) == [("KEY_REFUSED", ("secret_key",))]
    emulator.down = True
    try:
        away = await refusal(at_stripe, shop, stranger)
    finally:
        emulator.down = False
    assert away == [("PROVIDER_AWAY", ("secret_key",))]


async def test_connecting_makes_the_endpoint_and_seals_what_only_its_end_is_told_of(
    till: Till, superuser_url: str
) -> None:
    (endpoint,) = till.world.of_kind("webhook_endpoint")
    assert endpoint["url"] == (
        f"{till.installation.settings.shop_url(till.shop.slug)}/callbacks/stripe/{till.account}"
    )
    async with database.transaction(till.shop.id) as tx:
        view = (await payment_accounts(tx, till.shop.id))[1]
        sealed = await tx.rows("select sealed, hint from payment_secrets")
        opened = await account_secrets(tx, till.installation.keys, till.shop.id, till.account)
    key, secret = till.world.key, endpoint["secret"]
    assert view == PaymentAccountView(
        id=till.account, provider="stripe", enabled=True, mode="test",
        hints={"secret_key": key[-4:], "webhook_secret": secret[-4:]}, webhook_by_hand=False,
    )  # fmt: skip
    assert opened == {"secret_key": key, "webhook_secret": secret}
    assert all(key.encode() not in bytes(row["sealed"]) for row in sealed)


async def test_a_restricted_key_brings_its_webhook_secret(
    at_stripe: Installation, emulator: Emulator
) -> None:
    shop = await a_shop(at_stripe)
    key = emulator.account(a_key("rk_live")).key
    with pytest.raises(Refused) as refused:
        await stripe_connect(at_stripe, shop, StripeKeys(key))
    (error,) = refused.value.errors
    assert (error.code, error.path) == ("WEBHOOK_RIGHTS", ("webhook_secret",))
    assert str(error.params["address"]).startswith(at_stripe.settings.shop_url(shop.slug))
    await stripe_connect(at_stripe, shop, StripeKeys(key, WHSEC))
    async with database.transaction(shop.id) as tx:
        view = (await payment_accounts(tx, shop.id))[1]
    assert (view.mode, view.webhook_by_hand, view.hints["webhook_secret"]) == ("live", True, "4Jae")


async def test_a_live_endpoint_that_stripe_will_not_make_can_be_made_by_hand(
    at_stripe: Installation, emulator: Emulator
) -> None:
    shop = await a_shop(at_stripe)  # at an address without https
    key = emulator.account(a_key("sk_live")).key
    refused = await refusal(at_stripe, shop, StripeKeys(key))
    assert refused == [("WEBHOOK_REFUSED", ("webhook_secret",))]


async def test_keys_of_the_same_account_can_change_and_those_of_another_cannot(
    till: Till, emulator: Emulator
) -> None:
    (endpoint,) = till.world.of_kind("webhook_endpoint")
    rolled = a_key()
    emulator.worlds[rolled] = till.world
    await stripe_connect(till.installation, till.shop, StripeKeys(rolled), account=till.account)
    async with database.transaction(till.shop.id) as tx:
        opened = await account_secrets(tx, till.installation.keys, till.shop.id, till.account)
    assert opened == {"secret_key": rolled, "webhook_secret": endpoint["secret"]}

    other = StripeKeys(emulator.account().key)
    with pytest.raises(Refused) as refused:
        await stripe_connect(till.installation, till.shop, other, account=till.account)
    assert refused.value.errors[0].code == "OTHER_ACCOUNT"
    with pytest.raises(Refused) as again:
        await stripe_connect(till.installation, till.shop, other)
    assert again.value.errors[0].code == "TAKEN"


async def test_an_account_that_orders_wait_for_stays_and_a_removed_one_leaves_no_key(
    at_stripe: Installation, emulator: Emulator
) -> None:
    till = await a_till(at_stripe, emulator)
    order = await till.order()
    with pytest.raises(Refused) as refused:
        await payment_account_remove(at_stripe, till.shop.id, till.account)
    assert refused.value.errors[0].code == "IN_USE"
    await till.expire(order)

    await payment_account_remove(at_stripe, till.shop.id, till.account)

    assert till.world.of_kind("webhook_endpoint") == []
    assert await till.value("select count(*) from payment_secrets where shop_id = $1") == 0
    # It can be connected anew.
    await stripe_connect(at_stripe, till.shop, StripeKeys(till.world.key))


async def test_a_closed_account_takes_no_new_orders(till: Till) -> None:
    await payment_account_set_enabled(till.installation, till.shop.id, till.account, enabled=False)
    with pytest.raises(Refused) as refused:
        await till.order()
    assert refused.value.errors[0].code == "PAYMENT_METHOD_UNAVAILABLE"
