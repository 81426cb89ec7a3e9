"""What was uploaded."""

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class File(Model):
    """One upload. `kind` is picture or codes; `width` and `height` in pixels, of pictures only."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    kind = fields.TextField()
    name = fields.TextField()
    media_type = fields.TextField()
    size = fields.BigIntField()
    width = fields.IntField(null=True)
    height = fields.IntField(null=True)
    created_at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "files"
