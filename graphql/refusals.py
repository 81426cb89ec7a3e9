"""Business refusals as the API tells them: `userErrors` with a code of the operation's family."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

import strawberry

from keystall.graphql.context import RequestContext
from keystall.graphql.describing import described, object_type
from keystall.graphql.wording import worded
from keystall.tenants.errors import Refused

_UNDERSCORE = re.compile(r"_([a-z0-9])")

CODES: Mapping[str, str] = {
    "REQUIRED": "Something that is needed is missing.",
    "TOO_LONG": "It is longer than allowed.",
    "INVALID": "It cannot be understood.",
    "NOT_FOUND": "There is no such thing in this shop.",
    "TAKEN": "Another one has it already.",
    "CONFLICT": "It is not possible as things stand now.",
    "THROTTLED": "Too many attempts; try again later.",
    "DUPLICATE": "It is given twice.",
    "TOO_MANY": "There are more than allowed.",
    "LIMIT_REACHED": "There are as many as there may be.",
    "IDEMPOTENCY_MISMATCH": "The idempotency key was used with other input before.",
    "FORBIDDEN_GOODS": "The operator of the installation does not allow this on sale.",
    # Words of letters.
    "HOLE_UNKNOWN": "Nothing fills this place in braces.",
    "ADDRESS_IN_TEXT": "It has what looks like a web or mail address.",
    "MAIL_UNSENT": "The mail server did not take the mail.",
    # Erasing a person.
    "IN_FLIGHT": "An order of theirs is paid, and goods or money are due.",
    "SOLE_OWNER": "A shop that is open would be left without an owner.",
    "OPERATOR_ACCOUNT": "They are an operator of the installation.",
    # Carts and checkout.
    "SOLD_OUT": "None is left.",
    "NOT_ENOUGH_STOCK": "Fewer are left than asked for.",
    "OVER_LIMIT": "More than one purchase may have.",
    "UNPAID_LIMIT": "The buyer holds as much without paying as one may; paying or canceling helps.",
    "UNDER_MINIMUM": "Fewer than one purchase must have.",
    "CURRENCY_UNAVAILABLE": "It is not sold in this currency.",
    "CART_EMPTY": "The cart has no lines.",
    "CART_COMPLETED": "The cart has become an order already.",
    "EMAIL_INVALID": "This is not an email address.",
    "PAYMENT_METHOD_UNAVAILABLE": "This way to pay is not open.",
    "RETURN_NOT_ALLOWED": "It is on no site of the storefront token that the request came with.",
    "OUT_OF_RANGE": "The number is smaller or larger than allowed.",
    "ORIGIN_INVALID": "This is no origin of a site: a scheme and a host, and maybe a port.",
    "ORIGIN_INSECURE": "Only sites of one's own machine may do without https.",
    "EXPIRY_OUT_OF_RANGE": "The end lies in the past, or further ahead than allowed.",
    "SHOP_CLOSED": "The shop is closed or suspended.",
    # Accounts.
    "PASSWORD_TOO_SHORT": "The password is shorter than allowed.",
    "PASSWORD_TOO_LONG": "The password is longer than allowed.",
    "PASSWORD_TOO_COMMON": "The password is among those tried first by everyone.",
    "PASSWORD_WRONG": "This is not the password of whoever is signed in.",
    "CREDENTIALS_WRONG": "Email address and password do not belong together.",
    "EMAIL_UNCONFIRMED": "The address is not confirmed yet; its link was mailed again.",
    "LINK_NEEDED": "Sign in by a mailed link first: for a while it stands for the password.",
    "LINK_INVALID": "The link was used before, is too old or never was one.",
    "STEP_CODE_WRONG": "The second step's code is wrong, was used before or is too old.",
    "STEP_OVER": "Too much time has gone by since the sign-in, or the passkey, was begun.",
    "PASSKEY_REFUSED": "The passkey is not known, or its answer is not right.",
    # Staff.
    "MEMBER_ALREADY": "Somebody with this address works for the shop already.",
    "LAST_OWNER": "A shop needs an owner, and this is the only one.",
    "OTHER_PERSON": "The invitation is for another address than the one that is signed in.",
    "ACCOUNT_EXISTS": "The address has an account already: sign in with it.",
    # Shops and catalogues.
    "RESERVED": "This short name is kept back by the installation.",
    "LOCALE_UNKNOWN": "This language is not offered.",
    "LOCALE_UNAVAILABLE": "The shop does not speak this language.",
    "CURRENCY_UNKNOWN": "There is no such currency.",
    "AMOUNT_INVALID": "This is not an amount of the currency.",
    # Ways to pay.
    "PLACEHOLDER": "It is a sample or a placeholder, not a key of the merchant's own.",
    "KEY_REFUSED": "The provider does not accept the key.",
    "OTHER_ACCOUNT": "The key belongs to another account than the one that was connected.",
    "PROVIDER_AWAY": "The provider does not answer now.",
    "WEBHOOK_RIGHTS": "The key may not make a webhook endpoint: make it by hand.",
    "WEBHOOK_REFUSED": "The provider would not make a webhook endpoint: make it by hand.",
    "IN_USE": "Something still needs it.",
    # Webhooks.
    "WEBHOOK_ADDRESS": "It is no https address of the public internet, on port 443 or 8443.",
    "EVENTS_MIXED": "The events name things of different kinds; one document is about one kind.",
    "DOCUMENT_INVALID": "It is not one valid query with `$id` as its variable, within the limits.",
    "DOCUMENT_SHOWS_CODES": "It selects a field that shows codes, masked ones included.",
    "DOCUMENT_NOT_ALLOWED": "It selects what webhooks, or whoever saves it, may not see.",
    # Trusted documents.
    "DOCUMENT_FAULTY": "It is no valid document of the storefront's API.",
    "DOCUMENT_TOO_COSTLY": "The document costs more than one operation may.",
    # Orders.
    "ABOVE_PAYMENT": "It is more than what is left of the payment.",
    # Codes.
    "BAD_LINES": "Some lines are no codes, and skipping them was not asked for.",
    "NOTHING_NEW": "No line has a new code.",
    "ENCODING_UNKNOWN": "The text is surely in none of UTF-8, UTF-16, GB18030 and Big5.",
    "BATCH_SOLD": "A code of the batch is sold or held for an order.",
    "BATCH_UNDONE": "The batch was taken back before.",
    "PASSWORD_NEEDED": "Say the password again first; it holds for ten minutes.",
    "PERSON_NEEDED": "A person has to do this, on a page; no token may.",
    "CODE_SOLD": "A sold code cannot be deleted.",
    "CODE_RESERVED": "A code held for an order cannot be deleted.",
    "KEYS_DESTROYED": "The shop's keys were destroyed: nobody can read or add codes again.",
}
"""Every code of a refusal and what it means, for the schemas' descriptions."""


