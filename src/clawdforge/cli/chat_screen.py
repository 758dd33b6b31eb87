"""What a chat shows: the answer on stdout as it is written, all about it on stderr."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from clawdforge.cli.screen import (
    duration,
    harmless,
    in_short,
    one_line,
    print_json_line,
    stderr,
    usage_line,
)
from clawdforge.client import events

if TYPE_CHECKING:
    from rich.status import Status

MARKS = {"completed": "✓", "failed": "✗", "in_progress": "•", "pending": "·"}
STYLES = {"completed": "green", "failed": "red"}
NARROWEST = 20


class Screen(Protocol):
    """Where a chat is shown."""

    def begin(self) -> None:
        """A turn was asked for."""
        ...

    def show(self, event: events.Event) -> None:
        """Something happened."""
        ...

    def end_line(self) -> None:
        """Something else is shown now, from the start of a line."""
        ...

    def end(self) -> None:
        """The turn is over, or nobody looks at it any more."""
        ...


class JsonLines:
    """For scripts: every event as a line of JSON."""

    def begin(self) -> None:
        """Nothing is shown."""

    def show(self, event: events.Event) -> None:
        """Print it."""
        print_json_line(events.as_json(event))

    def end_line(self) -> None:
        """Nothing is shown."""

    def end(self) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call, as far as it is known."""

    name: str = "tool"
    title: str = ""
    args: Any = None
    status: str = "pending"
    result: Any = None

    def with_news(self, news: events.ToolCall) -> "Call":
        """The same with what is new."""
        told = {
            "name": news.name or (news.kind if self.name == "tool" else None),
            "title": news.title,
            "args": news.args,
            "status": news.status,
            "result": news.result,
        }
        return replace(self, **{key: value for key, value in told.items() if value is not None})

    def line(self, width: int) -> str:
        """One line about it."""
        about = in_short(self.args) or ("" if self.title == self.name else self.title)
        failed = self.status == "failed"
        why = f": {in_short(self.result)}" if failed and self.result is not None else ""
        return one_line(f"{MARKS.get(self.status, '•')} {self.name} {about}{why}", width)


