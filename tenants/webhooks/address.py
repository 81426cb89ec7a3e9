"""Where webhooks may go, as far as the address alone tells. Pure.

What its host resolves to is judged when it is connected to (`platform/http.py`): this is for those
who mistype, not against those who mean it.
"""

from ipaddress import ip_address

import httpx2

from keystall.platform.addresses import is_outside
from keystall.platform.http import OUTSIDE_PORTS
from keystall.tenants.errors import UserError
from keystall.tenants.texts import text_errors

MAX_URL = 2000
_NEVER_OUTSIDE = ("localhost", "local", "internal", "lan", "home.arpa", "test", "invalid")


def url_errors(url: str, *, inside: str) -> list[UserError]:
    """REQUIRED, TOO_LONG, INVALID, or WEBHOOK_ADDRESS where it is no https address of the public
    internet on one of the ports. `inside` is the host that is let through, by http, too."""
    errors = text_errors(url, "url", limit=MAX_URL, required=True)
    if errors:
        return errors
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return [UserError("WEBHOOK_ADDRESS", ("url",))]
    if inside and parsed.host == inside and parsed.scheme in ("http", "https"):
        return []
    fine = (
        parsed.scheme == "https"
        and not parsed.userinfo
        and not parsed.fragment
        and (parsed.port or 443) in OUTSIDE_PORTS
        and _may_be_outside(parsed.raw_host.decode("ascii"))
    )
    return [] if fine else [UserError("WEBHOOK_ADDRESS", ("url",))]


def _may_be_outside(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return "." in name and not any(
            name == last or name.endswith(f".{last}") for last in _NEVER_OUTSIDE
        )
    return is_outside(host)
