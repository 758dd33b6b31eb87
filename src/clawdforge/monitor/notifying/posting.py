"""One POST: to an address that was looked at, within a time, without redirects, bounded.

Our own few lines over h11 and not an HTTP client: those look names up themselves, follow what
proxies and redirects say, and take long to load.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import h11

from clawdforge.monitor.notifying.addresses import looked_up
from clawdforge.version import VERSION

MAX_REPLY_BYTES: Final = 64 * 1024
READ_BYTES: Final = 16 * 1024
_PORTS: Final = {"http": 80, "https": 443}
_context: ssl.SSLContext | None = None


class PostError(Exception):
    """It did not get there, or no answer came back. Never holds the address's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered."""

    status: int
    body: bytes = field(repr=False)
    """At most `MAX_REPLY_BYTES`; empty when it was longer."""
    retry_after: str | None = None
    peer: str = ""
    """The address that answered."""


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_secs: float,
    allow_private: bool,
) -> Reply:
    """Send a body.

    Raises:
        PrivateAddressError: the host is a private address, and that is not allowed.
        PostError: there was no answer; says why.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {
        "host": parts.netloc,
        "user-agent": f"clawdforge/{VERSION}",
        "content-type": "application/json",
        "accept": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    try:
        request = h11.Request(method="POST", target=target, headers=list(sent.items()))
        async with asyncio.timeout(timeout_secs):
            addresses = await looked_up(host, port, allow_private=allow_private)
            is_tls = parts.scheme == "https"
            async with _connected(addresses, port, host if is_tls else None) as (reader, writer):
                peer = str((writer.get_extra_info("peername") or ("",))[0])
                return await _exchanged(reader, writer, request, body, peer)
    except TimeoutError:
        msg = f"no answer within {timeout_secs:g} s"
        raise PostError(msg) from None
    except ssl.SSLError as error:
        msg = f"TLS: {getattr(error, 'verify_message', '') or error.reason or 'it failed'}"
        raise PostError(msg) from None
    except ConnectionRefusedError:
        msg = "nobody listens there"
        raise PostError(msg) from None
    except OSError as error:
        raise PostError(_reason(error)) from None
    except h11.ProtocolError:
        msg = "what answers there does not speak HTTP"
        raise PostError(msg) from None


@contextlib.asynccontextmanager
async def _connected(
    addresses: list[str], port: int, tls_name: str | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = None if tls_name is None else await _tls()
    failed: OSError | None = None
    for address in addresses:
        try:
            reader, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=tls_name, limit=READ_BYTES
            )
            break
        except OSError as error:
            failed = error
    else:
        raise failed or OSError("no connection")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # whoever hangs is not waited for


async def _exchanged(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: h11.Request,
    body: bytes,
    peer: str,
) -> Reply:
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_REPLY_BYTES)
    writer.write(wire.send(request) or b"")
    writer.write(wire.send(h11.Data(data=body)) or b"")
    writer.write(wire.send(h11.EndOfMessage()) or b"")
    with contextlib.suppress(ConnectionError):  # it may have answered before it had read all
        await writer.drain()
    status, retry_after, read = 0, None, b""
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            retry_after = dict(event.headers).get(b"retry-after", b"").decode("ascii", "replace")
        elif isinstance(event, h11.Data):
            read += event.data
            if len(read) > MAX_REPLY_BYTES:
                read = b""
                break
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    if not status:
        msg = "the connection ended without an answer"
        raise PostError(msg)
    return Reply(status=status, body=read, retry_after=retry_after or None, peer=peer)


def _reason(error: OSError) -> str:
    """Why, without the address: asyncio puts that into the text."""
    if isinstance(error, socket.gaierror):
        return f"the name was not found: {error.strerror}"
    return os.strerror(error.errno) if error.errno else str(error) or "no connection"


async def _tls() -> ssl.SSLContext:
    global _context  # made once: reading the certificates takes 30 ms
    if _context is None:
        _context = await asyncio.to_thread(ssl.create_default_context)
    return _context
