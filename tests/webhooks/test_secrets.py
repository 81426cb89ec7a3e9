"""What signs deliveries: sealed, overlapping, and taken by the library that receivers use."""

import asyncpg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.key_locks import only_command
from keystall.tenants.keys.destruction import destroy_shop_keys
from keystall.tenants.keys.shop_rotation import Keeper, rotate_shop
from keystall.tenants.webhooks.service import (
    webhook_secret_rotate,
    webhook_test,
)
from keystall.tenants.webhooks.signing import new_signing_secret
from tests.webhooks.hooks import (
    Wired,
    tries,
)
from tests.webhooks.receiver import signatures


async def test_two_secrets_sign_for_a_day(wired: Wired) -> None:
    second = await webhook_secret_rotate(wired.installation, wired.shop.id, wired.webhook)
    await wired.happen("One")
    await wired.send()
    third = await webhook_secret_rotate(wired.installation, wired.shop.id, wired.webhook)
    await wired.happen("Two")
    await wired.send()
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute(
            "update webhook_secrets set expires_at = now() - interval '1 second'"
            " where expires_at is not null"
        )
    await wired.happen("Three")
    await wired.send()

    one, two, three = wired.receiver.got
    assert one.headers["webhook-signature"].split() == [
        *signatures(one, second), *signatures(one, wired.secret),
    ]  # fmt: skip
    assert two.headers["webhook-signature"].split() == [
        *signatures(two, third), *signatures(two, second),
    ]  # fmt: skip
    assert three.headers["webhook-signature"].split() == signatures(three, third)
    assert len({wired.secret, second, third}) == 3
    assert all(secret.startswith("whsec_") for secret in (wired.secret, second, third))


async def test_what_was_altered_or_signed_by_another_is_refused_by_the_library(
    wired: Wired,
) -> None:
    await wired.happen()
    await wired.send()
    (got,) = wired.receiver.got
    hook, headers = Webhook(wired.secret), dict(got.headers)
    assert hook.verify(got.body, headers) == got.json()
    altered = got.body.replace(b"Moon", b"Mooo")
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    other = {**headers, "webhook-id": str(new_id())}
    for body, given, secret in (
        (altered, headers, wired.secret),
        (got.body, later, wired.secret),
        (got.body, other, wired.secret),
        (got.body, headers, new_signing_secret()),
    ):
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(secret).verify(body, given)


async def test_a_rotation_of_the_shops_keys_leaves_signatures_as_they_were(
    wired: Wired,
) -> None:
    settings = wired.installation.settings
    async with only_command(settings.owner_database_url) as connection:
        keeper = Keeper(connection, wired.installation.keys, wired.installation.files, print)
        await rotate_shop(keeper, wired.shop.id, "shop")
        left = await connection.fetch(
            "select version from shop_keys where shop_id = $1", wired.shop.id
        )
        assert [row["version"] for row in left] == [2]
        await wired.happen("After a rotation")
        await wired.send()
        (got,) = wired.receiver.got
        assert got.headers["webhook-signature"].split() == signatures(got, wired.secret)

        await destroy_shop_keys(keeper, wired.shop.id, "shop")
    await webhook_test(wired.installation, wired.shop.id, wired.webhook)
    await wired.send()
    assert (await tries(wired.shop.id))[-1]["problem"] == "secret_unreadable"
    assert len(wired.receiver.got) == 1


async def test_secrets_rest_sealed(wired: Wired, superuser_url: str) -> None:
    connection = await asyncpg.connect(superuser_url)
    rows = await connection.fetch("select * from webhook_secrets where shop_id = $1", wired.shop.id)
    await connection.close()
    (row,) = rows
    bare = wired.secret.removeprefix("whsec_")
    assert bare.encode() not in row["sealed"]
    assert bare not in str(dict(row))
    assert row["hint"] == bare.rstrip("=")[-4:]
