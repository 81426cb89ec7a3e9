"""Rows of shops, of their API tokens and of their wrapped data keys."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from keystall.platform import clock


class ShopRow(Model):
    """A shop. `slug`, `status` and `status_reason` change through database functions alone,
    `catalog_version` through triggers.

    `translations` is `{locale: {"notice": …, "policies": …}}`, Markdown like the defaults.
    """

    id = fields.UUIDField(primary_key=True)
    slug = fields.TextField()
    name = fields.TextField()
    status = fields.TextField()
    status_reason = fields.TextField(default="")
    status_before = fields.TextField(null=True)
    locales: ArrayField = ArrayField(element_type="text")
    default_locale = fields.TextField()
    currencies: ArrayField = ArrayField(element_type="text")
    default_currency = fields.TextField()
    contact = fields.TextField(default="")
    notice = fields.TextField(default="")
    policies = fields.TextField(default="")
    icp_number = fields.TextField(default="")
    translations: fields.JSONField[dict[str, dict[str, str]]] = fields.JSONField(default=dict)
    theme = fields.TextField(default="harbor")
    theme_settings: fields.JSONField[dict[str, object]] = fields.JSONField(default=dict)
    logo_file_id = fields.UUIDField(null=True)
    hold_minutes = fields.IntField(default=15)
    unpaid_per_buyer = fields.IntField(default=5)
    unpaid_per_address = fields.IntField(default=20)
    hold_share = fields.IntField(default=50)
    mail_codes = fields.BooleanField(default=False)
    trusted_only = fields.BooleanField(default=False)
    token_only = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(default=clock.now)
    reviewed_at = fields.DatetimeField(null=True)
    checklist_dismissed_at = fields.DatetimeField(null=True)
    catalog_version = fields.BigIntField(default=1)

    class Meta:
        table = "shops"


class ApiToken(Model):
    """A key with which a program works for its shop; the secret itself is kept nowhere.

    Or a public token of sites' code: `public_text` is the token and `origins` are those sites; it
    has no scopes.

    `scopes` are permissions of `tenants/staff/roles.py`, `made_by` the account that made it.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    secret_hash = fields.BinaryField()
    name = fields.TextField()
    hint = fields.TextField()
    created_at = fields.DatetimeField(default=clock.now)
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    scopes: ArrayField = ArrayField(element_type="text")
    made_by = fields.UUIDField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    last_address = fields.TextField(default="")
    origins: ArrayField = ArrayField(element_type="text", null=True)
    public_text = fields.TextField(null=True)

    class Meta:
        table = "api_tokens"


class ApiTokenUse(Model):
    """What a token was used for on a day (UTC): all of it where `deprecated` is empty, else what of
    it was one deprecated field or argument.

    The key in the database is (shop_id, token_id, day, deprecated); the ORM knows single columns.
    """

    shop_id = fields.UUIDField(primary_key=True)
    token_id = fields.UUIDField()
    day = fields.DatetimeField()
    deprecated = fields.TextField()
    requests = fields.BigIntField()
    refused = fields.BigIntField()
    cost = fields.BigIntField()

    class Meta:
        table = "api_token_uses"


class ShopKey(Model):
    """A version of a shop's data key, wrapped by the installation's key ring.

    The key in the database is (shop_id, version); the ORM knows single columns only.
    """

    shop_id = fields.UUIDField(primary_key=True)
    version = fields.IntField()
    wrapped = fields.BinaryField()
    created_at = fields.DatetimeField(default=clock.now)

    class Meta:
        table = "shop_keys"
