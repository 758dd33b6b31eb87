"""What the registry knows of one session."""

from clawdforge.core.observed.mind import Mind
from clawdforge.core.observed.signals import (
    Cost,
    CurrentUsage,
    Driven,
    Model,
    Moment,
    Place,
    ProcessId,
    Record,
)
from clawdforge.core.observed.states import STARTING, Group, State
from clawdforge.core.observed.views import SessionView

DEFAULT_WINDOW = 200_000
"""Tokens that fit into the context, until a status line tells."""
PENDING = "pending-"


class Entry:
    """One session: facts as they were told last, and where each word on its state came from.

    Only the registry writes here. `mono` times are seconds of `Moment.mono`.
    """

    __slots__ = (
        "agent",
        "agent_ids",
        "agent_type",
        "approval",
        "children",
        "cost",
        "cwd",
        "detail",
        "driven",
        "driven_at",
        "driven_by",
        "due",
        "ending",
        "ending_at",
        "first_prompt",
        "hook_at",
        "hook_group",
        "hook_name",
        "host",
        "id",
        "kind",
        "line_at",
        "lines_added",
        "lines_removed",
        "mind",
        "model",
        "number",
        "pane",
        "parent_id",
        "parents",
        "pid",
        "place",
        "previous_id",
        "processes",
        "record",
        "record_at",
        "seen",
        "shown",
        "shown_group",
        "started_utc",
        "state",
        "state_utc",
        "status_at",
        "switched_at",
        "told_id",
        "usage",
        "window",
    )

    def __init__(self, session_id: str, number: int, now: Moment) -> None:
        self.id = session_id
        """As it is shown."""
        self.told_id = session_id
        """As signals call it: of a driven session the agent's own id, else the same."""
        self.number = number
        self.previous_id: str | None = None
        """What it was called before the last rename."""
        self.switched_at = 0.0
        self.agent = "claude"
        self.agent_type = "main"
        self.kind = "terminal"
        self.started_utc = now.utc
        self.seen = now
        """When something was heard last."""
        # Processes: more than one when a session is open twice.
        self.pid: int | None = None
        self.processes: dict[int, ProcessId | None] = {}
        """By pid; None: it could not be looked at."""
        self.parents: tuple[int, ...] = ()
        self.host: Entry | None = None
        """The session whose pid is claimed for this one: its hooks find the outermost agent."""
        # Facts.
        self.cwd: str | None = None
        self.place: Place | None = None
        self.pane: str | None = None
        self.model: Model | None = None
        self.cost: Cost | None = None
        self.lines_added = 0
        self.lines_removed = 0
        self.usage: CurrentUsage | None = None
        self.window = DEFAULT_WINDOW
        self.first_prompt: str | None = None
        self.parent_id: str | None = None
        self.children: list[str] = []
        # Signals.
        self.mind = Mind()
        self.line_at: Moment | None = None
        self.hook_at: Moment | None = None
        self.hook_name = ""
        self.hook_group: Group | None = None
        self.record: Record | None = None
        self.record_at: Moment | None = None
        self.status_at = 0.0
        """Since when the record says its status (mono)."""
        self.driven: Driven | None = None
        self.driven_at: Moment | None = None
        self.driven_by = ""
        self.agent_ids: set[str] = set()
        """The agent's ids of a driven session."""
        self.approval: tuple[str, str] | None = None
        """What can be answered from anywhere: its id and its text."""
        # What is shown.
        self.shown: tuple[tuple[object, ...], SessionView] | None = None
        """What rarely changes of the view, and of which facts it was made."""
        self.state: State = STARTING
        self.shown_group: Group = "idle"
        self.detail: str | None = None
        self.state_utc = now.utc
        self.due: float | None = None
        """When the state has to be looked at again (mono)."""
        self.ending: str | None = None
        """Why it seems to end; a sign of life takes that back."""
        self.ending_at = 0.0

    def __repr__(self) -> str:
        return f"<Entry {self.id!r} pid={self.pid} {self.state}>"

    @property
    def is_pending(self) -> bool:
        """Whether the session's own id is not known yet."""
        return self.driven is None and self.id == f"{PENDING}{self.pid}"

    @property
    def is_verified(self) -> bool:
        """Whether its end will be noticed: a process is known, or a gateway drives it."""
        return self.driven is not None or any(self.processes.values())

    @property
    def source(self) -> str:
        """`terminal`, `background` or `gateway`."""
        return self.kind if self.driven is None else "gateway"
