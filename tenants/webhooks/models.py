"""Webhooks, their secrets, and what became of what they were told."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Webhook(Model):
    """A subscription: `events` go to `url`, told by the GraphQL `document`.

    `permissions` is all that the document is rendered with. `token_id`: the program's token that
    saved it, which it does not outlive. `failing_since`: nothing has arrived since then.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    url = fields.TextField()
    events = ArrayField(element_type="text")
    document = fields.TextField()
    permissions = ArrayField(element_type="text")
    token_id = fields.UUIDField(null=True)
    failing_since = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True)
    disabled_reason = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "webhooks"


class WebhookSecret(Model):
    """What signs a webhook's deliveries, sealed; until `expires_at` where a newer one came."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    webhook_id = fields.UUIDField()
    sealed = fields.BinaryField()
    hint = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_secrets"


class WebhookDelivery(Model):
    """One event for one webhook. `body` is empty until it was rendered, and every try sends the
    same; `attempts` are those since it was made or replayed, `next_at` when the next is due."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    webhook_id = fields.UUIDField()
    event = fields.TextField()
    subject_id = fields.UUIDField()
    happened_at = fields.DatetimeField(auto_now_add=True)
    test = fields.BooleanField(default=False)
    state = fields.TextField(default="pending")
    attempts = fields.IntField(default=0)
    next_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    problem = fields.TextField(default="")
    body = fields.TextField(default="")

    class Meta:
        table = "webhook_deliveries"


class WebhookTry(Model):
    """One try at a delivery: what was answered (`status`, the beginning of the body), or why
    nothing was (`problem`)."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    delivery_id = fields.UUIDField()
    at = fields.DatetimeField(auto_now_add=True)
    milliseconds = fields.IntField()
    status = fields.IntField(null=True)
    response = fields.TextField(default="")
    problem = fields.TextField(default="")

    class Meta:
        table = "webhook_tries"
