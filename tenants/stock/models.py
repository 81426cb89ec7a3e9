"""Codes and the batches they came in."""

from tortoise import fields
from tortoise.models import Model


class Batch(Model):
    """One import: where a set of codes came from."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    source = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "batches"


class Code(Model):
    """One code: sealed, found by `lookup`, sold in the order of `position`.

    `state` is available, reserved or sold; the last two belong to an order line.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    batch_id = fields.UUIDField()
    position = fields.BigIntField(generated=True)
    state = fields.TextField()
    sealed = fields.BinaryField()
    key_version = fields.IntField()
    lookup = fields.BinaryField()
    order_line_id = fields.UUIDField(null=True)
    sold_at = fields.DatetimeField(null=True)

    class Meta:
        table = "codes"
