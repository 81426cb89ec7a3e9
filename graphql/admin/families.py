"""The families of refusals of the merchants' schema."""

from enum import Enum

from keystall.graphql.describing import described, object_type
from keystall.graphql.refusals import UserError, error_codes

AccountErrorCode = error_codes(
    "AccountErrorCode", "an account",
    "REQUIRED", "TOO_LONG", "INVALID", "EMAIL_INVALID", "PASSWORD_TOO_SHORT", "PASSWORD_TOO_LONG",
    "PASSWORD_TOO_COMMON", "PASSWORD_WRONG", "CREDENTIALS_WRONG", "EMAIL_UNCONFIRMED",
    "LINK_INVALID", "THROTTLED", "NOT_FOUND", "CONFLICT", "STEP_CODE_WRONG", "STEP_OVER",
    "PASSKEY_REFUSED", "LIMIT_REACHED",
)  # fmt: skip
ShopErrorCode = error_codes(
    "ShopErrorCode", "a shop",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "TAKEN", "CONFLICT", "RESERVED",
    "LOCALE_UNKNOWN", "CURRENCY_UNKNOWN", "LIMIT_REACHED", "OUT_OF_RANGE",
)  # fmt: skip
ProductErrorCode = error_codes(
    "ProductErrorCode", "a product",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "TAKEN", "CONFLICT", "DUPLICATE", "TOO_MANY",
    "CURRENCY_UNAVAILABLE", "LOCALE_UNAVAILABLE", "AMOUNT_INVALID", "FORBIDDEN_GOODS",
)  # fmt: skip
CategoryErrorCode = error_codes(
    "CategoryErrorCode", "a category",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "TAKEN", "CONFLICT", "DUPLICATE",
    "LOCALE_UNAVAILABLE",
)  # fmt: skip
CodeErrorCode = error_codes(
    "CodeErrorCode", "codes",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "CONFLICT", "TOO_MANY", "BAD_LINES",
    "ENCODING_UNKNOWN", "CODE_SOLD", "CODE_RESERVED", "IDEMPOTENCY_MISMATCH", "KEYS_DESTROYED",
    "AMOUNT_INVALID", "BATCH_SOLD", "BATCH_UNDONE", "PASSWORD_NEEDED", "PERSON_NEEDED",
    "PASSWORD_WRONG", "THROTTLED",
)  # fmt: skip
MailTextErrorCode = error_codes(
    "MailTextErrorCode", "the words of a letter",
    "REQUIRED", "TOO_LONG", "INVALID", "HOLE_UNKNOWN", "ADDRESS_IN_TEXT", "PERSON_NEEDED",
    "THROTTLED", "MAIL_UNSENT",
)  # fmt: skip
JobErrorCode = error_codes("JobErrorCode", "a job", "NOT_FOUND", "CONFLICT")
OrderErrorCode = error_codes(
    "OrderErrorCode", "an order",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "CONFLICT", "SOLD_OUT", "AMOUNT_INVALID",
    "ABOVE_PAYMENT", "IDEMPOTENCY_MISMATCH", "IN_FLIGHT",
)  # fmt: skip
PaymentMethodErrorCode = error_codes(
    "PaymentMethodErrorCode", "a way to pay",
    "REQUIRED", "INVALID", "NOT_FOUND", "TAKEN", "CONFLICT", "PLACEHOLDER", "KEY_REFUSED",
    "OTHER_ACCOUNT", "PROVIDER_AWAY", "WEBHOOK_RIGHTS", "WEBHOOK_REFUSED", "IN_USE",
)  # fmt: skip
ApiTokenErrorCode = error_codes(
    "ApiTokenErrorCode", "an API token",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "LIMIT_REACHED", "OUT_OF_RANGE",
    "EXPIRY_OUT_OF_RANGE", "TOO_MANY", "ORIGIN_INVALID", "ORIGIN_INSECURE",
)  # fmt: skip
UploadErrorCode = error_codes(
    "UploadErrorCode", "a file to send", "REQUIRED", "TOO_LONG", "INVALID", "OUT_OF_RANGE",
)  # fmt: skip
WebhookErrorCode = error_codes(
    "WebhookErrorCode", "a webhook",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "CONFLICT", "LIMIT_REACHED", "THROTTLED",
    "WEBHOOK_ADDRESS", "EVENTS_MIXED", "DOCUMENT_INVALID", "DOCUMENT_SHOWS_CODES",
    "DOCUMENT_NOT_ALLOWED", "KEYS_DESTROYED",
)  # fmt: skip

