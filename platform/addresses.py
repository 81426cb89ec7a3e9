"""Which network addresses are outside: on the public internet, and nobody's inside. Pure.

For requests to addresses that a stranger named. What is not surely outside is inside, so that a
range that is given out next year is refused until somebody has looked at it: of IPv6 nothing but
global unicast is taken, and forms that carry an IPv4 address are judged by what they carry.
Sources: the IANA special-purpose registries (RFC 6890), RFC 6052 (NAT64), RFC 3056 (6to4).
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_INSIDE_4 = tuple(
    IPv4Network(text)
    for text in (
        # `is_global` has most of these, but each version of Python its own.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # Azure's host, which hands out the secrets of its machines
    )
)  # fmt: skip

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_INSIDE_6 = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them, which carries an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address, and its relays are anybody's
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_outside(address: str) -> bool:
    """Whether a literal address is of the public internet; False for a text that is none.

    Not outside: private, loopback, link-local, shared (CGNAT), multicast, unspecified, reserved and
    documentation addresses, those of metadata services, scoped ones, and such of these as are
    carried in an IPv6 address (mapped, NAT64; 6to4 and Teredo whatever they carry).
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _outside_4(parsed)
    if parsed.scope_id is not None:
        return False
    carried = _carried(parsed)
    if carried is not None:
        return _outside_4(carried)
    return (
        parsed in _GLOBAL_UNICAST
        and parsed.is_global
        and not any(parsed in network for network in _INSIDE_6)
    )


def _outside_4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _INSIDE_4)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is really connected to."""
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped
