"""What keeps a repeated operation from happening twice."""

from tortoise import fields
from tortoise.models import Model


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
