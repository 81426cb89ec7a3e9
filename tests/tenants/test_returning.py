"""Where buyers may be sent after paying: to sites that the shop has named, and nowhere else."""

import pytest

from keystall.tenants.errors import Refused
from keystall.tenants.payments.returning import checked_return, return_address

SITES = frozenset({"https://www.example.com", "http://localhost:5173"})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://www.example.com/#/order/{token}", "https://www.example.com/#/order/{token}"),
        (
            "https://WWW.example.com/done?order={token}",
            "https://www.example.com/done?order={token}",
        ),
        ("http://localhost:5173", "http://localhost:5173/"),
        ("http://localhost:5173#/{token}", "http://localhost:5173/#/{token}"),
        ("https://www.example.com?to={token}", "https://www.example.com/?to={token}"),
        ("https://www.example.com/{token}@elsewhere", "https://www.example.com/{token}@elsewhere"),
        (None, None),
    ],
)
def test_an_address_on_a_named_site_is_kept(given: str | None, kept: str | None) -> None:
    assert checked_return(given, SITES) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("https://evil.example.com/", "RETURN_NOT_ALLOWED"),
        ("http://www.example.com/", "RETURN_NOT_ALLOWED"),
        ("https://www.example.com:8443/", "RETURN_NOT_ALLOWED"),
        ("https://www.example.com.evil.com/", "RETURN_NOT_ALLOWED"),
        ("https://evilwww.example.com", "RETURN_NOT_ALLOWED"),
        ("https://www.example.com@evil.com/", "INVALID"),
        ("https://www.example.com:443@evil.com/", "INVALID"),
        ("https://www.example.com\\@evil.com/", "INVALID"),
        ("https://www.example.com/\\evil", "INVALID"),
        ("https://{token}.example.com/", "INVALID"),
        ("//www.example.com/", "INVALID"),
        ("/order/{token}", "INVALID"),
        ("javascript:alert(1)//https://www.example.com", "INVALID"),
        ("https://www.example.com/ two", "INVALID"),
        ("https://www.example.com/\n", "INVALID"),
        ("https://www.example.com/订单", "INVALID"),
        ("https://www.example.com/\u212a", "INVALID"),  # whose small letter is a k
        ("", "INVALID"),
        ("https://www.example.com/" + "x" * 1000, "TOO_LONG"),
    ],
)
def test_any_other_address_is_refused(given: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_return(given, SITES)

    assert [(error.code, error.path) for error in refused.value.errors] == [(code, ("return_url",))]


def test_no_site_is_named_where_no_token_came() -> None:
    with pytest.raises(Refused, match="RETURN_NOT_ALLOWED"):
        checked_return("https://www.example.com/", frozenset())


def test_the_order_s_token_stands_wherever_the_address_has_a_place_for_it() -> None:
    assert (
        return_address("https://a.example/{token}?{token}", "t-_1") == "https://a.example/t-_1?t-_1"
    )
    assert return_address("https://a.example/thanks", "t") == "https://a.example/thanks"
