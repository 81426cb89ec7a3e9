"""The words products are found by."""

from tortoise import fields
from tortoise.models import Model


class SearchTerm(Model):
    """One word or Chinese bigram of one product.

    The key in the database is (shop_id, term, product_id); the ORM knows single columns only.
    """

    product_id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    term = fields.TextField()

    class Meta:
        table = "search_terms"
