"""Codes and the batches they came in."""

from tortoise import fields
from tortoise.models import Model


class Batch(Model):
    """One import: where a set of codes came from. `cost` of the whole, minor units."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    source = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)
    supplier = fields.TextField(default="")
    note = fields.TextField(default="")
    cost = fields.BigIntField(null=True)
    currency = fields.TextField(default="")
    expires_at = fields.DatetimeField(null=True)
    undone_at = fields.DatetimeField(null=True)
    undone_by = fields.TextField(null=True)
    undone_codes = fields.IntField(null=True)

    class Meta:
        table = "batches"


class Code(Model):
    """One code: sealed, found by `lookup`, sold in the order of `position`.

    `state` is available, reserved or sold; the last two belong to an order line. It is sold until
    `sellable_until`, its expiry less the variant's margin, or for ever.
    `bad_at`: it turned out not to work, after it was sold.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    batch_id = fields.UUIDField()
    position = fields.BigIntField(generated=True)
    state = fields.TextField()
    sealed = fields.BinaryField()
    key_version = fields.IntField()
    lookup = fields.BinaryField()
    order_line_id = fields.UUIDField(null=True)
    sold_at = fields.DatetimeField(null=True)
    note = fields.TextField(default="")
    preview = fields.TextField(default="")
    premium = fields.BigIntField(null=True)
    cost = fields.BigIntField(null=True)
    expires_at = fields.DatetimeField(null=True)
    sellable_until = fields.DatetimeField(generated=True)
    bad_at = fields.DatetimeField(null=True)

    class Meta:
        table = "codes"


class CodePack(Model):
    """Free codes of a large import, some hundreds in a row, sealed as one until one is needed.

    The first has the pack's id and `position`, the others those that follow. `marks` are the first
    eight bytes of each code's lookup.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    batch_id = fields.UUIDField()
    position = fields.BigIntField()
    codes = fields.IntField()
    sealed = fields.BinaryField()
    key_version = fields.IntField()
    marks = fields.BinaryField()
    expires_at = fields.DatetimeField(null=True)
    sellable_until = fields.DatetimeField(generated=True)

    class Meta:
        table = "code_packs"


class ImportReject(Model):
    """Lines that one step of an import left out, sealed; `part` orders the steps."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    job_id = fields.UUIDField()
    part = fields.BigIntField()
    lines = fields.IntField()
    sealed = fields.BinaryField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "import_rejects"


class CodeExport(Model):
    """That codes were exported: how many, by whom and from where."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    codes = fields.BigIntField()
    actor = fields.TextField()
    address = fields.TextField()
    user_agent = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "code_exports"
