"""What a client does in one row of the table, and all that it was told: its acknowledgements."""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from crash_table import trap
from crash_table.servers import PATIENCE_SECS
from crash_table.stage import Reply, ServerGoneError, Stage
from crash_table.watching import Watcher

_numbers = itertools.count(1)


@dataclass
class Asked:
    """A request, made in a thread of its own: its server may die over it."""

    call: Callable[[], Reply]
    reply: Reply | None = None
    """None: the server was gone before it had answered."""

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait(self) -> Reply | None:
        """What came of it."""
        self._thread.join(PATIENCE_SECS)
        assert not self._thread.is_alive(), "a request has no end"
        return self.reply

    def _run(self) -> None:
        try:
            self.reply = self.call()
        except ServerGoneError:
            self.reply = None


@dataclass(kw_only=True)
class AskedTurn:
    """A prompt that nobody else ever sends, under a key of its own."""

    session: str
    number: int
    """The turn's, if it begins."""
    prompt: str
    body: dict[str, Any]
    asked: Asked

    @property
    def key(self) -> str:
        """Its Idempotency-Key."""
        return key_of(self.prompt)


@dataclass
class Story:
    """One session of one row, from its making to its closing."""

    stage: Stage
    name: str
    place: str
    nth: int = 1
    dies: bool = True
    session: str = ""
    word: str = ""
    """What the agent was told to remember."""
    turns: int = 0
    """How many turns were asked for."""
    asked: list[AskedTurn] = field(default_factory=list)
    """Those about which something is killed."""
    others: list[Asked] = field(default_factory=list)
    """Other requests."""
    watchers: list[Watcher] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    """What else was acknowledged."""

    # Before

    def new(self, **options: Any) -> str:
        """Make the session, and follow it."""
        body = {"meta": {"row": self.name}, **options}
        self.session = str(self.stage.good("POST", "/sessions", body)["session_id"])
        self.follow(self.session)
        return self.session

    def follow(self, session: str) -> Watcher:
        watcher = Watcher(session)
        watcher.follow(self.stage.url, self.stage.token)
        self.watchers.append(watcher)
        return watcher

    @property
    def watcher(self) -> Watcher:
        """Of the session."""
        return next(each for each in self.watchers if each.session == self.session)

    def remembering(self, **options: Any) -> None:
        """A session with one turn behind it, and its agent warm."""
        self.new(**options)
        self.word = f"word{next(_numbers)}"
        self.said(f"/remember {self.word}")

    def said(self, command: str, session: str | None = None) -> str:
        """Take a turn that has to end well, and give its text."""
        session = session or self.session
        self.turns += session == self.session
        body = {"prompt": f"prompt {next(_numbers)} of {self.name}\n{command}"}
        told = self.stage.good("POST", f"/sessions/{session}/turn", body)
        return text_of(told["events"])

    def arm(self, session: str | None = None, *, anywhere: bool = False) -> None:
        """Set the trap, for this session unless another one is named."""
        trap.arm(
            self.stage.home,
            name=self.name,
            place=self.place,
            session=None if anywhere else session or self.session,
            nth=self.nth,
            dies=self.dies,
        )

    # The deed

    def turn(self, command: str, session: str | None = None, **more: Any) -> AskedTurn:
        """Ask for a turn; who waits for the answer may wait for a dead server."""
        session = session or self.session
        self.turns += 1
        prompt = f"prompt {next(_numbers)} of {self.name}\n{command}"
        body, path = {"prompt": prompt, **more}, f"/sessions/{session}/turn"
        asked = Asked(lambda: self.stage.call("POST", path, body, key=key_of(prompt)))
        turn = AskedTurn(session=session, number=self.turns, prompt=prompt, body=body, asked=asked)
        self.asked.append(turn)
        return turn

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Asked:
        """Ask for something else about the session."""
        whole = path if path.startswith("/") else f"/sessions/{self.session}/{path}".rstrip("/")
        asked = Asked(lambda: self.stage.call(method, whole, body, **more))
        self.others.append(asked)
        return asked

    def answer(self, decision: str, scope: str = "once") -> None:
        """Answer the agent's question once there is one; or see the server dead."""
        if not self.watcher.has("permission_request"):
            return
        request = next(e for e in self.watcher.events if e["type"] == "permission_request")
        self.told["permission"] = request["permission_id"]
        path = f"/permissions/{request['permission_id']}"
        self.told["answer"] = self.request("POST", path, {"decision": decision, "scope": scope})

    def wait(self) -> None:
        """Wait for all requests: for their answers, or the server's death."""
        for asked in [*(turn.asked for turn in self.asked), *self.others]:
            asked.wait()

    # Afterwards

    def repeat(self, turn: AskedTurn) -> Reply:
        """The same request under the same key, as a client would that got no answer."""
        return self.stage.call("POST", f"/sessions/{turn.session}/turn", turn.body, key=turn.key)

    def row(self) -> dict[str, Any]:
        """The session as the server shows it."""
        return self.stage.good("GET", f"/sessions/{self.session}")

    def turn_rows(self) -> dict[int, dict[str, Any]]:
        """Its turns by their numbers."""
        found = self.stage.good("GET", f"/sessions/{self.session}/turns?limit=200")["turns"]
        return {row["turn_index"]: row for row in found}

    def leave(self) -> None:
        """Follow nothing any more."""
        for watcher in self.watchers:
            watcher.leave()


def key_of(prompt: str) -> str:
    """The Idempotency-Key of a prompt: its first line."""
    return prompt.partition("\n")[0].replace(" ", "-")


def text_of(events: Sequence[dict[str, Any]]) -> str:
    """What was said in a turn, as replies tell it."""
    return "".join(event["content"] for event in events if event["type"] == "text")
