"""A conversation with an ACP agent: lines in, events and lines out. Pure.

The agent's requests and ours are numbered apart, by either side: two tables. What is to be sent
is collected in `take_out`, what happened without a line in `take_events`.

A turn that the agent starts by itself has no end in ACP v1. Here it begins with the first text,
thought, plan, tool call or question outside a turn, and ends with the next prompt, where Claude's
adapter tells what it has cost, or with the process. For a caller, quiet is its end, too.
"""

from typing import Any

from clawdforge.agents.acp.asking import reply
from clawdforge.agents.acp.calls import Calls
from clawdforge.agents.acp.opening import (
    CLAUDE,
    Agent,
    Opened,
    OpeningError,
    greeted,
    left_out,
    opening,
    prompt_blocks,
)
from clawdforge.agents.acp.turns import Turns
from clawdforge.agents.driver import Caps, Decision, SessionSpec, SettingName
from clawdforge.core.events import Context, Event, Note, Ready, TurnEnded, Unknown
from clawdforge.wire import jsonrpc
from clawdforge.wire.jsonrpc import Answer, Failure, Notification, Request

_DULL = {"_auth/status_update"}


class Conversation:
    """One session with one agent process.

    Args:
        flavour: Which agent's peculiarities to expect; None: as it introduces itself.
        auth_method: How to log in, where the agent wants to be told.
    """

    def __init__(self, *, flavour: str | None = None, auth_method: str | None = None) -> None:
        self.skipped = 0
        """Lines and messages that made no sense."""
        self.version: str | None = None
        """What the agent that was greeted told."""
        self._flavour = flavour
        self._auth_method = auth_method
        self._spec: SessionSpec | None = None
        self._opened: Opened | None = None
        self._refused: OpeningError | None = None
        self._is_done = False
        self._is_new = True
        self._calls = Calls()
        self._turns = Turns(self._calls)
        self._outcomes: dict[int, Failure | None] = {}

    # What the driver looks at

    @property
    def caps(self) -> Caps:
        """What the agent can do, as far as it has told."""
        opened = self._opened
        if opened is None:
            return Caps(asks=True)
        agent = opened.agent
        return Caps(
            resume=agent.resumes,
            fork="fork" in agent.offers,
            asks=True,
            sets=frozenset(opened.knobs),
        )

    @property
    def is_settled(self) -> bool:
        """Whether the session is open, or will never be."""
        return self._opened is not None or self._refused is not None or self._is_done

    @property
    def refusal(self) -> OpeningError | None:
        """Why there is no session."""
        return self._refused

    @property
    def has_open_turn(self) -> bool:
        """Whether a prompt waits for its end."""
        return self._turns.is_open

    @property
    def ended_by_agent(self) -> bool:
        """The agent has lost the session: its process is of no use any more."""
        return self._turns.session_lost

    def take_out(self) -> bytes:
        """What is to be sent to the agent."""
        return self._calls.take_out()

    def take_events(self) -> list[Event]:
        """What happened."""
        events, self._turns.events = self._turns.events, []
        return events

    # What the driver does

    def open(self, spec: SessionSpec) -> None:
        """The process was started: open the session."""
        self._spec = spec
        self._is_new = spec.resume_id is None
        steps = opening(spec, flavour=self._flavour, auth_method=self._auth_method)
        self._calls.walk(steps, self._is_open, self._is_refused)

    def forget(self, session_id: str) -> None:
        """The process was started only to remove a conversation."""

        def delete(agent: Agent) -> None:
            if "delete" in agent.offers:
                self._calls.call("session/delete", {"sessionId": session_id}, self._done)
            else:
                self._is_done = True

        steps = greeted(flavour=self._flavour, auth_method=self._auth_method)
        self._calls.walk(steps, delete, self._is_refused)

    def greet(self) -> None:
        """The process was started only to say who it is: see `version`."""
        steps = greeted(flavour=self._flavour, auth_method=None)
        self._calls.walk(steps, self._introduced, self._is_refused)

    def prompt(self, turn_id: str, text: str) -> None:
        """A prompt; it waits until there is a session."""
        self._turns.expect(turn_id, text)
        if self._refused is not None:
            self._turns.fail(self._refused.reason, str(self._refused))
        elif self._opened is not None:
            self._send_prompt(self._opened)

    def cancel(self, turn_id: str) -> None:
        """Stop working on that turn."""
        self._turns.cancel(turn_id, self._opened.session_id if self._opened else None)

    def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer a question."""
        self._turns.answer(ask_id, decision)

    def set(self, key: SettingName, value: str) -> int | None:
        """Change a setting; the number to ask `outcome` for, None when there is nothing to set."""
        knob = self._opened.knobs.get(key) if self._opened is not None else None
        if knob is None:
            return None

        def done(message: Answer | Failure) -> None:
            self._outcomes[number] = message if isinstance(message, Failure) else None
            if isinstance(message, Answer):
                updates = self._turns.updates
                self._turns.events += updates.changes(message.result)
                self._turns.events += updates.change(key, value)

        number = self._calls.call(knob.method, knob.params(self._session_id, value), done)
        return number

    def has_outcome(self, number: int) -> bool:
        """Whether a setting's answer has come."""
        return number in self._outcomes

    def outcome(self, number: int) -> Failure | None:
        """What the agent said to a setting; None: it is set."""
        return self._outcomes.pop(number)

    def take_leave(self) -> None:
        """The conversation is given up: the agent need not keep it."""
        opened, spec = self._opened, self._spec
        if opened is None or spec is None or spec.kept or self._turns.is_open:
            return
        for method in ("delete", "close"):
            if method in opened.agent.offers:
                self._calls.call(
                    f"session/{method}", {"sessionId": self._session_id}, lambda _: None
                )
                return

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turns end that were still open."""
        return self._turns.lost()

    def feed(self, line: bytes) -> list[Event]:
        """The events of one line."""
        try:
            message = jsonrpc.read(line)
            if message is None:
                self.skipped += bool(line.strip())
            else:
                self._take(message)
        except RecursionError:  # nested as deep as only a mistake can be
            self.skipped += 1
        return self.take_events()

    # What the agent says

    def _take(self, message: jsonrpc.Message) -> None:
        match message:
            case Notification(method="session/update", params=params):
                self._updated(params)
            case Notification(method="$/cancel_request", params=params):
                if (number := params.get("requestId")) is not None:
                    self._turns.withdraw(number)
            case Notification(method="_session/retrying"):
                self._turns.retry()
            case Notification(method=method, params=params):
                if method not in _DULL:
                    self._turns.events.append(Unknown(raw={"method": method, "params": params}))
            case Request(method="session/request_permission"):
                self._permission(message)
            case Request(id=number, method=method):
                refusal = f"Method not found: {method[:100]}"
                self._calls.say(jsonrpc.failure(number, jsonrpc.METHOD_NOT_FOUND, refusal))
            case Answer() | Failure():
                self.skipped += not self._calls.answered(message)

    def _updated(self, params: Any) -> None:
        update = params.get("update")
        if not isinstance(update, dict):
            self._turns.events.append(Unknown(raw={"method": "session/update", "params": params}))
            return
        if self._opened is None:  # a replay of what was before, and settings that are told again
            events = self._turns.updates.feed(update)
            self._turns.events += (event for event in events if isinstance(event, Context))
        elif params.get("sessionId", self._session_id) != self._session_id:
            self._turns.events.append(Unknown(raw={"method": "session/update", "params": params}))
        else:
            for event in self._turns.updates.feed(update):
                self._turns.tell(event)
            self._turns.notice_end(update)

    def _permission(self, request: Request) -> None:
        if self._opened is None or self._spec is None:
            self._calls.say(reply(request.id, None))
        else:
            self._turns.permission(request, asks=self._spec.asks)

    # Opening

    def _is_refused(self, refusal: OpeningError) -> None:
        self._refused = refusal
        self._turns.fail(refusal.reason, str(refusal))

    def _is_open(self, opened: Opened) -> None:
        assert self._spec is not None
        self._opened = opened
        if opened.agent.flavour == CLAUDE and self._spec.resume_id is not None:
            self._turns.updates.spent_before = self._spec.spent_microusd
        for answer in opened.answers:
            self._turns.updates.adopt(answer)
        model, mode = opened.knobs.get("model"), opened.knobs.get("mode")
        self._turns.events.append(
            Ready(
                version=opened.agent.version,
                agent_session_id=opened.session_id,
                models=model.values if model is not None else (),
                modes=mode.values if mode is not None else (),
            )
        )
        for name in left_out(self._spec, opened.agent):
            text = f"{name}: the agent reaches no MCP servers over http"
            self._turns.events.append(Note(kind="mcp_unavailable", text=text))
        self._send_prompt(opened)

    def _introduced(self, agent: Agent) -> None:
        self.version = agent.version
        self._is_done = True

    def _done(self, _: Answer | Failure) -> None:
        self._is_done = True

    @property
    def _session_id(self) -> str:
        assert self._opened is not None
        return self._opened.session_id

    def _send_prompt(self, opened: Opened) -> None:
        assert self._spec is not None
        text = self._turns.text
        if text is None:
            return
        blocks = prompt_blocks(text, self._spec, opened.agent) if self._is_new else None
        self._is_new = False
        self._turns.begin(opened, blocks)
