"""The second step of signing in: nothing goes around it, and a code works once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import time_machine

from keystall.platform import clock, database
from keystall.platform.crypto import KeyRing, Unreadable
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import Refused
from keystall.tenants.identity.links import account_token
from keystall.tenants.identity.operators import second_factor_reset
from keystall.tenants.identity.second_factor import (
    TotpStanding,
    recovery_codes_renew,
    totp_begin,
    totp_confirm,
    totp_end,
    totp_standing,
)
from keystall.tenants.identity.second_step import second_step_of, second_step_pass
from keystall.tenants.identity.service import (
    SignedIn,
    StepBegun,
    Viewer,
    Visitor,
    confirm,
    open_session,
    register,
    request_password_reset,
    reset_password,
    sign_in,
    viewer,
)
from keystall.tenants.identity.totp import (
    in_groups,
    read_recovery_code,
    time_step,
    totp_place,
    totp_uri,
)
from keystall.tenants.installation import Installation
from keystall.tenants.mails import account_posts
from keystall.tenants.mails.port import RecoveryCodesLow, SecondStepSwitched
from keystall.tenants.writing import INSTALLATION
from tests.authenticator import App, begun, with_app
from tests.factories import PASSWORD, a_viewer

OTHER_PASSWORD = "cherry tree 20"
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Appendix B of RFC 6238, in base32."""


async def step_of(
    installation: Installation, person: Viewer, password: str = PASSWORD
) -> StepBegun:
    begun_step = await sign_in(installation, person.email, password, visitor=Visitor("203.0.113.7"))
    assert isinstance(begun_step, StepBegun)
    return begun_step


async def passes(installation: Installation, step: StepBegun, code: str) -> SignedIn:
    return await second_step_pass(installation, step.secret, code, visitor=Visitor("203.0.113.7"))


async def who(secret: str) -> Viewer | None:
    async with database.transaction(None) as tx:
        return await viewer(tx, secret)


async def standing(installation: Installation, person: Viewer) -> TotpStanding:
    async with database.transaction(None) as tx:
        return await totp_standing(tx, installation, person)


async def letters(account: UUID) -> list[str]:
    """What the account's owner is written to about, oldest first."""
    async with database.transaction(INSTALLATION) as tx:
        rows = await tx.rows("select kind from outbox where subject_id = $1 order by id", account)
    return [row["kind"] for row in rows]


async def last_link(installation: Installation) -> str:
    """The token of the link that was mailed last."""
    async with database.transaction(INSTALLATION) as tx:
        token_id = await tx.value(
            "select subject_id from outbox where kind like 'mail.account%' order by id desc limit 1"
        )
    return account_token(installation.keys, token_id)


async def refused(call: object, code: str, *path: str) -> None:
    with pytest.raises(Refused) as refusal:
        await call  # type: ignore[misc]
    assert [(error.code, error.path) for error in refusal.value.errors] == [(code, path)]


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    at = clock.now().replace(year=1970, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    at += timedelta(seconds=seconds)
    assert time_step(RFC_SECRET, code, at) == seconds // 30


def test_a_code_counts_one_step_early_and_one_late_and_no_further() -> None:
    app, now = App(RFC_SECRET), clock.now()
    here = int(now.timestamp()) // 30
    found = [time_step(RFC_SECRET, app.code(later=by, at=now), now) for by in (-2, -1, 0, 1, 2)]
    assert found == [None, here - 1, here, here + 1, None]


@pytest.mark.parametrize("typed", ["287 082", "２８７０８２", "287-082", " 287082\n"])
def test_a_code_may_be_typed_as_people_type(typed: str) -> None:
    at = clock.now().replace(year=1970, month=1, day=1, hour=0, minute=0, second=59, microsecond=0)
    assert time_step(RFC_SECRET, typed, at) == 1


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0a1b-2c3d-4e5f-6g7h", "0a1b-2c3d-4e5f-6g7h"),
        ("OAIB 2C3D 4E5F 6G7H", "0a1b-2c3d-4e5f-6g7h"),
        ("0a1b2c3d4e5f6g7", None),
        ("0a1b-2c3d-4e5f-6g7u", None),
        ("\x000a1b-2c3d-4e5f-6g7", None),
        ("123456", None),
    ],
)
def test_a_recovery_code_has_one_form(typed: str, read: str | None) -> None:
    assert read_recovery_code(typed) == read


