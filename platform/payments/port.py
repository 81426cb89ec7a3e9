"""The payment port: what the domain asks of a provider, and what it may be told.

Amounts are integers in the currency's minor units; times are aware UTC. An adapter never touches
the database and never decides what a notice means for an order: it speaks the wire, verifies and
translates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

NoticeKind = Literal["payment.succeeded", "payment.failed"]
RefundState = Literal["succeeded", "pending", "failed"]


class ProviderUnavailable(Exception):
    """The provider could not be asked, or did not answer in time: ask again later.

    What was asked may or may not have happened; every operation of the port is safe to repeat.
    """


class ProviderRefused(Exception):
    """The provider answered no, and will again: `code` is its reason, for logs and operators."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ForgedNotice(Exception):
    """A callback whose signature, age or merchant is not what our account's must be."""


class MalformedNotice(Exception):
    """A callback that is signed well and cannot be understood."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a buyer is to pay.

    `reference` is ours, unique per merchant, of letters, digits and `._:-`, at most 100;
    `locale` is "zh-CN" or "en".
    """

    reference: str
    amount: int
    currency: str
    description: str
    locale: str
    notify_url: str
    return_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A charge the provider knows, and where to send the buyer to pay it."""

    provider_reference: str
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the provider says happened. `event_key` is the same for every telling of one event;
    `provider_reference` names the taking, so a charge that is paid twice has two of them.

    Authentic, but not yet believed: the domain still compares reference, currency and amount.
    """

    event_key: str
    kind: NoticeKind
    reference: str
    provider_reference: str
    amount: int
    currency: str
    fee: int
    merchant_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """Where a refund stands; `reason` is the provider's code when it failed, else empty."""

    provider_reference: str
    state: RefundState
    reason: str


class PaymentProvider(Protocol):
    """One merchant account at one provider.

    `start`, `query` and `refund` raise `ProviderUnavailable` (ask again) or `ProviderRefused`
    (final).
    """

    @property
    def name(self) -> str: ...

    @property
    def can_refund(self) -> bool: ...

    @property
    def acknowledgement(self) -> tuple[int, bytes]:
        """Status and body with which a callback that was stored is answered, repeats included."""
        ...

    async def start(self, charge: Charge) -> Started:
        """Announces the charge; the same charge again gives the same answer."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Reads a callback's raw body. Raises `ForgedNotice` or `MalformedNotice`."""
        ...

    async def query(self, reference: str) -> Notice | None:
        """The first taking for `reference`, under the event key of its callback; None: none yet."""
        ...

    async def refund(
        self,
        *,
        reference: str,
        provider_reference: str,
        refund_reference: str,
        amount: int,
        currency: str,
    ) -> RefundOutcome:
        """Gives money of the taking `provider_reference` back; the same `refund_reference` again
        has no second effect."""
        ...
