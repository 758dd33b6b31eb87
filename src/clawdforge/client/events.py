"""The types of a session's events, for `match` and `isinstance`.

from clawdforge.client import events

for event in session.stream("Say hello."):
    match event:
        case events.Text(text=text):
            print(text, end="")
        case events.ToolCall(name=name, status="completed"):
            print(f"[{name}]")
"""

from clawdforge.wire.forge_events import (
    AgentStarted,
    AgentStopped,
    Background,
    Context,
    Diff,
    Event,
    EventPage,
    Note,
    Other,
    OwnerChanged,
    PermissionRequest,
    PermissionResolved,
    Plan,
    PlanEntry,
    Retry,
    SessionClosed,
    SessionReopened,
    SettingChanged,
    Text,
    Thinking,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
    as_json,
)

__all__ = [
    "AgentStarted",
    "AgentStopped",
    "Background",
    "Context",
    "Diff",
    "Event",
    "EventPage",
    "Note",
    "Other",
    "OwnerChanged",
    "PermissionRequest",
    "PermissionResolved",
    "Plan",
    "PlanEntry",
    "Retry",
    "SessionClosed",
    "SessionReopened",
    "SettingChanged",
    "Text",
    "Thinking",
    "ToolCall",
    "TurnEnded",
    "TurnStarted",
    "Unknown",
    "as_json",
]
