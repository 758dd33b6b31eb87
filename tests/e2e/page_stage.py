"""What the tests of the web page share: a server that can be restarted, and a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest
from approving import Hook, asked, built
from atm_client import Peer
from playwright.sync_api import Browser, Page, sync_playwright

from clawdforge.monitor.hooks.building import Form

PATIENCE_SECS = 20.0
PATIENCE_MS = PATIENCE_SECS * 1000
AXE = Path(__file__).parent.parent.parent / ".agents" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PHONE = (1280, 820), (390, 844)
MARK = "CLAWDFORGE_TEST_BROWSER"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

T = TypeVar("T")
Json = dict[str, Any]


def eventually(what: Callable[[], T], secs: float = PATIENCE_SECS) -> T:
    """The first value that is true."""
    deadline = time.monotonic() + secs
    while not (found := what()):
        assert time.monotonic() < deadline, f"it never came to that: {found!r}"
        time.sleep(0.02)
    return found


@contextmanager
def real_browser() -> Iterator[Browser]:
    """A Chromium without a screen."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium: `apt-get install chromium`, which `make test` does as root")
    mark = uuid.uuid4().hex
    started: set[psutil.Process] = set()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program,
                args=["--no-sandbox", "--disable-dev-shm-usage"],
                env={**os.environ, MARK: mark},
            )
            try:
                yield browser
            finally:
                started = family(mark)
                browser.close()
    finally:
        _, left = psutil.wait_procs(started | family(mark), timeout=PATIENCE_SECS)
        for process in left:
            process.kill()
        assert not left, left


def family(mark: str) -> set[psutil.Process]:
    """All processes of a browser; some of them write over what their environment was."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found |= {process, *process.children(recursive=True)}
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Stage:
    """A data folder and the servers on it, one after the other, always at the same address."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    """Of its environment."""
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "ATM_SOCKET": str(self.folder / "atm.sock"),
            "CLAWDFORGE_DATA_DIR": str(self.data),
            "CLAWDFORGE_DEFAULT_AGENT": "demo",
            "CLAWDFORGE_STOP_GRACE_SECS": "0",
            **self.more,
        }

    def start(self) -> None:
        (self.folder / "home").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "clawdforge", "serve", "--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environ
            )
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Let it end as a system does it."""
        self.end(signal.SIGTERM)

    def kill(self) -> None:
        """Let it end as nobody wants it."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECS)
            self.process = None

    def token(self, name: str = "local-token") -> str:
        return (self.data / name).read_text()

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> Json:
        """A request with the token of the app `local`, or another."""
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        reply = httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=PATIENCE_SECS, **more
        )
        assert reply.is_success, reply.text
        value: Json = reply.json()
        return value

    def session(self, title: str, **options: Any) -> str:
        body = {"agent": "demo", "meta": {"title": title}, **options}
        return str(self.call("POST", "/sessions", json=body)["session_id"])

    def turn(self, session: str, prompt: str, *, wait: bool = True) -> Json:
        body = {"prompt": prompt, "wait": wait}
        return self.call("POST", f"/sessions/{session}/turn", json=body)

    def app(self, name: str, *scopes: str) -> str:
        """Make an app; its token."""
        body = {"name": name, "scopes": list(scopes)}
        admin = self.token("admin-token")
        return str(self.call("POST", "/admin/tokens", admin, json=body)["token"])

    def link(self) -> str:
        """What `clawdforge open --print` prints."""
        command = [sys.executable, "-m", "clawdforge", "open", "--print"]
        done = subprocess.run(command, env=self.environ, check=True, capture_output=True)
        return done.stdout.decode().strip()

    @contextmanager
    def claude(self, session_id: str, prompt: str, cwd: Path) -> Iterator["Hooks"]:
        """What the hooks of a Claude Code in a terminal tell."""
        peer = Peer(self.folder / "atm.sock")
        try:
            peer.hello("hook-test")
            hooks = Hooks(peer, {"session_id": session_id, "pid": 999_999, "cwd": str(cwd)})
            hooks.tell("SessionStart", source="startup")
            hooks.tell("UserPromptSubmit", prompt=prompt)
            yield hooks
        finally:
            peer.close()

    @contextmanager
    def asks(self, **more: Any) -> Iterator[Hook]:
        """The hook of a Claude Code in a terminal that asks for permission, and waits."""
        agent = subprocess.Popen(["sleep", "600"])
        program = built(self.folder, Form.PYTHON)
        hook = Hook(program, {**self.environ, "CLAUDE_PID": str(agent.pid)}, asked(**more))
        try:
            yield hook
        finally:
            hook.close()
            agent.kill()
            agent.wait()


@dataclass
class Hooks:
    """The hooks of one session."""

    peer: Peer
    common: Json

    def tell(self, name: str, **more: Any) -> None:
        self.peer.send("hook_event", data={**self.common, "hook_event_name": name, **more})


@contextmanager
def opened(
    browser: Browser, size: tuple[int, int] = DESKTOP, scheme: str = "light"
) -> Iterator[Page]:
    """An empty browser, in which nothing may go wrong."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults = heard(page)
    try:
        yield page
        assert faults == []
    finally:
        context.close()


def heard(page: Page) -> list[str]:
    """What goes wrong in a page from now on: errors, and what its policy refused."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def told(message: Any) -> None:
        harmless = "Failed to load resource" in message.text  # a refusal, which is expected
        if message.type == "error" and not harmless:
            faults.append(message.text)

    page.on("console", told)
    return faults


def faults_of_access(page: Page) -> list[str]:
    """The rules that are broken, with where."""
    page.evaluate(AXE.read_text() + ";0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['impact']} {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def saved(page: Page, name: str) -> None:
    """A picture for who looks into a failed test."""
    folder = os.environ.get("CLAWDFORGE_TEST_PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
