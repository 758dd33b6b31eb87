"""What the hooks of one session say about it, put together."""

from typing import Final

import msgspec

from clawdforge.core.observed.signals import Hook
from clawdforge.core.observed.states import GROUPS, IDLE, STARTING, TOOL, WORKING, Group, State

INPUT_TOOLS: Final = frozenset({"AskUserQuestion", "EnterPlanMode", "ExitPlanMode"})
"""Tools that ask the user something."""
MAX_OPEN: Final = 256
"""Tools, questions and agents that are remembered of one session."""


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A tool that runs."""

    name: str
    agent_id: str | None
    use_id: str | None


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Something that waits for the user."""

    state: State
    """`permission` or `input`."""
    agent_id: str | None = None
    tool: str | None = None
    """None: it is not known which tool asks."""
    use_id: str | None = None

    def may_end_with(self, hook: Hook) -> bool:
        """Whether this hook may mean that the question is answered.

        Not when the hook is provably about something else: another agent's, or another call.
        """
        if self.tool is None:
            return True
        if self.agent_id != hook.agent_id:
            return False
        return not (self.use_id and hook.tool_use_id and self.use_id != hook.tool_use_id)


class Mind:
    """How a session stands by its hooks; `hooks.py` has the rules that change it."""

    __slots__ = (
        "agents",
        "asks",
        "closed",
        "detail",
        "group_at",
        "is_open",
        "phase",
        "prompt_id",
        "queued",
        "tasks",
        "tools",
        "trigger",
        "turned_at",
    )

    def __init__(self) -> None:
        self.phase: State = STARTING
        """The main agent's state, but for tools and questions."""
        self.detail: str | None = None
        """The `activity_detail` that goes with it on the wire."""
        self.asks: tuple[Ask, ...] = ()
        self.tools: dict[str, Tool] = {}
        self.closed: str | None = None
        """The last call that ended without having begun: its beginning is late."""
        self.agents: set[str] = set()
        """The subagents that run."""
        self.tasks: frozenset[str] = frozenset()
        """What kinds of work were left at the last Stop."""
        self.is_open = False
        """A turn has begun by a hook, and no hook has ended it."""
        self.prompt_id: object = None
        self.queued = False
        """A prompt was given during the turn, and waits for the turn's end."""
        self.trigger: str | None = None
        """Why it compacts."""
        self.turned_at = 0.0
        """When the last hook that begins or ends a turn was sent, by the sender's clock."""
        self.group_at = float("-inf")
        """Since when the hooks say this `group` (mono); they have not said anything yet."""

    @property
    def state(self) -> State:
        """The finer state."""
        if self.asks:
            return self.asks[-1].state
        if self.phase == WORKING and self.tools:
            return TOOL
        return self.phase

    @property
    def group(self) -> Group:
        """What Claude Code's record should say if the hooks are right."""
        return "waiting" if self.asks else GROUPS[self.phase]

    def open_tool(self, hook: Hook) -> None:
        """A tool begins."""
        if hook.tool_use_id is not None and hook.tool_use_id == self.closed:
            return
        if len(self.tools) >= MAX_OPEN:
            self.tools.pop(next(iter(self.tools)))
        key = hook.tool_use_id or f"{hook.agent_id}/{hook.tool_name}"
        self.tools[key] = Tool(hook.tool_name or "", hook.agent_id, hook.tool_use_id)

    def close_tool(self, hook: Hook) -> None:
        """A tool has ended."""
        known = self.tools.pop(hook.tool_use_id or f"{hook.agent_id}/{hook.tool_name}", None)
        if known is None:
            self.closed = hook.tool_use_id

    def close_tools(self, agent_id: str | None) -> None:
        """All tools of one agent have ended; None: the main one."""
        self.tools = {key: tool for key, tool in self.tools.items() if tool.agent_id != agent_id}

    def tool_asking(self, hook: Hook) -> str | None:
        """Which call a question is about: a question names the tool, but not the call."""
        fits = [
            tool.use_id
            for tool in self.tools.values()
            if tool.name == hook.tool_name and tool.agent_id == hook.agent_id
        ]
        return fits[0] if len(fits) == 1 else None

    def turn_over(self) -> None:
        """The main agent's turn is over; its subagents and their questions may be left."""
        self.close_tools(None)
        self.asks = tuple(ask for ask in self.asks if ask.agent_id is not None)
        self.is_open = False
        self.trigger = None

    def forget(self, phase: State = IDLE) -> None:
        """Nothing is under way."""
        self.phase = phase
        self.detail = None
        self.asks = ()
        self.tools.clear()
        self.is_open = False
        self.queued = False
        self.trigger = None
