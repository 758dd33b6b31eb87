"""Which addresses may call."""

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)


def networks(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks; a bare address is a network of one.

    Raises:
        ValueError: one of them is no network.
    """
    return tuple(ipaddress.ip_network(cidr.strip(), strict=False) for cidr in cidrs)


def admits(allowed: Sequence[Network], peer: str | None) -> bool:
    """Whether one of the networks holds the address. What is no address is held by none.

    An IPv4 address that came over an IPv6 socket (`::ffff:10.0.0.1`) counts as IPv4.
    """
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in allowed)
