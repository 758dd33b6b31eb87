"""The events of a session as typed values: what `GET /sessions/{id}/events` tells.

Every event has `seq` (from 1, without gaps, in the session), `turn` (the turn that it belongs
to; 0: none) and `at`. A type that this version does not know is an `Other`; further keys of a
known one are ignored. What the agent did not tell is None.
"""

from typing import Any

import msgspec

from clawdforge.wire import forge_json
from clawdforge.wire.forge_json import MalformedError
from clawdforge.wire.forge_sessions import PermissionOption, Usage

MAX_EVENT_DEPTH = 500
"""Deeper than elsewhere: the arguments of a tool may be any JSON."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all events have."""

    seq: int
    turn: int
    at: int

    @property
    def type(self) -> str:
        """The type as the server names it, `tool_call` for example."""
        return str(self.__struct_config__.tag)


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn_started"):
    """A turn began. `origin` is `user`, or `agent` for one that the agent started by itself."""

    origin: str = "user"
    model: str | None = None
    waited_ms: int | None = None
    """How long it stood in line for an agent."""
    prompt_bytes: int | None = None


class AgentStarted(Event, frozen=True, kw_only=True, tag="agent_started"):
    """An agent process began to serve the session. `resumed`: it knows what was said before."""

    agent: str | None = None
    version: str | None = None
    resumed: bool = False
    pid: int | None = None


class AgentStopped(Event, frozen=True, kw_only=True, tag="agent_stopped"):
    """The agent process is gone; the session may be open as before."""

    reason: str | None = None


class Text(Event, frozen=True, kw_only=True, tag="text"):
    """A piece of the answer.

    With `replaces` it is the whole answer since the last tool call, and what was told of that
    before does not count: the agent began anew.
    """

    text: str
    replaces: bool = False


class Thinking(Event, frozen=True, kw_only=True, tag="thinking"):
    """A piece of the agent's thinking."""

    text: str


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a file; `old_text` None: the file is new."""

    path: str
    old_text: str | None = None
    new_text: str


class ToolCall(Event, frozen=True, kw_only=True, tag="tool_call"):
    """News of a tool call: lay it over what was known of the same `call_id`.

    None says nothing new. `status` is `pending`, `in_progress`, `completed` or `failed`.
    """

    call_id: str
    name: str | None = None
    title: str | None = None
    kind: str | None = None
    args: Any = None
    status: str | None = None
    result: Any = None
    diffs: tuple[Diff, ...] | None = None
    """What it changes, as far as the agent tells."""
    paths: tuple[str, ...] | None = None
    """The files that it is about, as far as the agent tells."""


class PlanEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a plan; `status` is `pending`, `in_progress` or `completed`."""

    content: str
    status: str | None = None
    priority: str | None = None


class Plan(Event, frozen=True, kw_only=True, tag="plan"):
    """The agent's plan; each replaces the one before."""

    entries: tuple[PlanEntry, ...] = ()


class PermissionRequest(Event, frozen=True, kw_only=True, tag="permission_request"):
    """The agent asks whether it may do something, and waits until `expires_at` at most."""

    permission_id: str
    tool: str
    kind: str | None = None
    title: str | None = None
    args: Any = None
    """What exactly would be done."""
    paths: tuple[str, ...] = ()
    call_id: str | None = None
    options: tuple[PermissionOption, ...] = ()
    expires_at: int | None = None


class PermissionResolved(Event, frozen=True, kw_only=True, tag="permission_resolved"):
    """The agent got its answer, or does not wait any more.

    `state` is `allowed`, `denied`, `expired` or `withdrawn`. `permission_id` is None when nobody
    was asked: the policy decided, about `tool` and `title`.
    """

    permission_id: str | None
    state: str
    tool: str | None = None
    title: str | None = None
    decision: str | None = None
    scope: str | None = None
    by: str | None = None


class Context(Event, frozen=True, kw_only=True, tag="usage"):
    """How full the agent's context is, in tokens."""

    context_used: int | None = None
    context_size: int | None = None


class Retry(Event, frozen=True, kw_only=True, tag="retry"):
    """The agent's model call failed with `status`, and is tried again."""

    attempt: int | None = None
    max_attempts: int | None = None
    delay_ms: int | None = None
    status: int | None = None


class Background(Event, frozen=True, kw_only=True, tag="background"):
    """What the agent has running in the background; empty: nothing."""

    tasks: tuple[Any, ...] = ()


class SettingChanged(Event, frozen=True, kw_only=True, tag="setting_changed"):
    """A setting of the session, its `model` or `mode` for example, is now this."""

    key: str
    value: Any = None


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Something for people, from the agent or the server."""

    kind: str
    text: str = ""


class Unknown(Event, frozen=True, kw_only=True, tag="unknown"):
    """What the agent said that the server does not understand."""

    raw: Any = None


class TurnEnded(Event, frozen=True, kw_only=True, tag="turn_ended"):
    """The turn is over.

    `state` is `done`, `failed`, `timeout`, `cancelled` or `interrupted`; `error` is one sentence
    about what went wrong.
    """

    state: str
    stop_reason: str | None = None
    error: str | None = None
    duration_ms: int | None = None
    usage: Usage = Usage()


class SessionClosed(Event, frozen=True, kw_only=True, tag="session_closed"):
    """The session takes no more turns, unless it is resumed."""

    reason: str | None = None


class SessionReopened(Event, frozen=True, kw_only=True, tag="session_reopened"):
    """The session was resumed after it had been closed."""


class OwnerChanged(Event, frozen=True, kw_only=True, tag="owner_changed"):
    """Another start of the server took the session over."""

    epoch: int | None = None


class Other(Event, frozen=True, kw_only=True, tag=""):
    """An event of a type that this version does not know; `raw` is all of it."""

    raw: dict[str, Any]

    @property
    def type(self) -> str:
        """The type as the server named it."""
        return str(self.raw["type"])


class _Head(msgspec.Struct, frozen=True):
    seq: int
    turn: int
    at: int
    type: str


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, oldest first. `next` is `after` of the page that follows; None: no more now."""

    events: tuple[Event, ...]
    next: int | None = None


class _RawPage(msgspec.Struct, frozen=True):
    events: list[dict[str, Any]]
    next: int | None = None


_KINDS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind for kind in Event.__subclasses__() if kind is not Other
}


def decode_event(body: bytes) -> Event:
    """One event out of its JSON.

    Raises:
        MalformedError: it is none, or one of a known type that has another shape.
    """
    return event_of(forge_json.decode(body, dict[str, Any], max_depth=MAX_EVENT_DEPTH))


def decode_page(body: bytes) -> EventPage:
    """A page of events out of its JSON.

    Raises:
        MalformedError: it is none.
    """
    raw = forge_json.decode(body, _RawPage, max_depth=MAX_EVENT_DEPTH)
    return EventPage(events=tuple(map(event_of, raw.events)), next=raw.next)


def event_of(raw: dict[str, Any]) -> Event:
    """The typed value of an event that is JSON already.

    Raises:
        MalformedError: it lacks what every event has, or is a known type of another shape.
    """
    try:
        head = msgspec.convert(raw, _Head)
        kind = _KINDS.get(head.type)
        if kind is None:
            return Other(seq=head.seq, turn=head.turn, at=head.at, raw=raw)
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedError(forge_json.shown(str(error))) from None


def as_json(event: Event) -> dict[str, Any]:
    """An event as the JSON object that it came from, as far as it was understood."""
    if isinstance(event, Other):
        return event.raw
    value: dict[str, Any] = msgspec.to_builtins(event)
    return value
