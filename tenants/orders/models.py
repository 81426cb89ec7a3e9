"""Orders, their lines and their timeline."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Order(Model):
    """A purchase. `status`: see `status.py`; `total` in minor units of `currency`.

    `buyer_fields` is `[{"key", "label", "value"}]` as it was asked and answered.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    number = fields.TextField()
    email = fields.TextField()
    locale = fields.TextField()
    currency = fields.TextField()
    total = fields.BigIntField()
    buyer_fields = fields.JSONField[list[dict[str, str]]](default=list)
    status = fields.TextField()
    expires_at = fields.DatetimeField()
    created_at = fields.DatetimeField(auto_now_add=True)
    paid_at = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    placed_from = fields.BinaryField(null=True)

    class Meta:
        table = "orders"


class OrderLine(Model):
    """One variant as it was bought; names and price are those of that moment."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    position = fields.IntField()
    variant_id = fields.UUIDField()
    product_name = fields.TextField()
    variant_name = fields.TextField()
    quantity = fields.IntField()
    unit_price = fields.BigIntField()

    class Meta:
        table = "order_lines"


class OrderEvent(Model):
    """Something that happened to an order. `actor`: buyer, provider, system or an account's id."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    kind = fields.TextField()
    data = fields.JSONField[dict[str, Any]](default=dict)
    actor = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "order_events"
