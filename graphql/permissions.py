"""Who may ask what of the admin schema: enforced here, for every field and mutation of it.

`guarded` wraps a built schema and refuses to build one in which somebody forgot to say it. A root
field has a permission of its own. Below it every type has one: a field that answers things of that
type is resolved for whoever may see them, however they are come upon. `FIELDS` are those that take
more than the type they stand in. Refused is FORBIDDEN, before anything is read or done.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from keystall.graphql.guards import Guarded, GuardedKinds
from keystall.graphql.schema import KeystallSchema
from keystall.tenants.staff.roles import Permission

_P = Permission

ROOTS: Mapping[str, Permission | None] = {
    # Of a person, or of whoever holds the secret that is asked with.
    "viewer": None,
    "accountLink": None,
    "invitationLink": None,
    "secondStep": None,
    "accountCreate": None,
    "accountConfirm": None,
    "sessionCreate": None,
    "sessionEnd": None,
    "sessionRevoke": None,
    "sessionsEndOthers": None,
    "passwordResetRequest": None,
    "passwordReset": None,
    "passwordChange": None,
    "secondStepPass": None,
    "totpBegin": None,
    "totpConfirm": None,
    "totpEnd": None,
    "recoveryCodesRenew": None,
    "passkeyBegin": None,
    "passkeyAdd": None,
    "passkeyRename": None,
    "passkeyRemove": None,
    "passkeyAttempt": None,
    "passkeyStep": None,
    "passkeySignIn": None,
    "invitationAccept": None,
    "invitationSignUp": None,
    "shopCreate": None,
    "shopLeave": None,
    # By the type of what is asked for.
    "shop": None,
    "node": None,
    "nodes": None,
    "checklist": _P.OVERVIEW,
    "dashboard": _P.OVERVIEW,
    "products": _P.OVERVIEW,
    "product": _P.OVERVIEW,
    "variant": _P.OVERVIEW,
    "categories": _P.OVERVIEW,
    "category": _P.OVERVIEW,
    "orders": _P.ORDERS,
    "order": _P.ORDERS,
    "refunds": _P.ORDERS,
    "codeReports": _P.ORDERS,
    "orderResend": _P.ORDERS,
    "orderCancel": _P.MONEY,
    "orderBuyerErase": _P.SETTINGS,
    "orderRefund": _P.MONEY,
    "orderComplete": _P.MONEY,
    "refundAccept": _P.MONEY,
    "refundPaidBack": _P.MONEY,
    "refundRetry": _P.MONEY,
    "codeReportReplace": _P.MONEY,
    "codeReportRefund": _P.MONEY,
    "codeReportReject": _P.MONEY,
    "descriptionPreview": _P.CATALOG,
    "productCreate": _P.CATALOG,
    "productUpdate": _P.CATALOG,
    "productArchive": _P.CATALOG,
    "categoryCreate": _P.CATALOG,
    "categoryUpdate": _P.CATALOG,
    "categoryDelete": _P.CATALOG,
    "job": _P.STOCK,
    "jobChanged": _P.STOCK,
    "upload": _P.STOCK,
    "codesPreview": _P.STOCK,
    "codesImport": _P.STOCK,
    "codesDelete": _P.STOCK,
    # Pictures take CATALOG instead: the mutation itself sees to it.
    "stagedUploadCreate": None,
    "codeReveal": _P.STOCK,
    "passwordConfirm": _P.STOCK,
    "batchUndo": _P.STOCK,
    "variantSellingUpdate": _P.STOCK,
    "jobCancel": _P.STOCK,
    "shopUpdate": _P.SETTINGS,
    "checklistDismiss": _P.SETTINGS,
    "mailText": _P.SETTINGS,
    "mailTexts": _P.SETTINGS,
    "mailTextUpdate": _P.SETTINGS,
    "mailTextReset": _P.SETTINGS,
    "mailPreview": _P.SETTINGS,
    "mailTestSend": _P.SETTINGS,
    "trustedDocuments": _P.SETTINGS,
    "trustedDocumentRegister": _P.SETTINGS,
    "trustedDocumentDelete": _P.SETTINGS,
    "activity": _P.ACTIVITY,
    "activityActors": _P.ACTIVITY,
    "shopClose": _P.CLOSING,
    "shopReopen": _P.CLOSING,
    "shopAskApproval": _P.CLOSING,
    "paymentMethodCreate": _P.PAYMENT_ACCOUNTS,
    "paymentMethodUpdate": _P.PAYMENT_ACCOUNTS,
    "paymentMethodOpen": _P.PAYMENT_ACCOUNTS,
    "paymentMethodClose": _P.PAYMENT_ACCOUNTS,
    "paymentMethodRemove": _P.PAYMENT_ACCOUNTS,
    "apiToken": _P.TOKENS,
    "apiTokens": _P.TOKENS,
    "apiTokenCreate": _P.TOKENS,
    "apiTokenRevoke": _P.TOKENS,
    "storefrontTokenCreate": _P.TOKENS,
    "webhooks": _P.WEBHOOKS,
    "webhook": _P.WEBHOOKS,
    "webhookSamples": _P.WEBHOOKS,
    "webhookDeliveries": _P.WEBHOOKS,
    "webhookDelivery": _P.WEBHOOKS,
    "webhookCreate": _P.WEBHOOKS,
    "webhookUpdate": _P.WEBHOOKS,
    "webhookDelete": _P.WEBHOOKS,
    "webhookSecretRotate": _P.WEBHOOKS,
    "webhookTest": _P.WEBHOOKS,
    "webhookReplay": _P.WEBHOOKS,
    "webhookDeliveryReplay": _P.WEBHOOKS,
    "members": _P.STAFF,
    "invitations": _P.STAFF,
    "memberInvite": _P.STAFF,
    "invitationResend": _P.STAFF,
    "invitationWithdraw": _P.STAFF,
    "memberUpdate": _P.STAFF,
    "memberRemove": _P.STAFF,
}
"""What each query, mutation and subscription takes. None: nothing of a shop's, or what its answer
takes."""

TYPES: Mapping[str, Permission | None] = {
    # What any member may see, or what says nothing by itself.
    "AccountLink": None,
    "Image": None,
    "InvitationLink": None,
    "Membership": None,
    "Money": None,
    "NameTranslation": None,
    "PageInfo": None,
    "Passkey": None,
    "SecondStep": None,
    "Session": None,
    "Shop": None,
    "StagedUpload": None,
    "ShopTranslation": None,
    "Totp": None,
    "UploadHeader": None,
    "TotpSetup": None,
    "Viewer": None,
    "BuyerField": _P.OVERVIEW,
    "Category": _P.OVERVIEW,
    "Checklist": _P.OVERVIEW,
    "ChecklistStep": _P.OVERVIEW,
    "DailyOrders": _P.OVERVIEW,
    "Dashboard": _P.OVERVIEW,
    "PriceChange": _P.CATALOG,
    "Product": _P.OVERVIEW,
    "ProductTranslation": _P.OVERVIEW,
    "ProductUpdatePreview": _P.CATALOG,
    "Sales": _P.OVERVIEW,
    "Stock": _P.OVERVIEW,
    "Variant": _P.OVERVIEW,
    "CodeReport": _P.ORDERS,
    "DeliveredCode": _P.ORDERS,
    "Dispute": _P.ORDERS,
    "Order": _P.ORDERS,
    "OrderBuyerField": _P.ORDERS,
    "OrderEvent": _P.ORDERS,
    "OrderLine": _P.ORDERS,
    "Payment": _P.ORDERS,
    "Refund": _P.ORDERS,
    "RefundPreview": _P.MONEY,
    "BadLine": _P.STOCK,
    "Batch": _P.STOCK,
    "Code": _P.STOCK,
    "CodesImported": _P.STOCK,
    "CodesPreview": _P.STOCK,
    "DuplicateLine": _P.STOCK,
    "FileColumn": _P.STOCK,
    "Job": _P.STOCK,
    "SampleLine": _P.STOCK,
    "Selling": _P.STOCK,
    "StockedLine": _P.STOCK,
    "Upload": _P.STOCK,
    "MailHole": _P.SETTINGS,
    "MailPreview": _P.SETTINGS,
    "MailText": _P.SETTINGS,
    "MailTextPart": _P.SETTINGS,
    "TrustedDocument": _P.SETTINGS,
    "ActivityEntry": _P.ACTIVITY,
    "Actor": _P.ACTIVITY,
    "Change": _P.ACTIVITY,
    "ChangedField": _P.ACTIVITY,
    "ChangedLine": _P.ACTIVITY,
    "PaymentMethod": _P.PAYMENT_ACCOUNTS,
    "ApiToken": _P.TOKENS,
    "ApiTokenDay": _P.TOKENS,
    "ApiTokenDeprecatedUse": _P.TOKENS,
    "ApiTokenUsage": _P.TOKENS,
    "Webhook": _P.WEBHOOKS,
    "WebhookDelivery": _P.WEBHOOKS,
    "WebhookSample": _P.WEBHOOKS,
    "WebhookTry": _P.WEBHOOKS,
    "Member": _P.STAFF,
    "Invitation": _P.STAFF,
}
"""What each type of answers takes. Connections and edges take what they hold does; payloads and
their errors come of a mutation that was allowed."""

FIELDS: Mapping[tuple[str, str], Permission] = {
    ("DeliveredCode", "masked"): _P.STOCK,
}
"""Fields that take more than the type they stand in."""

_DERIVED = ("Payload", "UserError", "Connection", "Edge")


def guarded(schema: KeystallSchema) -> KeystallSchema:
    """`schema`, answering to each only what they may ask.

    Raises LookupError for a root field or a type that nobody has classified, and for a name here
    that the schema does not have.
    """
    built = schema._schema
    roots = {
        kind.name: kind
        for kind in (built.query_type, built.mutation_type, built.subscription_type)
        if kind
    }
    objects = {
        name: kind
        for name, kind in built.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }
    _closed("root fields", ROOTS.keys(), {f for kind in roots.values() for f in kind.fields})
    _closed(
        "types",
        TYPES.keys(),
        {name for name in objects if name not in roots and not name.endswith(_DERIVED)},
    )
    named = {(kind, name) for kind, one in objects.items() for name in one.fields}
    if FIELDS.keys() - named:
        raise LookupError(f"no such fields: {sorted(FIELDS.keys() - named)}")
    for kind in objects.values():
        for name, field in kind.fields.items():
            needed = needed_for(kind, name)
            if needed:
                field.resolve = Guarded(needed, field.resolve)
    for abstract in built.type_map.values():
        if isinstance(abstract, GraphQLUnionType):
            raise LookupError(f"{abstract.name}: unions are not guarded yet")
        if isinstance(abstract, GraphQLInterfaceType):
            asked: Any = abstract.resolve_type  # strawberry gives every interface one
            abstract.resolve_type = GuardedKinds(TYPES, asked)
    return schema


def needed_for(kind: GraphQLObjectType, name: str) -> frozenset[Permission]:
    """What a field of an object type of the admin schema takes, besides what its object does."""
    root = kind.name in ("Query", "Mutation", "Subscription")
    wanted = {ROOTS[name] if root else FIELDS.get((kind.name, name))}
    wanted |= {TYPES[one] for one in _held(get_named_type(kind.fields[name].type))}
    return frozenset(one for one in wanted if one is not None)


def _closed(what: str, declared: Any, there: set[str]) -> None:
    if declared != there:
        raise LookupError(f"{what} that graphql/permissions.py should name: {declared ^ there}")


def _held(kind: GraphQLNamedType) -> Iterator[str]:
    """The classified types that a field of this type answers, connections and edges unwrapped."""
    if not isinstance(kind, GraphQLObjectType):
        return
    if kind.name in TYPES:
        yield kind.name
    for inner in ("nodes", "node"):
        if kind.name.endswith(("Connection", "Edge")) and inner in kind.fields:
            yield from _held(get_named_type(kind.fields[inner].type))
