"""Rows of the catalogue."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from keystall.platform import clock


class Category(Model):
    """A shelf. `translations` is `{locale: {"name": …}}`."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    slug = fields.TextField()
    name = fields.TextField()
    translations: fields.JSONField[dict[str, dict[str, str]]] = fields.JSONField(default=dict)
    position = fields.IntField(default=0)
    created_at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "categories"


class Product(Model):
    """Something sold. `status` is draft, active or archived; `stopped_reason` why the operator took
    it off sale, until it is on sale again.

    `translations` is `{locale: {"name": …, "description": …, "description_html": …}}`;
    `buyer_fields` a list of `{key, label, required, kind, placeholder, options}`.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    category_id = fields.UUIDField(null=True)
    slug = fields.TextField()
    name = fields.TextField()
    description = fields.TextField(default="")
    description_html = fields.TextField(default="")
    translations: fields.JSONField[dict[str, dict[str, str]]] = fields.JSONField(default=dict)
    status = fields.TextField()
    position = fields.IntField(default=0)
    buyer_fields: fields.JSONField[list[dict[str, Any]]] = fields.JSONField(default=list)
    created_at = fields.DatetimeField(default=clock.now)
    updated_at = fields.DatetimeField(default=clock.now)
    stopped_reason = fields.TextField(default="")

    class Meta:
        table = "products"


class ProductImage(Model):
    """A picture at its place on a product."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    product_id = fields.UUIDField()
    file_id = fields.UUIDField()
    position = fields.IntField()

    class Meta:
        table = "product_images"


class Variant(Model):
    """One kind of a product; `archived_at` takes it off sale while its orders stay."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    product_id = fields.UUIDField()
    name = fields.TextField()
    translations: fields.JSONField[dict[str, dict[str, str]]] = fields.JSONField(default=dict)
    position = fields.IntField(default=0)
    min_quantity = fields.IntField(default=1)
    max_quantity = fields.IntField(default=10)
    archived_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(default=clock.now)
    sale_order = fields.TextField(default="first_in")
    expiry_margin_hours = fields.IntField(default=24)
    low_stock = fields.IntField(default=10)
    low_since = fields.DatetimeField(null=True)

    class Meta:
        table = "variants"


class StockMove(Model):
    """That stock of a variant has changed since its band was last compared. Written by triggers."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    variant_id = fields.UUIDField()

    class Meta:
        table = "stock_moves"


class VariantBand(Model):
    """The band of a variant when it was last compared; time alone changes nothing before `until`.

    The key in the database is (shop_id, variant_id); the ORM knows single columns only.
    """

    variant_id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    band = fields.TextField()
    until = fields.DatetimeField()

    class Meta:
        table = "variant_bands"


class Price(Model):
    """What one costs, in minor units of `currency`.

    The key in the database is (shop_id, variant_id, currency); the ORM knows single columns only.
    """

    variant_id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    currency = fields.TextField()
    amount = fields.BigIntField()

    class Meta:
        table = "prices"
