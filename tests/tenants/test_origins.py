"""Origins of sites: one form for each, and nothing that a browser would not send."""

import pytest

from keystall.tenants.shops.origins import MAX_ORIGINS, origins_of


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        (" HTTPS://WWW.Example.com/ ", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://例子.example", "https://xn--fsqu00a.example"),
        ("https://xn--fsqu00a.example", "https://xn--fsqu00a.example"),
        ("https://xn--strae-oqa.example", "https://xn--strae-oqa.example"),
        ("https://shop_1.example.com", "https://shop_1.example.com"),
        ("https://192.0.2.7:3000", "https://192.0.2.7:3000"),
        ("https://[2001:0DB8::0001]:3000", "https://[2001:db8::1]:3000"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://localhost:80", "http://localhost"),
        ("http://front.localhost:5173", "http://front.localhost:5173"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_has_the_form_that_browsers_send(typed: str, origin: str) -> None:
    assert origins_of([typed]) == ([origin], [])


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "ORIGIN_INVALID"),
        ("*", "ORIGIN_INVALID"),
        ("null", "ORIGIN_INVALID"),
        ("example.com", "ORIGIN_INVALID"),
        ("//example.com", "ORIGIN_INVALID"),
        ("https://", "ORIGIN_INVALID"),
        ("https://*.example.com", "ORIGIN_INVALID"),
        ("https://example.com/shop", "ORIGIN_INVALID"),
        ("https://example.com//", "ORIGIN_INVALID"),
        ("https://example.com?a=b", "ORIGIN_INVALID"),
        ("https://example.com#a", "ORIGIN_INVALID"),
        ("https://lin@example.com", "ORIGIN_INVALID"),
        ("https://example.com:0", "ORIGIN_INVALID"),
        ("https://example.com:65536", "ORIGIN_INVALID"),
        ("https://example.com:x", "ORIGIN_INVALID"),
        ("https://:443", "ORIGIN_INVALID"),
        ("https://a..b", "ORIGIN_INVALID"),
        ("https://example.com.", "ORIGIN_INVALID"),
        ("https://-a.example", "ORIGIN_INVALID"),
        ("https://1.2.3", "ORIGIN_INVALID"),
        ("https://1.2.3.256", "ORIGIN_INVALID"),
        ("https://[::1", "ORIGIN_INVALID"),
        ("https://[zz]", "ORIGIN_INVALID"),
        ("https://[fe80::1%eth0]", "ORIGIN_INVALID"),
        ("https://stra\u00dfe.example", "ORIGIN_INVALID"),  # not strasse.example, for browsers
        ("https://STRA\u1e9eE.example", "ORIGIN_INVALID"),
        ("https://\u03b2\u03cc\u03bb\u03bf\u03c2.example", "ORIGIN_INVALID"),
        ("https://a\u200db.example", "ORIGIN_INVALID"),
        ("https://a\u200cb.example", "ORIGIN_INVALID"),
        ("https://a b.example", "ORIGIN_INVALID"),
        ("https://a\\b.example", "ORIGIN_INVALID"),
        ("https://" + "a" * 64 + ".example", "ORIGIN_INVALID"),
        ("https://" + "a." * 200 + "example", "ORIGIN_INVALID"),
        ("ftp://example.com", "ORIGIN_INVALID"),
        ("capacitor://localhost", "ORIGIN_INVALID"),
        ("http://example.com", "ORIGIN_INSECURE"),
        ("http://192.168.1.5:3000", "ORIGIN_INSECURE"),
        ("http://localhost.example.com", "ORIGIN_INSECURE"),
        ("http://notlocalhost", "ORIGIN_INSECURE"),
    ],
)
def test_what_no_browser_sends_or_everyone_could_read_is_refused(typed: str, code: str) -> None:
    found, errors = origins_of(["https://example.com", typed])
    assert found == ["https://example.com"]
    assert [(one.code, one.path) for one in errors] == [(code, ("origins", "1"))]
    assert errors[0].params == {"value": typed[:80]}


def test_each_counts_once_and_there_is_one_at_least_and_not_too_many() -> None:
    twice = ["https://b.example", "https://a.example", "https://B.example:443/"]
    assert origins_of(twice) == (["https://b.example", "https://a.example"], [])
    assert [one.code for one in origins_of([])[1]] == ["REQUIRED"]
    many = [f"https://s{number}.example" for number in range(MAX_ORIGINS + 1)]
    assert origins_of(many[1:])[1] == []
    ((error,)) = origins_of(many)[1]
    assert (error.code, error.path, error.params) == ("TOO_MANY", ("origins",), {"limit": 20})