TrustedDocumentErrorCode = error_codes(
    "TrustedDocumentErrorCode", "a trusted document",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "LIMIT_REACHED", "DOCUMENT_FAULTY",
    "DOCUMENT_TOO_COSTLY",
)  # fmt: skip


StaffErrorCode = error_codes(
    "StaffErrorCode", "staff",
    "EMAIL_INVALID", "NOT_FOUND", "CONFLICT", "MEMBER_ALREADY", "LAST_OWNER", "OTHER_PERSON",
    "ACCOUNT_EXISTS", "LINK_INVALID", "LIMIT_REACHED", "PASSWORD_TOO_SHORT", "PASSWORD_TOO_LONG",
    "PASSWORD_TOO_COMMON", "THROTTLED",
)  # fmt: skip


@object_type
class AccountUserError(UserError):
    """Why a request about an account was refused."""

    family = AccountErrorCode
    code: Enum = described("The reason for programs.", graphql_type=AccountErrorCode)


@object_type
class ShopUserError(UserError):
    """Why a request about a shop was refused."""

    family = ShopErrorCode
    code: Enum = described("The reason for programs.", graphql_type=ShopErrorCode)


@object_type
class ProductUserError(UserError):
    """Why a request about a product was refused."""

    family = ProductErrorCode
    code: Enum = described("The reason for programs.", graphql_type=ProductErrorCode)


@object_type
class CategoryUserError(UserError):
    """Why a request about a category was refused."""

    family = CategoryErrorCode
    code: Enum = described("The reason for programs.", graphql_type=CategoryErrorCode)


@object_type
class CodeUserError(UserError):
    """Why a request about codes was refused."""

    family = CodeErrorCode
    code: Enum = described("The reason for programs.", graphql_type=CodeErrorCode)


@object_type
class UploadUserError(UserError):
    """Why a request to send a file was refused."""

    family = UploadErrorCode
    code: Enum = described("The reason for programs.", graphql_type=UploadErrorCode)


@object_type
class TrustedDocumentUserError(UserError):
    """Why a request about a trusted document was refused."""

    family = TrustedDocumentErrorCode
    code: Enum = described("The reason for programs.", graphql_type=TrustedDocumentErrorCode)


@object_type
class JobUserError(UserError):
    """Why a request about a job was refused."""

    family = JobErrorCode
    code: Enum = described("The reason for programs.", graphql_type=JobErrorCode)


@object_type
class OrderUserError(UserError):
    """Why a request about an order was refused."""

    family = OrderErrorCode
    code: Enum = described("The reason for programs.", graphql_type=OrderErrorCode)


@object_type
class PaymentMethodUserError(UserError):
    """Why a request about a way to pay was refused."""

    family = PaymentMethodErrorCode
    code: Enum = described("The reason for programs.", graphql_type=PaymentMethodErrorCode)


@object_type
class ApiTokenUserError(UserError):
    """Why a request about an API token was refused."""

    family = ApiTokenErrorCode
    code: Enum = described("The reason for programs.", graphql_type=ApiTokenErrorCode)


@object_type
class WebhookUserError(UserError):
    """Why a request about a webhook was refused."""

    family = WebhookErrorCode
    code: Enum = described("The reason for programs.", graphql_type=WebhookErrorCode)


@object_type
class MailTextUserError(UserError):
    """Why a request about the words of a letter was refused."""

    family = MailTextErrorCode
    code: Enum = described("The reason for programs.", graphql_type=MailTextErrorCode)


@object_type
class StaffUserError(UserError):
    """Why a request about a shop's staff was refused."""

    family = StaffErrorCode
    code: Enum = described("The reason for programs.", graphql_type=StaffErrorCode)
