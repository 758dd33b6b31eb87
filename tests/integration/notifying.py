"""Receivers of notices, and a monitor that tells them: what the tests of notifications share."""

import contextlib
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from atm_client import Daemon, Peer

Json = dict[str, Any]
PATIENCE_SECS = 30.0
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMjQrIGJ5dGVz"


def until(condition: Callable[[], Any]) -> Any:
    """What the condition says, once it says something."""
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@dataclass(frozen=True)
class Request:
    """What a receiver was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    @property
    def json(self) -> Json:
        value: Json = json.loads(self.body)
        return value

    @property
    def data(self) -> Json:
        found: Json = self.json["data"]
        return found


Answer = tuple[int, Mapping[str, str], bytes]
TAKEN: Answer = (200, {}, b"")


class Receiver:
    """A real HTTP server on this machine that keeps what it gets."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        """What it answers, in order; then that it was taken."""
        self.only_questions = False
        """It answers what asks something; all else it takes."""
        self.hangs = threading.Event()
        """Set: it answers nothing until `released` is."""
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body)
                receiver.requests.append(request)
                if receiver.hangs.is_set():
                    receiver.released.wait(PATIENCE_SECS)
                is_passed_over = receiver.only_questions and not request.data["question"]
                answer = TAKEN
                if receiver.answers and not is_passed_over:
                    answer = receiver.answers.pop(0)
                with contextlib.suppress(OSError):
                    self._answer(*answer)

            def _answer(self, status: int, headers: Mapping[str, str], told: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                pass

        self._scheme = "http" if tls is None else "https"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/hook"

    def got(self, count: int = 1) -> list[Request]:
        """What it was sent, once it is so much."""
        found: list[Request] = until(
            lambda: self.requests[:] if len(self.requests) >= count else None
        )
        return found

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """One for the length of a block."""
    made = Receiver(tls)
    try:
        yield made
    finally:
        made.close()


class Teller:
    """A daemon with agents that report to it, and a configuration of whom it tells."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.atmd = Daemon(folder, WEBHOOK_SECRET=SECRET, **env)
        self.file = folder / ".config" / "clawdforge" / "notifications.toml"
        self.file.parent.mkdir(parents=True)
        self._agents: list[subprocess.Popen[bytes]] = []

    def configure(self, text: str) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.file)

    def agent(self) -> int:
        """A process that an agent is taken to be."""
        made = subprocess.Popen(["sleep", "600"])
        self._agents.append(made)
        return made.pid

    def log(self) -> str:
        return (self.atmd.folder / "atmd.log").read_text()

    def logged(self, text: str) -> None:
        """Wait until the log says it."""
        until(lambda: text in self.log())

    def recent(self) -> list[Json]:
        """What became of the last notices."""
        path = self.atmd.state / "notifications" / "recent.json"
        try:
            found: list[Json] = json.loads(path.read_bytes())
        except OSError:
            return []
        return found

    def result(self, target: str) -> Json:
        """What became of the first notice to a target, once it is over."""
        found: Json = until(
            lambda: next((one for one in self.recent() if one["target"] == target), None)
        )
        return found

    def waiting(self) -> list[Path]:
        """What waits to be sent."""
        return list((self.atmd.state / "notifications" / "waiting").glob("msg_*.json"))

    def close(self) -> None:
        self.atmd.close()
        for agent in self._agents:
            agent.kill()
            agent.wait()


@contextlib.contextmanager
def teller(folder: Path, text: str, **env: str) -> Iterator[Teller]:
    """A daemon that tells, for the length of a block."""
    made = Teller(folder, **env)
    try:
        made.configure(text)
        made.atmd.start()
        made.logged("targets=")
        yield made
    finally:
        made.close()


def webhook(name: str, url: str, **more: object) -> str:
    """A target that may be on this machine and is told at once."""
    keys = {
        "kind": "webhook",
        "url": url,
        "secret_env": "WEBHOOK_SECRET",
        "allow_private": True,
        "needs_you_secs": 0.1,
        "cooldown_secs": 0,
        **more,
    }
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items() if value != "")
    return f"[targets.{name}]\n{lines}\n"


def event(peer: Peer, session_id: str, name: str, **more: Any) -> None:
    """A hook of an agent."""
    peer.send("hook_event", data={"session_id": session_id, "hook_event_name": name, **more})


def asks(peer: Peer, session_id: str, **more: Any) -> None:
    """A session works, and then waits for a person."""
    event(peer, session_id, "UserPromptSubmit", **more)
    told = {"notification_type": "permission_prompt", "message": "may I?"}
    event(peer, session_id, "Notification", **told, **more)
