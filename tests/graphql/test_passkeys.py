"""Passkeys, as the installation's pages ask about them."""

from typing import Any

import pytest

from keystall.graphql import arrival
from keystall.graphql.context import RequestContext
from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.platform.ids import new_id
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.factories import PASSWORD, a_viewer
from tests.graphql.asking import ask, caller, merchant
from tests.passkey_device import a_device, with_passkey

_BEGIN = """mutation ($name: String!, $password: String!) {
  passkeyBegin(name: $name, password: $password) { options userErrors { code path } } }"""
_ADD = """mutation ($credential: String!) {
  passkeyAdd(credential: $credential) { done recoveryCodes userErrors { code path } } }"""
_RENAME = """mutation ($id: ID!, $name: String!, $password: String!) {
  passkeyRename(id: $id, name: $name, password: $password) { done userErrors { code path } } }"""
_REMOVE = """mutation ($id: ID!, $password: String!) {
  passkeyRemove(id: $id, password: $password) { done userErrors { code path } } }"""
_ATTEMPT = "mutation { passkeyAttempt { options userErrors { code path } } }"
_STEP = """mutation ($step: String) {
  passkeyStep(step: $step) { options userErrors { code path } } }"""
_SIGN_IN = """mutation ($step: String, $credential: String!) {
  passkeySignIn(step: $step, credential: $credential) { done userErrors { code path } } }"""
_PASSWORD = """mutation ($email: String!, $password: String!) {
  sessionCreate(email: $email, password: $password) { secondStepUrl } }"""
_VIEWER = """{ viewer { passkeys { id name createdAt lastUsedAt } recoveryCodesLeft
  totp { on recoveryCodesLeft } } }"""
DONE: dict[str, Any] = {"done": True, "userErrors": []}
THROTTLED = [{"code": "THROTTLED", "path": []}]


async def nobody(installation: Installation, *, address: str = "") -> RequestContext:
    """A stranger on the installation's pages."""
    more = {"address": address} if address else {}
    return await arrival.by_session(installation, None, caller(effects=[], **more))


async def said(context: RequestContext, text: str, **given: Any) -> Any:
    (payload,) = (await ask("admin", context, text, **given)).values()
    return payload


def cookies(context: RequestContext) -> dict[str, str | None]:
    return {effect.name: effect.value for effect in context.effects or []}


async def opened(installation: Installation, session: str | None) -> Viewer:
    context = await arrival.by_session(installation, session, caller())
    assert isinstance(context.viewer, Viewer)
    return context.viewer


async def test_a_person_adds_sees_renames_and_removes_a_passkey(installation: Installation) -> None:
    person = await a_viewer(installation)

    async def hers(text: str, **given: Any) -> Any:
        return await said(merchant(installation, None, person), text, **given)

    nothing = {
        "passkeys": [],
        "recoveryCodesLeft": 0,
        "totp": {"on": False, "recoveryCodesLeft": 0},
    }
    assert await hers(_VIEWER) == nothing
    wrong = await hers(_BEGIN, name="Phone", password="not hers")
    refused = [{"code": "PASSWORD_WRONG", "path": ["password"]}]
    assert wrong == {"options": None, "userErrors": refused}
    begun = await hers(_BEGIN, name="Phone", password=PASSWORD)
    added = await hers(_ADD, credential=a_device(installation).make(begun["options"]))
    assert (added["done"], len(added["recoveryCodes"]), added["userErrors"]) == (True, 10, [])

    seen = await hers(_VIEWER)
    (passkey,) = seen["passkeys"]
    assert (passkey["name"], passkey["lastUsedAt"]) == ("Phone", None)
    assert seen["recoveryCodesLeft"] == 10
    assert await hers(_RENAME, id=passkey["id"], name="Key", password=PASSWORD) == DONE
    assert [one["name"] for one in (await hers(_VIEWER))["passkeys"]] == ["Key"]
    elsewhere = encode("Session", new_id())
    missing = await hers(_REMOVE, id=elsewhere, password=PASSWORD)
    assert missing["userErrors"] == [{"code": "NOT_FOUND", "path": ["id"]}]
    assert await hers(_REMOVE, id=passkey["id"], password=PASSWORD) == DONE
    assert await hers(_VIEWER) == nothing


