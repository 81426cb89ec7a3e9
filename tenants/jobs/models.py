"""Longer work."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class Job(Model):
    """One piece of work: `done` of `total` items, asked to stop where `cancel` is true.

    `input` and `result` hold ids and counts, never a code.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    kind = fields.TextField()
    state = fields.TextField()
    done = fields.BigIntField(default=0)
    total = fields.BigIntField(default=0)
    cancel = fields.BooleanField(default=False)
    input: fields.JSONField[dict[str, Any]] = fields.JSONField()
    result: fields.JSONField[dict[str, Any]] = fields.JSONField(default=dict)
    created_at = fields.DatetimeField(default=clock.now)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "jobs"