def test_the_app_is_told_issuer_and_address() -> None:
    assert totp_uri(RFC_SECRET, "lin+a@example.com") == (
        f"otpauth://totp/Keystall:lin%2Ba%40example.com?secret={RFC_SECRET}&issuer=Keystall"
    )
    assert in_groups(RFC_SECRET).startswith("GEZD GNBV ")


async def test_setting_it_up_asks_for_the_password_and_a_first_code(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)

    await refused(totp_begin(installation, person, "not mine"), "PASSWORD_WRONG", "password")
    assert await standing(installation, person) == TotpStanding()
    app = await begun(installation, person)
    await refused(totp_confirm(installation, person, "000000"), "STEP_CODE_WRONG", "code")

    assert isinstance(
        await sign_in(installation, person.email, PASSWORD, visitor=Visitor()), SignedIn
    )
    codes = await totp_confirm(installation, person, app.code())
    assert len(set(codes)) == 10
    now = await standing(installation, person)
    assert (now.since is not None, now.codes_left, now.setup) == (True, 10, None)
    assert await letters(person.account_id) == ["mail.totp_on"]
    await refused(totp_confirm(installation, person, app.code(later=1)), "CONFLICT")
    await refused(totp_begin(installation, person, PASSWORD), "CONFLICT")


async def test_a_setup_is_told_to_the_session_that_said_the_password_and_ends(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    signed_in = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    elsewhere = await who(signed_in.secret)
    assert elsewhere is not None
    app = await begun(installation, person)

    assert await standing(installation, elsewhere) == TotpStanding()
    await refused(totp_confirm(installation, elsewhere, app.code()), "STEP_OVER")
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert await standing(installation, person) == TotpStanding()
        await refused(totp_confirm(installation, person, app.code()), "STEP_OVER")
    assert await letters(person.account_id) == []


async def test_the_password_alone_opens_a_step_that_is_no_session(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)

    step = await step_of(installation, person)

    assert step.expires_at - clock.now() <= timedelta(minutes=10)
    assert await who(step.secret) is None
    signed_in = await passes(installation, step, app.code())
    found = await who(signed_in.secret)
    assert found is not None
    assert found.account_id == person.account_id
    await refused(passes(installation, step, app.code(later=1)), "STEP_OVER")


async def test_a_code_works_once_and_none_before_it_works_later(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    earlier, later = app.code(), app.code(later=1)
    await passes(installation, await step_of(installation, person), later)

    step = await step_of(installation, person)
    await refused(passes(installation, step, later), "STEP_CODE_WRONG", "code")
    await refused(passes(installation, step, earlier), "STEP_CODE_WRONG", "code")

    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=False):
        await passes(installation, step, app.code())


async def test_of_two_requests_with_the_same_code_one_wins(installation: Installation) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    steps = [await step_of(installation, person) for _ in range(6)]

    async def race(secrets: list[StepBegun], code: str) -> int:
        found = await asyncio.gather(
            *(passes(installation, one, code) for one in secrets), return_exceptions=True
        )
        assert {type(one) for one in found} == {SignedIn, Refused}
        return sum(isinstance(one, SignedIn) for one in found)

    assert await race(steps, app.code()) == 1
    steps = [await step_of(installation, person) for _ in range(6)]
    assert await race(steps, app.codes[0]) == 1
    same = await step_of(installation, person)
    assert await race([same] * 6, app.codes[1]) == 1
    assert (await standing(installation, person)).codes_left == 8


async def test_a_recovery_code_works_once_and_its_owner_is_told_when_few_are_left(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    for code in app.codes[:7]:
        assert await letters(person.account_id) == ["mail.totp_on"]
        await passes(installation, await step_of(installation, person), code.upper())

    step = await step_of(installation, person)
    await refused(passes(installation, step, app.codes[0]), "STEP_CODE_WRONG", "code")

    assert await letters(person.account_id) == ["mail.totp_on", "mail.recovery_codes_low"]
    assert (await standing(installation, person)).codes_left == 3
    async with database.transaction(None) as tx:
        read = (INSTALLATION, person.account_id)
        (low,) = await account_posts.recovery_codes_low(tx, installation, *read)
        (on,) = await account_posts.totp_on(tx, installation, *read)
    url = installation.settings.public_url
    assert (low.to, low.letter) == (person.email, RecoveryCodesLow(url, left=3))
    assert (on.to, on.letter) == (person.email, SecondStepSwitched(url, on=True))


async def test_addresses_are_told_for_letters_that_wait_only(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    async with database.transaction(None) as tx:
        assert await account_posts.totp_on(tx, installation, INSTALLATION, person.account_id) == []


async def test_a_step_ends_after_ten_minutes(installation: Installation, owner_url: str) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    step = await step_of(installation, person)
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        "update sign_in_steps set expires_at = now() - interval '1 second' where secret_hash = $1",
        secret_hash(step.secret),
    )
    await connection.close()

    await refused(passes(installation, step, app.code()), "STEP_OVER")
    await passes(installation, await step_of(installation, person), app.code())


async def test_a_reset_password_does_not_go_around_it_and_ends_what_was_begun(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    before = await step_of(installation, person)
    await request_password_reset(installation, person.email)
    await reset_password(await last_link(installation), OTHER_PASSWORD)

    await refused(passes(installation, before, app.code()), "STEP_OVER")
    after = await step_of(installation, person, OTHER_PASSWORD)
    assert await who(after.secret) is None
    assert await who((await passes(installation, after, app.code())).secret) is not None


async def test_a_link_that_confirms_an_address_does_not_go_around_it(
    installation: Installation,
) -> None:
    held = await register(installation, "early@keystall.test", PASSWORD, locale="en")
    link = await last_link(installation)
    await request_password_reset(installation, "early@keystall.test")
    await reset_password(await last_link(installation), PASSWORD)
    signed_in = await sign_in(installation, "early@keystall.test", PASSWORD, visitor=Visitor())
    person = await who(signed_in.secret)
    assert person is not None
    await with_app(installation, person)

    opened = await confirm(installation, link, held=secret_hash(held), visitor=Visitor())

    assert opened is None


async def test_the_database_opens_no_session_for_who_takes_two_steps(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    await with_app(installation, person)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(None) as tx:
            await open_session(tx, person.account_id, Visitor())


async def test_a_step_without_a_right_password_is_never_begun(installation: Installation) -> None:
    person = await a_viewer(installation)
    await with_app(installation, person)
    wrong = sign_in(installation, person.email, "not mine at all", visitor=Visitor())
    await refused(wrong, "CREDENTIALS_WRONG")
    async with database.transaction(None) as tx:
        assert await second_step_of(tx, "") is None
        assert await second_step_of(tx, "ks_step_\udc80") is None


async def test_switching_it_off_takes_password_and_code(installation: Installation) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    step = await step_of(installation, person)
    end = {"password": PASSWORD, "code": app.code()}

    async def ends(**given: str) -> None:
        await totp_end(installation, person, **(end | given))

    await refused(ends(password="no"), "PASSWORD_WRONG", "password")
    await refused(ends(code="000000"), "STEP_CODE_WRONG", "code")
    await refused(ends(code=" "), "REQUIRED", "code")
    assert (await standing(installation, person)).codes_left == 10
    await ends(code=app.codes[3])

    assert await standing(installation, person) == TotpStanding()
    assert await letters(person.account_id) == ["mail.totp_on", "mail.totp_off"]
    await refused(passes(installation, step, app.code()), "STEP_OVER")
    await refused(ends(), "CONFLICT")
    now = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    assert isinstance(now, SignedIn)


async def test_new_recovery_codes_end_the_old_ones(installation: Installation) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    code = app.code()

    fresh = await recovery_codes_renew(installation, person, password=PASSWORD, code=code)

    replayed = recovery_codes_renew(installation, person, password=PASSWORD, code=code)
    await refused(replayed, "STEP_CODE_WRONG", "code")
    assert not set(fresh) & set(app.codes)
    step = await step_of(installation, person)
    await refused(passes(installation, step, app.codes[0]), "STEP_CODE_WRONG", "code")
    await passes(installation, step, fresh[0])


async def test_another_persons_codes_open_nothing(installation: Installation) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    await with_app(installation, person)
    theirs = await with_app(installation, other)
    step = await step_of(installation, person)
    for code in (theirs.code(), theirs.codes[0]):
        await refused(passes(installation, step, code), "STEP_CODE_WRONG", "code")
    assert (await standing(installation, other)).codes_left == 10


async def test_secret_and_codes_stand_in_the_database_sealed_and_hashed(
    installation: Installation, owner_url: str
) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    app = await with_app(installation, person)
    step = await step_of(installation, person)
    connection = await asyncpg.connect(owner_url)
    rows = [
        str(row)
        for table in ("totp_secrets", "recovery_codes", "sign_in_steps", "outbox")
        for row in await connection.fetch(f"select * from {table}")
    ]
    wrapped = await connection.fetchval(
        "select wrapped from totp_secrets where account_id = $1", person.account_id
    )
    await connection.close()

    text = "\n".join(rows)
    assert rows
    assert not [one for one in (app.secret, step.secret, *app.codes) if one in text]
    assert installation.keys.unwrap(wrapped, totp_place(person.account_id)) == app.secret.encode()
    with pytest.raises(Unreadable):
        installation.keys.unwrap(wrapped, totp_place(other.account_id))


async def test_a_secret_whose_key_is_gone_leaves_the_recovery_codes(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    step = await step_of(installation, person)
    robbed = replace(installation, keys=KeyRing.generate())

    await refused(passes(robbed, step, app.code()), "STEP_CODE_WRONG", "code")
    assert await who((await passes(robbed, step, app.codes[0])).secret) is not None


async def test_the_machines_own_command_switches_it_off_and_says_so(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    await with_app(installation, person)
    operator = await a_viewer(installation, operator=True)

    assert await second_factor_reset(owner_url, person.email.upper())
    assert not await second_factor_reset(owner_url, person.email)
    await refused(second_factor_reset(owner_url, "nobody@keystall.test"), "NOT_FOUND", "email")

    now = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    assert isinstance(now, SignedIn)
    assert await letters(person.account_id) == ["mail.totp_on", "mail.totp_off"]
    async with database.transaction(None) as tx:
        rows = await tx.rows("select * from operator_record($1, null, 100)", operator.secret_hash)
    told = [(r["email"], r["action"]) for r in rows if r["subject"] == person.email]
    assert told == [("", "second_factor.reset")]


async def test_nothing_of_it_stays_of_an_account_that_is_gone(
    installation: Installation, owner_url: str
) -> None:
    person = await a_viewer(installation)
    await with_app(installation, person)
    await step_of(installation, person)
    connection = await asyncpg.connect(owner_url)
    tables = ("totp_secrets", "recovery_codes", "sign_in_steps")

    async def counts() -> list[int]:
        return [
            await connection.fetchval(
                f"select count(*) from {table} where account_id = $1", person.account_id
            )
            for table in tables
        ]

    before = await counts()
    await connection.execute("delete from accounts where id = $1", person.account_id)
    after = await counts()
    await connection.close()
    assert (before, after) == ([1, 10, 1], [0, 0, 0])
