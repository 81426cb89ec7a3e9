"""Reports of bad codes."""

from tortoise import fields
from tortoise.models import Model


class CodeReport(Model):
    """A buyer's word that a code does not work, and the merchant's answer.

    `state`: see `states.py`; `replacement_id` is the code given in its place.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    order_line_id = fields.UUIDField()
    code_id = fields.UUIDField()
    reason = fields.TextField()
    note = fields.TextField(default="")
    state = fields.TextField()
    answer = fields.TextField(default="")
    actor = fields.TextField(default="")
    replacement_id = fields.UUIDField(null=True)
    refund_id = fields.UUIDField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    answered_at = fields.DatetimeField(null=True)

    class Meta:
        table = "code_reports"
