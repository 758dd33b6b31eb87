"""What both clients share around their one `send`: requests out of calls, errors out of httpx.

No connection is made here.
"""

import math
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from clawdforge import __version__
from clawdforge.client.address import is_loopback
from clawdforge.client.calls import EVENT_STREAM, SILENCE_SECS, Call
from clawdforge.client.discovery import Place, locate
from clawdforge.client.errors import ForgeError, SettingsError, TransportError
from clawdforge.client.replies import Reply
from clawdforge.client.secret import Secret
from clawdforge.client.upload import Part
from clawdforge.config import environment
from clawdforge.wire.forge_json import MAX_ERROR_BYTES, MAX_REPLY_BYTES, shown

CONNECT_SECS = 10.0
IDLE_SECS, PROBE_SECS, PROBES = 30, 10, 3
"""TCP's keep-alive: when the first probe is sent, how often then, and how many may be lost."""
# Servers drop idle connections after about 5 s: let go of ours earlier, or a run may be sent into
# a connection that is just being closed. Runs are long, so any number of them may be under way.
_LIMITS = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=2.0)
FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)
"""What sending may raise. ValueError: host names that cannot be looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, the credentials for it, and how long it may be silent."""

    place: Place
    timeout_secs: float
    upload_timeout_secs: float

    def __post_init__(self) -> None:
        for secs in (self.timeout_secs, self.upload_timeout_secs):
            if isinstance(secs, bool) or not (math.isfinite(secs) and secs > 0):
                msg = "a time-out is a positive number of seconds"
                raise SettingsError(msg)

    def describe(self) -> str:
        """For a client's repr: whether there are tokens, never which."""
        place = self.place
        return f"url={place.url!r} token={place.token} admin_token={place.admin_token}"

    def options(self) -> dict[str, Any]:
        """How the httpx client is made."""
        options: dict[str, Any] = {"follow_redirects": False, "limits": _LIMITS}
        if is_loopback(self.place.url):
            options["trust_env"] = False  # no proxy could reach it
            if self.place.url.startswith("http:"):
                # Never used, and much cheaper than one that loads the certificates.
                options["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return options

    def keeps_alive(self) -> bool:
        """Whether a connection is to be watched by TCP, for a machine that went without a word.

        Needless on this machine; and with a proxy between, only that would be watched.
        """
        proxies = urllib.request.getproxies()
        return not is_loopback(self.place.url) and not {"http", "https", "all"} & set(proxies)

    def transport_options(self) -> dict[str, Any]:
        """How a transport is made that keeps connections alive."""
        return {"limits": _LIMITS, "socket_options": list(_keep_alive())}

    def request(self, call: Call[Any], part: Part | None = None) -> httpx.Request:
        """The request for a call.

        Raises:
            SettingsError: the token it needs is missing.
        """
        headers = {
            "accept": call.accept,
            "accept-encoding": "identity",
            "user-agent": f"clawdforge-python/{__version__}",
            **call.headers,
        }
        if call.credential:
            headers["authorization"] = f"Bearer {self._secret(call.credential).reveal()}"
        if call.body is not None:
            headers["content-type"] = "application/json"
        secs = self.upload_timeout_secs if part else call.timeout_secs or self.timeout_secs
        timeout = httpx.Timeout(
            connect=min(CONNECT_SECS, secs),
            read=None if math.isinf(secs) else secs,
            write=self.timeout_secs if math.isinf(secs) else secs,
            pool=None,
        )
        return httpx.Request(
            call.method,
            self.place.url + call.path,
            params=call.query or None,
            headers=headers,
            content=call.body,
            data=call.form or None,
            # The type is given: guessing it would read files of the system.
            files={"file": (part.name, part.content, "application/octet-stream")} if part else None,
            extensions={"timeout": timeout.as_dict()},
        )

    def reply(self, body: "Body") -> Reply:
        """The reply that was read, without our own tokens should an error echo them."""
        response, taken = body.response, bytes(body.taken)
        if response.is_error:
            for secret in (self.place.token, self.place.admin_token):
                taken = secret.hide_in(taken) if secret else taken
        return Reply(
            url=_without_query(response.request),
            status=response.status_code,
            headers=response.headers,
            body=taken,
            problem=body.problem,
        )

    def failure(self, request: httpx.Request, error: Exception) -> ForgeError:
        """The error to raise for one of httpx's, outside of its handler.

        Not as its cause: the frames of its traceback hold the request's headers.
        """
        url = _without_query(request)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | OSError | UnicodeError):
            return TransportError(
                f"cannot reach {url}: {_reason(error)}",
                url=url,
                timed_out=isinstance(error, httpx.TimeoutException),
                hint=self._hint(),
            )
        if isinstance(error, httpx.TimeoutException):
            secs = request.extensions["timeout"]["read"]
            limit = "in time" if secs is None else f"within {secs:g} s"
            msg = f"{url} did not answer {limit}"
            hint = "what was asked may still be under way"
            return TransportError(msg, url=url, timed_out=True, hint=hint)
        msg = f"the connection to {url} broke: {_reason(error)}"
        return TransportError(msg, url=url, hint="what was asked may have been done or not")

    def _secret(self, credential: str) -> Secret:
        place = self.place
        secret = place.admin_token if credential == "admin" else place.token
        if secret is None:
            variable = "CLAWDFORGE_ADMIN_TOKEN" if credential == "admin" else "CLAWDFORGE_TOKEN"
            msg = f"there is no {credential} token for {place.url}"
            hint = f"set {variable}, or run as the user who runs the server on this machine"
            raise SettingsError(msg, code="token_missing", hint=hint)
        return secret

    def _hint(self) -> str:
        if is_loopback(self.place.url):
            return "is the server running? start it with `clawdforge serve`"
        return "is the URL right, and the server running? it is started with `clawdforge serve`"


