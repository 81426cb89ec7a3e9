"""Ways to pay over the admin API: for people, never for tokens, and never with a secret in it."""

from dataclasses import replace
from typing import Any

import pytest

from keystall.graphql.context import Program, RequestContext
from keystall.graphql.executor import execute
from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.payments.accounts import payment_accounts
from keystall.tenants.staff.roles import PROGRAM
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import merchant
from tests.payments.emulator import Emulator
from tests.payments.till import Till

CREATE = """
mutation($key: String!) { paymentMethodCreate(stripe: {secretKey: $key}) {
  paymentMethod { kind open testMode secretKeyEnding webhookSecretEnding webhookByHand }
  userErrors { path code message } } }
"""
CHANGES = (
    "paymentMethodUpdate(id: $id, stripe: {})", "paymentMethodOpen(id: $id)",
    "paymentMethodClose(id: $id)", "paymentMethodRemove(id: $id)",
)  # fmt: skip


async def asked(context: RequestContext, text: str, **variables: Any) -> dict[str, Any]:
    answer = await execute("admin", text, None, variables, context)
    await context.reader.finish()
    return answer.as_json()


async def test_a_person_connects_stripe_and_reads_no_more_than_the_ends_of_the_keys(
    at_stripe: Installation, emulator: Emulator
) -> None:
    owner = await a_viewer(at_stripe)
    shop, key = await a_shop(at_stripe, owner), emulator.account().key
    answer = await asked(merchant(at_stripe, shop, owner), CREATE, key=key)
    (endpoint,) = emulator.worlds[key].of_kind("webhook_endpoint")
    assert answer["data"]["paymentMethodCreate"] == {
        "paymentMethod": {
            "kind": "stripe", "open": True, "testMode": True, "secretKeyEnding": key[-4:],
            "webhookSecretEnding": endpoint["secret"][-4:], "webhookByHand": False,
        },
        "userErrors": [],
    }  # fmt: skip
    again = await asked(merchant(at_stripe, shop, owner), CREATE, key=key)
    assert [e["code"] for e in again["data"]["paymentMethodCreate"]["userErrors"]] == ["TAKEN"]
    assert key[8:] not in str((answer, again))


@pytest.mark.parametrize("change", CHANGES)
async def test_a_token_changes_nothing_of_where_the_money_goes(till: Till, change: str) -> None:
    person = await a_viewer(till.installation)
    context = merchant(till.installation, till.shop, person)
    token = replace(context, viewer=Program(new_id(), PROGRAM))
    text = f"mutation($id: ID!) {{ {change} {{ userErrors {{ code }} }} }}"
    answer = await asked(token, text, id=encode("PaymentMethod", till.account))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    async with database.transaction(till.shop.id) as tx:
        assert [view.enabled for view in await payment_accounts(tx, till.shop.id)] == [True, True]
