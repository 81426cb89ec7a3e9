"""A shop whose products are told to a receiver."""

from collections.abc import AsyncIterator

import pytest

from keystall.tenants.installation import Installation
from tests.factories import a_shop
from tests.webhooks.hooks import PRODUCT, Wired, a_webhook, sending
from tests.webhooks.receiver import receiving


@pytest.fixture
async def wired(installation: Installation) -> AsyncIterator[Wired]:
    shop = await a_shop(installation)
    async with receiving() as receiver, sending(installation) as sender:
        webhook, secret = await a_webhook(
            installation, shop, receiver.url, "product.created", document=PRODUCT
        )
        yield Wired(installation, shop, receiver, sender, webhook, secret)
