"""Events as lines, for people who read along."""

import time

from clawdforge.cli.screen import harmless, in_short, one_line, usage_line
from clawdforge.client import events

TEXT_CHARS = 300


def event_line(event: events.Event) -> str:
    """One event as one line: number, time of day, turn, type, and what it says."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    turn = f"turn {event.turn}" if event.turn else "-"
    return (
        f"{event.seq:>5}  {clock}  {turn:<8}  {event.type:<18}  {harmless(_said(event))}".rstrip()
    )


def _said(event: events.Event) -> str:
    match event:
        case events.Text(text=text) | events.Thinking(text=text):
            return one_line(text, TEXT_CHARS)
        case events.ToolCall(name=name, status=status, args=args, result=result, title=title):
            parts = (name or title or event.call_id, status, in_short(args), in_short(result))
            return "  ".join(part for part in parts if part)
        case events.Plan(entries=entries):
            return "; ".join(f"{entry.content} ({entry.status})" for entry in entries)
        case events.PermissionRequest(permission_id=name, tool=tool, args=args):
            return f"{tool} {in_short(args)}  {name}"
        case events.TurnEnded(state=state, error=error, usage=usage, duration_ms=ms):
            return "  ".join(part for part in (state, error, usage_line(usage, ms)) if part)
        case _:
            told = events.as_json(event)
            hidden = {"seq", "turn", "at", "type"}
            return in_short({k: v for k, v in told.items() if k not in hidden and v is not None})
