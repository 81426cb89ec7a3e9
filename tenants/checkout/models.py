"""Carts and what keeps a repeated purchase from happening twice."""

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


class IdempotencyKey(Model):
    """An operation that was done under a key, and the object it made (never what it revealed).

    The table's key is (shop_id, operation, key); the ORM is told the last of them.
    """

    key = fields.CharField(200, primary_key=True)
    shop_id = fields.UUIDField()
    operation = fields.TextField()
    fingerprint = fields.BinaryField()
    object_id = fields.UUIDField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "idempotency_keys"
