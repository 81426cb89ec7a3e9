"""Every field and mutation of the schemas, asked by one shop for another's things.

Shops are parted by two walls: each query names its shop, and each transaction is bound to one. They
are proven together, and each while the other is down.
"""

import itertools
from typing import Any

import pytest

from keystall.graphql.deeds import OPERATOR, UNRECORDED
from keystall.graphql.executor import Surface
from keystall.platform import database
from tests.graphql.plans.agreement import agreeing
from tests.isolation.asking import Filled, documents, positions, reached, tells
from tests.isolation.goods import (
    a_cart,
    a_code_report,
    a_customer,
    a_due_refund,
    a_lone_order,
    a_member,
    a_passkey,
    a_second_step,
    a_sold_code,
    a_stripe_account,
    a_webhook,
    an_account_link,
    an_app,
    an_invitation,
    buy,
    fresh_code,
    no_stripe_account,
    resume,
    stock,
    suspend,
)
from tests.isolation.leaks import (
    SHOP_SURFACES,
    THEIRS,
    Shops,
    Sweep,
    built,
    fields_of,
    is_text,
    roots,
)


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_what_is_another_shops_is_answered_exactly_like_what_is_missing(
    shops: Shops, surface: Surface
) -> None:
    sweep = Sweep(shops, surface)
    assert await sweep.all() == []
    assert sweep.tried >= 400
    print(f"{surface}: {sweep.tried} requests for another shop's things")


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_first_wall_holds_where_the_second_is_down(
    shops: Shops, without_second_wall: None, surface: Surface
) -> None:
    assert await Sweep(shops, surface).all() == []


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_second_wall_holds_where_a_query_forgets_the_first(
    shops: Shops, forgetful_query: None, surface: Surface
) -> None:
    found = await Sweep(shops, surface).all()
    # The shop misses its own products, then: an error of ours, and no leak.
    assert [one for one in found if "INTERNAL" not in one] == []


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_where_both_walls_are_down_the_sweep_tells(
    shops: Shops, forgetful_query: None, without_second_wall: None, surface: Surface
) -> None:
    # One field is enough: nobody can hide behind what else is found.
    found = await Sweep(shops, surface, only="node").ids()
    assert "node(id) with a Product: tells of the other shop" in found


async def _own(shops: Shops, surface: Surface) -> dict[tuple[str, str], list[Any]]:
    """What the rightful owner sees through each field, by asking all the schema has."""
    goods = shops.theirs
    seen: dict[tuple[str, str], list[Any]] = {}
    for operation, name, field_ in roots(surface):
        if operation == "mutation":
            continue
        ways = [Filled(name, goods.ids)]
        if name in ("order", "orders"):
            ways = [Filled(name, goods.ids | {"Order": order}) for order in goods.orders.values()]
        ways += [
            Filled(name, goods.ids, place, word)
            for place in positions(field_, "String")
            for key, word in goods.words.items()
            if place[-1] in key or (place == ("slug",) and "lug" in key)
        ]
        ways += [
            Filled(name, goods.ids, place, given)
            for place in positions(field_)
            for given in (*goods.ids.values(), goods.packed)
        ]
        if name == "cart":
            ways.append(Filled(name, goods.ids | {"Cart": goods.completed_cart}))
        if name == "customerLink":
            ways.append(Filled(name, goods.ids, ("token",), goods.words["customer link"]))
        if name == "accountLink":
            ways.append(
                Filled(
                    name, goods.ids, ("token",), await an_account_link(shops.installation, goods)
                )
            )
        if name == "secondStep":
            step = await a_second_step(shops.installation, goods)
            ways.append(Filled(name, goods.ids, ("step",), step))
        if name == "invitationLink":
            token = await an_invitation(shops.installation, goods)
            ways.append(Filled(name, goods.ids, ("token",), token))
        for way, text in itertools.product(ways, documents(built(surface), operation, name)):
            await _see(shops, surface, text, way.of(field_.args), seen)
            if name == "viewer":
                for on in (False, True):
                    async with an_app(shops.installation, goods, switched_on=on):
                        await _see(shops, surface, text, way.of(field_.args), seen)
                async with a_passkey(shops.installation, goods):
                    await _see(shops, surface, text, way.of(field_.args), seen)
        if name == "activity":
            (text,) = documents(built(surface), operation, name)
            await _see(shops, surface, text, {"kind": "SHOP", "first": 100}, seen)
    return seen


