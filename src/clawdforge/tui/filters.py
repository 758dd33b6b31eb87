"""Which sessions are shown: words that must fit, and `is:` words for states. Pure.

`web is:working`, `app:ci`, `!demo`. Words are parts of any text of a session; upper and lower
case are the same. All must fit; with `!` before it a word must not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from clawdforge.core.observed.views import SessionView
from clawdforge.tui.looks import ALL_STATES, is_working, needs_person, state_of

STATES: dict[str, Callable[[SessionView], bool]] = {
    "needs": needs_person,
    "working": is_working,
    "idle": lambda view: not is_working(view) and not needs_person(view),
    "driven": lambda view: view.session is not None,
    "hand": lambda view: view.session is None,
    "full": lambda view: view.context_warning,
    "here": lambda view: view.host is None,
    "stale": lambda view: view.stale,
}
"""What may stand after `is:`, besides the finer states themselves."""

FIELDS: dict[str, Callable[[SessionView], str | None]] = {
    "project": lambda view: view.project_root,
    "branch": lambda view: view.worktree_branch,
    "app": lambda view: view.app,
    "agent": lambda view: view.agent,
    "model": lambda view: view.model,
    "pane": lambda view: view.tmux_pane,
    "id": lambda view: view.id,
    "host": lambda view: view.host,
}
"""What may stand before a colon."""

PROMPT_CHARS = 1000
"""How much of a prompt is looked through."""
QUICK = ("", "is:needs", "is:working", "is:idle")
"""The filters that one key goes through."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it was typed."""

    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it lets all through."""
        return not self.text.split()

    def __call__(self, view: SessionView) -> bool:
        """Whether a session fits."""
        return all(_fits(word, view) for word in self.text.casefold().split())


def is_state(word: str) -> bool:
    """Whether any session could be `is:` that."""
    return word in STATES or any(state.startswith(word.casefold()) for state in ALL_STATES)


def matches(text: str, view: SessionView) -> bool:
    """Whether a search for this text finds a session."""
    return text.casefold() in _all_texts(view)


def _fits(word: str, view: SessionView) -> bool:
    if word.startswith("!") and len(word) > 1:
        return not _fits(word[1:], view)
    name, colon, rest = word.partition(":")
    if colon and name == "is":
        if rest in STATES:
            return STATES[rest](view)
        return state_of(view).startswith(rest)
    if colon and name in FIELDS:
        return rest in (FIELDS[name](view) or "").casefold()
    return word in _all_texts(view)


def _all_texts(view: SessionView) -> str:
    texts = (
        view.id,
        view.agent_session_id,
        view.agent,
        view.agent_type,
        view.app,
        view.model,
        view.project_root or view.cwd,
        view.cwd,
        view.worktree_branch,
        view.activity_detail,
        view.state,
        view.status_label,
        view.tmux_pane,
        view.host,
        (view.first_prompt or "")[:PROMPT_CHARS],
    )
    return "\n".join(text for text in texts if text).casefold()
