"""Words of a shop's own for its letters."""

from tortoise import fields
from tortoise.models import Model


class MailTextRow(Model):
    """One letter's words in one language; null: the product's own."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    letter = fields.TextField()
    locale = fields.TextField()
    subject = fields.TextField(null=True)
    title = fields.TextField(null=True)
    lead = fields.TextField(null=True)
    note = fields.TextField(null=True)
    action = fields.TextField(null=True)

    class Meta:
        table = "mail_texts"