async def _see(
    shops: Shops,
    surface: Surface,
    text: str,
    variables: dict[str, Any],
    seen: dict[tuple[str, str], list[Any]],
) -> None:
    answer = await shops.ask(surface, shops.theirs, text, variables)
    assert "errors" not in answer, (text[:80], answer["errors"])
    for kind, name, value in reached(answer["data"]):
        seen.setdefault((kind, name), []).append(value)


NOT_OURS = frozenset({
    "accountConfirm", "accountCreate", "passwordChange", "passwordReset",
    "passwordResetRequest", "passkeyAdd", "passkeyAttempt", "passkeyBegin", "passkeyRemove",
    "passkeyRename", "passkeySignIn", "passkeyStep", "recoveryCodesRenew", "secondStepPass",
    "sessionCreate", "sessionEnd",
    "sessionRevoke", "sessionsEndOthers", "totpBegin", "totpConfirm", "totpEnd",
    "shopCreate", "invitationAccept", "invitationSignUp",
})  # fmt: skip
"""Mutations outside of any shop: they take no id and no shop's word."""


def _a_table(stocked: str) -> str:
    """Codes of every kind that a preview tells of."""
    row = f"{THEIRS} note,{THEIRS} preview,2099-01-01"
    return (
        f"code,note,preview,expires at,{THEIRS} column\nX,{row},\nX,,,,\n{stocked},,,,\n"
        f"{'y' * 9000},,,,\n"
    )


async def _done(shops: Shops, surface: Surface) -> dict[tuple[str, str], list[Any]]:
    """What the rightful owner sees as she does everything, each mutation on fresh goods."""
    goods = shops.theirs.again()
    seen: dict[tuple[str, str], list[Any]] = {}
    for operation, name, field_ in roots(surface):
        if operation != "mutation" or name in NOT_OURS:
            continue
        await stock(shops.installation, goods)
        await a_cart(shops.installation, goods)
        await fresh_code(shops.installation, goods)
        own = goods.ids | {"Order": goods.orders["delivered"]}
        if name.startswith("customer"):
            await a_customer(shops.installation, goods)
        if name == "paymentMethodCreate":
            await no_stripe_account(shops.installation, goods)
        elif name in ("paymentMethodUpdate", "paymentMethodRemove"):
            own["PaymentMethod"] = await a_stripe_account(shops.installation, goods)
        if surface == "admin" and name in ("orderCancel", "orderComplete"):
            await buy(shops.installation, goods, "pending", 1)
            own["Order"] = goods.orders["pending"]
        if name == "orderBuyerErase":
            await a_lone_order(shops.installation, goods)
            own["Order"] = goods.ids["Order"]
        if name.startswith("codeReport"):
            await a_code_report(shops.installation, goods)
            own["CodeReport"] = goods.ids["CodeReport"]
        if name.startswith("webhook"):
            await a_webhook(shops.installation, goods)
            own |= {kind: goods.ids[kind] for kind in ("Webhook", "WebhookDelivery")}
        if name == "orderCodeReport":
            await a_sold_code(shops.installation, goods)
            own["Code"] = goods.ids["Code"]
        if name.startswith("refund"):
            await a_due_refund(shops.installation, goods)
            own["Refund"] = goods.ids["Refund"]
        if name.startswith(("member", "invitation")) or name == "shopLeave":
            member = await a_member(shops.installation, goods)
            goods.owner = member if name == "shopLeave" else goods.owner
            own |= {kind: goods.ids[kind] for kind in ("Member", "Invitation")}
        filled = Filled(name, own)
        if name == "customerLinkFollow":
            filled = Filled(name, own, ("token",), goods.words["customer link"])
        if name == "codesPreview":
            filled = Filled(name, own, ("input", "text"), _a_table(goods.stocked))
        if name in ("orderCancel", "orderPaymentCheck"):
            filled = Filled(name, own, ("token",), goods.words["pending token"])
        if name == "orderCodeReport":
            filled = Filled(name, own, ("token",), goods.words["delivered token"])
        ways = [filled.of(field_.args)]
        if name == "cartComplete":
            # Sent again, it answers where the waiting order is paid.
            ways.append(dict(goods.placed))
        if name in ("codeReveal", "codesDelete"):
            ways.append(Filled(name, own | {"Code": goods.packed}).of(field_.args))
        if name == "productUpdate":
            price = {"amount": "8.88", "currencyCode": "CNY"}
            variant = {"id": own["Variant"], "name": f"{THEIRS} variant", "prices": [price]}
            ways.append({"id": own["Product"], "input": {"variants": [variant]}, "dryRun": True})
        if name in ("productUpdate", "orderRefund"):
            ways.append(ways[0] | {"dryRun": False})
        (text,) = documents(built(surface), operation, name)
        for way in ways:
            answer = await shops.ask(surface, goods, text, way)
            assert "errors" not in answer, (name, answer)
            assert answer["data"][name]["userErrors"] == [], name
            for kind, one, value in reached(answer["data"]):
                seen.setdefault((kind, one), []).append(value)
        goods.owner = shops.theirs.owner
    return seen


