"""Accounts and their sessions.

Nothing here tells a stranger whether an address has an account: signing up with a taken address
and asking for a password reset always answer alike, and a sign-in that fails costs the same time
and gives the same code whatever was wrong.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Reads, Transaction
from keystall.platform.ids import new_id
from keystall.platform.passwords import (
    hash_password,
    password_problem,
    verify_password,
    verify_unknown,
)
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.links import (
    SESSION_PREFIX,
    Purpose,
    account_token,
    browser_secrets,
    token_row,
)
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.writing import INSTALLATION, Writing, writing

SESSION_LIFE = timedelta(days=30)
CONFIRM_LIFE = timedelta(days=7)
RESET_LIFE = timedelta(hours=2)
STEP_LIFE = timedelta(minutes=10)
"""How long whoever said the right password has to say the second step's code."""
_STEP_PREFIX = "ks_step_"
_LIVES: dict[Purpose, timedelta] = {"confirm": CONFIRM_LIFE, "reset": RESET_LIFE}
_LONGEST_NOTE = 300  # of a browser's description of itself


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person. `secret_hash` is the session's and opens what the session may open."""

    account_id: UUID
    session_id: UUID
    email: str
    locale: str
    is_operator: bool
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its secret, which is shown to the browser alone, and when it ends."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StepBegun:
    """The password was right, and a code is asked next: what the browser holds meanwhile. It is no
    session and opens nothing but the second step, until `expires_at`."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request came from, kept with the session so that a person can tell them apart."""

    address: str = ""
    user_agent: str = ""

    @property
    def noted(self) -> tuple[str, str]:
        """Address and user agent as long as they are kept."""
        return self.address[:_LONGEST_NOTE], self.user_agent[:_LONGEST_NOTE]


async def register(installation: Installation, email: str, password: str, *, locale: str) -> str:
    """Signs up, and mails a link that confirms the address. Answers a secret for the browser that
    signed up, by which following the link signs it in; it opens nothing before that.

    An address that has an account gets a link that sets a new password instead, and its browser a
    secret that never opens anything.
    Refuses EMAIL_INVALID, PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG and PASSWORD_TOO_COMMON.
    """
    address = normalised_email(email)
    problems = {"email": email_problem(address), "password": password_problem(password)}
    errors = [UserError(code, (field,)) for field, code in problems.items() if code is not None]
    if errors:
        raise Refused(*errors)
    hashed = await hash_password(password)
    async with writing(installation, INSTALLATION) as tx:
        account = new_id()
        if await tx.value(
            "select account_create($1, $2, $3, $4)", account, address, hashed, known_locale(locale)
        ):
            token_id = await _mail_link(installation, tx, account, "confirm")
            return next(browser_secrets(installation.keys, token_id))
        known = await _account(tx, address)
        await _mail_link(installation, tx, known.id, "reset")
        return new_secret(SESSION_PREFIX)


async def confirm(
    installation: Installation, token: str, *, held: bytes = b"", visitor: Visitor
) -> SignedIn | None:
    """Confirms the address that the link was mailed to.

    Opens a session where `held`, the hash of the secret that the browser holds, shows that this
    very browser signed up; None elsewhere. Whoever else follows the link must know the password:
    else a stranger's sign-up with your address would put you into an account that they can open.
    None also where the account takes a second step meanwhile: no link goes around it.

    Refuses LINK_INVALID for a link that was used, is too old or never was one.
    """
    async with database.transaction(None) as tx:
        account: UUID | None = await tx.value("select account_confirm($1)", secret_hash(token))
        if account is None:
            raise refuse("LINK_INVALID", "token")
        given = browser_secrets(installation.keys, token_row(token))
        # These are hashes: how long it takes to find one unlike tells nothing of the secret.
        if held not in {secret_hash(secret) for secret in given}:
            return None
        if await tx.value("select account_takes_two_steps($1)", account):
            return None
        return await open_session(tx, account, visitor)


async def sign_in(
    installation: Installation, email: str, password: str, *, visitor: Visitor
) -> SignedIn | StepBegun:
    """Opens a session for whoever knows the password; where the account takes a second step, that
    one begins instead (`second_step.second_step_pass` ends it).

    Refuses CREDENTIALS_WRONG, and EMAIL_UNCONFIRMED (after the right password only) for an address
    whose link was not followed yet, mailing another one.
    """
    async with database.transaction(None) as tx:
        known = await _find_account(tx, _findable(email))
    if known is None:
        await verify_unknown(password)
        raise refuse("CREDENTIALS_WRONG")
    if not await verify_password(known.password_hash, password):
        raise refuse("CREDENTIALS_WRONG")
    if not known.confirmed:
        async with writing(installation, INSTALLATION) as work:
            await _mail_link(installation, work, known.id, "confirm")
        raise refuse("EMAIL_UNCONFIRMED", "email")
    async with database.transaction(None) as tx:
        step = StepBegun(new_secret(_STEP_PREFIX), clock.now() + STEP_LIFE)
        begun = await tx.value(
            "select second_step_begin($1, $2, $3, $4)",
            secret_hash(step.secret), known.id, known.password_hash, step.expires_at,
        )  # fmt: skip
        return step if begun else await open_session(tx, known.id, visitor)


