"""Passkeys on an account: kept by the book, and what they change there."""

import json
from typing import Any

import cbor2
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from keystall.platform import database
from keystall.tenants.identity.operators import second_factor_reset
from keystall.tenants.identity.passkey_sign_in import (
    passkey_attempt,
    passkey_step,
)
from keystall.tenants.identity.passkeys import (
    MOST,
    passkey_add,
    passkey_begin,
    passkey_remove,
    passkey_rename,
)
from keystall.tenants.identity.second_factor import recovery_codes_renew, totp_end
from keystall.tenants.identity.service import (
    SignedIn,
    Viewer,
    sign_in,
    sign_out,
)
from keystall.tenants.installation import Installation
from keystall.tenants.mails import account_posts
from keystall.tenants.mails.port import PasskeyChanged, SecondStepSwitched
from keystall.tenants.writing import INSTALLATION
from tests.authenticator import with_app
from tests.factories import PASSWORD, a_viewer
from tests.passkey_device import (
    PRESENT,
    a_device,
    asked_to_make,
    with_passkey,
)
from tests.tenants.entering import (
    VISITOR,
    codes_left,
    enters,
    half_way,
    kept,
    letters,
    outcome,
    refused,
    told,
)


async def test_a_passkey_is_added_after_the_password_and_its_owner_told(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    device = a_device(installation)
    asked = json.loads(await asked_to_make(installation, person, "  Blue phone "))
    handle = base64url_to_bytes(asked["user"]["id"])
    assert asked["rp"] == {"name": "Keystall", "id": "localhost"}
    assert (asked["user"]["name"], len(handle)) == (person.email, 32)
    assert person.email.encode() not in handle
    assert len(base64url_to_bytes(asked["challenge"])) == 32
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"] == {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
    }  # fmt: skip
    assert asked["excludeCredentials"] == []
    assert await kept(person) == []

    codes = await passkey_add(installation, person, device.make(json.dumps(asked)))

    (passkey,) = await kept(person)
    assert (passkey.name, passkey.last_used_at) == ("Blue phone", None)
    assert passkey.credential_id == device.keys[0].id
    assert (len(set(codes)), await codes_left(person)) == (10, 10)
    assert await letters(person.account_id) == ["mail.passkey_added"]
    row = await told(owner_url, "select public_key from passkeys where id = $1", passkey.id)
    assert row == device.keys[0].cose

    again = json.loads(await asked_to_make(installation, person))
    assert base64url_to_bytes(again["user"]["id"]) == handle
    assert [one["id"] for one in again["excludeCredentials"]] == [
        bytes_to_base64url(device.keys[0].id)
    ]
    assert await passkey_add(installation, person, device.make(json.dumps(again))) == []
    assert await codes_left(person) == 10


WRONG_KEYS: tuple[dict[str, Any], ...] = (
    {"origin": "https://evil.example"},
    {"party": "evil.example"},
    {"flags": PRESENT},
    {"kind": "webauthn.get"},
    {"challenge": bytes_to_base64url(bytes(32))},
    {"framed": True},
    # A point that is not on the curve.
    {"cose": cbor2.dumps({1: 2, 3: -7, -1: 1, -2: bytes(31) + b"1", -3: bytes(31) + b"1"})},
    # An algorithm that was not offered (ES384).
    {"cose": cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)})},
)


