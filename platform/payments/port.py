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
Topic = Literal["payment", "refund", "dispute"]
DisputeStatus = Literal["inquiry", "needs_response", "under_review", "won", "lost", "closed"]


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
class Hint:
    """A callback that is worth no more than a reason to ask: something about `subject`, in the
    provider's own numbering, has changed. Told in any order and any number of times, hints end
    in the same state, because what is applied is the answer of `PaymentProvider.look`.
    """

    event_key: str
    topic: Topic
    subject: str
    merchant_id: str
    occurred_at: datetime
    kind: Literal["hint"] = "hint"


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A refund as the provider has it. `refund_reference` is ours, empty for one that was made
    at the provider, by the merchant's hand."""

    provider_reference: str
    refund_reference: str
    amount: int
    currency: str
    state: RefundState
    reason: str


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that a dispute moved: `amount` and `fee` are above zero where the provider took them
    from the merchant, below where it gave them back."""

    provider_reference: str
    amount: int
    fee: int


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """A dispute as the provider has it. `reason` is the provider's word; `due_at`: until when the
    merchant may answer; `movements`: all there were so far, in the currency of the dispute."""

    provider_reference: str
    status: DisputeStatus
    reason: str
    amount: int
    currency: str
    opened_at: datetime
    due_at: datetime | None
    movements: tuple[Movement, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """How things stand at the provider, for one charge of ours.

    `payment` is its taking, or its failure, if there is one. `spent` is the reference of a charge
    that nobody paid and nobody can pay any more, else empty. `refunds` and `dispute` are those
    that were asked about.
    """

    payment: Notice | None = None
    spent: str = ""
    refunds: tuple[RefundFact, ...] = ()
    dispute: DisputeFact | None = None


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

    def verify(self, headers: Mapping[str, str], body: bytes) -> Notice | Hint | None:
        """Reads a callback's raw body. None: authentic, and about nothing of ours.

        Raises `ForgedNotice` or `MalformedNotice`.
        """
        ...

    async def look(self, hint: Hint) -> Facts | None:
        """How things stand now with what a hint of ours is about; None: it is nothing of ours."""
        ...

    async def query(self, reference: str, provider_reference: str | None = None) -> Notice | None:
        """The first taking for `reference`; None: none yet.

        `provider_reference` is what `start` answered, None where its answer never arrived.
        """
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
