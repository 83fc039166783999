"""Tells which addresses of the network are public."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

# Beside what `ipaddress` knows: ranges that lead into a machine or a site by another way.
# https://www.iana.org/assignments/iana-ipv6-special-registry
_REFUSED_V6: Final = tuple(
    ip_network(text)
    for text in (
        "::/96",  # an IPv4 address in an old writing
        "::ffff:0:0/96",  # an IPv4 address: the socket would be one of IPv4
        "::ffff:0:0:0/96",  # one that a translator takes
        "64:ff9b:1::/48",  # NAT64 of a site's own
        "100::/64",  # nowhere
        "2001::/23",  # Teredo and the like: tunnels
        "2002::/16",  # 6to4, a tunnel to an IPv4 address
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)
_REFUSED_V4: Final = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # behind a provider's NAT
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a URL's host is, brackets taken off; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anyone on the internet may have it: not this machine, this site, or many at once."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:  # the only way to IPv4 in some networks
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None or any(address in network for network in _REFUSED_V6):
            return False
    elif any(address in network for network in _REFUSED_V4):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )
