"""Which requests pass, by peer, host and origin; and which addresses a network holds."""

import socket

import pytest

from clawdforge.core.peers import LOOPBACK, admits, networks
from clawdforge.errors import AccessError, ClawdforgeError, ForbiddenError
from clawdforge.http.guards import Guards

GUARDS = Guards(
    allow_cidrs=["10.0.0.0/8", "2001:db8::/32"],
    allowed_hosts=["Forge.Example"],
    allowed_origins=["https://App.example/", "http://localhost:3000"],
)


def verdict(
    *,
    path: str = "/run",
    peer: str | None = "127.0.0.1",
    host: str | None = "localhost",
    origin: str | None = None,
    guards: Guards = GUARDS,
) -> str | None:
    """The code of the refusal; None when the request passes."""
    headers = {"host": host, "origin": origin}
    try:
        guards.check(
            path, peer, {key: value for key, value in headers.items() if value is not None}
        )
    except ClawdforgeError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "peer",
    ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7", "::1%lo"],
)
def test_peers_that_may_call(peer: str) -> None:
    assert verdict(peer=peer) is None


@pytest.mark.parametrize(
    "peer",
    ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "testclient", "", None, "10.0.0.1, 127.0.0.1"],
)
def test_peers_that_may_not(peer: str | None) -> None:
    assert verdict(peer=peer) == "peer_not_allowed"


@pytest.mark.parametrize("peer", ["11.0.0.1", None])
def test_anybody_may_ask_whether_the_server_lives(peer: str | None) -> None:
    assert verdict(path="/healthz", peer=peer) is None
    assert verdict(path="/healthz/", peer=peer) == "peer_not_allowed"
    assert verdict(path="/healthz", peer=peer, host="evil.example") == "host_not_allowed"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8800",
        "localhost:",
        "a.localhost",
        "127.0.0.1:8800",
        "192.168.1.7",
        "[::1]",
        "[::1]:8800",
        "[FE80::1]:1",
        "[::ffff:127.0.0.1]:80",
        "forge.example",
        "FORGE.example:443",
        socket.gethostname(),
    ],
)
def test_hosts_that_are_ours(host: str) -> None:
    assert verdict(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        None,
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "forge.example.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "evil.example@localhost",
        "localhost@evil.example",
        "evil.example:80@localhost",
        "localhost/evil",
        "localhost?x",
        "localhost#x",
        "localhost evil.example",
        "localhost, evil.example",
        "localhost:80:80",
        "localhost:port",
        "localhost:999999",
        "[::1",
        "[::1]evil",
        "[evil.example]",
        "::1",
        "[]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "localhost\0",
        "löcalhost",
    ],
)
def test_hosts_that_are_not(host: str | None) -> None:
    assert verdict(host=host) == "host_not_allowed"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8800"),
        ("http://localhost:8800", "localhost:8800"),
        ("https://LOCALHOST:8800", "localhost:8800"),
        ("https://app.example", "localhost"),
        ("https://APP.example", "127.0.0.1"),
        ("http://localhost:3000", "localhost:8800"),
        ("http://[::1]:8800", "[::1]:8800"),
    ],
)
def test_web_pages_that_may_call(origin: str | None, host: str) -> None:
    assert verdict(origin=origin, host=host) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://localhost:8801",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:444",
        "https://app.example, https://evil.example",
        "file://",
        "chrome-extension://abc",
        "localhost:8800",
    ],
)
def test_web_pages_that_may_not(origin: str) -> None:
    assert verdict(origin=origin, host="localhost:8800") == "origin_not_allowed"


def test_kinds_of_refusal() -> None:
    with pytest.raises(ForbiddenError):
        GUARDS.check("/run", "11.0.0.1", {"host": "localhost"})
    with pytest.raises(AccessError):
        GUARDS.check("/run", "127.0.0.1", {"host": "evil.example"})


def test_without_settings_only_this_machine_may_call() -> None:
    closed = Guards(allow_cidrs=[], allowed_hosts=[], allowed_origins=[])
    assert verdict(guards=closed) is None
    assert verdict(guards=closed, peer="10.1.2.3") == "peer_not_allowed"
    assert verdict(guards=closed, origin="http://localhost:3000") == "origin_not_allowed"


@pytest.mark.parametrize("cidr", ["", "nonsense", "10.0.0.0/33", "10.0.0.0/8/8", "*"])
def test_what_is_no_network(cidr: str) -> None:
    with pytest.raises(ValueError):
        Guards(allow_cidrs=[cidr], allowed_hosts=[], allowed_origins=[])


def test_networks_may_have_host_bits_and_blanks() -> None:
    assert admits(networks([" 10.1.2.3/8 "]), "10.9.9.9")
    assert admits(networks(["10.1.2.3"]), "10.1.2.3")
    assert not admits(networks(["10.1.2.3"]), "10.1.2.4")
    assert not admits((), "127.0.0.1")
    assert not admits(LOOPBACK, "0.0.0.0")
