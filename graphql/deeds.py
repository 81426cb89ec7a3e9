"""Every mutation is somebody's deed: before it runs, the audit log is told whose.

`recorded` wraps the mutations of a built schema, and refuses to build one that has a mutation which
is neither a deed nor excused.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from keystall.graphql.context import Program, RequestContext
from keystall.graphql.ids import decode
from keystall.graphql.schema import KeystallSchema
from keystall.tenants.audit.acting import Act, ActorKind, acting

ADMIN: Mapping[str, str] = {
    "shopCreate": "shop",
    "shopUpdate": "shop",
    "shopClose": "shop",
    "shopReopen": "shop",
    "shopAskApproval": "shop",
    "checklistDismiss": "shop",
    "apiTokenCreate": "api_token",
    "apiTokenRevoke": "api_token",
    "storefrontTokenCreate": "api_token",
    "productCreate": "product",
    "productUpdate": "product",
    "productArchive": "product",
    "categoryCreate": "category",
    "categoryUpdate": "category",
    "categoryDelete": "category",
    "codesImport": "variant",
    "codesDelete": "code",
    "batchUndo": "variant",
    "variantSellingUpdate": "variant",
    "jobCancel": "job",
    "orderResend": "order",
    "orderCancel": "order",
    "orderBuyerErase": "order",
    "orderRefund": "order",
    "orderComplete": "order",
    "refundAccept": "order",
    "refundPaidBack": "order",
    "refundRetry": "order",
    "codeReportReplace": "order",
    "codeReportRefund": "order",
    "codeReportReject": "order",
    "paymentMethodCreate": "payment_account",
    "paymentMethodUpdate": "payment_account",
    "paymentMethodOpen": "payment_account",
    "paymentMethodClose": "payment_account",
    "paymentMethodRemove": "payment_account",
    "webhookCreate": "webhook",
    "webhookUpdate": "webhook",
    "webhookDelete": "webhook",
    "webhookSecretRotate": "webhook",
    "webhookTest": "webhook",
    "webhookReplay": "webhook",
    "webhookDeliveryReplay": "webhook",
    "mailTextUpdate": "mail_text",
    "mailTextReset": "mail_text",
    "trustedDocumentRegister": "trusted_document",
    "trustedDocumentDelete": "trusted_document",
    "memberInvite": "invitation",
    "memberUpdate": "member",
    "memberRemove": "member",
    "invitationResend": "invitation",
    "invitationWithdraw": "invitation",
    "invitationAccept": "member",
    "shopLeave": "member",
}
"""Mutations of merchants and the kind of thing that each is about."""

OPERATOR: Mapping[str, str] = {
    "shopSuspend": "shop",
    "shopResume": "shop",
    "shopApprove": "shop",
    "shopDecline": "shop",
    "listingStop": "product",
    "personErase": "shop",
}
"""Mutations of the operator, which the shop's own log tells of."""

