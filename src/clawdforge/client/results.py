"""What the methods of a client give back, where it is more than the server's JSON."""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from clawdforge.client.errors import ProtocolError
from clawdforge.client.secret import Secret
from clawdforge.wire import forge_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What an agent answered.

    `result` is what the agent's text was as JSON, a surrounding code fence removed, else the
    text itself: so any JSON value. `as_text` and `as_json` give one or the other for sure.

        result = client.run("List three colours as a JSON array.")
        colours = result.as_json()
    """

    result: Any
    duration_ms: int
    stop_reason: str | None
    run_id: str | None
    """The run's id in the server's ledger, for `get_run`; None from older servers."""
    request_id: str | None

    def as_text(self) -> str:
        """The answer as text: itself if it is text, else as compact JSON."""
        if isinstance(self.result, str):
            return self.result
        return msgspec.json.encode(self.result).decode()

    def as_json(self) -> Any:
        """The answer as a JSON value.

        Raises:
            ProtocolError: the agent answered with text that is not JSON.
        """
        if not isinstance(self.result, str):
            return self.result
        try:
            return forge_json.decode(self.result.encode("utf-8", "surrogatepass"), object)
        except forge_json.MalformedError as error:
            problem = f"the agent's answer is not JSON: {error}"
        raise ProtocolError(problem, status=200, run_id=self.run_id, request_id=self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """What came of a turn that ended well, or was cancelled."""

    session_id: str
    turn_index: int
    """The turn's number in its session, from 1."""
    events: tuple[dict[str, Any], ...] = field(repr=False)
    """What the agent did, folded: `{"type": "text", "content"}`, `{"type": "thinking",
    "content"}`, `{"type": "tool_call", "name", "args", "result"}`."""
    stop_reason: str | None
    """`end_turn`, `cancelled`, `max_tokens` … as the agent put it."""
    duration_ms: int
    request_id: str | None = None

    def text(self) -> str:
        """The answer: the content of all `text` events, one after the other."""
        contents = (event.get("content") for event in self.events if event.get("type") == "text")
        return "".join(content for content in contents if isinstance(content, str))

    @property
    def cancelled(self) -> bool:
        """Whether the turn was cancelled before the agent was done."""
        return self.stop_reason == "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an `on_permission` callback answers, where True and False do not say enough.

    def decide(request):
        if request.tool == "Bash":
            return Answer(allow=False, message="Use the tests' make target instead.")
        return Answer(allow=True, scope="always")
    """

    allow: bool
    scope: Literal["once", "always"] = "once"
    message: str | None = None
    """Told to the agent, when it may not."""
    option_id: str | None = None
    """One of the answers that the agent offered."""
    args: dict[str, Any] | None = field(default=None, repr=False)
    """What is to be done instead of what was asked: the tool's whole input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToken:
    """An uploaded file: put it, or its `file_token`, into `files` of a run.

    Only the app that uploaded the file can use it, until `ttl_secs` have passed.
    """

    secret: Secret
    ttl_secs: int
    size: int
    """Bytes the server received."""

    @property
    def file_token(self) -> str:
        """The token, `ff_…`."""
        return self.secret.reveal()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppToken:
    """A new app. Its `token` is shown nowhere but here: keep it."""

    name: str
    secret: Secret
    ip_cidrs: tuple[str, ...]
    scopes: tuple[str, ...] | None = None
    """What it may do; None: what the server gives to those who ask for nothing else."""

    @property
    def token(self) -> str:
        """The bearer token, `cf_…`."""
        return self.secret.reveal()
