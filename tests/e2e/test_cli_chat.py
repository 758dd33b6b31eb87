"""`chat`, `sessions`, `permissions`, `approve` and `deny` as people use them: in pipes, and at a
terminal with all its keys."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawdforge.client import Client
from clawdforge.testing.serving import RunningServer, running_server

SECS = 20.0
CTRL_C, CTRL_D = "\x03", "\x04"
CLI = [sys.executable, "-m", "clawdforge"]
Completed = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    # Agents rest at once after a turn: no process outlives its test.
    options: dict[str, Any] = {"log_level": "error", "hibernate_after_secs": 0}
    with running_server(tmp_path_factory.mktemp("chat"), **options) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url, server.token, environ={}) as made:
        yield made


@pytest.fixture
def environ(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "CLAWDFORGE_URL": server.url,
        "CLAWDFORGE_TOKEN": server.token,
    }


class Shell:
    """Runs the command; `chat` gets its lines from a pipe."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def __call__(self, *arguments: str, stdin: str = "") -> Completed:
        return subprocess.run(
            [*CLI, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECS,
            env=self.environ,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cli(environ: dict[str, str]) -> Shell:
    return Shell(environ)


class Terminal:
    """The command at a terminal of its own: what it shows is read, keys are pressed."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        leader = (
            "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
            " os.execv(sys.argv[1], sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", leader, *CLI, *arguments],
            stdin=screen,
            stdout=screen,
            stderr=screen,
            env=environ,
        )
        os.close(screen)
        self.shown = ""
        self._seen = 0

    def expect(self, text: str) -> None:
        """Wait until `text` is shown, after what was expected before."""
        deadline = time.monotonic() + SECS
        while text not in self.shown[self._seen :]:
            assert time.monotonic() < deadline, f"{text!r} is not shown in {self.shown[-1000:]!r}"
            assert self._read(), f"{text!r} was never shown in {self.shown[-1000:]!r}"
        self._seen = self.shown.index(text, self._seen) + len(text)

    def press(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def press_until(self, text: str, key: str) -> None:
        """Press a key, again if need be: none is heard in the instant in which a prompt appears."""
        for _ in range(10):
            self.press(key)
            again = time.monotonic() + 1.0
            while text not in self.shown[self._seen :] and time.monotonic() < again:
                if select.select([self._keys], [], [], 0.1)[0] and not self._read():
                    break
            if text in self.shown[self._seen :]:
                break
        self.expect(text)

    def say(self, line: str) -> None:
        """Type a line when it is asked for."""
        self.expect("> ")
        self.press(line + "\n")

    def end(self) -> int:
        """Wait for its end; the exit code."""
        while self._read():
            pass
        return self._process.wait(SECS)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._keys)

    def _read(self) -> bool:
        """Take in what is shown next; False: it has ended."""
        ready, _, _ = select.select([self._keys], [], [], SECS)
        assert ready, f"nothing more is shown after {self.shown[-1000:]!r}"
        try:
            piece = os.read(self._keys, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        text = piece.decode("utf-8", "replace").replace("\r\n", "\n")
        self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
        return bool(piece)


@pytest.fixture
def terminal(environ: dict[str, str]) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> Terminal:
            made = Terminal(environ, *arguments)
            stack.callback(made.close)
            return made

        yield start


def session_of(said: str) -> str:
    found = re.search(r"session ([0-9a-f-]{36})", said)
    assert found, said
    return found[1]


# --- from a pipe ------------------------------------------------------------------------------


def test_every_line_of_a_pipe_is_a_turn(cli: Shell, client: Client) -> None:
    done = cli("chat", stdin="/remember blue\n\n/recall\n")
    assert done.returncode == 0, done.stderr
    assert "blue" in done.stdout.splitlines()[-1]
    assert "\x1b" not in done.stdout + done.stderr
    session = session_of(done.stderr)
    assert f"clawdforge chat --session {session}" in done.stderr
    state = client.session(session).state()
    assert (state.turn_count, state.closed_at) == (2, None)
    again = cli("chat", "--session", session[:13], "--close", stdin="/recall")
    assert "blue" in again.stdout
    assert "2 turns so far" in again.stderr
    assert client.session(session).state().closed_at is not None


def test_a_closed_session_is_opened_again(cli: Shell, client: Client) -> None:
    done = cli("chat", "--close", stdin="/remember green\n")
    session = session_of(done.stderr)
    again = cli("chat", "--session", session, stdin="/recall\n")
    assert "green" in again.stdout, again.stderr
    assert client.session(session).state().closed_at is None


def test_a_failed_turn_is_an_exit_code_and_the_rest_is_said_all_the_same(cli: Shell) -> None:
    done = cli("chat", stdin="/fail boom\n/echo after\n")
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "boom" in done.stderr
    assert "after" in done.stdout


def test_json_is_the_events_one_a_line(cli: Shell) -> None:
    done = cli("chat", "--json", stdin="/stream 5\n")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0]["type"] == "session"
    assert told[0]["session_id"]
    assert told[-1]["type"] == "turn_ended"
    assert "".join(each["text"] for each in told if each["type"] == "text").split() == [
        str(number) for number in range(1, 6)
    ]
    numbers = [each["seq"] for each in told[1:]]
    assert numbers == sorted(set(numbers))


def test_nothing_that_was_said_leaves_no_session(cli: Shell, client: Client) -> None:
    done = cli("chat", stdin="")
    assert done.returncode == 0, done.stderr
    assert client.session(session_of(done.stderr)).state().closed_at is not None


def test_commands_of_the_chat(cli: Shell) -> None:
    done = cli(
        "chat", stdin="/help\n/cost\n/model\n/mode\n/cancel\n//echo /x\n/quit\n/echo never\n"
    )
    assert done.returncode == 0, done.stderr
    for said in ("/cancel ", "model:", "mode:", "nothing is running"):
        assert said in done.stderr
    assert done.stdout == "/x\n"


def test_what_is_not_permitted_is_told(cli: Shell) -> None:
    done = cli("chat", "--permissions", "deny", stdin="/ask touch hello.txt\n")
    assert done.returncode == 0, done.stderr
    assert "not permitted here: Bash" in done.stderr


def test_a_question_in_a_pipe_is_answered_from_elsewhere(cli: Shell, client: Client) -> None:
    process = subprocess.Popen(
        [*CLI, "chat", "--permissions", "ask"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cli.environ,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write("/ask touch hello.txt\n")
        process.stdin.close()
        said = ""
        while "clawdforge approve pm_" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        (asked,) = cli.json("permissions")["permissions"]
        assert asked["permission_id"] in said
        assert (asked["tool"], asked["args"]) == ("Bash", {"command": "touch hello.txt"})
        table = cli("permissions", "list").stdout
        assert asked["permission_id"] in table
        assert "touch hello.txt" in table
        assert "touch hello.txt" in cli("permissions", "show", asked["permission_id"][:20]).stdout
        done = cli("approve", asked["permission_id"][:20])
        assert (done.returncode, done.stderr) == (0, "allowed: Bash touch hello.txt\n")
        assert process.wait(SECS) == 0
        late = cli("deny", asked["permission_id"])
        assert late.returncode == 4
        assert "hint" not in late.stdout
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()
    assert cli.json("permissions")["permissions"] == []
    assert cli.json("permissions", "list", "--all")["permissions"][0]["state"] == "allowed"


def test_ctrl_c_in_a_pipe_cancels_the_turn(cli: Shell, client: Client) -> None:
    process = subprocess.Popen(
        [*CLI, "chat", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cli.environ,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        process.stdin.write("/hang\n/echo after\n")
        process.stdin.flush()
        while '"turn_started"' not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=SECS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, stderr
    assert '"cancelled"' in stdout
    assert "after" in stdout
    assert "Traceback" not in stderr


# --- at a terminal ----------------------------------------------------------------------------


def test_a_conversation_at_a_terminal(terminal: Any, client: Client) -> None:
    chat = terminal("chat")
    chat.expect("Talking with demo")
    session = session_of(chat.shown)
    chat.say("/remember blue")
    chat.expect("blue")
    chat.say("/recall")
    chat.expect("blue")
    chat.say("/think carefully")
    chat.expect("carefully")
    chat.say("/tool hammer")
    chat.expect("✓")
    chat.say("one line \\")
    chat.expect(". ")
    chat.press("and one more\n")
    chat.expect("demo agent")
    chat.expect("> ")
    chat.press(CTRL_D)
    chat.expect(f"chat --session {session}")
    assert chat.end() == 0
    assert client.session(session).state().turn_count == 5


def test_permissions_are_asked_at_the_terminal(terminal: Any, client: Client) -> None:
    chat = terminal("chat")
    chat.say("/ask touch hello.txt")
    chat.expect("may I: Bash touch hello.txt")
    chat.say("what?")
    chat.expect("y, a, n or e")
    chat.say("e")
    chat.expect('"command": "touch hello.txt"')
    chat.say("y")
    chat.expect("✓ Bash touch hello.txt")
    chat.say("/ask touch other.txt")
    chat.expect("may I")
    chat.say("n not that one")
    chat.expect("✗ Bash touch other.txt")
    chat.expect("\n> ")
    chat.press(CTRL_D)
    assert chat.end() == 0
    found = client.session(session_of(chat.shown))
    answers = [
        info.answer
        for info in client.permissions(state="all")
        if info.session_id == found.id and info.answer
    ]
    assert [answer["decision"] for answer in answers] == ["deny", "allow"]
    assert answers[0]["message"] == "not that one"


def test_nobody_agrees_to_what_was_not_shown(terminal: Any) -> None:
    chat = terminal("chat")
    chat.say("/ask touch " + "x" * 400 + "-and-the-end")
    chat.expect("…")
    chat.expect("-and-the-end")
    chat.say("n")
    chat.expect("✗ Bash")
    chat.say("/quit")
    assert chat.end() == 0


def test_a_question_that_was_answered_elsewhere_goes_away(terminal: Any, client: Client) -> None:
    chat = terminal("chat")
    chat.say("/ask touch hello.txt")
    chat.expect("explain > ")
    (asked,) = client.session(session_of(chat.shown)).permissions()
    client.answer_permission(asked.permission_id, allow=True)
    chat.expect("allowed elsewhere")
    chat.expect("✓ Bash touch hello.txt")
    chat.say("/quit")
    assert chat.end() == 0


def test_ctrl_c_cancels_the_turn_and_not_the_chat(terminal: Any) -> None:
    chat = terminal("chat")
    chat.say("/stream 1000")
    chat.expect("1 2 3")
    chat.press(CTRL_C)
    chat.expect("cancelling the turn")
    chat.expect("(cancelled)")
    chat.say("/echo still here")
    chat.expect("still here\n")
    chat.expect("> ")
    chat.press_until("Ctrl-C again", CTRL_C)
    chat.press_until("The session stays open", CTRL_C)
    assert chat.end() == 0


def test_ctrl_c_at_a_question_cancels_the_turn(terminal: Any) -> None:
    chat = terminal("chat")
    chat.say("/ask touch hello.txt")
    chat.expect("explain > ")
    chat.press(CTRL_C)
    chat.expect("(cancelled)")
    chat.say("/quit")
    assert chat.end() == 0


def test_ctrl_c_twice_leaves_in_the_middle_of_a_turn(terminal: Any, client: Client) -> None:
    chat = terminal("chat")
    chat.say("/deaf")
    chat.expect("\rdeaf")
    chat.press_until("cancelling the turn", CTRL_C)
    chat.press_until("The session stays open", CTRL_C)
    assert chat.end() == 130, chat.shown[-3000:]
    session = client.session(session_of(chat.shown))
    deadline = time.monotonic() + SECS
    while session.turns().turns[0].state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert session.turns().turns[0].state == "cancelled"


# --- sessions ---------------------------------------------------------------------------------


def test_sessions_are_listed_shown_and_closed(cli: Shell, client: Client) -> None:
    with client.create_session(meta={"a": 1}) as other:
        pass
    session = client.create_session(effort="low")
    session.turn("/think hm")
    listed = cli.json("sessions", "list")["sessions"]
    assert {session.id, other.id} <= {info["session_id"] for info in listed}
    only_open = cli.json("sessions", "list", "--open", "--limit", "500")["sessions"]
    assert other.id not in {info["session_id"] for info in only_open}
    table = cli("sessions").stdout
    assert session.id in table
    page = cli("sessions", "list", "--limit", "1")
    assert "--before" in page.stderr
    short = session.id[:13]
    shown = cli("sessions", "show", short).stdout
    for said in (session.id, "demo", "effort"):
        assert said in shown
    assert cli.json("sessions", "show", short)["turn_count"] == 1
    turns = cli.json("sessions", "turns", short)["turns"]
    assert [turn["state"] for turn in turns] == ["done"]
    assert "done" in cli("sessions", "turns", short).stdout
    one = cli("sessions", "turns", short, "1").stdout
    assert "hm" in one
    assert cli.json("sessions", "turns", short, "1")["events"]
    nothing = cli("sessions", "cancel", short)
    assert (nothing.returncode, nothing.stderr) == (0, "Nothing is running there.\n")
    assert cli("sessions", "close", short).returncode == 0
    assert cli("sessions", "close", short).returncode == 0
    assert session.state().closed_at is not None


def test_a_closed_session_is_opened_again_and_forked(cli: Shell, client: Client) -> None:
    session = client.create_session()
    session.turn("/remember teal")
    session.close()
    assert session.id in cli("sessions", "resume", session.id).stderr
    copy = cli("sessions", "fork", session.id).stdout.strip()
    assert copy != session.id
    assert "teal" in client.session(copy).turn("/recall").text()
    assert cli.json("sessions", "fork", session.id)["forked_from"] == session.id
    started = client.session(copy).start_turn("/recall")
    assert (started.turn_index, started.state) == (2, "running")


def test_events_are_printed_and_followed(cli: Shell, client: Client) -> None:
    session = client.create_session()
    session.turn("/stream 3")
    printed = cli("sessions", "events", session.id)
    assert printed.returncode == 0
    assert "turn_ended" in printed.stdout
    told = [
        json.loads(line)
        for line in cli("sessions", "events", session.id, "--json").stdout.splitlines()
    ]
    assert [each["seq"] for each in told] == list(range(1, len(told) + 1))
    later = cli("sessions", "events", session.id, "--after", str(len(told) - 1), "--json")
    assert json.loads(later.stdout)["seq"] == len(told)
    process = subprocess.Popen(
        [*CLI, "sessions", "events", session.id, "--follow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=cli.environ,
    )
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["seq"] == 1
        session.close()
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(SECS) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert rest[-1]["type"] == "session_closed"
    assert [each["seq"] for each in rest] == list(range(2, len(rest) + 2))


def test_a_turn_is_cancelled_from_elsewhere(cli: Shell, client: Client) -> None:
    session = client.create_session()
    stream = session.stream("/hang")
    next(stream)
    done = cli("sessions", "cancel", session.id[:13])
    assert (done.returncode, done.stderr) == (0, "Turn 1 is cancelled.\n")
    assert stream.result().cancelled


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sessions", "show", "zzz"), 2, "no session has an id"),
        (("sessions", "show", "00000000-0000-0000-0000-000000000000"), 4, "no such session"),
        (("sessions", "close", "a/b"), 2, "no session has an id"),
        (("approve", "pm_none"), 2, "no waiting permission"),
        (("permissions", "show", "pm_" + "0" * 40), 4, "404"),
        (("chat", "--session", "zzz"), 2, "no session has an id"),
        (("chat", "--session", "zzz", "--agent", "demo"), 2, "exclude each other"),
        (("chat", "--agent", "nobody"), 4, "configured: claude, demo"),
        (("chat", "--permissions", "yes"), 2, "yes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_is_explained(
    cli: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = cli(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_id_that_fits_two_sessions_is_refused(cli: Shell, client: Client) -> None:
    names = [client.create_session().id for _ in range(17)]  # two of them begin alike
    counts = {name[0]: [each[0] for each in names].count(name[0]) for name in names}
    first = max(counts, key=lambda letter: counts[letter])
    done = cli("sessions", "show", first)
    assert done.returncode == 2
    assert "more than one session" in done.stderr
    assert "hint: give more of it" in done.stderr
