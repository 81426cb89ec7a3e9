"""The console's page table: everything a merchant does, under `/console/{slug}`."""

from keystall.themes.engine import Form, Page

_PRODUCT = (
    "name",
    "slug",
    "description",
    "categoryId",
    "status",
    "variants.*.id",
    "variants.*.name",
    "variants.*.prices.*.amount",
    "variants.*.prices.*.currencyCode",
    "variants.*.minQuantity",
    "variants.*.maxQuantity",
    "variants.*.translations.*.locale",
    "variants.*.translations.*.name",
    "uploadIds",
    "buyerFields.*.key",
    "buyerFields.*.label",
    "buyerFields.*.required",
    "buyerFields.*.kind",
    "buyerFields.*.placeholder",
    "buyerFields.*.options",
    "translations.*.locale",
    "translations.*.name",
    "translations.*.description",
)
_CATEGORY = ("name", "slug", "translations.*.locale", "translations.*.name")
_LETTER = ("subject", "title", "lead", "action", "note")
_STRIPE = ("stripe.secretKey", "stripe.webhookSecret")
_BATCH = ("batch.supplier", "batch.note", "batch.cost", "batch.expiresAt")
_HOOK = ("url", "events", "document")
_HERE = "/console/{slug}"


def _page(
    name: str, path: str, permission: str, *forms: Form, **rest: tuple[str, ...] | int
) -> Page:
    """A page of one shop, for the roles that have `permission`; "member" is everybody's who works
    there. Its forms are for whoever may run their mutations."""
    return Page(
        name=name,
        route=_HERE + path,
        surface="console",
        permission=permission,
        forms=forms,
        **rest,  # type: ignore[arg-type]
    )


