"""Rows of the audit log."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class AuditEntry(Model):
    """A deed: who, what, about what, from where, when. `position` orders a shop's entries."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    position = fields.BigIntField()
    actor_kind = fields.TextField()
    actor_id = fields.UUIDField(null=True)
    actor_name = fields.TextField()
    operation = fields.TextField()
    object_kind = fields.TextField()
    object_id = fields.UUIDField(null=True)
    address = fields.TextField()
    user_agent = fields.TextField()
    at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "audit_entries"


class AuditChange(Model):
    """A row that a deed changed: the changed values of the recorded columns alone."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    entry_id = fields.UUIDField()
    position = fields.BigIntField()
    kind = fields.TextField()
    object_id = fields.UUIDField(null=True)
    label = fields.TextField()
    change = fields.TextField()
    before: fields.JSONField[dict[str, Any]] = fields.JSONField(default=dict)
    after: fields.JSONField[dict[str, Any]] = fields.JSONField(default=dict)

    class Meta:
        table = "audit_changes"
