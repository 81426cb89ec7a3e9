"""Customers and what opens their pages. All of it is one shop's: nobody is known in another."""

from tortoise import fields
from tortoise.models import Model


class Customer(Model):
    """Somebody who signed in. `email` is proven by a mailed link, null until one was followed."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    email = fields.TextField(null=True)
    password_hash = fields.TextField(null=True)
    locale = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)
    seen_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "customers"


class CustomerSession(Model):
    """A browser, or a program, that is signed in. `opened_by`: link, password or provider."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    secret_hash = fields.BinaryField()
    opened_by = fields.TextField()
    address = fields.TextField(default="")
    user_agent = fields.TextField(default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "customer_sessions"


class CustomerIdentity(Model):
    """Who a customer is at a provider. `subject` is the provider's name for the person.

    The table's key is (shop_id, provider, subject); the ORM is told the last of them.
    """

    provider = fields.TextField()
    subject = fields.CharField(255, primary_key=True)
    shop_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "customer_identities"


class CustomerFlow(Model):
    """One browser's try to sign in by a provider; `host` is where it began and comes back to."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    provider = fields.TextField()
    host = fields.TextField()
    locale = fields.TextField()
    browser_hash = fields.BinaryField()
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "customer_flows"


class CustomerLink(Model):
    """A mailed link that proves an address. `customer_id`: the signed-in customer who asked to be
    known by it; null where nobody was signed in."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    email = fields.TextField()
    locale = fields.TextField()
    customer_id = fields.UUIDField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "customer_links"
