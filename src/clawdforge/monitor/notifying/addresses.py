"""Which addresses may be told: never one of this machine or its network, unless that is allowed.

A name is looked up once, and the connection goes to the address that was looked at: a name server
that says something else the second time changes nothing.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address."""
LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""RFC 8215: what it leads to is this network's own business."""
MAX_TRIED: Final = 4


class PrivateAddressError(Exception):
    """A name leads to an address that may not be told."""


async def looked_up(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of a host.

    Raises:
        PrivateAddressError: one of them is private, and that is not allowed.
        OSError: there are none.
    """
    addresses = await _resolved(host, port)
    if not addresses:
        msg = "no address"
        raise OSError(msg)
    if not allow_private:
        for text in addresses:
            if is_private(text):
                msg = f"{text} is a private address"
                raise PrivateAddressError(msg)
    return addresses[:MAX_TRIED]


async def _resolved(host: str, port: int) -> list[str]:
    """Ask the system, in a thread that nobody waits for: a name server may not answer for long."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found: list[str] = []
        failed: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failed = error if isinstance(error, OSError) else OSError("that is no host name")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=ask, name="name-lookup", daemon=True).start()
    return await answer


def is_private(text: str) -> bool:
    """Whether an address is not one of the open internet; what is no address is private, too."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    return any(not one.is_global or _is_special(one) for one in _meant(address))


def is_literal_private(host: str) -> bool:
    """Whether a host is written as a private address, or is this machine's own name for itself."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return is_private(host)


def _meant(address: Address) -> list[Address]:
    """The address, and those that are wrapped in it."""
    meant: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            wrapped.append(ipaddress.IPv4Address(address.packed[-4:]))
        if address.packed[:12] == bytes(12) and int(address) > 1:
            wrapped.append(ipaddress.IPv4Address(address.packed[-4:]))  # ::a.b.c.d, RFC 4291
        meant += [one for one in wrapped if one is not None]
        if address.ipv4_mapped is not None or address in NAT64:
            meant.remove(address)  # how it is wrapped says nothing
    return meant


def _is_special(address: Address) -> bool:
    return (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
        or address in LOCAL_NAT64
    )
