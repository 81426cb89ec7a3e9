"""Rows of invitations. Memberships have no model: only functions of the database touch them."""

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class Invitation(Model):
    """An invitation to work for the shop, as `role`; gone when accepted or withdrawn.

    The mailed token is computed from `link`, which is a new one each time it is mailed.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    email = fields.TextField()
    role = fields.TextField()
    link = fields.UUIDField()
    secret_hash = fields.BinaryField()
    invited_by = fields.TextField()
    locale = fields.TextField()
    created_at = fields.DatetimeField(default=clock.now)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "invitations"
