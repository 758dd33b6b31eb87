"""The real `claude` between a terminal and the gateway: one conversation, one history, one owner.

The model behind it knows what it was told in the conversation, wherever that was.
"""

import functools
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from claude_terminal import AGAIN_SECS, PROMPT, Pane, Tmux, claude_in, introduce

from clawdforge.testing.model_api import Always, ModelApi, Say
from clawdforge.testing.model_api.request import Request

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]

PATIENCE_SECS = 40.0
NO, TRUST = "No, exit", "Yes, I trust this folder"
Json = dict[str, Any]


def knowing(request: Request) -> Say:
    """A model that says which facts it knows."""
    facts = sorted(set(re.findall(r"fact-([a-z]+)", json.dumps(request.raw))))
    return Say(f"I know: {' '.join(facts) or 'nothing'}.")


def eventually(what: Callable[[], Any], about: Callable[[], object] = str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := what()):
        assert time.monotonic() < deadline, f"it never came to that: {about()}"
        time.sleep(0.02)
    return found


def lives(pid: int) -> bool:
    """Whether there is such a process, that does not only wait to be reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Place:
    """A home, a server in it, and the model that answers there."""

    def __init__(self, folder: Path, api: ModelApi, claude: Path) -> None:
        self.folder = folder
        self.claude = claude
        self.api = api
        self.data = folder / "data"
        self.work = folder / "work"
        self.work.mkdir()
        introduce(folder, folder, api)  # what lies in it is trusted, too
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ATM_SOCKET": str(folder / "atm.sock"),
            "TMUX_TMPDIR": str(folder),
            "ATMD_DISCOVERY": "off",
            "CLAWDFORGE_DATA_DIR": str(self.data),
            "CLAWDFORGE_CLAUDE_BIN": str(claude),
            "CLAWDFORGE_HIBERNATE_AFTER_SECS": "600",
            **api.environment(),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.tmux = Tmux({**self.env, "TERM": "xterm-256color"}, "t")  # paths of sockets are short

    def serve(self) -> None:
        (self.data / "server.json").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clawdforge", "serve", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
            )
        eventually(lambda: (self.data / "server.json").exists(), self.log)
        about = eventually(lambda: json.loads((self.data / "server.json").read_text() or "{}"))
        self.url = about["url"]
        self.admin = (self.data / "admin-token").read_text()
        self.token = (self.data / "local-token").read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECS)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def call(self, method: str, path: str, body: Any = None, *, token: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        url = f"{self.url}{path}"
        return httpx.request(method, url, headers=headers, json=body, timeout=PATIENCE_SECS)

    def well(self, method: str, path: str, body: Any = None, *, token: str = "") -> Json:
        reply = self.call(method, path, body, token=token)
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        return found

    def session(self, **options: Any) -> str:
        return str(self.well("POST", "/sessions", {"agent": "claude", **options})["session_id"])

    def row(self, session: str) -> Json:
        return self.well("GET", f"/sessions/{session}")

    def turn(self, session: str, prompt: str) -> httpx.Response:
        return self.call("POST", f"/sessions/{session}/turn", {"prompt": prompt})

    def said(self, session: str, prompt: str) -> str:
        reply = self.turn(session, prompt)
        assert reply.status_code == 200, reply.text
        events = reply.json()["events"]
        return "".join(one["content"] for one in events if one["type"] == "text")

    def turns(self, session: str) -> list[Json]:
        """Oldest first."""
        return list(reversed(self.well("GET", f"/sessions/{session}/turns")["turns"]))

    def events(self, session: str) -> list[Json]:
        return list(self.well("GET", f"/sessions/{session}/events?limit=1000")["events"])

    def types(self, session: str) -> list[str]:
        return [event["type"] for event in self.events(session)]

    def views(self) -> list[Json]:
        found = self.well("GET", "/monitor/sessions", token=self.admin)["sessions"]
        return list(found)

    def audit(self, session: str) -> list[Json]:
        with closing(sqlite3.connect(self.data / "ledger.sqlite3")) as connection:
            rows = connection.execute(
                "SELECT actor, action, detail FROM audit WHERE subject = ? ORDER BY id", (session,)
            ).fetchall()
        return [{"actor": a, "action": b, "detail": json.loads(c)} for a, b, c in rows]

    def is_back(self, session: str) -> bool:
        return self.row(session)["attached"] is None

    def command(self, *arguments: str) -> str:
        """Run `clawdforge`, as a person would in that folder; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env=self.env,
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Person:
    """Somebody at a terminal."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pane: Pane | None = None

    def begin(self) -> str:
        """A conversation with the agent that knows a fact; its id."""
        before = set(conversations(self.place))
        self.pane = claude_in(self.place.tmux, self.place.claude, self.place.work)
        self.tell("this is fact-apple", "I know: apple.")
        (made,) = eventually(lambda: set(conversations(self.place)) - before)
        return str(made)

    def run(self, *command: str) -> None:
        """Start a command, and wait until the agent takes a prompt."""
        self.pane = self.place.tmux.open(self.place.work, *command)
        self.pane.see(PROMPT)
        assert TRUST not in self.screen

    def attach(self, session: str) -> None:
        self.run(sys.executable, "-m", "clawdforge", "attach", session)

    def tell(self, text: str, answer: str) -> None:
        assert self.pane is not None
        self.pane.say(text)
        self.pane.see(answer)

    def leave(self) -> None:
        """End the agent; the first key may come too early for it."""
        pid = self.pid
        assert self.pane is not None
        self.pane.type("/exit")
        self.pane.see("/exit")
        deadline = time.monotonic() + PATIENCE_SECS
        while lives(pid):
            assert time.monotonic() < deadline, self.screen
            self.place.tmux.run("send-keys", "-t", self.pane.pane_id, "Enter", check=False)
            again = time.monotonic() + AGAIN_SECS
            while lives(pid) and time.monotonic() < again:
                time.sleep(0.02)

    @property
    def screen(self) -> str:
        assert self.pane is not None
        try:
            return self.pane.screen
        except subprocess.CalledProcessError:  # it has ended
            return ""

    @property
    def pid(self) -> int:
        assert self.pane is not None
        told = self.place.tmux.run("display", "-p", "-t", self.pane.pane_id, "#{pane_pid}")
        return int(told)

    @property
    def pane_id(self) -> str:
        assert self.pane is not None
        return self.pane.pane_id

    def close(self) -> None:
        if self.pane is not None:
            self.place.tmux.run("kill-pane", "-t", self.pane.pane_id, check=False)


@contextmanager
def opened(folder: Path, claude: Path) -> Iterator[Place]:
    """A server that answers, and a tmux beside it."""
    with ModelApi([Always(knowing)]) as api:
        made = Place(folder, api, claude)
        try:
            made.tmux.open(made.work, "sleep", "1000")
            made.serve()
            yield made
        finally:
            made.stop()
            made.tmux.close()


@contextmanager
def at(place: Place) -> Iterator[Person]:
    """Somebody there, who leaves nothing open."""
    made = Person(place)
    yield made
    made.close()
    for row in place.well("GET", "/sessions?include_closed=false")["sessions"]:
        eventually(functools.partial(place.is_back, row["session_id"]), place.log)
        place.well("DELETE", f"/sessions/{row['session_id']}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, claude_bin: Path) -> Iterator[Place]:
    with opened(tmp_path_factory.mktemp("handover"), claude_bin) as made:
        yield made


@pytest.fixture
def person(place: Place) -> Iterator[Person]:
    with at(place) as made:
        yield made


@pytest.fixture
def other_person(tmp_path: Path, claude_bin: Path) -> Iterator[Person]:
    """At a server of their own, which may be stopped."""
    with opened(tmp_path, claude_bin) as made, at(made) as person:
        yield person


def conversations(place: Place) -> dict[str, Path]:
    return {path.stem: path for path in (place.folder / ".claude/projects").glob("*/*.jsonl")}


def test_what_was_told_in_a_terminal_is_known_through_the_gateway(
    place: Place, person: Person
) -> None:
    conversation = person.begin()

    refused = place.call(
        "POST", "/sessions/adopt", {"conversation": conversation}, token=place.admin
    )
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "conversation_in_use"
    assert f"process {person.pid}, tmux pane {person.pane_id}" in refused.json()["detail"]
    assert "/exit" in refused.json()["detail"]

    person.leave()
    told = place.command("adopt", conversation[:8])
    session = place.well("GET", "/sessions?include_closed=false")["sessions"][0]["session_id"]
    assert f"session {session}: 1 turn, $" in told
    assert f"in {place.work}" in told

    (turn,) = place.turns(session)
    assert (turn["origin"], turn["state"]) == ("terminal", "done")
    assert turn["usage"]["cost_microusd"] > 0
    cost = place.row(session)["usage"]["cost_microusd"]
    assert cost == turn["usage"]["cost_microusd"]
    assert place.types(session) == ["adopted", "turn_started", "text", "turn_ended", "taken_back"]
    first, _, text, *_ = place.events(session)
    assert first["conversation"] == conversation
    assert first["folder"] == str(place.work)
    assert text["text"] == "I know: apple."

    assert place.said(session, "this is fact-banana") == "I know: apple banana."
    row = place.row(session)
    assert row["usage"]["cost_microusd"] > cost
    assert row["turn_count"] == 2
    assert row["options"]["folder"] == str(place.work)
    assert [one["action"] for one in place.audit(session)] == [
        "session.adopt",
        "session.detach",
        "session.turn",
    ]
    assert place.audit(session)[0]["actor"] == "admin"

    again = place.call("POST", "/sessions/adopt", {"conversation": conversation}, token=place.admin)
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "already_driven"
    assert session in again.json()["detail"]


def test_a_copy_is_taken_over_while_the_terminal_goes_on(place: Place, person: Person) -> None:
    conversation = person.begin()
    made = place.command("adopt", conversation, "--fork", "--json")
    session = json.loads(made)["session_id"]
    person.tell("and fact-cherry", "I know: apple cherry.")
    assert place.said(session, "this is fact-banana") == "I know: apple banana."
    person.tell("and fact-date", "I know: apple cherry date.")
    assert place.types(session)[0] == "adopted"
    assert place.turns(session)[0]["usage"]["cost_microusd"] is None  # it is the original's
    assert set(conversations(place)) >= {conversation, session}
    place.well("DELETE", f"/sessions/{session}")
    person.leave()
    assert conversation in conversations(place)


def test_what_was_told_through_the_gateway_is_known_in_a_terminal(
    place: Place, person: Person
) -> None:
    session = place.session()
    assert place.said(session, "this is fact-apple") == "I know: apple."
    cost = place.row(session)["usage"]["cost_microusd"]

    person.attach(session[:13])
    person.tell("this is fact-banana", "I know: apple banana.")
    attached = place.row(session)["attached"]
    assert attached["pid"] == person.pid
    assert attached["by"] == "admin"

    refused = place.turn(session, "hello?")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "session_attached"
    assert f"process {person.pid}, since " in refused.json()["detail"]
    assert "by admin" in refused.json()["detail"]
    assert place.call("DELETE", f"/sessions/{session}").status_code == 409
    twice = place.tmux.open(
        place.work, "sh", "-c", f"{sys.executable} -m clawdforge attach {session}; sleep 60"
    )
    twice.see("409 Conflict", f"process {person.pid}")
    place.tmux.run("kill-pane", "-t", twice.pane_id)

    person.leave()
    eventually(lambda: place.is_back(session), place.log)
    assert [one["origin"] for one in place.turns(session)] == ["user", "terminal"]
    spent = place.row(session)["usage"]["cost_microusd"]
    assert spent > cost
    assert place.turns(session)[1]["usage"]["cost_microusd"] == spent - cost
    kinds = place.types(session)
    assert kinds[kinds.index("attached") :] == [
        "attached",
        "agent_stopped",
        "turn_started",
        "text",
        "turn_ended",
        "taken_back",
    ]
    told = [one["text"] for one in place.events(session) if one["type"] == "text"]
    assert told == ["I know: apple.", "I know: apple banana."]
    assert place.said(session, "this is fact-cherry") == "I know: apple banana cherry."
    actions = [(one["actor"], one["action"]) for one in place.audit(session)]
    assert actions == [
        ("app:local", "session.create"),
        ("app:local", "session.turn"),
        ("admin", "session.attach"),
        ("server", "session.detach"),
        ("app:local", "session.turn"),
    ]


def test_the_monitor_shows_one_entry_for_an_attached_session(place: Place, person: Person) -> None:
    place.command("hooks", "install")
    session = place.session()
    place.said(session, "this is fact-apple")
    person.attach(session)
    person.tell("this is fact-banana", "I know: apple banana.")

    def view() -> Json | None:
        (found,) = place.views()
        shown = found["session"] == session and found["tmux_pane"] == person.pane_id
        return found if shown and found["state"] == "idle" else None

    found = eventually(view, place.views)
    assert found["id"] == session
    assert found["pid"] == person.pid
    person.leave()
    eventually(lambda: place.is_back(session))

    def rests() -> bool:
        (found,) = place.views()
        return (found["id"], found["state"]) == (session, "hibernated")

    eventually(rests, place.views)


def test_a_terminal_that_is_killed_gives_the_session_back(place: Place, person: Person) -> None:
    session = place.session()
    place.said(session, "this is fact-apple")
    person.attach(session)
    person.tell("this is fact-banana", "I know: apple banana.")
    eventually(lambda: "fact-banana" in conversations(place)[session].read_text())
    os.kill(person.pid, signal.SIGKILL)
    eventually(lambda: place.is_back(session), place.log)
    last = place.events(session)[-1]
    assert (last["type"], last["turns"], last["cost_known"]) == ("taken_back", 1, False)
    assert place.said(session, "this is fact-cherry") == "I know: apple banana cherry."


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_may_be_started_again_meanwhile(
    other_person: Person, how: signal.Signals
) -> None:
    person, place = other_person, other_person.place
    session = place.session()
    place.said(session, "this is fact-apple")
    person.attach(session)
    person.tell("this is fact-banana", "I know: apple banana.")
    place.stop(how)
    person.tell("this is fact-cherry", "I know: apple banana cherry.")
    place.serve()
    assert place.turn(session, "hello?").json()["error"]["code"] == "session_attached"
    eventually(lambda: [one["id"] for one in place.views()] == [session], place.views)
    place.stop(how)
    person.leave()
    place.serve()
    assert place.said(session, "this is fact-date") == "I know: apple banana cherry date."
    assert [one["origin"] for one in place.turns(session)] == [
        "user",
        "terminal",
        "terminal",
        "user",
    ]


def test_a_session_that_said_nothing_yet_can_be_opened(place: Place, person: Person) -> None:
    session = place.session(system="Your name is fact-george.")
    person.attach(session)
    person.tell("this is fact-apple", "I know: apple george.")
    person.leave()
    eventually(lambda: place.is_back(session))
    assert place.said(session, "this is fact-banana") == "I know: apple banana george."


def test_a_conversation_that_is_resumed_by_hand_is_not_driven_meanwhile(
    place: Place, person: Person
) -> None:
    conversation = person.begin()
    person.leave()
    session = place.well(
        "POST", "/sessions/adopt", {"conversation": conversation}, token=place.admin
    )["session_id"]
    person.run(str(place.claude), "--resume", conversation)
    refused = place.turn(session, "hello?")
    assert refused.status_code == 502
    assert "open in a terminal" in refused.json()["error"]
    person.leave()
    assert place.said(session, "this is fact-banana") == "I know: apple banana."
