"""What mails say, as data, and the port through which the themes room words it.

A letter names rows and secrets of links, never addresses of pages: where pages lie is known where
they are made. Two letters to buyers have room for codes, which only shops that want it fill.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol
from uuid import UUID

from keystall.platform.money import Money
from keystall.tenants.code_reports.states import ReportReason, ReportState
from keystall.tenants.payments.refunding import RefundReason
from keystall.tenants.staff.roles import Role


@dataclass(frozen=True, slots=True)
class Stall:
    """The shop a letter is about. `url` has no final slash; `contact` may be empty."""

    name: str
    slug: str
    url: str
    contact: str
    public_url: str
    """The installation's address, where the console is."""


@dataclass(frozen=True, slots=True)
class Bought:
    """One line of an order; `total` is for all of `quantity`."""

    product: str
    variant: str
    quantity: int
    total: Money


@dataclass(frozen=True, slots=True)
class LineCodes:
    """Codes of one order line. They stay out of whatever prints this."""

    product: str
    variant: str
    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailedCodes:
    """Codes for one mail. `more`: how many of the order it leaves out."""

    lines: tuple[LineCodes, ...] = ()
    more: int = 0


NO_CODES = MailedCodes()


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """To the buyer: the codes are there, behind the order's link, or in the letter itself."""

    stall: Stall
    number: str
    token: str
    lines: tuple[Bought, ...]
    total: Money
    codes: MailedCodes = NO_CODES


@dataclass(frozen=True, slots=True)
class OrderLink:
    """To a buyer who lost it: the order's link."""

    stall: Stall
    number: str
    token: str


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """To the buyer: money went back, and why."""

    stall: Stall
    number: str
    token: str
    amount: Money
    reason: RefundReason
    said: str = ""
    """What the seller wrote; empty where nothing."""
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class MerchantOrder:
    """To the merchant: something was sold."""

    stall: Stall
    order: UUID
    number: str
    buyer: str
    lines: tuple[Bought, ...]
    total: Money


@dataclass(frozen=True, slots=True)
class MerchantSoldOut:
    """To the merchant: the last code of a variant is sold."""

    stall: Stall
    variant: UUID
    product: str
    variant_name: str


@dataclass(frozen=True, slots=True)
class MerchantLowStock:
    """To the merchant: few codes are left, and about how long they last: ("hours", 6) or
    ("days", 3); None where nothing was sold lately."""

    stall: Stall
    variant: UUID
    product: str
    variant_name: str
    free: int
    lasts: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class MerchantRefundDue:
    """To the merchant: the provider cannot send this back, so somebody must by hand."""

    stall: Stall
    order: UUID
    number: str
    buyer: str
    amount: Money
    reason: RefundReason


@dataclass(frozen=True, slots=True)
class MerchantCodeReport:
    """To the merchant: a buyer says that a code does not work."""

    stall: Stall
    order: UUID
    number: str
    buyer: str
    product: str
    variant_name: str
    reason: ReportReason
    note: str


@dataclass(frozen=True, slots=True)
class CodeReportAnswered:
    """To the buyer: what became of their report; `said` may be empty. `codes` has the fresh one of
    a replacement, where the shop mails codes."""

    stall: Stall
    number: str
    token: str
    outcome: ReportState
    said: str
    codes: MailedCodes = NO_CODES


@dataclass(frozen=True, slots=True)
class MerchantApproved:
    """To the merchant: the operator approved the shop, and it is open."""

    stall: Stall


@dataclass(frozen=True, slots=True)
class MerchantDeclined:
    """To the merchant: the operator said no to the shop, and why."""

    stall: Stall
    reason: str


@dataclass(frozen=True, slots=True)
class MerchantListingStopped:
    """To the merchant: the operator took a product off sale, and why."""

    stall: Stall
    product: UUID
    product_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MerchantWebhookDisabled:
    """To the merchant: a webhook is told nothing any more. `host`: where it went; `failing`:
    nothing arrived for days, `gone`: its receiver wanted no more, `token`: the API token that saved
    it has ended."""

    stall: Stall
    webhook: UUID
    host: str
    reason: Literal["failing", "gone", "token"]


@dataclass(frozen=True, slots=True)
class MerchantTokenEnding:
    """To the merchant: an API token ends soon, at `ends_on` (a day of UTC, YYYY-MM-DD). `of_site`:
    it is a storefront token."""

    stall: Stall
    token: UUID
    name: str
    ends_on: str
    of_site: bool


@dataclass(frozen=True, slots=True)
class AccountConfirm:
    """To whoever signed up: the link that proves the address."""

    public_url: str
    token: str
    days: int


@dataclass(frozen=True, slots=True)
class AccountReset:
    """To whoever forgot the password, or signed up twice: the link that sets a new one."""

    public_url: str
    token: str
    hours: int


@dataclass(frozen=True, slots=True)
class SecondStepSwitched:
    """To an account's owner: codes of an app are asked for at sign-in, or no longer. `guarded`:
    off, but passkeys still stand between the password and the account."""

    public_url: str
    on: bool
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class RecoveryCodesLow:
    """To an account's owner: a recovery code was used, and few or none are left."""

    public_url: str
    left: int


@dataclass(frozen=True, slots=True)
class PasskeyChanged:
    """To an account's owner: a passkey was added or removed, or one was refused because its count
    went back, as a copy's would. `guarded`: the password alone does not sign in."""

    public_url: str
    change: Literal["added", "removed", "refused"]
    guarded: bool


@dataclass(frozen=True, slots=True)
class CustomerSignIn:
    """To whoever asked to sign in at a shop: the link that does it."""

    stall: Stall
    token: str
    minutes: int


@dataclass(frozen=True, slots=True)
class StaffInvitation:
    """To somebody who shall work for a shop: who asks, as what, and the link that accepts."""

    stall: Stall
    invited_by: str
    role: Role
    token: str
    days: int


Letter = (
    OrderDelivered
    | OrderLink
    | OrderRefunded
    | MerchantOrder
    | MerchantSoldOut
    | MerchantLowStock
    | MerchantRefundDue
    | MerchantApproved
    | MerchantDeclined
    | MerchantListingStopped
    | MerchantWebhookDisabled
    | MerchantTokenEnding
    | MerchantCodeReport
    | CodeReportAnswered
    | AccountConfirm
    | AccountReset
    | SecondStepSwitched
    | RecoveryCodesLow
    | PasskeyChanged
    | CustomerSignIn
    | StaffInvitation
)


@dataclass(frozen=True, slots=True)
class MailText:
    """A worded letter. `sender` is the name to send it under; empty: the installation's own.

    Its bodies may hold codes, so nothing prints them.
    """

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    sender: str = ""


NO_WORDS: Mapping[str, str] = MappingProxyType({})


class MailTexts(Protocol):
    """Words letters."""

    def render(self, letter: Letter, locale: str, own: Mapping[str, str] = NO_WORDS) -> MailText:
        """The letter in `locale` ("zh-CN", "en"). Subject and sender are one line each.

        `own` are a shop's own words by message key; raises LookupError where one has a hole that
        nothing fills.
        """
        ...

    def text(self, key: str, locale: str) -> str:
        """The product's own text of a message, holes and all."""
        ...
