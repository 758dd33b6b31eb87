"""Notifications of the real daemon: webhooks that are signed, tried again, and harm nobody."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notifying import (
    SECRET,
    Receiver,
    Request,
    asks,
    event,
    receiver,
    teller,
    until,
    webhook,
)
from standardwebhooks import Webhook

from clawdforge.monitor.notifying.addresses import is_private

ATM_STOPS_SECS = 5.0


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def verified(request: Request) -> dict[str, Any]:
    """The body, as the library of Standard Webhooks takes it."""
    found: dict[str, Any] = Webhook(SECRET).verify(request.body, dict(request.headers))
    return found


def test_a_session_that_waits_is_told_once_and_signed(tmp_path: Path, hook: Receiver) -> None:
    text = 'page_url = "https://page.example"\n' + webhook("out", hook.url)
    with teller(tmp_path, text) as one:
        asks(one.atmd.peer(), "s-1", pid=one.agent(), cwd="/home/ana/src/widget")
        [request] = hook.got()
        assert one.result("out")["result"] == "sent"
        assert one.waiting() == []
        told = verified(request)
        assert told["type"] == "session.needs_you"
        assert told["data"]["reason"] == "permission"
        assert told["data"]["title"] == "claude in widget asks for permission"
        assert told["data"]["session"]["id"] == "s-1"
        assert told["data"]["session"]["cwd"] == "/home/ana/src/widget"
        assert told["data"]["url"] == "https://page.example/#/s/s-1"
        assert told["data"]["question"] is None
        assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert len(hook.requests) == 1


def test_work_that_is_over_is_told(tmp_path: Path, hook: Receiver) -> None:
    text = webhook("out", hook.url, finished_secs=0.1, min_work_secs=0.3)
    with teller(tmp_path, text) as one:
        peer, pid = one.atmd.peer(), one.agent()
        event(peer, "short", "UserPromptSubmit", pid=one.agent())
        event(peer, "short", "Stop", pid=one.agent())
        event(peer, "long", "UserPromptSubmit", pid=pid)
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 0.5)
        event(peer, "long", "Stop", pid=pid)
        [request] = hook.got()
        told = verified(request)
        assert told["type"] == "session.finished"
        assert told["data"]["session"]["id"] == "long"
        assert told["data"]["worked_secs"] >= 0.5


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_message_that_was_not_taken_is_tried_again_after_a_restart(
    tmp_path: Path, hook: Receiver, end: signal.Signals
) -> None:
    hook.answers.append((503, {}, b"not now"))
    with teller(tmp_path, webhook("out", hook.url)) as one:
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        hook.got()
        [path] = until(
            lambda: [it for it in one.waiting() if json.loads(it.read_bytes())["attempts"]]
        )
        assert path.stat().st_mode & 0o077 == 0
        if end == signal.SIGKILL:
            one.atmd.kill()
        else:
            one.atmd.stop()
        assert path.exists()
        one.atmd.start()
        first, second = hook.got(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert verified(second)["type"] == "session.needs_you"
        assert second.at - first.at > 1.4  # 2 s, less a quarter at most
        assert one.result("out") | {"at": 0} == {
            "at": 0, "target": "out", "kind": "needs_you", "session_id": "s-1", "result": "sent",
            "attempts": 2, "problem": None,
        }  # fmt: skip
        assert one.waiting() == []
    assert len(hook.requests) == 2


def test_what_is_answered_meanwhile_is_not_tried_again(tmp_path: Path, hook: Receiver) -> None:
    hook.answers.append((503, {}, b""))
    with teller(tmp_path, webhook("out", hook.url)) as one:
        peer, pid = one.atmd.peer(), one.agent()
        asks(peer, "s-1", pid=pid)
        hook.got()
        event(peer, "s-1", "PreToolUse", pid=pid, tool_name="Bash", tool_use_id="t")
        event(peer, "s-1", "PostToolUse", pid=pid, tool_name="Bash", tool_use_id="t")
        assert one.result("out")["result"] == "overtaken"
    assert len(hook.requests) == 1


def _own_names() -> list[str]:
    """This machine's name, where it is in its own network, and knows itself."""
    name = socket.gethostname()
    try:
        found = socket.getaddrinfo(name, 80)
    except OSError:
        return []
    return [name] if all(is_private(str(info[4][0])) for info in found) else []


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", *_own_names()]
)
def test_a_name_that_leads_to_a_private_address_is_refused(
    tmp_path: Path, hook: Receiver, host: str
) -> None:
    text = webhook("in", f"http://{host}:{hook.port}/", allow_private=False) + webhook(
        "out", hook.url, needs_you_secs=0.3
    )
    with teller(tmp_path, text) as one:
        if host.startswith("["):
            one.logged("targets.in.url: ::ffff:127.0.0.1 is a private address")
            return
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        told = one.result("in")
        assert told["result"] == "failed"
        assert "is a private address: allow_private = true lets it be told" in told["problem"]
        assert told["attempts"] == 1
        hook.got()
    assert [request.path for request in hook.requests] == ["/hook"]


