"""Where a person is signed in, and a new password, as the installation's pages ask."""

from typing import Any

import pytest

from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer, Visitor, sign_in, viewer
from keystall.tenants.installation import Installation
from tests.factories import PASSWORD, a_shop, a_viewer
from tests.graphql.asking import ask, merchant

_LIST = "{ viewer { sessions { id browser address current } } }"
_REVOKE = "mutation ($id: ID!) { sessionRevoke(id: $id) { done userErrors { code path } } }"
_OTHERS = "mutation { sessionsEndOthers { ended userErrors { code } } }"
_PASSWORD = """mutation ($current: String!, $password: String!) {
  passwordChange(current: $current, password: $password) { done userErrors { code path } } }"""
_NEW = "winter plums in snow"


async def again(installation: Installation, person: Viewer, user_agent: str = "") -> Viewer:
    """The same person in another browser."""
    visitor = Visitor(address="203.0.113.9", user_agent=user_agent)
    signed_in = await sign_in(installation, person.email, PASSWORD, visitor=visitor)
    async with database.transaction(None) as db:
        found = await viewer(db, signed_in.secret)
    assert found is not None
    return found


async def listed(installation: Installation, person: Viewer) -> list[dict[str, Any]]:
    found = await ask("admin", merchant(installation, None, person), _LIST)
    rows: list[dict[str, Any]] = found["viewer"]["sessions"]
    return rows


async def done(installation: Installation, person: Viewer, text: str, **given: Any) -> Any:
    answer = await ask("admin", merchant(installation, None, person), text, **given)
    (payload,) = answer.values()
    return payload


async def works(person: Viewer) -> bool:
    """Whether the session still opens anything."""
    async with database.transaction(None) as db:
        return await db.row("select * from session_account($1)", person.secret_hash) is not None


async def test_a_person_sees_where_they_are_signed_in_this_browser_first(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    phone = await again(installation, person, "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    await a_viewer(installation)
    assert await listed(installation, person) == [
        {"id": encode("Session", person.session_id), "browser": "", "address": "",
         "current": True},
        {"id": encode("Session", phone.session_id), "browser": "Firefox · Linux",
         "address": "203.0.113.9", "current": False},
    ]  # fmt: skip


async def test_signing_out_one_other_browser_leaves_the_rest(installation: Installation) -> None:
    person = await a_viewer(installation)
    phone, tablet = await again(installation, person), await again(installation, person)
    answer = await done(
        installation, person, _REVOKE, id=encode("Session", phone.session_id)
    )  # fmt: skip
    assert answer == {"done": True, "userErrors": []}
    assert [await works(one) for one in (person, phone, tablet)] == [True, False, True]


async def test_nobody_ends_another_persons_session_or_their_own_by_it(
    installation: Installation,
) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    for session in (other.session_id, person.session_id):
        answer = await done(installation, person, _REVOKE, id=encode("Session", session))
        assert answer["userErrors"] == [{"code": "NOT_FOUND", "path": ["id"]}]
    assert [await works(one) for one in (person, other)] == [True, True]


async def test_signing_out_everywhere_else_ends_all_but_this_and_none_of_others(
    installation: Installation,
) -> None:
    person, other = await a_viewer(installation), await a_viewer(installation)
    elsewhere = [await again(installation, person) for _ in range(2)]
    assert await done(installation, person, _OTHERS) == {"ended": 2, "userErrors": []}
    assert [await works(one) for one in (person, other, *elsewhere)] == [True, True, False, False]


async def test_a_new_password_takes_the_old_one_and_ends_other_sessions(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    phone = await again(installation, person)
    answer = await done(installation, person, _PASSWORD, current=PASSWORD, password=_NEW)
    assert answer == {"done": True, "userErrors": []}
    assert [await works(one) for one in (person, phone)] == [True, False]
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
    await sign_in(installation, person.email, _NEW, visitor=Visitor())


async def test_whoever_is_signed_in_is_not_told_of_an_email_that_nobody_asked_for(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    shop = await a_shop(installation, person)
    text = """mutation { passwordConfirm(password: "not mine at all") {
      done userErrors { path code message } } }"""
    answer = await ask("admin", merchant(installation, shop, person), text)
    assert answer["passwordConfirm"] == {
        "done": False,
        "userErrors": [
            {"path": ["password"], "code": "PASSWORD_WRONG",
             "message": "This is not your password."}
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("current", "password", "error"),
    [
        ("not my password", _NEW, {"code": "PASSWORD_WRONG", "path": ["current"]}),
        ("", _NEW, {"code": "REQUIRED", "path": ["current"]}),
        (PASSWORD, "short", {"code": "PASSWORD_TOO_SHORT", "path": ["password"]}),
    ],
)
async def test_a_refused_password_changes_nothing(
    installation: Installation, current: str, password: str, error: dict[str, Any]
) -> None:
    person = await a_viewer(installation)
    phone = await again(installation, person)
    answer = await done(installation, person, _PASSWORD, current=current, password=password)
    assert answer == {"done": False, "userErrors": [error]}
    assert await works(phone)
    await sign_in(installation, person.email, PASSWORD, visitor=Visitor())


async def test_an_old_password_is_tried_ten_times_at_most(installation: Installation) -> None:
    person = await a_viewer(installation)
    codes = []
    for _ in range(11):
        answer = await done(installation, person, _PASSWORD, current="", password=_NEW)
        codes.append(answer["userErrors"][0]["code"])
    assert codes == ["REQUIRED"] * 10 + ["THROTTLED"]


async def test_who_is_not_signed_in_ends_nothing(installation: Installation) -> None:
    person = await a_viewer(installation)
    await again(installation, person)
    context = merchant(installation, None, person)
    context.viewer = None
    answer = await execute("admin", _OTHERS, None, {}, context)
    await context.reader.finish()
    assert answer.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert len(await listed(installation, person)) == 2