class Body:
    """Takes in a response's body piece by piece, and stops at the limit."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.taken = bytearray()
        self.problem: str | None = None
        self._limit = MAX_REPLY_BYTES if response.is_success else MAX_ERROR_BYTES
        length = response.headers.get("content-length", "")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            self.problem = "it is compressed, which was not asked for"
        elif (
            length.isascii()
            and length.isdigit()
            and (len(length) > 15 or int(length) > self._limit)
        ):
            self._overflow()

    def add(self, piece: bytes) -> bool:
        """Take a piece; False: no more is wanted."""
        self.taken += piece
        if len(self.taken) > self._limit:
            self._overflow()
        return self.problem is None

    def _overflow(self) -> None:
        self.taken.clear()
        self.problem = f"it is larger than {self._limit >> 20} MiB"


def aim(
    url: str | None,
    token: str | None,
    *,
    admin_token: str | None,
    timeout_secs: float,
    upload_timeout_secs: float,
    environ: Mapping[str, str] | None,
) -> Target:
    """The target that a client's arguments, its environment and this machine make out.

    Raises:
        SettingsError: one of them is wrong, or a credential file is not safe to use.
    """
    secrets = {
        "token": None if token is None else Secret(token),
        "admin_token": None if admin_token is None else Secret(admin_token, "the admin token"),
    }
    del token, admin_token  # what follows may raise, and tracebacks show locals
    place = locate(url=url, environ=environment() if environ is None else environ, **secrets)
    return Target(place=place, timeout_secs=timeout_secs, upload_timeout_secs=upload_timeout_secs)


@contextmanager
def opening() -> Iterator[None]:
    """Around the making of an httpx client, which reads proxies and certificates."""
    try:
        yield
        return
    except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
        problem = (
            f"the proxy or certificate settings of the environment are wrong: {_reason(error)}"
        )
    raise SettingsError(problem)


def is_stream(response: httpx.Response) -> bool:
    """Whether a reply is a stream of events; how long it may be silent is set in that case."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code != HTTPStatus.OK or kind != EVENT_STREAM:
        return False
    # Until now the limit was that of the turn, which may begin late. Read by httpcore when the
    # body begins.
    response.request.extensions["timeout"]["read"] = SILENCE_SECS
    return True


def _keep_alive() -> Iterator[tuple[int, int, int]]:
    yield socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    # macOS has another name for the first.
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    values = {idle: IDLE_SECS, "TCP_KEEPINTVL": PROBE_SECS, "TCP_KEEPCNT": PROBES}
    for name, value in values.items():
        if hasattr(socket, name):
            yield socket.IPPROTO_TCP, getattr(socket, name), value


def _without_query(request: httpx.Request) -> str:
    return str(request.url.copy_with(query=None))


def _reason(error: Exception) -> str:
    return shown(str(error)) or type(error).__name__
