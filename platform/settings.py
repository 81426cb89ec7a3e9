"""What an installation is told from outside: one frozen object, read once from `KEYSTALL_*`.

`Settings` refuses to exist half-configured. In production it also refuses secrets that are short
or copied from an example, and a public address without https. Messages name the field and the
reason and never repeat a value, which may be a secret.
"""

from functools import lru_cache
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_SECRET_LENGTH = 32
"""Characters; 32 of base64 carry 192 bits."""

PLACEHOLDER_WORDS = (
    "change", "example", "placeholder", "password", "secret", "insecure", "default", "replace",
    "sample", "1234567", "your-", "your_", "keystall",
)  # fmt: skip
"""A secret that contains one of these was typed from a document, not generated."""


SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""How a connection to PostgreSQL is guarded (libpq, 32.19.2); `prefer` where none is named."""

STRIPE_API = "https://api.stripe.com"
STRIPE_CHECKOUT = "https://checkout.stripe.com"
"""Stripe, and the pages it sends buyers to."""


class Settings(BaseSettings):
    """All settings of one installation, web and worker alike."""

    model_config = SettingsConfigDict(
        env_prefix="KEYSTALL_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    environment: Literal["demo", "production", "test"] = "production"
    public_url: str
    """The installation's own address (console, sign-up, operator), without a final slash."""
    shops_suffix: str
    """Shops answer at `<slug>.<shops_suffix>`."""
    shops_scheme: Literal["http", "https"] = "https"
    shops_port: int | None = Field(default=None, ge=1, le=65535)
    """Appended to shop addresses; None where the scheme's own port serves."""

    database_url: str = Field(repr=False)
    """PostgreSQL as the role of requests and jobs (no BYPASSRLS). `?sslmode=` as libpq has it."""
    system_database_url: str = Field(repr=False)
    """PostgreSQL as the role of the relay and the sweeps."""
    owner_database_url: str = Field(default="", repr=False)
    """PostgreSQL as the owner, a direct address; only migrations need it."""
    database_pool_size: int = Field(default=10, ge=1, le=200)
    """Connections per process for writing, and as many for reading; the relay has two more."""
    redis_url: str = Field(repr=False)

    kept_megabytes: int = Field(default=32, ge=0, le=4096)
    """Memory of each web process for answers to visitors who are all told the same; 0: none."""

    key_ring: str = Field(repr=False)
    """Path of the key ring file, or the ring itself."""
    secret_key: str = Field(repr=False)
    """Signs cookies."""
    files_url: str
    """`file:///folder` or `s3://bucket/prefix`."""

    mail_url: str = Field(repr=False)
    """`smtp://user:password@host:587`, `smtps://…` or `folder:///path`."""
    mail_from: str

    shop_approval: Literal["before", "after"] = "after"
    """Whether an operator approves a new shop before it opens, or looks at it afterwards."""

    api_bucket: int = Field(default=20_000, ge=1_000)
    """Points of query cost that one caller of an API may spend at once; one operation at most
    spends 1,000."""
    api_restore: int = Field(default=1_000, ge=1)
    """Points that a caller gets back each second."""

    keep_buyers_days: int = Field(default=0, ge=0)
    """Days after which orders that are over forget who bought. 0, here and below: kept for ever."""
    keep_carts_days: int = Field(default=30, ge=0)
    """Days after its last change that a cart goes."""
    keep_sessions_days: int = Field(default=30, ge=0)
    """Days after its end that a session, or the link of a mail, goes."""
    keep_callbacks_days: int = Field(default=90, ge=0)
    """Days after which the body of a provider's callback that was applied goes."""
    keep_keys_days: int = Field(default=30, ge=0)
    """Days that an idempotency key is remembered."""
    keep_deliveries_days: int = Field(default=14, ge=1)
    """Days that deliveries to webhooks are kept, with what was sent and answered. Never for ever:
    what was sent tells of buyers."""
    keep_work_days: int = Field(default=14, ge=0)
    """Days after which work that was done, or given up by an operator, goes."""

    webhook_inside: str = ""
    """One host that webhooks may name on this machine, by http and on any port: in demos and tests
    only."""

    sandbox_url: str = ""
    """Public address of the sandbox payment gateway; empty switches the provider off."""
    sandbox_secret: str = Field(default="", repr=False)
    """Callback secret of the sandbox gateway; each payment account's is derived from it."""
    sandbox_connect: str = ""
    """`address:port` to dial for `sandbox_url` instead of resolving its host."""

    stripe_url: str = STRIPE_API
    """Where Stripe's API answers: somewhere else in tests only."""

    google_client_id: str = ""
    google_client_secret: str = Field(default="", repr=False)
    github_client_id: str = ""
    github_client_secret: str = Field(default="", repr=False)
    qq_client_id: str = ""
    qq_client_secret: str = Field(default="", repr=False)
    wechat_client_id: str = ""
    wechat_client_secret: str = Field(default="", repr=False)
    """Keys by which shops' customers may sign in; a provider without keys is not offered."""
    sign_in_url: str = ""
    """Where all of these answer instead, each below its name: in tests only."""

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port on the loopback address where metrics of all processes are read; None: none."""
    forwarded_allow_ips: str = ""
    """Addresses of proxies whose X-Forwarded-* are believed, comma-separated; empty: nobody's."""

    postgres_bin: str = ""
    """Folder of PostgreSQL's programs for `keystall demo`; empty: PATH, then the bundled ones."""
    valkey_server: str = ""
    """Server program for `keystall demo`; empty: PATH, then the bundled one."""

    @field_validator("public_url", "sandbox_url", "stripe_url", "sign_in_url")
    @classmethod
    def _bare_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an http or https address")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("must be an address without a path")
        return url.rstrip("/")

    @field_validator("shops_suffix")
    @classmethod
    def _bare_suffix(cls, suffix: str) -> str:
        bare = suffix.strip().strip(".").lower()
        if not bare or any(character in bare for character in "/: "):
            raise ValueError("must be a domain such as shops.example.org")
        return bare

    @field_validator("database_url", "system_database_url", "owner_database_url")
    @classmethod
    def _obeyed_to_the_end(cls, value: str) -> str:
        for name, given in parse_qsl(urlsplit(value).query, keep_blank_values=True):
            if name != "sslmode":
                raise ValueError(
                    "may have sslmode behind its ?, nothing else: PostgreSQL's own variables, such"
                    " as PGSSLROOTCERT, say the rest"
                )
            if given not in SSL_MODES:
                raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
        return value

    @model_validator(mode="after")
    def _console_apart_from_shops(self) -> Self:
        if self.public_host.endswith("." + self.shops_suffix):
            raise ValueError("public_url must not lie under shops_suffix: a shop could take it")
        if self.sandbox_url and not self.sandbox_secret:
            raise ValueError("sandbox_secret is required where sandbox_url is set")
        return self

    @model_validator(mode="after")
    def _whole_sign_in_keys(self) -> Self:
        for name in ("google", "github", "qq", "wechat"):
            client, secret = self.sign_in_keys(name)
            if bool(client) != bool(secret):
                raise ValueError(f"{name}_client_id and {name}_client_secret go together")
            if secret and (len(set(secret)) < 6 or _is_placeholder(secret)):
                raise ValueError(f"{name}_client_secret looks like a placeholder")
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.environment != "production":
            return self
        for field, value in self._secrets():
            if reason := weakness(value):
                raise ValueError(f"{field} {reason}")
        if not self.public_url.startswith("https://") and self.public_host != "localhost":
            raise ValueError("public_url must be https in production")
        if self.stripe_url != STRIPE_API:
            raise ValueError("stripe_url is for tests: in production keys go to Stripe alone")
        if self.webhook_inside:
            raise ValueError("webhook_inside is for demos: in production webhooks go outside alone")
        if self.sign_in_url:
            raise ValueError("sign_in_url is for tests: in production keys go to providers alone")
        return self

    def _secrets(self) -> list[tuple[str, str]]:
        secrets = [("secret_key", self.secret_key)]
        if self.sandbox_url:
            secrets.append(("sandbox_secret", self.sandbox_secret))
        return secrets

    @property
    def public_host(self) -> str:
        """Host of `public_url`, lower case, without its port."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def payment_pages(self) -> tuple[str, ...]:
        """Origins to which a checkout form may send a buyer."""
        stripe = {STRIPE_CHECKOUT, self.stripe_url} - {STRIPE_API}
        return (*([self.sandbox_url] if self.sandbox_url else []), *sorted(stripe))

    def sign_in_keys(self, provider: str) -> tuple[str, str]:
        """Id and secret of a provider of sign-in; empty where none are set."""
        return getattr(self, f"{provider}_client_id"), getattr(self, f"{provider}_client_secret")

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are `Secure` and carry the `__Host-` prefix."""
        return self.public_url.startswith("https://")

    def shop_host(self, slug: str) -> str:
        """The host a shop always answers at, without a port."""
        return f"{slug}.{self.shops_suffix}"

    def shop_url(self, slug: str) -> str:
        """The address a shop always answers at, without a final slash."""
        port = f":{self.shops_port}" if self.shops_port else ""
        return f"{self.shops_scheme}://{self.shop_host(slug)}{port}"


def weakness(secret: str) -> str | None:
    """Why `secret` must not guard production, or None."""
    if len(secret) < MIN_SECRET_LENGTH:
        return f"must have at least {MIN_SECRET_LENGTH} characters"
    if len(set(secret.lower())) < 10 or _is_placeholder(secret):
        return "looks like a placeholder; generate one with: openssl rand -base64 32"
    return None


def _is_placeholder(secret: str) -> bool:
    return any(word in secret.lower() for word in PLACEHOLDER_WORDS)


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings, read from the environment the first time.

    Raises pydantic's `ValidationError` naming every field that is missing or wrong.
    """
    return Settings()  # type: ignore[call-arg]  # pydantic reads them from the environment
