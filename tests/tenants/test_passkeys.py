"""Passkeys: kept by the book, and no way around what they stand for."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import asyncpg
import cbor2
import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import Refused
from keystall.tenants.identity.ceremony import LONGEST_ANSWER, Party
from keystall.tenants.identity.links import account_token
from keystall.tenants.identity.operators import second_factor_reset
from keystall.tenants.identity.passkey_sign_in import (
    Attempt,
    named,
    passkey_attempt,
    passkey_sign_in,
    passkey_step,
)
from keystall.tenants.identity.passkeys import (
    MOST,
    Passkey,
    passkey_add,
    passkey_begin,
    passkey_remove,
    passkey_rename,
    passkeys_of,
    recovery_codes_left,
)
from keystall.tenants.identity.second_factor import recovery_codes_renew, totp_end
from keystall.tenants.identity.second_step import second_step_of, second_step_pass
from keystall.tenants.identity.service import (
    SignedIn,
    StepBegun,
    Viewer,
    Visitor,
    open_session,
    request_password_reset,
    reset_password,
    sign_in,
    sign_out,
    viewer,
)
from keystall.tenants.installation import Installation
from keystall.tenants.mails import account_posts
from keystall.tenants.mails.port import PasskeyChanged, SecondStepSwitched
from keystall.tenants.writing import INSTALLATION
from tests.authenticator import with_app
from tests.factories import PASSWORD, a_viewer
from tests.passkey_device import (
    PRESENT,
    VERIFIED,
    Device,
    a_device,
    asked_to_make,
    with_passkey,
)

VISITOR = Visitor("203.0.113.7")
OTHER_PASSWORD = "cherry tree 20"


async def refused(call: Awaitable[object], code: str, *path: str) -> None:
    with pytest.raises(Refused) as refusal:
        await call
    assert [(error.code, error.path) for error in refusal.value.errors] == [(code, path)]


async def outcome(call: Awaitable[object]) -> str:
    """The code that a call is refused with; "done" where it is not."""
    try:
        await call
    except Refused as refusal:
        return " ".join(error.code for error in refusal.errors)
    return "done"


async def kept(person: Viewer) -> list[Passkey]:
    async with database.transaction(None) as tx:
        return await passkeys_of(tx, person)


async def codes_left(person: Viewer) -> int:
    async with database.transaction(None) as tx:
        return await recovery_codes_left(tx, person)


async def who(secret: str) -> Viewer | None:
    async with database.transaction(None) as tx:
        return await viewer(tx, secret)


async def letters(account: UUID) -> list[str]:
    """What the account's owner is written to about, oldest first."""
    async with database.transaction(INSTALLATION) as tx:
        rows = await tx.rows("select kind from outbox where subject_id = $1 order by id", account)
    return [row["kind"] for row in rows]


async def told(owner_url: str, text: str, *given: object) -> Any:
    connection = await asyncpg.connect(owner_url)
    try:
        return await connection.fetchval(text, *given)
    finally:
        await connection.close()


async def enters(installation: Installation, attempt: Attempt, answer: str) -> SignedIn:
    return await passkey_sign_in(installation, attempt.secret, answer, visitor=VISITOR)


async def half_way(
    installation: Installation, person: Viewer, password: str = PASSWORD
) -> StepBegun:
    begun = await sign_in(installation, person.email, password, visitor=VISITOR)
    assert isinstance(begun, StepBegun)
    return begun


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


async def test_a_passkey_alone_signs_in_once(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    await with_app(installation, person)
    attempt = await passkey_attempt(installation)
    asked = json.loads(attempt.options)
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "required")
    assert asked["allowCredentials"] == []

    answer = device.use(attempt.options)
    signed_in = await enters(installation, attempt, answer)

    found = await who(signed_in.secret)
    assert found is not None
    assert found.account_id == person.account_id
    assert (await kept(person))[0].last_used_at is not None
    await refused(enters(installation, attempt, answer), "STEP_OVER")
    other = await passkey_attempt(installation)
    await refused(enters(installation, other, answer), "PASSKEY_REFUSED")


