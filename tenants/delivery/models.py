"""Who was shown a code."""

from tortoise import fields
from tortoise.models import Model


class Reveal(Model):
    """Somebody was shown a code: `actor` is "buyer" or an account's id."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    code_id = fields.UUIDField()
    actor = fields.TextField()
    address = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)
    user_agent = fields.TextField(default="")

    class Meta:
        table = "reveals"
