"""The second step of signing in, as the installation's pages ask for it."""

from typing import Any

import pytest

from keystall.graphql import arrival
from keystall.graphql.context import RequestContext
from keystall.graphql.executor import execute
from keystall.tenants.identity.second_factor import totp_standing
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.authenticator import with_app
from tests.factories import PASSWORD, a_shop, a_viewer
from tests.graphql.asking import ask, caller, merchant

_SIGN_IN = """mutation ($email: String!, $password: String!) {
  sessionCreate(email: $email, password: $password) {
    done secondStepUrl userErrors { code path } } }"""
_PASS = """mutation ($step: String, $code: String!) {
  secondStepPass(step: $step, code: $code) { done userErrors { code path } } }"""
_END = """mutation ($password: String!, $code: String!) {
  totpEnd(password: $password, code: $code) { done userErrors { code path } } }"""
_RENEW = """mutation ($password: String!, $code: String!) {
  recoveryCodesRenew(password: $password, code: $code) {
    recoveryCodes userErrors { code path } } }"""
_BEGIN = "mutation ($password: String!) { totpBegin(password: $password) { userErrors { code } } }"
_TOTP = "{ viewer { totp { on recoveryCodesLeft setup { secret } } } }"
WRONG = {"done": False, "userErrors": [{"code": "STEP_CODE_WRONG", "path": ["code"]}]}
THROTTLED = {"done": False, "userErrors": [{"code": "THROTTLED", "path": []}]}


async def nobody(installation: Installation, *, address: str = "") -> RequestContext:
    """A stranger on the installation's pages."""
    more = {"address": address} if address else {}
    return await arrival.by_session(installation, None, caller(effects=[], **more))


async def said(context: RequestContext, text: str, **given: Any) -> Any:
    (payload,) = (await ask("admin", context, text, **given)).values()
    return payload


def cookies(context: RequestContext) -> dict[str, str | None]:
    return {effect.name: effect.value for effect in context.effects or []}


async def at_step(installation: Installation, person: Viewer) -> str:
    context = await nobody(installation)
    await said(context, _SIGN_IN, email=person.email, password=PASSWORD)
    step = cookies(context)["sign-in"]
    assert step is not None
    return step


async def test_the_right_password_gives_a_step_and_the_right_code_a_session(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    first = await nobody(installation)
    answer = await said(first, _SIGN_IN, email=person.email, password=PASSWORD)
    assert answer == {"done": True, "secondStepUrl": "/sign-in/code", "userErrors": []}
    (step,) = cookies(first).values()
    assert [*cookies(first)] == ["sign-in"]

    asked = await said(await nobody(installation), "{ secondStep { email } }")
    assert asked is None
    text = "query ($step: String) { secondStep(step: $step) { email } }"
    asked = await said(await nobody(installation), text, step=step)
    assert asked == {"email": person.email}

    second = await nobody(installation)
    assert await said(second, _PASS, step=step, code="000000") == WRONG
    assert cookies(second) == {}
    assert await said(second, _PASS, step=step, code=app.code()) == {"done": True, "userErrors": []}
    opened = cookies(second)
    assert opened["sign-in"] is None
    known = await arrival.by_session(installation, opened["session"], caller())
    assert isinstance(known.viewer, Viewer)
    assert known.viewer.account_id == person.account_id


async def test_a_step_opens_nothing_else(installation: Installation) -> None:
    person = await a_viewer(installation)
    shop = await a_shop(installation, person)
    await with_app(installation, person)
    step = await at_step(installation, person)

    context = await arrival.by_session(installation, step, caller(), slug=shop.slug)

    assert (context.viewer, context.shop) == (None, None)


async def test_a_wrong_password_is_answered_alike_with_and_without_a_second_step(
    installation: Installation,
) -> None:
    plain, guarded = await a_viewer(installation), await a_viewer(installation)
    await with_app(installation, guarded)
    answers = []
    for person in (plain, guarded):
        context = await nobody(installation)
        answers.append(await said(context, _SIGN_IN, email=person.email, password="not theirs"))
        assert cookies(context) == {}
    assert answers[0] == answers[1]
    assert answers[0]["userErrors"] == [{"code": "CREDENTIALS_WRONG", "path": []}]
    assert answers[0]["secondStepUrl"] is None


async def test_codes_of_an_account_are_tried_ten_times_from_wherever(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    steps = [await at_step(installation, person) for _ in range(2)]
    for number in range(9):
        context = await nobody(installation)
        assert await said(context, _PASS, step=steps[number % 2], code="000000") == WRONG
    signed_in = merchant(installation, None, person)
    assert await said(signed_in, _END, password=PASSWORD, code="000000") == WRONG

    context = await nobody(installation)
    assert await said(context, _PASS, step=steps[0], code=app.code()) == THROTTLED
    signed_in = merchant(installation, None, person)
    assert await said(signed_in, _END, password=PASSWORD, code=app.code()) == THROTTLED
    assert cookies(context) == {}
    assert (await totp_standing(signed_in.reader, installation, person)).since is not None
    await signed_in.reader.finish()


async def test_one_address_tries_thirty_steps(installation: Installation) -> None:
    found = []
    for number in range(31):
        context = await nobody(installation, address="198.51.100.77")
        answer = await said(context, _PASS, step=f"ks_step_{number}", code="123456")
        found.append(answer["userErrors"][0]["code"])
    assert found == ["STEP_OVER"] * 30 + ["THROTTLED"]


async def test_a_password_is_tried_ten_times_in_setting_up(installation: Installation) -> None:
    person = await a_viewer(installation)
    found = []
    for _ in range(11):
        answer = await said(merchant(installation, None, person), _BEGIN, password="")
        found.append(answer["userErrors"][0]["code"])
    assert found == ["REQUIRED"] * 10 + ["THROTTLED"]


async def test_new_recovery_codes_are_answered_and_counted(installation: Installation) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    answer = await said(
        merchant(installation, None, person), _RENEW, password=PASSWORD, code=app.codes[0]
    )
    assert (len(set(answer["recoveryCodes"])), answer["userErrors"]) == (10, [])
    standing = await said(merchant(installation, None, person), _TOTP)
    assert standing == {"totp": {"on": True, "recoveryCodesLeft": 10, "setup": None}}


@pytest.mark.parametrize("text", [_PASS, _BEGIN, _END, _RENEW])
async def test_only_pages_may(installation: Installation, text: str) -> None:
    person = await a_viewer(installation)
    context = merchant(installation, None, person)
    context.effects = None
    answer = await execute("admin", text, None, {"code": "000000", "password": PASSWORD}, context)
    await context.reader.finish()
    assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
