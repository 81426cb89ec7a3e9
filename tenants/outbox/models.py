"""The outbox's rows."""

from tortoise import fields
from tortoise.models import Model


class OutboxItem(Model):
    """One piece of work. Ids only: what it is about is read again when it is done.

    `due_at` is when the relay hands it out next; `done_at` is set in the transaction of its effect;
    `failed_at` ends its tries, with the reason in `problem`; `dropped_at`: the operator gave it up.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    kind = fields.TextField()
    subject_id = fields.UUIDField()
    due_at = fields.DatetimeField()
    attempts = fields.IntField(default=0)
    done_at = fields.DatetimeField(null=True)
    failed_at = fields.DatetimeField(null=True)
    dropped_at = fields.DatetimeField(null=True)
    problem = fields.TextField(default="")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "outbox"
