"""Notifications on this machine: a real tmux with a real client, a desktop, who looks at what."""

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from notifying import PATIENCE_SECS, Teller, asks, teller, until

from clawdforge.monitor.notifying.terminals import (
    Survey,
    ring,
    somebody_looks,
    survey,
    terminal_of,
)

ODD = "odd #(touch RAN) %H #{pid} ;'\"é🙂"


class Screen:
    """A terminal with a person at it: what is written to it is kept, keys can be pressed."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 140, 0, 0))
        self.tty = Path(os.ttyname(slave))
        self._process = subprocess.Popen(
            argv, env=env | {"TERM": "xterm"}, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self.written = bytearray()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self.written += data

    def shows(self, data: bytes) -> None:
        until(lambda: data in self.written)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(PATIENCE_SECS)
        os.close(self._master)


class Tmux:
    """A tmux server whose panes are agents."""

    def __init__(self, one: Teller) -> None:
        self._env = one.atmd.env
        self._screens: list[Screen] = []
        self("new-session", "-d", "-s", "work here", "-x", "140", "-y", "30", "sleep 600")

    def __call__(self, *arguments: str) -> str:
        argv = ["tmux", "-L", "notify", "-f", "/dev/null", *arguments]
        done = subprocess.run(argv, env=self._env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def pane(self) -> tuple[int, str]:
        """The process and the id of the pane that is shown."""
        pid, pane = self("display-message", "-p", "#{pane_pid} #{pane_id}").split()
        return int(pid), pane

    def attach(self) -> Screen:
        made = Screen(["tmux", "-L", "notify", "attach"], self._env)
        self._screens.append(made)
        until(lambda: str(made.tty) in self("list-clients", "-F", "#{client_tty}"))
        return made

    def close(self) -> None:
        self("kill-server")
        for screen in self._screens:
            screen.close()


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[[Teller], Tmux]]:
    with contextlib.ExitStack() as stack:

        def make(one: Teller) -> Tmux:
            made = Tmux(one)
            stack.callback(made.close)
            return made

        yield make


def local(kind: str, **more: object) -> str:
    keys = {"kind": f'"{kind}"', "needs_you_secs": 0.1, "cooldown_secs": 0, **more}
    return f"[targets.{kind}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_the_bell_rings_at_who_is_attached_and_says_why(
    tmp_path: Path, tmux: Callable[[Teller], Tmux]
) -> None:
    with teller(tmp_path, local("bell", quiet="false")) as one:
        server = tmux(one)
        screen = server.attach()
        pid, pane = server.pane()
        folder = tmp_path / ODD
        folder.mkdir()
        asks(one.atmd.peer(), "s-1", pid=pid, tmux_pane=pane, cwd=str(folder))
        assert one.result("bell")["result"] == "sent"
        screen.shows(b"\a")
        screen.shows(ODD.partition("é")[0].encode())  # nothing of it was run or filled in
        screen.shows(b"asks for permission")
        assert not list(tmp_path.rglob("RAN"))


def test_without_anybody_attached_the_bell_says_so(
    tmp_path: Path, tmux: Callable[[Teller], Tmux]
) -> None:
    with teller(tmp_path, local("bell")) as one:
        pid, _ = tmux(one).pane()
        asks(one.atmd.peer(), "s-1", pid=pid)
        assert one.result("bell")["problem"] == "nobody is attached to tmux"


def test_what_somebody_looks_at_is_not_told_until_they_look_away(
    tmp_path: Path, tmux: Callable[[Teller], Tmux]
) -> None:
    text = "look_secs = 2\n" + local("bell", recheck_secs=0.3)
    with teller(tmp_path, text) as one:
        server = tmux(one)
        screen = server.attach()
        pid, _ = server.pane()
        asks(one.atmd.peer(), "s-1", pid=pid)
        pressed = time.time()
        while time.time() - pressed < 3.5:
            screen.press(b"x")
            time.sleep(0.1)
        pressed = time.time()
        assert one.recent() == []
        told = one.result("bell")
        assert told["at"] - pressed > 0.9  # tmux counts in whole seconds
        screen.shows(b"\a")


@pytest.mark.parametrize("hidden", ["another window", "zoomed away"])
def test_a_pane_that_is_not_shown_is_told_at_once(
    tmp_path: Path, tmux: Callable[[Teller], Tmux], hidden: str
) -> None:
    with teller(tmp_path, local("bell", recheck_secs=60)) as one:
        server = tmux(one)
        screen = server.attach()
        pid, _ = server.pane()
        if hidden == "another window":
            server("new-window", "sleep 600")
        else:
            server("split-window", "sleep 600")
            server("resize-pane", "-Z")
        screen.press(b"x")
        asks(one.atmd.peer(), "s-1", pid=pid)
        assert one.result("bell")["result"] == "sent"


def test_the_desktop_shows_it(tmp_path: Path) -> None:
    record = tmp_path / "told"
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nfor one in "$@"; do echo "$one"; done > {record}\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    with teller(tmp_path, local("desktop"), PATH=path) as one:
        told = {"pid": one.agent(), "cwd": "/home/ana/-a <b>"}
        asks(one.atmd.peer(), "s-1", **told)
        assert one.result("desktop")["result"] == "sent"
    lines = record.read_text().splitlines()
    assert lines[:3] == ["--app-name=clawdforge", "--urgency=critical", "--"]
    assert lines[3] == "claude in -a <b> asks for permission"


def test_a_desktop_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tmux").symlink_to("/usr/bin/tmux")
    path = f"{tmp_path / 'bin'}"
    with teller(tmp_path, local("desktop"), PATH=path) as one:
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        assert "notify-send is not installed" in one.result("desktop")["problem"]
        program = tmp_path / "bin" / "notify-send"
        program.write_text("#!/bin/sh\nexit 3\n")
        program.chmod(0o755)
        asks(one.atmd.peer(), "s-2", pid=one.agent())
        until(lambda: len(one.recent()) == 2)
        assert one.recent()[1]["problem"] == "there is no desktop: notify-send failed (3)"


# --- who looks, without tmux --------------------------------------------------------------------


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen(["cat"], dict(os.environ))
    yield made
    made.close()


async def test_keys_in_a_terminal_mean_that_somebody_is_there(screen: Screen) -> None:
    assert await asyncio.to_thread(terminal_of, screen.pid) == screen.tty
    nothing = Survey()
    os.utime(screen.tty, (time.time() - 100, time.time()))
    assert not await somebody_looks(nothing, pid=screen.pid, pane=None, secs=60)
    assert not await somebody_looks(nothing, pid=None, pane=None, dashboards=[screen.pid], secs=60)
    screen.press(b"hello\n")
    screen.shows(b"hello\r\nhello")  # the terminal's echo, then what `cat` has read
    assert await somebody_looks(nothing, pid=screen.pid, pane=None, secs=60)
    assert await somebody_looks(nothing, pid=None, pane=None, dashboards=[screen.pid], secs=60)


@pytest.fixture
def detached() -> Iterator[int]:
    """A process without a terminal."""
    made = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield made.pid
    made.kill()
    made.wait()


async def test_a_process_without_a_terminal_is_not_looked_at(detached: int) -> None:
    assert await asyncio.to_thread(terminal_of, detached) is None
    assert not await somebody_looks(Survey(), pid=detached, pane=None, secs=60)


def test_only_terminals_are_rung(screen: Screen, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert not ring(file)
    assert file.read_bytes() == b""
    assert not ring(tmp_path / "nothing")
    assert ring(screen.tty)
    screen.shows(b"\a")


async def test_a_machine_without_tmux_has_no_panes(tmp_path: Path) -> None:
    found = await survey({"PATH": str(tmp_path), "TMUX_TMPDIR": str(tmp_path)})
    assert (found.panes, found.clients) == ((), ())
