"""A session of the registry as its notices tell of it."""

from clawdforge.core.observed.attention_values import Subject
from clawdforge.core.observed.attention_words import short_folder
from clawdforge.core.observed.entry import Entry

Mark = tuple[object, ...]
"""What of a session decides about notices: the same as long as nothing of that changes."""


def mark_of(entry: Entry) -> Mark:
    """Cheap: it is asked for with every status line."""
    return entry.id, entry.state, entry.state_utc, entry.approval, entry.driven is None


def subject_of(entry: Entry) -> Subject:
    """All that notices tell of it."""
    place, driven = entry.place, entry.driven
    approval_id, asked = entry.approval or (None, None)
    return Subject(
        number=entry.number,
        session_id=entry.id,
        state=entry.state,
        since=entry.state_utc,
        approval_id=approval_id,
        asked=asked,
        detail=entry.detail,
        source=entry.source,
        agent=entry.agent,
        parent_id=entry.parent_id,
        project=None if place is None else short_folder(place.project_root),
        branch=None if place is None else place.worktree_branch,
        cwd=entry.cwd,
        pane=entry.pane,
        pid=entry.pid,
        app=None if driven is None else driven.app,
    )
