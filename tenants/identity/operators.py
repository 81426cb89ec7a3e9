"""Accounts made from the machine itself: operators, and the demo's people.

These run as the database's owner, for whoever may do that may do everything anyhow; no request
ever comes here.
"""

from uuid import UUID

import asyncpg

from keystall.platform.ids import new_id
from keystall.platform.passwords import hash_password, password_problem
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.languages import known_locale
from keystall.tenants.writing import INSTALLATION


async def account_create_confirmed(
    owner_url: str, email: str, password: str, *, locale: str = "en"
) -> UUID:
    """Creates an account that can sign in at once, or gives an existing one this password.

    A new password ends every session, here as everywhere.
    Refuses EMAIL_INVALID, PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG and PASSWORD_TOO_COMMON.
    """
    address = normalised_email(email)
    if email_problem(address):
        raise refuse("EMAIL_INVALID", "email")
    problem = password_problem(password)
    if problem is not None:
        raise refuse(problem, "password")
    hashed = await hash_password(password)
    connection = await asyncpg.connect(owner_url)
    try:
        account: UUID = await connection.fetchval(
            """
            insert into accounts (id, email, password_hash, locale, confirmed_at)
            values ($1, $2, $3, $4, now())
            on conflict (email) do update set password_hash = excluded.password_hash,
              confirmed_at = coalesce(accounts.confirmed_at, now())
            returning id
            """,
            new_id(), address, hashed, known_locale(locale),
        )  # fmt: skip
        await connection.execute("delete from sessions where account_id = $1", account)
        return account
    finally:
        await connection.close()


async def operator_create(owner_url: str, email: str, password: str, *, locale: str = "en") -> UUID:
    """Creates an operator, or makes one of an existing account, with this password.

    Answers the account's id; refuses what `account_create_confirmed` refuses.
    """
    account = await account_create_confirmed(owner_url, email, password, locale=locale)
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(
            "insert into operators (account_id) values ($1) on conflict do nothing", account
        )
        return account
    finally:
        await connection.close()


_SECOND_FACTORS = (
    "sign_in_steps", "recovery_codes", "totp_secrets", "passkeys", "passkey_challenges",
)  # fmt: skip


async def second_factor_reset(owner_url: str, email: str) -> bool:
    """Switches the second step of somebody who is locked out off, takes their passkeys away, ends
    what they had begun, notes it in the operators' record and has the owner told; False where it
    was not on.

    Their password stays as it is. Refuses NOT_FOUND for an address without an account.
    """
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            account = await connection.fetchval(
                "select id from accounts where email = $1 for update", normalised_email(email)
            )
            if account is None:
                raise refuse("NOT_FOUND", "email")
            was_on: bool = await connection.fetchval("select account_takes_two_steps($1)", account)
            for table in _SECOND_FACTORS:
                await connection.execute(
                    f"delete from {table} where account_id = $1",  # noqa: S608  (names from here)
                    account,
                )
            if was_on:
                await connection.execute(
                    "insert into operator_actions (action, subject) values ($1, $2)",
                    "second_factor.reset", normalised_email(email),
                )  # fmt: skip
                await connection.execute(
                    "insert into outbox (shop_id, id, kind, subject_id, due_at)"
                    " values ($1, $2, 'mail.totp_off', $3, now())",
                    INSTALLATION, new_id(), account,
                )  # fmt: skip
        return was_on
    finally:
        await connection.close()
