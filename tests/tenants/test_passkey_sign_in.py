"""Signing in by a passkey: by the book, and no way around what it stands for."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import asyncpg
import pytest
from webauthn.helpers import bytes_to_base64url

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.platform.tokens import secret_hash
from keystall.tenants.identity.ceremony import LONGEST_ANSWER, Party
from keystall.tenants.identity.links import account_token
from keystall.tenants.identity.passkey_sign_in import (
    Attempt,
    named,
    passkey_attempt,
    passkey_sign_in,
    passkey_step,
)
from keystall.tenants.identity.passkeys import (
    passkey_add,
)
from keystall.tenants.identity.second_step import second_step_of, second_step_pass
from keystall.tenants.identity.service import (
    Visitor,
    open_session,
    request_password_reset,
    reset_password,
)
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION
from tests.authenticator import with_app
from tests.factories import a_viewer
from tests.passkey_device import (
    PRESENT,
    VERIFIED,
    Device,
    a_device,
    asked_to_make,
    with_passkey,
)
from tests.tenants.entering import (
    OTHER_PASSWORD,
    VISITOR,
    codes_left,
    enters,
    half_way,
    kept,
    letters,
    outcome,
    refused,
    told,
    who,
)


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