async def test_a_passkey_stands_for_the_second_step(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    step = await half_way(installation, person)
    assert await who(step.secret) is None
    async with database.transaction(None) as tx:
        found = await second_step_of(tx, step.secret)
    assert found is not None
    assert (found.totp_id, found.passkeys) == (None, [device.keys[0].id])

    options = await passkey_step(installation, step.secret)
    allowed = [one["id"] for one in json.loads(options)["allowCredentials"]]
    assert allowed == [bytes_to_base64url(device.keys[0].id)]
    answer = device.use(options, handle=None)
    signed_in = await passkey_sign_in(installation, step.secret, answer, visitor=VISITOR)

    found_person = await who(signed_in.secret)
    assert found_person is not None
    assert found_person.account_id == person.account_id
    await refused(passkey_step(installation, step.secret), "STEP_OVER")


async def test_a_recovery_code_stands_in_for_a_passkey_and_a_typed_code_does_not(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    step = await half_way(installation, person)

    wrong = second_step_pass(installation, step.secret, "123456", visitor=VISITOR)
    await refused(wrong, "STEP_CODE_WRONG", "code")
    code = device.codes[0]
    signed_in = await second_step_pass(installation, step.secret, code, visitor=VISITOR)

    assert await who(signed_in.secret) is not None
    assert await codes_left(person) == 9


async def test_of_many_answers_at_once_one_wins(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = a_device(installation)
    made = device.make(await asked_to_make(installation, person))

    async def race(calls: list[Awaitable[object]]) -> list[str]:
        found = await asyncio.gather(*calls, return_exceptions=True)
        lost = [str(one) for one in found if isinstance(one, BaseException)]
        assert len(lost) == len(calls) - 1
        return lost

    adding = [passkey_add(installation, person, made) for _ in range(5)]
    assert await race([*adding]) == [": STEP_OVER"] * 4
    assert len(await kept(person)) == 1
    attempt = await passkey_attempt(installation)
    answer = device.use(attempt.options)
    entering = [enters(installation, attempt, answer) for _ in range(5)]
    assert await race([*entering]) == [": STEP_OVER"] * 4


WRONG_ANSWERS: tuple[dict[str, Any], ...] = (
    {"origin": "https://localhost.evil.example"},
    {"origin": "http://galaxy.localhost:8000"},
    {"party": "galaxy.localhost"},
    {"party": "evil.example"},
    {"flags": PRESENT},
    {"flags": VERIFIED},
    {"kind": "webauthn.create"},
    {"challenge": bytes_to_base64url(bytes(32))},
    {"framed": True},
    {"credential_id": b"nobody's credential"},
    {"handle": b"another account's handle".ljust(32)},
    {"handle": None},
)


async def test_an_answer_that_is_wrong_anywhere_opens_nothing(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    found = {}
    for wrong in WRONG_ANSWERS:
        attempt = await passkey_attempt(installation)
        tried = enters(installation, attempt, device.use(attempt.options, **wrong))
        # A challenge is used up by whatever is answered.
        again = enters(installation, attempt, device.use(attempt.options))
        found[str(wrong)] = (await outcome(tried), await outcome(again))
    assert found == {str(one): ("PASSKEY_REFUSED", "STEP_OVER") for one in WRONG_ANSWERS}
    assert (await kept(person))[0].last_used_at is None
    assert await letters(person.account_id) == ["mail.passkey_added"]


async def test_a_bad_signature_is_answered_like_an_unknown_passkey(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person, count=5)
    stranger = Device(device.origin)
    stranger.make(await asked_to_make(installation, person))
    attempt = await passkey_attempt(installation)

    # Also with a count of long ago, which nobody is written to about: anybody can send one.
    forged = device.use(attempt.options, device.keys[0], signer=stranger.keys[0].private, count=1)
    await refused(enters(installation, attempt, forged), "PASSKEY_REFUSED")
    attempt = await passkey_attempt(installation)
    unknown = stranger.use(attempt.options)
    await refused(enters(installation, attempt, unknown), "PASSKEY_REFUSED")
    assert await letters(person.account_id) == ["mail.passkey_added"]


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


NO_ANSWERS = (
    "", "{", "null", "[]", "{}", '{"id": 1}', "\udc80", "\x00", "9" * (LONGEST_ANSWER + 50),
    '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA",'
    '"attestationObject":"AA","authenticatorData":"AA","signature":"AA"}}',
    "[" * 15_000,
)  # fmt: skip


async def test_what_is_no_answer_at_all_is_refused_alike(installation: Installation) -> None:
    person = await a_viewer(installation)
    found = []
    for answer in NO_ANSWERS:
        await asked_to_make(installation, person)
        attempt = await passkey_attempt(installation)
        found.append(await outcome(passkey_add(installation, person, answer)))
        found.append(await outcome(enters(installation, attempt, answer)))
        assert named(answer) in ("", "AA")
    assert found == ["PASSKEY_REFUSED"] * 2 * len(NO_ANSWERS)


async def test_a_challenge_ends_after_five_minutes(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    attempt = await passkey_attempt(installation)
    options = await asked_to_make(installation, person)
    lives = await told(
        owner_url,
        "select array_agg(round(extract(epoch from expires_at - now()) / 60)::int)"
        " from passkey_challenges where holder_hash = any ($1)",
        [secret_hash(attempt.secret), person.secret_hash],
    )
    assert lives == [5, 5]
    await told(owner_url, "update passkey_challenges set expires_at = now() - interval '1 second'")

    await refused(enters(installation, attempt, device.use(attempt.options)), "STEP_OVER")
    await refused(passkey_add(installation, person, device.make(options)), "STEP_OVER")
    assert len(await kept(person)) == 1


async def test_a_count_that_does_not_go_on_is_refused_and_its_owner_told(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person, count=6)
    attempt = await passkey_attempt(installation)
    await enters(installation, attempt, device.use(attempt.options, count=9))

    for count in (9, 8, 0):
        attempt = await passkey_attempt(installation)
        answer = device.use(attempt.options, count=count)
        await refused(enters(installation, attempt, answer), "PASSKEY_REFUSED")

    assert await letters(person.account_id) == ["mail.passkey_added"] + 3 * ["mail.passkey_refused"]
    attempt = await passkey_attempt(installation)
    await enters(installation, attempt, device.use(attempt.options, count=10))


async def test_a_step_takes_its_own_accounts_passkeys_only(installation: Installation) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    await with_passkey(installation, person)
    theirs = await with_passkey(installation, other)
    step = await half_way(installation, person)

    for wrong in ({}, {"handle": None}):
        options = await passkey_step(installation, step.secret)
        answer = theirs.use(options, **wrong)
        call = passkey_sign_in(installation, step.secret, answer, visitor=VISITOR)
        await refused(call, "PASSKEY_REFUSED")

    assert (await kept(other))[0].last_used_at is None


async def test_the_database_takes_no_passkey_for_another_accounts_step(
    installation: Installation,
) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    await with_passkey(installation, person)
    await with_passkey(installation, other)
    step = await half_way(installation, person)
    (theirs,) = await kept(other)
    async with database.transaction(None) as tx:
        outcome = await tx.value(
            "select passkey_pass($1, $2, 0, $3, $4, now() + interval '1 day', '', '')",
            secret_hash(step.secret), theirs.id, b"a session", new_id(),
        )  # fmt: skip
        opened = await tx.row("select * from session_account($1)", b"a session")
    assert (outcome, opened) == (None, None)


async def test_what_one_browser_was_asked_no_other_answers(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    mine, theirs = [await passkey_attempt(installation) for _ in range(2)]
    await refused(enters(installation, theirs, device.use(mine.options)), "PASSKEY_REFUSED")

    # Nor another session of the same person, nor does what was asked for one purpose serve another.
    session = await enters(installation, mine, device.use(mine.options))
    second = await who(session.secret)
    assert second is not None
    options = await asked_to_make(installation, second)
    made = device.make(options)
    await refused(passkey_add(installation, person, made), "STEP_OVER")
    used = device.use(json.dumps({"rpId": "localhost", **json.loads(options)}), device.keys[0])
    await refused(enters(installation, Attempt(session.secret, options), used), "STEP_OVER")
    assert len(await kept(person)) == 1
    await passkey_add(installation, second, made)
    assert len(await kept(person)) == 2


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


async def test_the_database_opens_no_session_for_who_has_a_passkey(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    await with_passkey(installation, person)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(None) as tx:
            await open_session(tx, person.account_id, Visitor())


async def test_a_reset_password_does_not_go_around_a_passkey_and_ends_what_was_begun(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    before = await half_way(installation, person)
    options = await passkey_step(installation, before.secret)
    await request_password_reset(installation, person.email)
    async with database.transaction(INSTALLATION) as tx:
        token = await tx.value(
            "select subject_id from outbox where kind = 'mail.account_reset'"
            " order by id desc limit 1"
        )
    await reset_password(account_token(installation.keys, token), OTHER_PASSWORD)

    late = passkey_sign_in(installation, before.secret, device.use(options), visitor=VISITOR)
    await refused(late, "PASSKEY_REFUSED")
    after = await half_way(installation, person, OTHER_PASSWORD)
    assert await who(after.secret) is None
    answer = device.use(await passkey_step(installation, after.secret))
    signed_in = await passkey_sign_in(installation, after.secret, answer, visitor=VISITOR)
    assert await who(signed_in.secret) is not None


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


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("http://localhost:8000", Party("localhost", "http://localhost:8000")),
        ("https://Keystall.example", Party("keystall.example", "https://keystall.example")),
        ("https://keystall.example:443", Party("keystall.example", "https://keystall.example")),
        ("https://a.example:8443", Party("a.example", "https://a.example:8443")),
    ],
)
def test_who_asks_is_the_installations_own_address(
    installation: Installation, url: str, party: Party
) -> None:
    settings = installation.settings.model_copy(update={"public_url": url})
    assert Party.of(settings) == party
