"""Ledger transactions and their entries."""

from tortoise import fields
from tortoise.models import Model


class LedgerTransaction(Model):
    """One event of money. `subject_id`: the taking, refund or dispute's movement it
    books, once for each kind."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    kind = fields.TextField()
    subject_id = fields.UUIDField()
    order_id = fields.UUIDField()
    currency = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "ledger_transactions"


class LedgerEntry(Model):
    """One line: `amount` in minor units, debit above zero, credit below.

    The table's key is (shop_id, transaction_id, line); the ORM is told the transaction.
    """

    transaction_id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    line = fields.IntField()
    account = fields.TextField()
    currency = fields.TextField()
    amount = fields.BigIntField()

    class Meta:
        table = "ledger_entries"