VOCABULARY = frozenset({
    "amount", "batch", "changed", "separator", "currencies", "currencyCode", "cursor", "date",
    "defaultCurrency",
    "defaultLocale", "deletedId", "encoding", "endCursor", "formatted", "hint", "key", "kind",
    "lastOn",
    "locale", "locales", "masked", "message", "methodName", "number", "orderNumber", "path",
    "paymentMethodName", "preset", "purpose", "removedId", "secretEnding", "secretKeyEnding",
    "startCursor",
    "statusNote", "themePreset", "token", "webhookSecretEnding",
})  # fmt: skip
"""Texts that are the product's words or numbers, not the merchant's or buyer's."""
OURS = {
    ("ActivityEntry", "address"), ("ActivityEntry", "operation"), ("ActivityEntry", "userAgent"),
    ("ChangedField", "name"), ("ChangedLine", "label"), ("Session", "address"),
    ("TotpSetup", "secret"),
    ("Session", "browser"),
    ("ApiToken", "publicToken"), ("ApiTokenCreatePayload", "secret"),
    ("WebhookCreatePayload", "secret"),
    ("WebhookSecretRotatePayload", "secret"), ("WebhookSample", "document"),
    ("CustomerLinkFollowPayload", "sessionToken"),
    ("CustomerSessionCreatePayload", "sessionToken"),
    ("MailHole", "name"), ("MailTextPart", "ours"), ("TrustedDocument", "documentId"),
    ("BadLine", "reason"), ("CodesImported", "problem"), ("Job", "result"),
    ("PaymentMethod", "name"),
    ("StagedUpload", "url"), ("UploadHeader", "name"), ("UploadHeader", "value"),
    ("Refund", "reason"), ("Shop", "slug"), ("ThemeToken", "name"),
}  # fmt: skip
ADDRESSES = {("CartCompletePayload", "redirectUrl")}
"""Addresses that only a buyer may know: they carry a canary like a text."""


@pytest.mark.parametrize("surface", SHOP_SURFACES)
async def test_the_owner_reaches_every_field_and_sees_her_own_words(
    shops: Shops, surface: Surface
) -> None:
    with agreeing() as agreement:
        seen = await _own(shops, surface)
        await resume(shops.installation, shops.theirs)
        try:
            done = await _done(shops, surface)
        finally:
            await suspend(shops.installation, shops.theirs)
    # Nothing that is answered without an error needs the stock executor.
    assert agreement.ways.keys() == {
        f"{kind} by its plan" for kind in ("query", "mutation", "subscription")
    }
    for key, values in done.items():
        seen.setdefault(key, []).extend(values)

    schema = built(surface)
    outside = {f"{name[0].upper()}{name[1:]}Payload" for name in NOT_OURS}
    wanted = {
        (kind, name)
        for kind, name in fields_of(schema)
        if kind not in outside and not kind.endswith("UserError")
    }
    assert wanted - set(seen) == set()
    assert {key for key in wanted if all(one is None for one in seen[key])} == set()
    texts = {
        (kind, name)
        for kind, name in wanted - OURS
        if (name not in VOCABULARY and is_text(schema, kind, name)) or (kind, name) in ADDRESSES
    }
    telling = {key for key in texts if tells({"seen": seen[key]}, THEIRS)}
    assert texts - telling == set()
    print(f"{surface}: {len(wanted)} fields reached, {len(telling)} of them with a canary")
    if surface == "admin":
        await _all_recorded(shops)


async def _all_recorded(shops: Shops) -> None:
    """Whatever the owner has just done stands in the audit log, and nothing that is excused."""
    async with database.transaction(shops.theirs.shop.id) as tx:
        rows = await tx.rows("select distinct operation from audit_entries")
    found = {row["operation"] for row in rows} - {"system", *OPERATOR}
    done = {name for operation, name, _ in roots("admin") if operation == "mutation"} - NOT_OURS
    assert found == done - UNRECORDED.keys()