def test_a_redirect_is_not_followed(tmp_path: Path, hook: Receiver) -> None:
    hook.answers.append((307, {"location": f"http://127.0.0.1:{hook.port}/else"}, b""))
    with teller(tmp_path, webhook("out", hook.url)) as one:
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        assert one.result("out")["problem"] == "it answered 307: redirects are not followed"
    assert [request.path for request in hook.requests] == ["/hook"]


def test_a_receiver_that_hangs_or_talks_too_much_harms_nobody(tmp_path: Path) -> None:
    with receiver() as stuck, receiver() as loud, receiver() as good:
        stuck.hangs.set()
        loud.answers.append((200, {}, b"x" * 5_000_000))
        text = (
            webhook("stuck", stuck.url, timeout_secs=60)
            + webhook("loud", loud.url)
            + webhook("good", good.url, needs_you_secs=0.2)
        )
        with teller(tmp_path, text) as one:
            peer = one.atmd.peer()
            for number in range(5):
                asks(peer, f"s-{number}", pid=one.agent())
            stuck.got(5)
            assert {request.data["session"]["id"] for request in good.got(5)} == {
                f"s-{number}" for number in range(5)
            }
            loud.got(5)
            assert one.result("loud")["result"] == "sent"
            assert peer.silent()
            until(lambda: len(one.waiting()) == 5)  # what was sent is struck off
            began = time.monotonic()
            assert one.atmd.stop() == 0
            assert time.monotonic() - began < ATM_STOPS_SECS
            assert len(one.waiting()) == 5  # they are tried again at the next start
            stuck.released.set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `localhost`, signed by itself, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    path = folder / "both.pem"
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(folder / "key"), "-out", str(folder / "cert"))
    subprocess.run([*argv.split(), *names, *files], check=True, capture_output=True)
    path.write_text((folder / "cert").read_text() + (folder / "key").read_text())
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "problem"),
    [
        ("localhost", True, None),
        ("localhost", False, "TLS: self-signed certificate"),
        ("127.0.0.1", True, "TLS: IP address mismatch"),
    ],
)
def test_a_certificate_has_to_be_that_of_the_name(
    tmp_path: Path, certificate: Path, host: str, *, trusted: bool, problem: str | None
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    env = {"SSL_CERT_FILE": str(certificate)} if trusted else {}
    with receiver(tls) as safe:
        url = safe.url.replace("127.0.0.1", host)
        with teller(tmp_path, webhook("out", url, give_up_secs=0), **env) as one:
            asks(one.atmd.peer(), "s-1", pid=one.agent())
            told = one.result("out")
        assert (told["problem"] or "")[: len(problem or "")] == (problem or "")
        assert told["result"] == ("sent" if problem is None else "failed")
        assert len(safe.requests) == (problem is None)


def test_a_bad_configuration_is_told_and_stops_nothing(tmp_path: Path, hook: Receiver) -> None:
    bad = '[targets.phone]\nkind = "ntfy"\ntopicc = "x"\n'
    with teller(tmp_path, bad + webhook("out", hook.url)) as one:
        one.logged(f"{one.file}: targets.phone")
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        hook.got()
        one.configure("[targets.out\n")
        one.logged("not valid TOML")
        asks(one.atmd.peer(), "s-2", pid=one.agent())
        hook.got(2)  # the last that worked goes on
        one.configure("")
        one.logged("targets=\n")
        asks(one.atmd.peer(), "s-3", pid=one.agent())
        one.configure(webhook("again", hook.url))
        found = hook.got(3)
        assert found[2].data["session"]["id"] in {"s-1", "s-2", "s-3"}


def test_secrets_are_in_no_log_and_no_record(tmp_path: Path, hook: Receiver) -> None:
    hook.answers.append((500, {}, b""))
    url = f"{hook.url}/path-with-a-key"
    with teller(tmp_path, webhook("out", url, give_up_secs=0)) as one:
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        assert one.result("out")["problem"] == "it answered 500"
        written = one.log() + json.dumps(one.recent())
        assert SECRET not in written
        assert "path-with-a-key" not in written


def test_a_monitor_without_targets_loads_nothing_for_them() -> None:
    heavy = {"h11", "httpx", "tomllib", "clawdforge.monitor.notifying.telling", "clawdforge.config"}
    code = "import sys, clawdforge.monitor.daemon; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy & set(done.stdout.split()) == set()
