"""Rows of what was found on sale and may not be."""

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class ForbiddenFinding(Model):
    """A product on sale that has a forbidden term, and in which of its texts."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    product_id = fields.UUIDField()
    term_id = fields.UUIDField()
    field = fields.TextField()
    found_at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "forbidden_findings"
