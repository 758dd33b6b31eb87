"""Which requests are let through to the routes, by where they come from. Pure."""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence

from clawdforge.core.peers import LOOPBACK, Network, admits, networks
from clawdforge.errors import AccessError, ForbiddenError

OPEN_PATHS = frozenset({"/healthz"})
"""Not behind the allow-list (the contract's decision): probes come from anywhere."""

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{0,5})?")


class Guards:
    """The checks that hold for every request, before anything of it is read.

    Args:
        allow_cidrs: Networks that may call beside loopback.
        allowed_hosts: Names that the server is known by, beside addresses and localhost.
        allowed_origins: Web origins (`https://app.example`) that may call.
    """

    def __init__(
        self,
        *,
        allow_cidrs: Iterable[str],
        allowed_hosts: Iterable[str],
        allowed_origins: Iterable[str],
    ) -> None:
        self._networks: Sequence[Network] = (*LOOPBACK, *networks(allow_cidrs))
        self._hosts = {"localhost", *_own_names(), *(host.lower() for host in allowed_hosts)}
        self._origins = {origin.rstrip("/").lower() for origin in allowed_origins}

    def check(self, path: str, peer: str | None, headers: Mapping[str, str]) -> None:
        """Let a request pass.

        Raises:
            ForbiddenError: the peer, the host or the origin is not one that may call.
        """
        if path not in OPEN_PATHS and not admits(self._networks, peer):
            msg = "this address may not call; the operator can allow it with ALLOW_CIDRS"
            raise ForbiddenError(msg, code="peer_not_allowed")
        host = headers.get("host", "")
        if not self._knows(host):
            msg = (
                "the server is not known by this host name; "
                "the operator can allow it with CLAWDFORGE_ALLOWED_HOSTS"
            )
            raise AccessError(msg, code="host_not_allowed")
        origin = headers.get("origin")
        if origin is not None and not self._may_call_from(origin, host):
            msg = (
                "web pages of this origin may not call; "
                "the operator can allow it with CLAWDFORGE_ALLOWED_ORIGINS"
            )
            raise ForbiddenError(msg, code="origin_not_allowed")

    def _knows(self, host: str) -> bool:
        """Names can be made to point here by a page's owner (DNS rebinding); addresses cannot."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = (found["v6"] or found["name"]).lower()
        return name in self._hosts or name.endswith(".localhost") or _is_address(name)

    def _may_call_from(self, origin: str, host: str) -> bool:
        lowered = origin.lower()
        return lowered in self._origins or lowered in {
            f"http://{host.lower()}",
            f"https://{host.lower()}",
        }


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, name.partition(".")[0]} - {""}
