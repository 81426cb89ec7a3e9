"""Nothing that is sealed can be forgotten by a rotation: the registry against the catalogue."""

import re
from pathlib import Path

import asyncpg

from keystall.tenants.keys.registry import (
    GOES_WITH_ITS_KEY,
    LINKS_FOR_A_WHILE,
    LINKS_FOR_EVER,
    SEALED,
    WRAPPED,
)

ROOMS = Path(__file__).parents[2]

NOT_SEALED = {
    "accounts.user_handle": "random, and told to every authenticator",
    "account_tokens.secret_hash": "SHA-256 of a random token",
    "api_tokens.secret_hash": "SHA-256 of a random token",
    "customer_flows.browser_hash": "SHA-256 of a random token",
    "customer_sessions.secret_hash": "SHA-256 of a random token",
    "idempotency_keys.fingerprint": "a digest; that of pasted codes is keyed by their lookup, and "
    "one from before a rotation refuses a replay (docs/decisions/0007)",
    "inbox.body": "what a provider sent, kept as it came to be verified again; it holds no secret",
    "invitations.secret_hash": "SHA-256 of a random token",
    "orders.placed_from": "a keyed hash of a network, forgotten when the hold ends",
    "passkey_challenges.challenge": "random, worth nothing without the passkey, for five minutes",
    "passkey_challenges.holder_hash": "SHA-256 of a random token",
    "passkeys.credential_id": "random, and told to whoever is asked for the passkey",
    "passkeys.public_key": "a public key",
    "recovery_codes.code_hash": "SHA-256 of 80 random bits",
    "sessions.secret_hash": "SHA-256 of a random token",
    "sign_in_steps.password_mark": "SHA-256 of a password's Argon2 hash",
    "sign_in_steps.secret_hash": "SHA-256 of a random token",
}
"""Columns of bytes, and columns named as if they were sealed, that no key guards: why each."""

SUSPICIOUS = ("sealed", "wrapped", "secret", "cipher", "encrypted")


async def _columns(owner_url: str) -> set[str]:
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "select table_name || '.' || column_name as name, data_type, column_name"
            " from information_schema.columns where table_schema = 'public'"
        )
    finally:
        await connection.close()
    return {
        row["name"]
        for row in rows
        if row["data_type"] == "bytea" or any(word in row["column_name"] for word in SUSPICIOUS)
    }


async def test_every_column_of_bytes_is_rotated_or_stands_on_the_closed_list(
    owner_url: str,
) -> None:
    registered = {f"{column.table}.{name}" for column in SEALED for name in column.makes}
    registered |= {f"{column.table}.{column.column}" for column in WRAPPED}
    found = await _columns(owner_url)

    assert found - registered - NOT_SEALED.keys() == set()
    assert NOT_SEALED.keys() - found == set()
    assert registered & NOT_SEALED.keys() == set()
    assert {name for name in registered - found if not name.endswith(".key_version")} == set()


async def test_every_sealed_table_refuses_what_an_older_key_has_sealed(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "select tgrelid::regclass::text as name from pg_trigger"
            " where tgname like 'sealed\\_with\\_newest\\_key%' and tgenabled = 'O'"
        )
    finally:
        await connection.close()

    assert {row["name"] for row in rows} == {column.table for column in SEALED}


def test_everything_is_wrapped_under_the_lock_and_every_link_outlives_its_key() -> None:
    sources = {
        str(path.relative_to(ROOMS)): path.read_text()
        for room in ("platform", "tenants", "graphql", "themes", "workers")
        for path in (ROOMS / room).rglob("*.py")
    }
    wrapping = {name for name, text in sources.items() if re.search(r"\bwrap\(", text)}
    raw = {name for name, text in sources.items() if re.search(r"(keys|ring)\.key\(", text)}
    purposes = {
        purpose
        for name, text in sources.items()
        if "keys.derived(" in text
        for purpose in re.findall(r'^[A-Z_]*PURPOSE = "([a-z-]+)"', text, re.MULTILINE)
    }

    assert wrapping == {
        "platform/crypto.py",
        "tenants/key_locks.py",
        "tenants/keys/ring_rotation.py",
        "tenants/keys/shop_rotation.py",
    }
    assert raw == set()
    assert purposes == {*LINKS_FOR_EVER, *LINKS_FOR_A_WHILE, *GOES_WITH_ITS_KEY}
    literal = {name for name, text in sources.items() if re.search(r'\.derived\(\s*"', text)}
    assert literal == set()
