"""Carts."""

from tortoise import fields
from tortoise.models import Model


class Cart(Model):
    """What a buyer means to buy. The id is random (not UUIDv7): whoever knows it may use it.

    `buyer_fields` is `{key: answer}`; `order_id` is set when the cart has become an order.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    currency = fields.TextField()
    locale = fields.TextField()
    email = fields.TextField(default="")
    buyer_fields = fields.JSONField[dict[str, str]](default=dict)
    order_id = fields.UUIDField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "carts"


class CartLine(Model):
    """One variant in a cart."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    cart_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    quantity = fields.IntField()

    class Meta:
        table = "cart_lines"