PAGES: tuple[Page, ...] = (
    Page(
        name="shops",
        route="/console",
        surface="console",
        permission="person",
        forms=(
            Form(
                "ShopCreate",
                fields=("name", "slug", "locale", "currency"),
                success="/console/{shopCreate.shop.slug}/",
            ),
        ),
    ),
    _page("home", "/", "overview", Form("ChecklistDismiss")),
    _page("products", "/products", "overview"),
    _page(
        "product_new",
        "/products/new",
        "catalog",
        Form(
            "ProductCreate",
            fields=_PRODUCT,
            uploads=frozenset({"uploadIds"}),
            success=_HERE + "/products/{productCreate.product.id}?done=created#main",
        ),
    ),
    _page(
        "product",
        "/products/{id}",
        "catalog",
        Form(
            "ProductUpdate",
            fields=_PRODUCT,
            blank=frozenset({"name", "slug", "description", "uploadIds", "buyerFields"}),
            uploads=frozenset({"uploadIds"}),
            success=_HERE + "/products/{id}?done=saved#main",
        ),
        Form("ProductArchive", success=_HERE + "/products?done=archived"),
        requires=("product",),
    ),
    _page(
        "categories",
        "/categories",
        "catalog",
        Form("CategoryCreate", fields=_CATEGORY, success=_HERE + "/categories?done=created"),
    ),
    _page(
        "category",
        "/categories/{id}",
        "catalog",
        Form(
            "CategoryUpdate",
            fields=(*_CATEGORY, "position"),
            blank=frozenset({"name", "slug"}),
            success=_HERE + "/categories?done=saved",
        ),
        Form("CategoryDelete", success=_HERE + "/categories?done=deleted"),
        requires=("category",),
    ),
    _page(
        "stock",
        "/stock/{variantId}",
        "stock",
        Form(
            "CodesPreview",
            fields=("uploadId", "plain"),
            uploads=frozenset({"uploadId"}),
            pasted={"text": "uploadId"},
            shows=True,
        ),
        Form(
            "CodesImport",
            fields=("uploadId", "plain", "skipBad", "dryRun", "idempotencyKey", *_BATCH),
            success=_HERE + "/jobs/{codesImport.job.id}",
        ),
        Form(
            "CodeReveal",
            fields=("id", "password"),
            secret=frozenset({"password"}),
            shows=True,
        ),
        Form(
            "BatchUndo",
            fields=("batchId", "idempotencyKey"),
            success=_HERE + "/stock/{variantId}?done=undone#batches",
        ),
        Form(
            "VariantSellingUpdate",
            fields=("saleOrder", "expiryMarginHours", "lowStock"),
            success=_HERE + "/stock/{variantId}?done=saved",
        ),
        Form(
            "CodesDelete",
            fields=("ids", "idempotencyKey"),
            success=_HERE + "/stock/{variantId}?done=deleted",
        ),
        requires=("variant",),
        largest_upload=66 * 1024 * 1024,
    ),
    _page(
        "confirm",
        "/confirm",
        "stock",
        Form(
            "PasswordConfirm",
            fields=("password",),
            secret=frozenset({"password"}),
            returns=True,
            success=_HERE + "/",
        ),
    ),
    _page(
        "job",
        "/jobs/{id}",
        "stock",
        Form("JobCancel"),
        Form("BatchUndo", fields=("batchId", "idempotencyKey"), success="{here}"),
        requires=("job",),
        topics=(_HERE + "/jobs/{id}/events",),
    ),
    _page("orders", "/orders", "orders"),
    _page("attention", "/attention", "orders"),
    _page(
        "order",
        "/orders/{id}",
        "orders",
        Form("OrderResend", success=_HERE + "/orders/{id}?done=resent"),
        Form("OrderBuyerErase", success=_HERE + "/orders/{id}?done=erased"),
        Form(
            "OrderRefundPreview",
            fields=("amount.amount", "amount.currencyCode", "reason", "idempotencyKey"),
            shows=True,
        ),
        Form(
            "OrderRefund",
            fields=("amount.amount", "amount.currencyCode", "reason", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=refunded",
        ),
        Form(
            "OrderComplete",
            fields=("reason", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=completed",
        ),
        Form(
            "CodeReportReplace",
            fields=("reportId", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=replaced",
        ),
        Form(
            "CodeReportRefund",
            fields=("reportId", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=refunded",
        ),
        Form(
            "CodeReportReject",
            fields=("reportId", "idempotencyKey", "answer"),
            success=_HERE + "/orders/{id}?done=answered",
        ),
        Form(
            "OrderCancel",
            fields=("idempotencyKey",),
            success=_HERE + "/orders/{id}?done=canceled",
        ),
        Form(
            "RefundAccept",
            fields=("refundId", "reason", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=accepted",
        ),
        Form(
            "RefundPaidBack",
            fields=("refundId", "reason", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=paid_back",
        ),
        Form(
            "RefundRetry",
            fields=("refundId", "idempotencyKey"),
            success=_HERE + "/orders/{id}?done=retried",
        ),
        requires=("order",),
    ),
    _page(
        "settings",
        "/settings",
        "settings",
        Form(
            "ShopBasics",
            fields=("name", "contact", "icpNumber", "themePreset"),
            success=_HERE + "/settings?done=saved#main",
        ),
        Form(
            "ShopLogo",
            fields=("logoUploadId",),
            uploads=frozenset({"logoUploadId"}),
            success=_HERE + "/settings?done=saved#main",
        ),
        Form("ShopLogoRemove", success=_HERE + "/settings?done=saved#main"),
        Form(
            "ShopTexts",
            fields=(
                "notice",
                "policies",
                "translations.*.locale",
                "translations.*.notice",
                "translations.*.policies",
            ),
            success=_HERE + "/settings?done=saved#main",
        ),
        Form(
            "ShopSelling",
            fields=(
                "locales",
                "currencies",
                "holdMinutes",
                "unpaidPerBuyer",
                "unpaidPerAddress",
                "holdShare",
            ),
            success=_HERE + "/settings?done=saved#main",
        ),
        Form("ShopClose", success=_HERE + "/settings?done=closed#main"),
        Form("ShopReopen", success=_HERE + "/settings?done=reopened#main"),
        Form("ShopAskApproval", success=_HERE + "/settings?done=asked#main"),
    ),
    _page(
        "mails",
        "/mails",
        "settings",
        Form("CodesMail", success=_HERE + "/mails?done=saved#main"),
        Form("CodesKeep", success=_HERE + "/mails?done=saved#main"),
    ),
    _page(
        "mail",
        "/mails/{letter}/{language}",
        "settings",
        Form(
            "MailTextUpdate",
            fields=_LETTER,
            blank=frozenset(_LETTER),
            success=_HERE + "/mails/{letter}/{language}?done=saved#main",
        ),
        Form("MailPreview", fields=_LETTER, blank=frozenset(_LETTER), shows=True),
        Form("MailTestSend", fields=_LETTER, blank=frozenset(_LETTER), shows=True),
        Form("MailTextReset", success=_HERE + "/mails/{letter}/{language}?done=saved#main"),
        requires=("mailText",),
        shows_mail=True,
    ),
    _page(
        "payments",
        "/payments",
        "payment_accounts",
        Form(
            "StripeConnect",
            fields=_STRIPE,
            secret=frozenset(_STRIPE),
            success=_HERE + "/payments?done=connected#main",
        ),
        Form(
            "StripeChange",
            fields=("id", *_STRIPE),
            secret=frozenset(_STRIPE),
            success=_HERE + "/payments?done=saved#main",
        ),
        Form("MethodOpen", fields=("id",), success=_HERE + "/payments?done=saved#main"),
        Form("MethodClose", fields=("id",), success=_HERE + "/payments?done=saved#main"),
        Form("MethodRemove", fields=("id",), success=_HERE + "/payments?done=deleted#main"),
    ),
    _page(
        "tokens",
        "/tokens",
        "tokens",
        Form(
            "ApiTokenCreate",
            fields=("name", "scopes", "expiresInDays", "expiresAt"),
            shows=True,
        ),
        Form("ApiTokenRevoke", fields=("id",), success=_HERE + "/tokens?done=revoked"),
    ),
    _page(
        "storefront_tokens",
        "/tokens/storefront",
        "tokens",
        Form(
            "StorefrontTokenCreate",
            fields=("name", "origins", "expiresInDays", "expiresAt"),
            success=_HERE + "/tokens/{storefrontTokenCreate.apiToken.id}?done=created",
        ),
        Form(
            "StorefrontTokenRevoke",
            fields=("id",),
            success=_HERE + "/tokens/storefront?done=revoked",
        ),
        Form("TokenOnly", success=_HERE + "/tokens/storefront?done=saved#main"),
        Form("TokenOrNot", success=_HERE + "/tokens/storefront?done=saved#main"),
    ),
    _page("token", "/tokens/{id}", "tokens", requires=("apiToken",)),
    _page(
        "documents",
        "/documents",
        "settings",
        Form("TrustedOnly", success=_HERE + "/documents?done=saved#main"),
        Form("TrustedAll", success=_HERE + "/documents?done=saved#main"),
        Form(
            "DocumentRegister",
            fields=("document", "name"),
            success=_HERE + "/documents?done=created#main",
        ),
        Form("DocumentDelete", fields=("id",), success=_HERE + "/documents?done=deleted#main"),
    ),
    _page("webhooks", "/webhooks", "webhooks"),
    _page(
        "webhook_new",
        "/webhooks/new",
        "webhooks",
        Form("WebhookCreate", fields=_HOOK, shows=True),
    ),
    _page(
        "webhook",
        "/webhooks/{id}",
        "webhooks",
        # Without a fragment: browsers do not refresh a page that they only moved about in.
        Form("WebhookTest", success=_HERE + "/webhooks/{id}?done=tested"),
        Form("WebhookReplay", fields=("since", "until", "failedOnly"), shows=True),
        Form(
            "WebhookUpdate",
            fields=_HOOK,
            blank=frozenset({"events"}),
            success=_HERE + "/webhooks/{id}?done=saved#main",
        ),
        Form("WebhookEnable", success=_HERE + "/webhooks/{id}?done=switched_on#main"),
        Form("WebhookDisable", success=_HERE + "/webhooks/{id}?done=switched_off#main"),
        Form("WebhookSecretRotate", shows=True),
        Form("WebhookDelete", success=_HERE + "/webhooks?done=deleted#main"),
        requires=("webhook",),
        topics=(_HERE + "/webhooks/{id}/events",),
    ),
    _page(
        "webhook_delivery",
        "/webhooks/deliveries/{id}",
        "webhooks",
        Form("WebhookDeliveryReplay", success=_HERE + "/webhooks/deliveries/{id}?done=replayed"),
        requires=("webhookDelivery",),
        topics=(_HERE + "/webhooks/deliveries/{id}/events",),
    ),
    _page("activity", "/activity", "activity"),
    _page(
        "staff",
        "/staff",
        "staff",
        Form("MemberInvite", fields=("email", "role"), success=_HERE + "/staff?done=invited#main"),
        Form("InvitationResend", fields=("id",), success=_HERE + "/staff?done=invited_again#main"),
        Form("InvitationWithdraw", fields=("id",), success=_HERE + "/staff?done=withdrawn#main"),
        Form("MemberUpdate", fields=("id", "role"), success=_HERE + "/staff?done=saved#main"),
        Form("MemberRemove", fields=("id",), success=_HERE + "/staff?done=let_go#main"),
    ),
    _page("membership", "/membership", "member", Form("ShopLeave", success="/console?done=left")),
)
