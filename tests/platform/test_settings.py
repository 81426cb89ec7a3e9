from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from keystall.platform.settings import Settings

STRONG = "q8Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "public_url": "https://keystall.shop/",
    "shops_suffix": "shops.keystall.shop.net",
    "database_url": "postgresql://app@db/keystall",
    "system_database_url": "postgresql://system@db/keystall",
    "redis_url": "redis://valkey:6379/0",
    "key_ring": "/run/keystall/key-ring.json",
    "secret_key": STRONG,
    "files_url": "s3://keystall/files",
    "mail_url": "smtp://mail:25",
    "mail_from": "Keystall <no-reply@keystall.shop>",
}


def reasons(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Settings(**(PRODUCTION | changes))
    return [error["msg"] for error in refused.value.errors()]


def test_shop_addresses_carry_the_port_only_where_one_is_set() -> None:
    plain = Settings(**PRODUCTION)
    local = Settings(**PRODUCTION | {"shops_scheme": "http", "shops_port": 8000})

    assert plain.shop_url("lulu") == "https://lulu.shops.keystall.shop.net"
    assert local.shop_url("lulu") == "http://lulu.shops.keystall.shop.net:8000"
    assert plain.public_url == "https://keystall.shop"
    assert plain.secure_cookies is True


@pytest.mark.parametrize(
    "secret", ["short", "change-me-change-me-change-me-change-me", "a" * 40, STRONG + "-example"]
)
def test_production_refuses_a_secret_that_was_not_generated(secret: str) -> None:
    (reason,) = reasons({"secret_key": secret})

    assert reason.startswith("Value error, secret_key ")
    assert secret not in reason


def test_production_lets_webhooks_reach_nothing_inside() -> None:
    assert reasons({"webhook_inside": "hooks.localhost"}) == [
        "Value error, webhook_inside is for demos: in production webhooks go outside alone"
    ]
    assert reasons({"keep_deliveries_days": 0}) == ["Input should be greater than or equal to 1"]


def test_a_placeholder_is_welcome_outside_production() -> None:
    settings = Settings(**PRODUCTION | {"environment": "test", "secret_key": "change-me"})

    assert settings.secret_key == "change-me"


def test_production_refuses_a_public_address_without_https() -> None:
    assert reasons({"public_url": "http://keystall.shop"}) == [
        "Value error, public_url must be https in production"
    ]


def test_the_console_never_lies_under_the_shops_suffix() -> None:
    assert reasons({"public_url": "https://console.shops.keystall.shop.net"}) == [
        "Value error, public_url must not lie under shops_suffix: a shop could take it"
    ]


def test_a_wrong_value_is_named_by_field_and_never_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**PRODUCTION | {"metrics_port": "canary-value"})

    assert "metrics_port" in str(refused.value)
    assert "canary-value" not in str(refused.value)


def test_stripe_keys_go_nowhere_but_to_stripe_in_production() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**PRODUCTION | {"stripe_url": "https://stripe.example"})

    assert "stripe_url is for tests" in str(refused.value)


def test_secrets_are_absent_from_the_printed_settings() -> None:
    printed = repr(Settings(**PRODUCTION))

    assert STRONG not in printed
    assert "postgresql://" not in printed


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings(**PRODUCTION).mail_from = "else@keystall.shop"


def test_the_example_file_names_every_setting() -> None:
    lines = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    named = {line.lstrip("# ").split("=")[0] for line in lines if "KEYSTALL_" in line}

    assert named == {f"KEYSTALL_{field.upper()}" for field in Settings.model_fields}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"google_client_id": "id"}, "google_client_id and google_client_secret go together"),
        ({"qq_client_secret": STRONG}, "qq_client_id and qq_client_secret go together"),
        (
            {"github_client_id": "id", "github_client_secret": "your-secret"},
            "github_client_secret looks like a placeholder",
        ),
        (
            {"sign_in_url": "http://127.0.0.1:9"},
            "sign_in_url is for tests: in production keys go to providers alone",
        ),
    ],
)
def test_keys_of_providers_are_whole_and_real(changes: dict[str, Any], reason: str) -> None:
    assert reasons(changes) == [f"Value error, {reason}"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sslmode=demand", "sslmode must be one of disable, allow, prefer, require, verify-ca"),
        ("sslmode=", "sslmode must be one of"),
        ("sslmode=require&sslrootcert=/ca.pem", "may have sslmode behind its ?, nothing else"),
    ],
)
def test_what_an_address_of_the_database_says_is_obeyed_or_refused(query: str, reason: str) -> None:
    address = "postgresql://keystall_app:there@db.example/keystall?"
    kept = Settings(**PRODUCTION | {"database_url": address + "sslmode=verify-full"})
    assert kept.database_url == address + "sslmode=verify-full"
    [told] = reasons({"database_url": address + query})
    assert reason in told
