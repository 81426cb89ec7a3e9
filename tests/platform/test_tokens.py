import hashlib
import re

from keystall.platform.tokens import new_secret, secret_hash


def test_a_secret_is_its_prefix_and_256_url_safe_bits() -> None:
    assert re.fullmatch(r"ks_admin_[A-Za-z0-9_-]{43}", new_secret("ks_admin_"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_secret())


def test_no_two_secrets_are_alike() -> None:
    assert len({new_secret() for _ in range(1_000)}) == 1_000


def test_the_hash_is_sha_256_of_the_text() -> None:
    assert secret_hash("ks_é") == hashlib.sha256(b"ks_\xc3\xa9").digest()


def test_text_that_is_not_unicode_has_a_hash_of_its_own() -> None:
    assert secret_hash("\ud800") != secret_hash("\ud801")
