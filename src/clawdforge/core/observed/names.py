"""How models and kinds of agents are called, after atmd 0.2.2."""

import functools
import re

_MODELS = (
    ("claude-opus-4-6", "Opus 4.6"),
    ("claude-opus-4-5", "Opus 4.5"),
    ("claude-sonnet-4-5", "Sonnet 4.5"),
    ("claude-sonnet-4", "Sonnet 4"),
    ("claude-haiku-4-5", "Haiku 4.5"),
    ("claude-3-5-haiku", "Haiku 3.5"),
    ("claude-3-5-sonnet", "Sonnet 3.5 v2"),
)
_ANOTHER_VERSION = re.compile(r"\d|-\d{1,2}(?!\d)", re.ASCII)
"""What makes another model of the name before it: `claude-sonnet-4` and `-6`. A date does not."""
_DATE = re.compile(r"-\d{8}\Z", re.ASCII)


@functools.lru_cache(maxsize=256)
def model_name(model_id: str | None, display_name: str | None = None) -> str:
    """What is shown of a model: a name that we know, else the provider's, else of the id."""
    for prefix, name in _MODELS:
        if (
            model_id
            and model_id.startswith(prefix)
            and not _ANOTHER_VERSION.match(model_id, len(prefix))
        ):
            return name
    if display_name is not None:
        return display_name
    if not model_id:
        return "Unknown"
    return model_id[:-9] if len(model_id) > 9 and _DATE.search(model_id) else model_id


_AGENT_TYPES = {
    "general-purpose": "main",
    "general_purpose": "main",
    "explore": "explore",
    "explorer": "explore",
    "plan": "plan",
    "planner": "plan",
    "code-reviewer": "review",
    "code_reviewer": "review",
    "codereview": "review",
    "file-search": "search",
    "file_search": "search",
    "filesearch": "search",
}


def agent_type_name(told: str | None) -> str:
    """The `agent_type` of a subagent, by what its hook calls it."""
    return "main" if told is None else _AGENT_TYPES.get(told.lower(), told)