async def test_a_passkey_alone_gives_the_browser_a_session(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    first = await nobody(installation)
    begun = await said(first, _ATTEMPT)
    (attempt,) = cookies(first).values()
    assert [*cookies(first)] == ["sign-in"]
    assert (await arrival.by_session(installation, attempt, caller())).viewer is None

    second = await nobody(installation)
    answer = device.use(begun["options"])
    assert await said(second, _SIGN_IN, step=attempt, credential=answer) == DONE
    assert cookies(second)["sign-in"] is None
    assert (await opened(installation, cookies(second)["session"])).account_id == person.account_id

    third = await nobody(installation)
    again = await said(third, _SIGN_IN, step=attempt, credential=answer)
    assert again == {"done": False, "userErrors": [{"code": "STEP_OVER", "path": []}]}
    assert cookies(third) == {}


async def test_a_passkey_ends_the_second_step(installation: Installation) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    first = await nobody(installation)
    asked = await said(first, _PASSWORD, email=person.email, password=PASSWORD)
    assert asked == {"secondStepUrl": "/sign-in/code"}
    step = cookies(first)["sign-in"]
    text = "query ($step: String) { secondStep(step: $step) { email totp passkey } }"
    found = await said(await nobody(installation), text, step=step)
    assert found == {"email": person.email, "totp": False, "passkey": True}

    begun = await said(await nobody(installation), _STEP, step=step)
    last = await nobody(installation)
    answer = device.use(begun["options"])
    assert await said(last, _SIGN_IN, step=step, credential=answer) == DONE
    assert (await opened(installation, cookies(last)["session"])).account_id == person.account_id
    over = await said(await nobody(installation), _STEP, step=step)
    assert over == {"options": None, "userErrors": [{"code": "STEP_OVER", "path": []}]}


async def test_answers_of_one_passkey_are_tried_ten_times_from_wherever(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    refused = [{"code": "STEP_OVER", "path": []}]
    answer = device.use('{"rpId": "localhost", "challenge": "AAAA"}')
    for number in range(10):
        context = await nobody(installation, address=f"198.51.100.{number}")
        tried = await said(context, _SIGN_IN, step="none", credential=answer)
        assert tried["userErrors"] == refused
    context = await nobody(installation, address="198.51.100.200")
    begun = await said(context, _ATTEMPT)
    right = device.use(begun["options"])
    tried = await said(context, _SIGN_IN, step=cookies(context)["sign-in"], credential=right)
    assert (tried["done"], tried["userErrors"]) == (False, THROTTLED)
    assert "session" not in cookies(context)


async def test_one_address_begins_and_tries_thirty_times(installation: Installation) -> None:
    found = []
    for _ in range(31):
        context = await nobody(installation, address="198.51.100.88")
        begun = await said(context, _ATTEMPT)
        tried = await said(context, _SIGN_IN, step="none", credential="{}")
        found.append((begun["userErrors"], tried["userErrors"]))
    assert found[:30] == [([], [{"code": "STEP_OVER", "path": []}])] * 30
    assert found[30] == (THROTTLED, THROTTLED)


@pytest.mark.parametrize("text", [_BEGIN, _ADD, _RENAME, _REMOVE, _ATTEMPT, _STEP, _SIGN_IN])
async def test_only_pages_may(installation: Installation, text: str) -> None:
    person = await a_viewer(installation)
    context = merchant(installation, None, person)
    context.effects = None
    given = {"id": "x", "name": "Phone", "password": PASSWORD, "credential": "{}"}
    answer = await execute("admin", text, None, given, context)
    await context.reader.finish()
    assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