def error_codes(name: str, whereof: str, *codes: str) -> Any:
    """The enum of a family: the codes with which requests about `whereof` are refused."""
    members = {code: strawberry.enum_value(code, description=CODES[code]) for code in codes}
    family: type[Enum] = Enum(name, members)  # type: ignore[misc]  # named by its caller
    return strawberry.enum(family, description=f"What a request about {whereof} was refused for.")


@object_type
class UserError:
    """Why a request was refused."""

    family: ClassVar[type[Enum]]

    path: list[str] = described(
        "The input field it is about, from the argument inward; empty where it is about the whole."
    )
    message: str = described("The reason for people, in the language of the request.")


Result = TypeVar("Result")
Told = TypeVar("Told", bound=UserError)


@object_type
class Payload(Generic[Told]):
    """The answer to a mutation; each has its own, with what it made or changed."""

    user_errors: list[Told] = described("Why it was refused; empty on success.", assumed=1)


def field_path(path: Sequence[str]) -> list[str]:
    """An input path as clients write it: camelCase names; keys of buyer fields as they are."""
    return [
        step if path[:at][-1:] == ("buyer_fields",) else _camel(step)
        for at, step in enumerate(path)
    ]


def _camel(step: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), step)


async def attempted(
    context: RequestContext,
    call: Awaitable[Result],
    tell: type[Told],
    *,
    under: tuple[str, ...] = (),
) -> tuple[Result | None, list[Told]]:
    """What a service call came to: its result and no errors, or None and why it refused.

    `under` goes before every path: the argument whose inside the service was handed. After a
    success the request reads afresh.
    """
    try:
        result = await call
    except Refused as refused:
        return None, told(context, refused, tell, under=under)
    await context.renew()
    return result, []


def told(
    context: RequestContext, refused: Refused, tell: type[Told], *, under: tuple[str, ...] = ()
) -> list[Told]:
    """The schema's errors for a refusal, worded for the reader."""
    more: Any = tell
    return [
        more(
            path=field_path((*under, *error.path) if error.path else ()),
            message=worded(error.code, context.locale, error.params),
            code=tell.family[error.code],
        )
        for error in refused.errors
    ]