CONFIRMED_LIFE = timedelta(minutes=10)
"""How long a password that was said again lets its session see codes."""


async def password_confirm(installation: Installation, person: Viewer, password: str) -> None:
    """Says the password again, for what asks for it: noted at the session, for ten minutes.

    Refuses REQUIRED and PASSWORD_WRONG at `password`.
    """
    if not password:
        raise refuse("REQUIRED", "password")
    async with database.transaction(None) as tx:
        known = await _find_account(tx, person.email)
    if known is None or not await verify_password(known.password_hash, password):
        raise refuse("PASSWORD_WRONG", "password")
    async with database.transaction(None) as tx:
        await tx.execute("select session_confirm($1)", person.secret_hash)


async def password_confirmed(person: Viewer) -> bool:
    """Whether the session's password was said again within the last ten minutes."""
    async with database.transaction(None) as tx:
        at = await tx.value("select session_confirmed($1)", person.secret_hash)
    return at is not None and at + CONFIRMED_LIFE > clock.now()


async def sign_out(session_secret_hash: bytes) -> None:
    """Ends a session; one that has ended already is no matter."""
    async with database.transaction(None) as tx:
        await tx.execute("select session_end($1)", session_secret_hash)


async def request_password_reset(installation: Installation, email: str) -> None:
    """Mails a link that sets a new password, where the address has an account.

    Refuses EMAIL_INVALID for what is no address.
    """
    address = normalised_email(email)
    if email_problem(address):
        raise refuse("EMAIL_INVALID", "email")
    async with writing(installation, INSTALLATION) as tx:
        known = await _find_account(tx, address)
        if known is not None:
            await _mail_link(installation, tx, known.id, "reset")


async def reset_password(token: str, password: str) -> UUID:
    """Sets a new password, ends every session of the account and answers its id.

    Refuses PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_TOO_COMMON; LINK_INVALID.
    """
    problem = password_problem(password)
    if problem is not None:
        raise refuse(problem, "password")
    hashed = await hash_password(password)
    async with database.transaction(None) as tx:
        account: UUID | None = await tx.value(
            "select account_reset($1, $2)", secret_hash(token), hashed
        )
        if account is None:
            raise refuse("LINK_INVALID", "token")
        return account


async def viewer(db: Reads, session_secret: str) -> Viewer | None:
    """Who holds the session; None where it ended or never was."""
    hashed = secret_hash(session_secret)
    row = await db.row("select * from session_account($1)", hashed)
    return None if row is None else Viewer(**row, secret_hash=hashed)


async def open_session(tx: Transaction, account: UUID, visitor: Visitor) -> SignedIn:
    """A session of a person who has shown who they are, in the transaction at hand. The database
    refuses it (InsufficientPrivilegeError) for an account that takes a second step."""
    signed_in = SignedIn(new_secret(SESSION_PREFIX), clock.now() + SESSION_LIFE)
    await tx.execute(
        "select session_create($1, $2, $3, $4, $5, $6)",
        secret_hash(signed_in.secret), new_id(), account, signed_in.expires_at,
        *visitor.noted,
    )  # fmt: skip
    return signed_in


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    password_hash: str
    confirmed: bool


def _findable(email: str) -> str:
    # What is no address may hold bytes that the database would not even take as a question.
    address = normalised_email(email)
    return "" if email_problem(address) else address


async def _find_account(db: Reads, email: str) -> _Known | None:
    row = await db.row("select * from account_for_sign_in($1)", email)
    if row is None:
        return None
    return _Known(row["id"], row["password_hash"], row["confirmed_at"] is not None)


async def _account(db: Reads, email: str) -> _Known:
    known = await _find_account(db, email)
    if known is None:
        raise LookupError("an account went away in between; accounts are never deleted")
    return known


async def _mail_link(
    installation: Installation, tx: Writing, account: UUID, purpose: Purpose
) -> UUID:
    token_id = new_id()
    await tx.execute(
        "select account_token_create($1, $2, $3, $4, $5)",
        secret_hash(account_token(installation.keys, token_id)), token_id, account, purpose,
        clock.now() + _LIVES[purpose],
    )  # fmt: skip
    await tx.post(f"mail.account_{purpose}", token_id)
    return token_id
