"""What tests of streams stand on."""

from collections.abc import AsyncIterator

import pytest

from keystall.tenants.installation import Installation
from tests.factories import a_shop
from tests.graphql.streams.following import SWIFT, Served, serving
from tests.tenants.purchases import Purchase


@pytest.fixture(scope="module")
async def served(installation: Installation) -> AsyncIterator[Served]:
    """Streams at their own pace, served over HTTP."""
    async with serving(installation) as found:
        yield found


@pytest.fixture(scope="module")
async def swift(installation: Installation) -> AsyncIterator[Served]:
    """Streams that look after and beat all the time."""
    async with serving(installation, pace=SWIFT) as found:
        yield found


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    """A shop with three codes, and who buys there."""
    made = Purchase(installation, await a_shop(installation))
    await made.stock("CODE-AAAA", "CODE-BBBB", "CODE-CCCC")
    return made
