"""Whether our server runs on the data folder, or could be started."""

import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from clawdforge.cli.checks.finding import Finding, fail, ok, warn
from clawdforge.config import Settings
from clawdforge.errors import ClawdforgeError

ASK_SECS = 5.0


def running_url(folder: Path) -> str | None:
    """Where the server of this data folder answers; None when none does."""
    from clawdforge.client.discovery import read_server

    try:
        server = read_server(folder)
    except ClawdforgeError:
        return None  # the check of the credentials tells
    return server.url if server and _status(server.url, "/healthz") == HTTPStatus.OK else None


def check_running(url: str) -> Iterator[Finding]:
    """Whether the server that runs is ready, its ledger included."""
    yield ok("server", f"runs at {url}")
    status = _status(url, "/readyz")
    if status == HTTPStatus.OK:
        yield ok("ledger", "in use by the server, which says it is ready")
    else:
        said = f"the server is not ready (HTTP {status or '-'} from {url}/readyz)"
        yield fail("ledger", said, "look at the server's log")


def check_port(settings: Settings) -> Iterator[Finding]:
    """Whether a server could listen."""
    where = f"{settings.host}:{settings.port}"
    mend = "stop that program, or choose another port with --port"
    if settings.port == 0:
        yield ok("port", f"{settings.host}, a free port is picked")
        return
    try:
        _bind(settings.host, settings.port)
    except OSError as error:
        if _status(f"http://{where}", "/healthz") == HTTPStatus.OK:
            said = f"{where} is taken by a clawdforge with another data folder"
            yield warn("port", said, f"name its data folder with --data-dir, or {mend}")
        else:
            yield fail("port", f"{where} cannot be listened on: {error.strerror or error}", mend)
    else:
        yield ok("port", f"{where} is free; start a server with `clawdforge serve`")


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _status(url: str, path: str) -> int | None:
    """The HTTP status of a page; None when nobody answers."""
    import httpx

    try:
        # trust_env: a proxy could not reach what listens on this machine.
        return httpx.get(url + path, timeout=ASK_SECS, trust_env=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
