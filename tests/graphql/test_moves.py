"""Every mutation that moves money or stock takes an idempotency key, and none can be forgotten."""

from collections.abc import Mapping

import pytest
from graphql import GraphQLField, GraphQLNonNull

from keystall.graphql.executor import SCHEMAS, Surface
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.factories import a_product, a_shop, a_viewer, some_codes, the_variant
from tests.graphql.asking import ask, merchant

MOVES: Mapping[Surface, frozenset[str]] = {
    "storefront": frozenset({"cartComplete", "orderCancel"}),
    "admin": frozenset({
        "batchUndo", "codeReportRefund", "codeReportReject", "codeReportReplace", "codesDelete",
        "codesImport", "orderCancel", "orderComplete", "orderRefund", "refundAccept",
        "refundPaidBack", "refundRetry",
    }),
    "operator": frozenset(),
}  # fmt: skip
"""What sends, takes or books money, or puts codes in stock, holds, sells, frees or deletes them."""

EXCUSED: Mapping[Surface, Mapping[str, str]] = {
    "storefront": {
        "no money, no goods: carts hold nothing": (
            "cartCreate cartLinesAdd cartLinesUpdate cartLinesRemove cartBuyerUpdate"
        ),
        "finds payments; each is booked once, by the provider's reference": "orderPaymentCheck",
        "words and mails": "orderLinkSend orderCodeReport customerLinkSend",
        "who somebody is": (
            "customerLinkFollow customerSessionCreate customerSessionEnd customerSessionsEnd"
            " customerPasswordSet"
        ),
    },
    "admin": {
        "who somebody is": (
            "accountCreate accountConfirm sessionCreate sessionEnd passwordResetRequest"
            " passwordReset sessionRevoke sessionsEndOthers passwordChange secondStepPass totpBegin"
            " totpConfirm totpEnd recoveryCodesRenew passkeyBegin passkeyAdd passkeyRename"
            " passkeyRemove passkeyAttempt passkeyStep passkeySignIn passwordConfirm"
        ),
        "who works here, and what they may": (
            "memberInvite invitationResend invitationWithdraw memberUpdate memberRemove shopLeave"
            " invitationAccept invitationSignUp apiTokenCreate apiTokenRevoke"
            " storefrontTokenCreate"
        ),
        "the shop and its words": (
            "shopCreate shopUpdate shopClose shopReopen shopAskApproval checklistDismiss"
            " mailTextUpdate mailTextReset mailPreview mailTestSend trustedDocumentRegister"
            " trustedDocumentDelete"
        ),
        "what is offered: prices and shelves, not what lies on them": (
            "productCreate productUpdate productArchive categoryCreate categoryUpdate"
            " categoryDelete variantSellingUpdate"
        ),
        "which ways to pay are open; sends and takes nothing": (
            "paymentMethodCreate paymentMethodUpdate paymentMethodOpen paymentMethodClose"
            " paymentMethodRemove"
        ),
        "looks, and moves nothing": "codesPreview codeReveal",
        "a file, which moves nothing until an import takes it": "stagedUploadCreate",
        "asks a job to stop; what it added stays": "jobCancel",
        "a mail, or a name taken off": "orderResend orderBuyerErase",
        "tells others": (
            "webhookCreate webhookUpdate webhookDelete webhookSecretRotate webhookTest"
            " webhookReplay webhookDeliveryReplay"
        ),
    },
    "operator": {
        "hands work out again, which each claims in the database, once": (
            "failedWorkRetry failedWorkRetryAll failedWorkDrop failedWorkDropAll"
        ),
        "what may be on sale": (
            "forbiddenTermAdd forbiddenTermRemove forbiddenTextTry listingStop"
        ),
        "who somebody was; their money and goods stay": "personPreview personErase",
        "which shops are open": "shopSuspend shopApprove shopDecline shopLook shopResume",
        "a mail": "mailTest",
    },
}  # fmt: skip
"""Everything else, by the reason why asking twice harms nobody's money or stock."""


def mutations(surface: Surface) -> Mapping[str, GraphQLField]:
    root = SCHEMAS[surface]._schema.mutation_type
    assert root is not None
    fields: Mapping[str, GraphQLField] = root.fields
    return fields


@pytest.mark.parametrize("surface", list(SCHEMAS))
def test_every_mutation_moves_money_or_stock_or_is_excused_for_a_reason(surface: Surface) -> None:
    excused = [name for names in EXCUSED[surface].values() for name in names.split()]
    assert sorted([*MOVES[surface], *excused]) == sorted(mutations(surface))


@pytest.mark.parametrize("surface", list(SCHEMAS))
def test_what_moves_money_or_stock_and_nothing_else_takes_an_idempotency_key(
    surface: Surface,
) -> None:
    fields = mutations(surface)
    taking = {name for name, field in fields.items() if "idempotencyKey" in field.args}
    assert taking == MOVES[surface]
    for name in taking:
        family = SCHEMAS[surface]._schema.get_type(_family(fields[name]))
        assert family is not None
        assert {"IDEMPOTENCY_MISMATCH", "INVALID"} <= set(family.values), name  # type: ignore[attr-defined]  # an enum


def _family(field: GraphQLField) -> str:
    """The name of the enum of a mutation's refusals."""
    payload = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    errors = payload.fields["userErrors"].type.of_type.of_type.of_type  # type: ignore[union-attr]  # an object
    name: str = errors.fields["code"].type.of_type.name
    return name


async def test_a_key_replays_over_the_api_and_says_why_it_will_not(
    installation: Installation,
) -> None:
    owner: Viewer = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    variant = await the_variant(shop, await a_product(installation, shop))
    await some_codes(installation, shop, variant.id, 2)
    listed = await ask(
        "admin",
        merchant(installation, shop, owner),
        "{ products(first: 1) { nodes { variants { codes(first: 2) { nodes { id } } } } } }",
    )
    codes = [row["id"] for row in listed["products"]["nodes"][0]["variants"][0]["codes"]["nodes"]]

    async def delete(code: str) -> object:
        document = """mutation ($ids: [ID!]!) {
          codesDelete(ids: $ids, idempotencyKey: "delete-once") {
            deletedIds userErrors { path code } } }"""
        answer = await ask("admin", merchant(installation, shop, owner), document, ids=[code])
        return answer["codesDelete"]

    gone = {"deletedIds": [codes[0]], "userErrors": []}
    assert [await delete(codes[0]), await delete(codes[0])] == [gone, gone]
    assert await delete(codes[1]) == {
        "deletedIds": None,
        "userErrors": [{"path": ["idempotencyKey"], "code": "IDEMPOTENCY_MISMATCH"}],
    }