UNRECORDED: Mapping[str, str] = {
    "accountCreate": "of a person, in no shop",
    "accountConfirm": "of a person, in no shop",
    "sessionCreate": "of a person, in no shop",
    "sessionEnd": "of a person, in no shop",
    "passwordResetRequest": "of a person, in no shop",
    "passwordReset": "of a person, in no shop",
    "passwordConfirm": "of a person, in no shop",
    "passwordChange": "of a person, in no shop",
    "secondStepPass": "of a person, in no shop",
    "totpBegin": "of a person, in no shop",
    "totpConfirm": "of a person, in no shop; its owner is written to",
    "totpEnd": "of a person, in no shop; its owner is written to",
    "recoveryCodesRenew": "of a person, in no shop",
    "passkeyBegin": "of a person, in no shop",
    "passkeyAdd": "of a person, in no shop; its owner is written to",
    "passkeyRename": "of a person, in no shop",
    "passkeyRemove": "of a person, in no shop; its owner is written to",
    "passkeyAttempt": "of a person, in no shop",
    "passkeyStep": "of a person, in no shop",
    "passkeySignIn": "of a person, in no shop",
    "invitationSignUp": "recorded as `invitationAccept`, by the person who has come of it",
    "sessionRevoke": "of a person, in no shop",
    "sessionsEndOthers": "of a person, in no shop",
    "codesPreview": "changes nothing",
    "stagedUploadCreate": "changes nothing; what is done with the file is recorded",
    "mailPreview": "changes nothing",
    "mailTestSend": "changes nothing; mails whoever asks",
    "failedWorkRetry": "written to `operator_actions`",
    "failedWorkRetryAll": "written to `operator_actions`",
    "failedWorkDrop": "written to `operator_actions`",
    "failedWorkDropAll": "written to `operator_actions`",
    "mailTest": "written to `operator_actions`",
    "forbiddenTermAdd": "written to `operator_actions`",
    "forbiddenTermRemove": "written to `operator_actions`",
    "forbiddenTextTry": "changes nothing",
    "personPreview": "changes nothing",
    "shopLook": "written to `operator_actions`",
    "codeReveal": "written to `reveals`, with who, when and from where, for each code",
}
"""Mutations that leave no entry, each for its reason."""

TYPES: Mapping[str, str] = {
    "shop": "Shop",
    "product": "Product",
    "category": "Category",
    "variant": "Variant",
    "code": "Code",
    "job": "Job",
    "order": "Order",
    "api_token": "ApiToken",
    "webhook": "Webhook",
    "payment_account": "PaymentMethod",
    "trusted_document": "TrustedDocument",
    "member": "Member",
    "invitation": "Invitation",
}
"""The API's type of each kind of thing that has an id of its own."""


def recorded(
    schema: KeystallSchema, deeds: Mapping[str, str], *, kind: ActorKind = "account"
) -> KeystallSchema:
    """`schema`, its mutations done in the name of whoever asks: a person counts as `kind`.

    Raises LookupError for a mutation that nobody has classified.
    """
    mutation = schema._schema.mutation_type
    fields = mutation.fields if mutation is not None else {}
    for name, field in fields.items():
        if name in deeds:
            field.resolve = _done(field.resolve, name, deeds[name], kind)
        elif name not in UNRECORDED:
            raise LookupError(f"{name}: say in graphql/deeds.py what it is about, or why not")
    return schema


def _done(resolve: Any, operation: str, about: str, kind: ActorKind) -> Callable[..., Any]:
    async def done(source: Any, info: Any, **given: Any) -> Any:
        act = _act(info.context, operation, about, kind, given)
        if act is None:
            # Whoever nobody knows is refused by the mutation itself.
            answer = resolve(source, info, **given)
            return await answer if inspect.isawaitable(answer) else answer
        with acting(act):
            answer = resolve(source, info, **given)
            return await answer if inspect.isawaitable(answer) else answer

    return done


def _act(
    context: RequestContext, operation: str, about: str, kind: ActorKind, given: Mapping[str, Any]
) -> Act | None:
    match context.viewer:
        case None:
            return None
        case Program(token_id=token_id):
            who: tuple[ActorKind, UUID, str] = ("token", token_id, "")
        case person:
            # A merchant learns that an operator did it, not which.
            name = "" if kind == "operator" else person.email
            who = (kind, person.account_id, name)
    return Act(
        *who,
        operation,
        about,
        _named(about, given),
        address=context.address,
        user_agent=context.user_agent,
    )


def _named(about: str, given: Mapping[str, Any]) -> UUID | None:
    """The thing of the kind `about` that the arguments name; None where they name none."""
    inner = given.get("input")
    for value in (*given.values(), *(inner.values() if isinstance(inner, dict) else ())):
        if isinstance(value, str):
            found, row = decode(value)
            if found and TYPES.get(about) == found:
                return row
    return None
