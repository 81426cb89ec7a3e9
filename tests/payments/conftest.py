"""Stripe, emulated, and a shop that takes payments through it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from keystall.tenants.installation import Installation
from tests.payments.emulator import Emulator, emulated
from tests.payments.till import Till, a_till


@pytest.fixture(scope="session")
async def emulator() -> AsyncIterator[Emulator]:
    """One Stripe for the run; each test opens an account of its own there."""
    async with emulated() as there:
        yield there


@pytest.fixture
def at_stripe(installation: Installation, emulator: Emulator) -> Installation:
    """The installation, its Stripe being the emulator."""
    settings = installation.settings.model_copy(update={"stripe_url": emulator.url})
    return replace(installation, settings=settings)


@pytest.fixture
async def till(at_stripe: Installation, emulator: Emulator) -> Till:
    """A shop that sells at 9.90 CNY through Stripe, with five codes."""
    return await a_till(at_stripe, emulator)
