import re
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import time_machine

from keystall.platform import clock, database
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import Refused
from keystall.tenants.identity import service
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.links import account_link, account_link_to_mail, account_token
from keystall.tenants.identity.operators import operator_create
from keystall.tenants.identity.service import (
    Visitor,
    confirm,
    register,
    request_password_reset,
    reset_password,
    sign_in,
    sign_out,
    viewer,
)
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION
from tests.factories import PASSWORD, a_viewer

OTHER_PASSWORD = "cherry tree 20"


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


async def mails() -> list[tuple[str, UUID]]:
    """Mails left in the installation's outbox, oldest first; other tests leave other work there."""
    async with database.transaction(INSTALLATION) as db:
        rows = await db.rows(
            "select kind, subject_id from outbox where shop_id = $1 and kind like 'mail.%'"
            " order by id",
            INSTALLATION,
        )
    return [(row["kind"], row["subject_id"]) for row in rows]


async def last_link(installation: Installation) -> str:
    (_, token_id) = (await mails())[-1]
    return account_token(installation.keys, token_id)


async def count(owner_url: str, table: str) -> int:
    connection = await asyncpg.connect(owner_url)
    try:
        found: int = await connection.fetchval(f"select count(*) from {table}")
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Lulu@Example.COM ", "lulu@example.com"),
        ("ｌｕｌｕ＠ｅｘａｍｐｌｅ．ｃｏｍ", "lulu@example.com"),
        ("lulu@例子。中国", "lulu@xn--fsqu00a.xn--fiqs8s"),
        ("a.b+c@mail.example.com", "a.b+c@mail.example.com"),
    ],
)
def test_an_address_has_one_form(typed: str, stored: str) -> None:
    assert normalised_email(typed) == stored
    assert email_problem(stored) is None


@pytest.mark.parametrize(
    "typed",
    [
        "", "lulu", "@example.com", "lulu@", "lulu@localhost", "lulu@1.2.3.4", "lu lu@example.com",
        "lulu@exa_mple.com", "lulu.@example.com", "lulu@-a.com", '"lulu"@example.com', "路@a.com",
        "lulu@example.com\r\nBcc: all@example.com", "lulu\x00@example.com", "\ud800@example.com",
        "l" * 65 + "@example.com", "lulu@" + "a." * 130 + "com", "lulu@" + "x" * 64 + ".com",
    ],
)  # fmt: skip
def test_what_no_mail_server_takes_is_no_address(typed: str) -> None:
    assert email_problem(normalised_email(typed)) == "EMAIL_INVALID"


async def test_a_person_signs_up_confirms_and_signs_in(installation: Installation) -> None:
    await register(installation, " Mei@Keystall.Test", PASSWORD, locale="zh-CN")
    kind, token_id = (await mails())[-1]
    async with database.transaction(None) as db:
        link = await account_link_to_mail(db, installation.keys, token_id)
    assert link is not None
    await confirm(installation, link.token, visitor=Visitor())
    signed_in = await sign_in(installation, "mei@keystall.test", PASSWORD, visitor=Visitor("1::1"))
    async with database.transaction(None) as db:
        known = await viewer(db, signed_in.secret)

    assert kind == "mail.account_confirm"
    assert (link.email, link.locale, link.purpose) == ("mei@keystall.test", "zh-CN", "confirm")
    assert known is not None
    assert (known.email, known.locale, known.is_operator) == ("mei@keystall.test", "zh-CN", False)
    assert known.secret_hash == secret_hash(signed_in.secret)


async def test_bad_sign_ups_are_refused_by_field_and_leave_nothing(
    installation: Installation, owner_url: str
) -> None:
    before = await count(owner_url, "accounts"), await mails()

    with pytest.raises(Refused) as refused:
        await register(installation, "nobody", "short", locale="en")

    assert codes(refused) == [
        (("email",), "EMAIL_INVALID"),
        (("password",), "PASSWORD_TOO_SHORT"),
    ]
    assert (await count(owner_url, "accounts"), await mails()) == before


async def test_signing_up_with_a_taken_address_mails_its_owner_a_reset_and_changes_nothing(
    installation: Installation,
) -> None:
    known = await a_viewer(installation)

    await register(installation, known.email, OTHER_PASSWORD, locale="en")

    assert (await mails())[-1][0] == "mail.account_reset"
    with pytest.raises(Refused) as refused:
        await sign_in(installation, known.email, OTHER_PASSWORD, visitor=Visitor())
    assert codes(refused) == [((), "CREDENTIALS_WRONG")]


