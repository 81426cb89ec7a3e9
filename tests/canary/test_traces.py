"""The searcher finds what it must, or its silence would mean nothing."""

import base64
from urllib.parse import quote

import pytest

from tests.canary.traces import traces

SECRET = "QK7RT-9WXZM-4HVBN/+JD2PC"


@pytest.mark.parametrize(
    "leak",
    [
        SECRET.encode(),
        b"{'code': '" + SECRET[5:14].encode() + b"'}",
        SECRET.lower().encode(),
        SECRET.encode().hex().encode(),
        b"xy" + base64.b64encode(b"12345" + SECRET.encode() + b"678"),
        base64.urlsafe_b64encode(b"1" + SECRET.encode()),
        base64.b64encode(b"12" + SECRET.encode()),
        quote(SECRET, safe="").encode(),
        SECRET.encode("utf-16"),
        SECRET.encode("utf-16-be"),
    ],
)
def test_a_leak_is_found_however_it_is_encoded(leak: bytes) -> None:
    assert traces([SECRET], {"a file": b"before" + leak + b"after"})


def test_what_holds_no_window_of_the_secret_is_no_leak() -> None:
    assert traces([SECRET], {"a file": SECRET[:7].encode() + b" " + SECRET[-7:].encode()}) == []