class Terminal:
    """For people. On a terminal a tool's line is written anew when it is done."""

    def __init__(self) -> None:
        self._notes = stderr()
        self._line = ""
        """What the line holds on which the cursor stands: `text`, `thinking`, a tool's name."""
        self._calls: dict[str, Call] = {}
        self._plan: Mapping[str, str | None] = {}
        self._spinner: Status | None = None

    def begin(self) -> None:
        """Show that the agent is at work until there is something to be seen."""
        if self._notes.is_terminal:
            self._spinner = self._notes.status("", spinner="dots")
            self._spinner.start()

    def end(self) -> None:
        """Say of tools that nothing came of them."""
        self._stop_spinner()
        for call_id, call in list(self._calls.items()):
            if call.status not in {"completed", "failed"}:
                self._tool(call_id, replace(call, status="failed", result="no result"))
        self._calls.clear()
        self._plan = {}
        self._to(line="")

    def end_line(self) -> None:
        """Leave the cursor at the start of a line."""
        self._stop_spinner()
        self._to(line="")

    def echoed(self) -> None:
        """The terminal has shown a key, Ctrl-C: what follows begins on a line of its own."""
        self._line = self._line or "key"

    def note(self, text: str, style: str = "dim") -> None:
        """A line about the chat."""
        self.end_line()
        self._notes.print(harmless(text), style=style, markup=False)

    def show(self, event: events.Event) -> None:
        """Show it, if it is of interest to people."""
        match event:
            case events.Text(text=text, replaces=replaces):
                self._text(text, anew=replaces)
            case events.Thinking(text=text):
                self._stop_spinner()
                self._to(line="thinking")
                self._notes.print(harmless(text), style="dim italic", markup=False, end="")
            case events.ToolCall(call_id=call_id):
                self._tool(call_id, self._calls.get(call_id, Call()).with_news(event))
            case events.Plan():
                self._show_plan(event)
            case events.TurnEnded():
                self._ended(event)
            case _:
                text = about(event)
                if text:
                    self.note(text)

    def _text(self, text: str, *, anew: bool) -> None:
        self._stop_spinner()
        if anew and self._line == "text":
            self._to(line="")
            self._notes.print("(the answer began anew)", style="dim")
        self._to(line="text")
        sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def _tool(self, call_id: str, call: Call) -> None:
        before, self._calls[call_id] = self._calls.get(call_id), call
        done = call.status in {"completed", "failed"}
        if (before and before.status in {"completed", "failed"}) or not (
            done or self._notes.is_terminal
        ):
            return
        width = max(self._notes.width - 1, NARROWEST)
        self._stop_spinner()
        if self._line == f"tool {call_id}":
            self._rub_out()
        else:
            self._to(line="")
        self._notes.print(
            call.line(width),
            style=STYLES.get(call.status, "cyan"),
            markup=False,
            end="\n" if done else "",
            overflow="ellipsis",
        )
        self._line = "" if done else f"tool {call_id}"

    def _show_plan(self, plan: events.Plan) -> None:
        entries = {entry.content: entry.status for entry in plan.entries}
        news = {text: state for text, state in entries.items() if self._plan.get(text, 0) != state}
        if entries.keys() != self._plan.keys():
            news = entries
        self._plan = entries
        for text, state in news.items():
            self.note(f"  {MARKS.get(state or '', '·')} {one_line(text)}", style="cyan")

    def _ended(self, event: events.TurnEnded) -> None:
        self.end()
        if event.state == "cancelled":
            self.note("(cancelled)")
        elif event.state != "done":
            self._notes.print("[bold red]error:[/]", end=" ")
            self._notes.print(harmless(event.error or event.state), markup=False)
        elif event.stop_reason not in {None, "end_turn"}:
            self.note(f"(stopped: {event.stop_reason})")
        if self._notes.is_terminal:
            self.note(usage_line(event.usage, event.duration_ms))

    def _to(self, *, line: str) -> None:
        """Begin a new line, unless the cursor stands on one of this kind."""
        if self._line in {"", line}:
            self._line = line
            return
        if self._line == "text":
            sys.stdout.write("\n")
            sys.stdout.flush()
        else:
            self._notes.print()
        self._line = line

    def _rub_out(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        self._notes.control(
            Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)),
        )

    def _stop_spinner(self) -> None:
        spinner, self._spinner = self._spinner, None
        if spinner is not None:
            spinner.stop()


def about(event: events.Event) -> str:
    """One line about an event that is neither text nor a tool; empty: of no interest."""
    match event:
        case events.TurnStarted(waited_ms=int(waited)) if waited >= 1000:
            return f"waited {duration(waited)} for a free agent"
        case events.TurnStarted(origin="agent"):
            return "the agent goes on by itself:"
        case events.PermissionResolved(permission_id=None, state="denied"):
            return f"✗ not permitted here: {event.tool or 'a tool'} {one_line(event.title or '')}"
        case events.PermissionResolved(permission_id=str(), state="expired"):
            return "nobody answered in time"
        case events.Retry(status=status, attempt=attempt, max_attempts=most):
            return (
                f"the model call failed ({status or 'no answer'}); try {attempt} of {most or '?'}"
            )
        case events.Background(tasks=tasks) if tasks:
            return "in the background: " + ", ".join(one_line(str(task), 40) for task in tasks)
        case events.SettingChanged(key=key, value=value) if key != "title":
            return f"{key}: {one_line(str(value))}"
        case events.Note(kind=kind, text=text):
            return one_line(f"{kind}: {text}" if text else kind, 300)
        case events.SessionClosed(reason=reason):
            return f"the session was closed ({reason})"
        case _:
            return ""