async def test_every_failed_sign_in_answers_alike_and_costs_one_verification(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await a_viewer(installation)
    verified: list[str] = []

    async def verify_password(stored: str, password: str) -> bool:
        verified.append("known")
        return False

    async def verify_unknown(password: str) -> None:
        verified.append("unknown")

    monkeypatch.setattr(service, "verify_password", verify_password)
    monkeypatch.setattr(service, "verify_unknown", verify_unknown)
    answers = []
    for email in (known.email, "stranger@keystall.test", "no address", "nul\x00@keystall.test"):
        with pytest.raises(Refused) as refused:
            await sign_in(installation, email, "wrong password", visitor=Visitor())
        answers.append(codes(refused))

    assert answers == [[((), "CREDENTIALS_WRONG")]] * 4
    assert verified == ["known", "unknown", "unknown", "unknown"]


async def test_an_unconfirmed_address_is_told_so_after_the_right_password_only(
    installation: Installation, owner_url: str
) -> None:
    await register(installation, "late@keystall.test", PASSWORD, locale="en")
    sent = await mails()
    sessions = await count(owner_url, "sessions")

    with pytest.raises(Refused) as wrong:
        await sign_in(installation, "late@keystall.test", OTHER_PASSWORD, visitor=Visitor())
    after_wrong = await mails()
    with pytest.raises(Refused) as unconfirmed:
        await sign_in(installation, "late@keystall.test", PASSWORD, visitor=Visitor())

    assert codes(wrong) == [((), "CREDENTIALS_WRONG")]
    assert after_wrong == sent
    assert codes(unconfirmed) == [(("email",), "EMAIL_UNCONFIRMED")]
    assert [kind for kind, _ in (await mails())[len(sent) :]] == ["mail.account_confirm"]
    assert await count(owner_url, "sessions") == sessions


async def test_a_link_works_once_and_for_its_own_purpose(installation: Installation) -> None:
    await register(installation, "once@keystall.test", PASSWORD, locale="en")
    token = await last_link(installation)

    with pytest.raises(Refused) as crossed:
        await reset_password(token, OTHER_PASSWORD)
    await confirm(installation, token, visitor=Visitor())
    with pytest.raises(Refused) as again:
        await confirm(installation, token, visitor=Visitor())
    async with database.transaction(None) as db:
        used = await account_link(db, token)

    assert codes(crossed) == codes(again) == [(("token",), "LINK_INVALID")]
    assert used is None


async def test_following_the_link_signs_in_the_browser_that_signed_up_once(
    installation: Installation, owner_url: str
) -> None:
    secret = await register(installation, "held@keystall.test", PASSWORD, locale="en")
    token, held = await last_link(installation), secret_hash(secret)
    async with database.transaction(None) as db:
        before = await viewer(db, secret)

    signed_in = await confirm(installation, token, held=held, visitor=Visitor("1::1"))
    sessions = await count(owner_url, "sessions")
    with pytest.raises(Refused) as again:
        await confirm(installation, token, held=held, visitor=Visitor())

    assert signed_in is not None
    async with database.transaction(None) as db:
        known, pending = await viewer(db, signed_in.secret), await viewer(db, secret)
    assert known is not None
    assert known.email == "held@keystall.test"
    assert (before, pending) == (None, None)
    assert codes(again) == [(("token",), "LINK_INVALID")]
    assert await count(owner_url, "sessions") == sessions


async def test_following_the_link_elsewhere_confirms_and_signs_nobody_in(
    installation: Installation, owner_url: str
) -> None:
    known = await a_viewer(installation)
    await register(installation, "mine@keystall.test", PASSWORD, locale="en")
    mine = await last_link(installation)
    others = await register(installation, "other@keystall.test", PASSWORD, locale="en")
    sessions = await count(owner_url, "sessions")

    # A browser that signed up with another address, and one that is signed in as someone else.
    assert await confirm(installation, mine, held=secret_hash(others), visitor=Visitor()) is None
    other = await last_link(installation)
    held = known.secret_hash
    assert await confirm(installation, other, held=held, visitor=Visitor()) is None

    assert await count(owner_url, "sessions") == sessions
    await sign_in(installation, "mine@keystall.test", PASSWORD, visitor=Visitor())


async def test_what_the_browser_holds_tells_nobody_whether_the_address_had_an_account(
    installation: Installation,
) -> None:
    known = await a_viewer(installation)

    new = await register(installation, "fresh@keystall.test", PASSWORD, locale="en")
    taken = await register(installation, known.email, OTHER_PASSWORD, locale="en")

    form = re.compile(r"ks_session_[\w-]{43}")
    assert form.fullmatch(new)
    assert form.fullmatch(taken)


async def test_a_link_ends_by_itself(installation: Installation) -> None:
    with time_machine.travel(clock.now() - timedelta(days=7, minutes=1), tick=True):
        await register(installation, "slow@keystall.test", PASSWORD, locale="en")

    with pytest.raises(Refused) as refused:
        await confirm(installation, await last_link(installation), visitor=Visitor())

    assert codes(refused) == [(("token",), "LINK_INVALID")]


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\x00", "A" * 64])
async def test_a_made_up_link_opens_nothing(installation: Installation, token: str) -> None:
    async with database.transaction(None) as db:
        assert await account_link(db, token) is None
    with pytest.raises(Refused) as refused:
        await confirm(installation, token, visitor=Visitor())

    assert codes(refused) == [(("token",), "LINK_INVALID")]


async def test_a_link_is_mailed_even_when_the_key_ring_rotated_in_between(
    installation: Installation,
) -> None:
    await register(installation, "ring@keystall.test", PASSWORD, locale="en")
    (_, token_id) = (await mails())[-1]

    async with database.transaction(None) as db:
        link = await account_link_to_mail(db, installation.keys.rotated(), token_id)

    assert link is not None
    assert link.token == account_token(installation.keys, token_id)


async def test_the_token_itself_stands_nowhere_in_the_database(
    installation: Installation, superuser_url: str
) -> None:
    await register(installation, "secret@keystall.test", PASSWORD, locale="en")
    token = await last_link(installation)

    connection = await asyncpg.connect(superuser_url)
    try:
        kept = await connection.fetchval(
            "select (select string_agg(t::text, '') from account_tokens t)"
            " || (select string_agg(o::text, '') from outbox o)"
        )
    finally:
        await connection.close()

    assert secret_hash(token).hex() in kept
    assert token not in kept
    assert token[22:40] not in kept


async def test_a_new_password_ends_every_session_and_confirms_the_address(
    installation: Installation,
) -> None:
    known = await a_viewer(installation)
    signed_in = await sign_in(installation, known.email, PASSWORD, visitor=Visitor())
    await request_password_reset(installation, known.email)
    account = await reset_password(await last_link(installation), OTHER_PASSWORD)

    async with database.transaction(None) as db:
        assert await viewer(db, signed_in.secret) is None
    with pytest.raises(Refused):
        await sign_in(installation, known.email, PASSWORD, visitor=Visitor())
    assert account == known.account_id
    await sign_in(installation, known.email, OTHER_PASSWORD, visitor=Visitor())


async def test_a_new_password_ends_every_other_link_that_could_set_one(
    installation: Installation,
) -> None:
    known = await a_viewer(installation)
    links = []
    for _ in range(2):
        await request_password_reset(installation, known.email)
        links.append(await last_link(installation))
    await reset_password(links[1], OTHER_PASSWORD)
    with pytest.raises(Refused, match="LINK_INVALID"):
        await reset_password(links[0], PASSWORD)
    await sign_in(installation, known.email, OTHER_PASSWORD, visitor=Visitor())


async def test_a_refused_new_password_leaves_the_link_usable(installation: Installation) -> None:
    known = await a_viewer(installation)
    await request_password_reset(installation, known.email)
    token = await last_link(installation)

    with pytest.raises(Refused) as refused:
        await reset_password(token, "1234567890")

    assert codes(refused) == [(("password",), "PASSWORD_TOO_COMMON")]
    assert await reset_password(token, OTHER_PASSWORD) == known.account_id


async def test_asking_to_reset_an_unknown_address_answers_alike_and_mails_nobody(
    installation: Installation,
) -> None:
    sent = await mails()

    await request_password_reset(installation, "stranger@keystall.test")

    assert await mails() == sent


async def test_signing_out_ends_that_session_alone(installation: Installation) -> None:
    known = await a_viewer(installation)
    other = await sign_in(installation, known.email, PASSWORD, visitor=Visitor())

    await sign_out(known.secret_hash)

    async with database.transaction(None) as db:
        assert await viewer(db, other.secret) is not None
        ended = await db.row("select * from session_account($1)", known.secret_hash)
    assert ended is None


async def test_a_session_ends_after_thirty_days(installation: Installation) -> None:
    known = await a_viewer(installation)
    with time_machine.travel(clock.now() - timedelta(days=30, minutes=1), tick=True):
        old = await sign_in(installation, known.email, PASSWORD, visitor=Visitor())

    async with database.transaction(None) as db:
        assert await viewer(db, old.secret) is None
        assert await viewer(db, "") is None


async def test_an_operator_is_made_by_the_owner_of_the_database_alone(
    installation: Installation, owner_url: str
) -> None:
    known = await a_viewer(installation)
    app_url = installation.settings.database_url

    account = await operator_create(owner_url, known.email.upper(), OTHER_PASSWORD)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator_create(app_url, "mallory@keystall.test", OTHER_PASSWORD)
    signed_in = await sign_in(installation, known.email, OTHER_PASSWORD, visitor=Visitor())
    async with database.transaction(None) as db:
        found = await viewer(db, signed_in.secret)

    assert account == known.account_id
    assert found is not None
    assert found.is_operator is True
