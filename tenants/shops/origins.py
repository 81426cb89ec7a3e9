"""Origins of web sites, as browsers write them in the `Origin` header. Pure.

An origin is `scheme://host[:port]` (RFC 6454, 6.1): no path, no wildcard, the port left out where
it is the scheme's own. What people paste is brought to that form: capitals, a name in its own
script, a port that says nothing and one slash at the end make no difference.
"""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from keystall.tenants.errors import UserError

MAX_ORIGINS = 20
_LONGEST = 300
_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_PLAIN = re.compile(r"[a-z]+://[^/?#\\@\s]+/?")
_READ_IN_TWO_WAYS = re.compile("[\N{LATIN SMALL LETTER SHARP S}\N{GREEK SMALL LETTER FINAL SIGMA}"
                               "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}]")  # fmt: skip
"""Of these browsers make another name than Python does (UTS 46, 6.3): that of somebody else. Who
owns one can write it as `xn--…`."""


class _Wrong(ValueError):
    """The code of a refusal."""


def origins_of(typed: Sequence[str]) -> tuple[list[str], list[UserError]]:
    """The origins in their one form, each once, and what is wrong with them: REQUIRED, TOO_MANY;
    at its place ORIGIN_INVALID, or ORIGIN_INSECURE for http anywhere but on the reader's own
    machine."""
    if not typed:
        return [], [UserError("REQUIRED", ("origins",))]
    if len(typed) > MAX_ORIGINS:
        return [], [UserError("TOO_MANY", ("origins",), {"limit": MAX_ORIGINS})]
    found: dict[str, None] = {}
    errors = []
    for index, text in enumerate(typed):
        try:
            found[_origin(text)] = None
        except _Wrong as wrong:
            shown = {"value": text.strip()[:80]}
            errors.append(UserError(str(wrong), ("origins", str(index)), shown))
    return list(found), errors


def _origin(text: str) -> str:
    lowered = text.strip().lower()
    if len(lowered) > _LONGEST or not _PLAIN.fullmatch(lowered):
        raise _Wrong("ORIGIN_INVALID")
    try:
        parts = urlsplit(lowered)
        port = parts.port
    except ValueError:
        raise _Wrong("ORIGIN_INVALID") from None
    if parts.scheme not in _PORTS or port == 0:
        raise _Wrong("ORIGIN_INVALID")
    host = _host(parts)
    if parts.scheme == "http" and not _is_own_machine(host):
        raise _Wrong("ORIGIN_INSECURE")
    told = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{told}"


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    if "%" in name or _READ_IN_TWO_WAYS.search(name):
        # The first is the zone of an IPv6 address, which no origin has.
        raise _Wrong("ORIGIN_INVALID")
    if "[" in parts.netloc:
        try:
            return f"[{ipaddress.IPv6Address(name)}]"
        except ValueError:
            raise _Wrong("ORIGIN_INVALID") from None
    try:
        name = name.replace("。", ".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _Wrong("ORIGIN_INVALID") from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _Wrong("ORIGIN_INVALID")
    if labels[-1].isdigit():
        # What ends in a number is an address, or nothing (URL standard, "ends in a number").
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise _Wrong("ORIGIN_INVALID") from None
    return name


def _is_own_machine(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "[::1]") or host.endswith(".localhost")