async def test_a_new_passkey_that_is_wrong_anywhere_is_not_kept(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = a_device(installation)
    found = {}
    for wrong in WRONG_KEYS:
        options = await asked_to_make(installation, person)
        tried = passkey_add(installation, person, device.make(options, **wrong))
        again = passkey_add(installation, person, device.make(options))
        found[str(wrong)] = (await outcome(tried), await outcome(again))
    assert found == {str(one): ("PASSKEY_REFUSED", "STEP_OVER") for one in WRONG_KEYS}
    assert (await kept(person), await letters(person.account_id)) == ([], [])
    now = await sign_in(installation, person.email, PASSWORD, visitor=VISITOR)
    assert isinstance(now, SignedIn)


async def test_a_credential_is_one_accounts_alone(installation: Installation) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    device = await with_passkey(installation, person)
    options = await asked_to_make(installation, other)
    copy = a_device(installation).make(options, credential_id=device.keys[0].id)

    await refused(passkey_add(installation, other, copy), "PASSKEY_REFUSED")

    assert await kept(other) == []
    assert await letters(other.account_id) == []


async def test_an_account_has_twenty_at_most(installation: Installation, owner_url: str) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    waiting = await asked_to_make(installation, person)
    await told(
        owner_url,
        "insert into passkeys (id, account_id, credential_id, public_key, sign_count, name)"
        " select gen_random_uuid(), id, decode(md5(n::text || id::text), 'hex'), '', 0, 'More'"
        " from accounts, generate_series(2, $2::int) n where id = $1",
        person.account_id, MOST,
    )  # fmt: skip

    await refused(passkey_add(installation, person, device.make(waiting)), "LIMIT_REACHED")
    await refused(asked_to_make(installation, person), "LIMIT_REACHED")
    assert len(await kept(person)) == MOST


async def test_a_session_that_was_ended_adds_nothing(installation: Installation) -> None:
    person = await a_viewer(installation)
    options = await asked_to_make(installation, person)
    await sign_out(person.secret_hash)
    answer = a_device(installation).make(options)
    await refused(passkey_add(installation, person, answer), "STEP_OVER")


async def test_renaming_and_removing_take_the_password(installation: Installation) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    await with_passkey(installation, person)
    (passkey,) = await kept(person)
    changes = {"name": "Old phone", "password": PASSWORD}

    async def renames(by: Viewer = person, **given: str) -> None:
        await passkey_rename(installation, by, passkey.id, **(changes | given))

    await refused(renames(password="no"), "PASSWORD_WRONG", "password")
    await refused(renames(password=""), "REQUIRED", "password")
    await refused(renames(name=" "), "REQUIRED", "name")
    await refused(renames(name="x" * 61), "TOO_LONG", "name")
    await refused(renames(name="a\x00"), "INVALID", "name")
    await refused(renames(other), "NOT_FOUND", "id")
    begin = passkey_begin(installation, person, name="x" * 61, password=PASSWORD)
    await refused(begin, "TOO_LONG", "name")
    begin = passkey_begin(installation, person, name="x", password="no")
    await refused(begin, "PASSWORD_WRONG", "password")
    assert (await kept(person))[0].name == "Phone"
    await renames()
    assert (await kept(person))[0].name == "Old phone"

    await refused(
        passkey_remove(installation, person, passkey.id, password="no"),
        "PASSWORD_WRONG", "password",
    )  # fmt: skip
    away = passkey_remove(installation, other, passkey.id, password=PASSWORD)
    await refused(away, "NOT_FOUND", "id")
    assert len(await kept(person)) == 1


async def test_a_removed_passkey_signs_nobody_in_and_with_the_last_the_second_step_ends(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    await passkey_add(
        installation, person, device.make(await asked_to_make(installation, person, "Key"))
    )
    first, second = await kept(person)
    step = await half_way(installation, person)

    await passkey_remove(installation, person, first.id, password=PASSWORD)
    attempt = await passkey_attempt(installation)
    gone = device.use(attempt.options, device.keys[0])
    await refused(enters(installation, attempt, gone), "PASSKEY_REFUSED")
    assert (await kept(person), await codes_left(person)) == ([second], 10)
    await passkey_step(installation, step.secret)

    await passkey_remove(installation, person, second.id, password=PASSWORD)
    assert (await kept(person), await codes_left(person)) == ([], 0)
    await refused(passkey_step(installation, step.secret), "STEP_OVER")
    now = await sign_in(installation, person.email, PASSWORD, visitor=VISITOR)
    assert isinstance(now, SignedIn)
    assert await letters(person.account_id) == [
        "mail.passkey_added", "mail.passkey_added", "mail.passkey_removed", "mail.passkey_removed",
    ]  # fmt: skip


async def test_app_and_passkey_stand_in_for_each_other_and_share_recovery_codes(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    device = await with_passkey(installation, person)
    assert device.codes == ()
    assert await codes_left(person) == 10
    (passkey,) = await kept(person)

    await totp_end(installation, person, password=PASSWORD, code=app.code())
    assert await codes_left(person) == 10
    await half_way(installation, person)
    async with database.transaction(None) as tx:
        read = (INSTALLATION, person.account_id)
        (off,) = await account_posts.totp_off(tx, installation, *read)
        (added,) = await account_posts.passkey_added(tx, installation, *read)
    url = installation.settings.public_url
    assert off.letter == SecondStepSwitched(url, on=False, guarded=True)
    assert (added.to, added.letter) == (person.email, PasskeyChanged(url, "added", guarded=True))

    fresh = await recovery_codes_renew(installation, person, password=PASSWORD, code=app.codes[1])
    again = recovery_codes_renew(installation, person, password=PASSWORD, code=app.codes[2])
    await refused(again, "STEP_CODE_WRONG", "code")
    assert await codes_left(person) == 10
    end = totp_end(installation, person, password=PASSWORD, code=fresh[0])
    await refused(end, "CONFLICT")

    await passkey_remove(installation, person, passkey.id, password=PASSWORD)
    async with database.transaction(None) as tx:
        (removed,) = await account_posts.passkey_removed(tx, installation, *read)
        (refusal,) = await account_posts.passkey_refused(tx, installation, *read)
    assert removed.letter == PasskeyChanged(url, "removed", guarded=False)
    assert refusal.letter == PasskeyChanged(url, "refused", guarded=True)


async def test_the_machines_own_command_takes_passkeys_away(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    waiting = await asked_to_make(installation, person)
    attempt = await passkey_attempt(installation)
    answer = device.use(attempt.options)

    assert await second_factor_reset(owner_url, person.email)

    assert (await kept(person), await codes_left(person)) == ([], 0)
    await refused(enters(installation, attempt, answer), "PASSKEY_REFUSED")
    await refused(passkey_add(installation, person, device.make(waiting)), "STEP_OVER")
    now = await sign_in(installation, person.email, PASSWORD, visitor=VISITOR)
    assert isinstance(now, SignedIn)
    assert await letters(person.account_id) == ["mail.passkey_added", "mail.totp_off"]


async def test_nothing_of_it_stays_of_an_account_that_is_gone(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    await with_passkey(installation, person)
    await asked_to_make(installation, person)
    counting = (
        "select (select count(*) from passkeys where account_id = $1)"
        " + (select count(*) from passkey_challenges where account_id = $1)"
    )
    assert await told(owner_url, counting, person.account_id) == 2
    await told(owner_url, "delete from accounts where id = $1", person.account_id)
    assert await told(owner_url, counting, person.account_id) == 0
