"""The finer states of a session, and how they map to the three words of atmd 0.2.2.

The names are those of `state` in a view. A *group* is what Claude Code's own record of a process
tells apart: it decides whether two signals agree.
"""

from typing import Final, Literal

from clawdforge.core.observed import views

State = Literal[
    "starting",
    "working",
    "tool",
    "permission",
    "input",
    "compacting",
    "background",
    "shell",
    "scheduled",
    "idle",
    "interrupted",
    "error",
    "ended",
    "hibernated",
]
STARTING: Final = "starting"
WORKING: Final = "working"
TOOL: Final = "tool"
PERMISSION: Final = "permission"
INPUT: Final = "input"
COMPACTING: Final = "compacting"
BACKGROUND: Final = "background"
"""The turn is over, but agents that it started work on."""
SHELL: Final = "shell"
"""The turn is over, a shell or a monitor runs on: shown as `background`, but idle."""
SCHEDULED: Final = "scheduled"
IDLE: Final = "idle"
INTERRUPTED: Final = "interrupted"
ERROR: Final = "error"
HIBERNATED: Final = "hibernated"

Group = Literal["busy", "waiting", "shell", "idle"]
GROUPS: Final[dict[State, Group]] = {
    STARTING: "idle",
    WORKING: "busy",
    TOOL: "busy",
    PERMISSION: "waiting",
    INPUT: "waiting",
    COMPACTING: "busy",
    BACKGROUND: "busy",
    SHELL: "shell",
    SCHEDULED: "idle",
    IDLE: "idle",
    INTERRUPTED: "idle",
    ERROR: "idle",
    HIBERNATED: "idle",
}
WORDS: Final[dict[Group, str]] = {
    "busy": views.WORKING,
    "waiting": views.ATTENTION,
    # A server that runs in the background may run for days: the agent itself waits for a prompt.
    "shell": views.IDLE,
    "idle": views.IDLE,
}


def shown_state(state: State) -> State:
    """The state as it is called in a view."""
    return BACKGROUND if state == SHELL else state
