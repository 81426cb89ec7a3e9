"""Rows of trusted documents."""

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class TrustedDocumentRow(Model):
    """A document of the storefront's API. `sha256` is of its text in UTF-8, in small hex digits;
    `cost` what it costs without variables."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    sha256 = fields.TextField()
    name = fields.TextField()
    document = fields.TextField()
    cost = fields.IntField()
    created_at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "trusted_documents"
