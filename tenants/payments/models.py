"""Payment accounts, payments, callbacks, takings, refunds. Amounts in minor units."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class PaymentAccount(Model):
    """A shop's account at a provider. `settles_with`: where its money lands; `details`: what is
    known of it there (account, mode, webhook_endpoint), nothing secret."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    provider = fields.TextField()
    settles_with = fields.TextField()
    enabled = fields.BooleanField(default=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    details = fields.JSONField[dict[str, Any]]()
    removed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payment_accounts"


class PaymentSecret(Model):
    """One sealed credential of an account; `hint` is its end, which may be shown."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    account_id = fields.UUIDField()
    field = fields.TextField()
    sealed = fields.BinaryField()
    hint = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "payment_secrets"


class Payment(Model):
    """One request for payment; its id is the reference the provider knows.

    `checked_at`: when the provider was last asked about it. `return_url`: see `returning.py`.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    account_id = fields.UUIDField()
    amount = fields.BigIntField()
    currency = fields.TextField()
    state = fields.TextField()
    provider_reference = fields.TextField(null=True)
    redirect_url = fields.TextField(null=True)
    return_url = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    checked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payments"


class InboxItem(Model):
    """A verified callback, stored before it is believed. `problem`: why it had no effect."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    account_id = fields.UUIDField()
    event_key = fields.TextField()
    body = fields.BinaryField()
    notice = fields.JSONField[dict[str, Any]]()
    received_at = fields.DatetimeField(auto_now_add=True)
    applied_at = fields.DatetimeField(null=True)
    problem = fields.TextField(null=True)

    class Meta:
        table = "inbox"


class Taking(Model):
    """Money a provider took. `state`: it delivered an order, or it is returned."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    payment_id = fields.UUIDField()
    order_id = fields.UUIDField()
    account_id = fields.UUIDField()
    provider_reference = fields.TextField()
    amount = fields.BigIntField()
    currency = fields.TextField()
    fee = fields.BigIntField()
    refunded = fields.BigIntField(default=0)
    state = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "takings"


class Refund(Model):
    """Money on its way back; `state`: see `refunding.py`.

    `note` is what the merchant wrote for the buyer; `by_hand`: it went back past the provider.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    taking_id = fields.UUIDField()
    amount = fields.BigIntField()
    currency = fields.TextField()
    reason = fields.TextField()
    state = fields.TextField()
    problem = fields.TextField(default="")
    note = fields.TextField(default="")
    actor = fields.TextField(default="system")
    by_hand = fields.BooleanField(default=False)
    provider_reference = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    settled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "refunds"


class Dispute(Model):
    """A buyer's complaint at their bank. `asked_at`: when the provider was asked for this state."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    taking_id = fields.UUIDField()
    account_id = fields.UUIDField()
    provider_reference = fields.TextField()
    status = fields.TextField()
    reason = fields.TextField()
    amount = fields.BigIntField()
    currency = fields.TextField()
    opened_at = fields.DatetimeField()
    due_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    asked_at = fields.DatetimeField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "disputes"
