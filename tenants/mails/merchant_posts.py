"""What mails to a shop's merchants say."""

from urllib.parse import urlsplit
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.money import Money
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.mails.port import (
    Letter,
    MerchantApproved,
    MerchantCodeReport,
    MerchantDeclined,
    MerchantListingStopped,
    MerchantLowStock,
    MerchantOrder,
    MerchantRefundDue,
    MerchantSoldOut,
    MerchantTokenEnding,
    MerchantWebhookDisabled,
)
from keystall.tenants.mails.posts import (
    Post,
    bought,
    order_row,
    order_told,
    refund_row,
    report_row,
    row_of,
    stall_of_order,
    stall_told,
)
from keystall.tenants.stock.free_codes import free_codes
from keystall.tenants.stock.low_stock import in_words, low_stock_of


async def merchant_order(
    db: Reads, installation: Installation, shop: UUID, order: UUID
) -> list[Post]:
    found = await order_told(db, shop, order)
    letter = MerchantOrder(
        stall=stall_of_order(installation, found),
        order=order,
        number=found["number"],
        buyer=found["email"],
        lines=bought(found),
        total=Money(found["total"], found["currency"]),
    )
    return await _to_merchants(db, letter, order)


async def merchant_sold_out(
    db: Reads, installation: Installation, shop: UUID, variant: UUID
) -> list[Post]:
    """Nothing where codes came in since, or where the variant is not sold any more."""
    found = await db.row(
        f"""
        select products.name as product, variants.name as variant from variants
        join products on products.shop_id = $1 and products.id = product_id
        where variants.shop_id = $1 and variants.id = $2 and archived_at is null
          and {free_codes("variants.id", 1)} = 0
        """,  # noqa: S608  (a constant)
        shop, variant,
    )  # fmt: skip
    if found is None:
        return []
    letter = MerchantSoldOut(
        stall=await stall_told(db, installation, shop),
        variant=variant,
        product=found["product"],
        variant_name=found["variant"],
    )
    return await _to_merchants(db, letter)


async def merchant_low_stock(
    db: Reads, installation: Installation, shop: UUID, variant: UUID
) -> list[Post]:
    """Nothing where codes came in since, or the last one went, which another mail tells."""
    found = await low_stock_of(db, shop, variant)
    if found is None:
        return []
    letter = MerchantLowStock(
        stall=await stall_told(db, installation, shop),
        variant=variant,
        product=found.product,
        variant_name=found.variant,
        free=found.free,
        lasts=None if found.lasts is None else in_words(found.lasts),
    )
    return await _to_merchants(db, letter)


async def merchant_refund_due(
    db: Reads, installation: Installation, shop: UUID, refund: UUID
) -> list[Post]:
    back = await refund_row(db, shop, refund)
    found = await order_row(db, shop, back["order_id"])
    letter = MerchantRefundDue(
        stall=await stall_told(db, installation, shop),
        order=back["order_id"],
        number=found["number"],
        buyer=found["email"],
        amount=Money(back["amount"], back["currency"]),
        reason=back["reason"],
    )
    return await _to_merchants(db, letter, back["order_id"])


async def merchant_code_report(
    db: Reads, installation: Installation, shop: UUID, report: UUID
) -> list[Post]:
    """Nothing where the report was answered since."""
    told = await report_row(db, shop, report)
    if told["state"] != "open":
        return []
    found = await order_row(db, shop, told["order_id"])
    letter = MerchantCodeReport(
        stall=await stall_told(db, installation, shop),
        order=told["order_id"],
        number=found["number"],
        buyer=found["email"],
        product=told["product_name"],
        variant_name=told["variant_name"],
        reason=told["reason"],
        note=told["note"],
    )
    return await _to_merchants(db, letter, told["order_id"])


async def merchant_reviewed(
    db: Reads, installation: Installation, shop: UUID, subject: UUID
) -> list[Post]:
    """What the operator's verdict is now; nothing where it was taken back since."""
    found = await row_of(db, "select status, status_reason from shops where id = $1", shop)
    stall = await stall_told(db, installation, shop)
    if found["status"] == "declined":
        return await _to_merchants(db, MerchantDeclined(stall, found["status_reason"]))
    return await _to_merchants(db, MerchantApproved(stall)) if found["status"] == "open" else []


async def merchant_listing_stopped(
    db: Reads, installation: Installation, shop: UUID, product: UUID
) -> list[Post]:
    """Nothing where the product is on sale again."""
    found = await row_of(db, "select * from products where shop_id = $1 and id = $2", shop, product)
    if not found["stopped_reason"]:
        return []
    letter = MerchantListingStopped(
        stall=await stall_told(db, installation, shop),
        product=product,
        product_name=found["name"],
        reason=found["stopped_reason"],
    )
    return await _to_merchants(db, letter)


async def merchant_webhook_disabled(
    db: Reads, installation: Installation, shop: UUID, webhook: UUID
) -> list[Post]:
    """Nothing where the webhook was deleted since, or is enabled again."""
    found = await db.row(
        "select url, disabled_reason from webhooks where shop_id = $1 and id = $2"
        " and disabled_reason <> 'merchant'",
        shop, webhook,
    )  # fmt: skip
    if found is None:
        return []
    letter = MerchantWebhookDisabled(
        stall=await stall_told(db, installation, shop),
        webhook=webhook,
        host=urlsplit(found["url"]).hostname or "",
        reason=found["disabled_reason"],
    )
    return await _to_merchants(db, letter)


async def merchant_token_ending(
    db: Reads, installation: Installation, shop: UUID, token: UUID
) -> list[Post]:
    """Nothing where the token was revoked since, or has ended while no worker ran."""
    found = await db.row(
        "select name, to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD') as ends_on,"
        " public_text is not null as of_site from api_tokens"
        " where shop_id = $1 and id = $2 and revoked_at is null and expires_at > now()",
        shop, token,
    )  # fmt: skip
    if found is None:
        return []
    letter = MerchantTokenEnding(
        stall=await stall_told(db, installation, shop),
        token=token,
        name=found["name"],
        ends_on=found["ends_on"],
        of_site=found["of_site"],
    )
    return await _to_merchants(db, letter)


async def _to_merchants(db: Reads, letter: Letter, order: UUID | None = None) -> list[Post]:
    rows = await db.rows("select email, locale from shop_merchants() order by email")
    return [Post(row["email"], known_locale(row["locale"]), letter, order) for row in rows]
