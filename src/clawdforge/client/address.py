"""Which URLs a client may be pointed at."""

import ipaddress
import re

import httpx

from clawdforge.client.errors import SettingsError
from clawdforge.wire.forge_json import shown

DEFAULT_URL = "http://127.0.0.1:8800"

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def base_url(text: str) -> str:
    """The URL in its one normal form: lower-case host, no default port, no trailing slash.

    A path prefix (a reverse proxy's) is kept: `https://host/forge` works.

    Raises:
        SettingsError: it is no http(s) URL, or carries a user, a query, a fragment, dot
            segments or escapes.
    """
    if not text.isprintable() or any(c in text for c in "@?#\\ "):
        # Not quoted: a password might be in it.
        msg = "the server's URL contains a user, a query, a fragment, or characters no URL has"
        raise _wrong(msg)
    try:
        url = httpx.URL(text)
        host, port = url.raw_host.decode("ascii"), url.port
    except (httpx.InvalidURL, ValueError):
        url, host, port = httpx.URL(""), "", None
    if url.scheme not in {"http", "https"} or not _is_host(host):
        raise _wrong(f"{shown(text)!r} is not an http or https URL")
    if port is not None and not 1 <= port <= 65535:
        raise _wrong(f"{shown(text)!r} has no possible port")
    path = url.raw_path.decode("ascii").rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(text.split("/")):
        raise _wrong(f"{shown(text)!r} has a path that cannot be a prefix")
    default = {"http": 80, "https": 443}[url.scheme]
    name = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{name}{'' if port in {None, default} else f':{port}'}{path}"


def is_loopback(url: str) -> bool:
    """Whether a URL from `base_url` leads to this machine and nowhere else."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None and all(
            len(label) <= 63 for label in host.split(".")
        )
    return True


def _wrong(message: str) -> SettingsError:
    return SettingsError(
        message, code="url_invalid", hint="it should look like http://127.0.0.1:8800"
    )
