"""What a way is: what was before, then the trap is set, then what leads to it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from crash_table import outcomes
from crash_table.findings import Findings
from crash_table.stage import eventually
from crash_table.story import Story

Deed = Callable[[Story], None]
Look = Callable[[Story, str, Findings], None]

HIBERNATES_SOON = {"CLAWDFORGE_HIBERNATE_AFTER_SECS": "0.05"}
CANCELS_SOON = {"CLAWDFORGE_CANCEL_GRACE_SECS": "0.2"}
WARMS_UP = {"CLAWDFORGE_WARM_AGENTS": "1"}
TWO_PLACES = {"CLAWDFORGE_MAX_ACTIVE_AGENTS": "2"}


@dataclass(frozen=True, eq=False)
class Way:
    """One way."""

    name: str
    go: Deed
    look: Look
    """What is to be looked at afterwards, beyond what has to hold for every row (`checks.py`)."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the server."""


WAYS: dict[str, Way] = {}
"""By the names that the table uses."""


def way(
    name: str, look: Look = outcomes.of_turns, settings: Mapping[str, str] | None = None
) -> Callable[[Deed], Deed]:
    """Enter a function into `WAYS`."""

    def enter(go: Deed) -> Deed:
        WAYS[name] = Way(name, go, look, settings or {})
        return go

    return enter


def hibernated(story: Story) -> None:
    """Wait until the agent sleeps."""
    assert story.watcher.has("agent_stopped")
    eventually(lambda: not story.stage.processes(story.session), "the agent does not sleep")


def is_sleeping(story: Story) -> bool:
    """Whether the tool's child is there."""
    for process in story.stage.processes(story.session):
        with suppress(psutil.Error):
            if process.name() == "sleep":
                return True
    return False
