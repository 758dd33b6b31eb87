"""Taking JSON apart and making some up, the same for every dialect."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

BYTES_PER_TOKEN = 4
_MADE_UP: Mapping[str, Any] = {"boolean": False, "integer": 1, "number": 1, "array": []}
_TITLES = ("title", "session name", "description of this session", "summarize this tool call")
# What agents wrap their own additions to a prompt in: Claude Code and opencode, Codex, Gemini
# and Qwen.
_WRAPPERS = (
    ("<system-reminder>", "</system-reminder>"),
    ("<environment_context>", "</environment_context>"),
    ("<user_instructions>", "</user_instructions>"),
    ("<permissions instructions>", "</permissions instructions>"),
    ("<session_context>", "</session_context>"),
    ("# AGENTS.md instructions", "</INSTRUCTIONS>"),
)
# goose puts this before or behind the prompt, in the same text.
_AROUND = re.compile(r"\A<info-msg>\n.*?</info-msg>\n?|\n?<info-msg>\n.*?</info-msg>\Z", re.DOTALL)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object; raises `ValueError` if it is not one."""
    value = json.loads(body)
    if not isinstance(value, dict):
        msg = "the body is not a JSON object"
        raise ValueError(msg)
    return value


def objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A field that must be an array of objects; raises `ValueError` if it is not one."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        msg = f"{name}: an array of objects is required"
        raise ValueError(msg)
    return value


def dicts(value: object) -> list[Mapping[str, Any]]:
    """The objects of an array; nothing else counts."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def texts(content: object, kinds: Sequence[str] = ("text",)) -> list[str]:
    """The texts of a content that is a string, or an array of blocks of these types."""
    if isinstance(content, str):
        return [content]
    return [str(each.get("text", "")) for each in dicts(content) if each.get("type") in kinds]


def own(found: Sequence[str]) -> list[str]:
    """Without what agents wrap around a prompt."""
    kept = [_AROUND.sub("", text) for text in found if not _is_wrapped(text)]
    return [text for text in kept if text]


def is_title(system: str, tools: Sequence[str]) -> bool:
    """Whether the agent wants a name for the conversation, or for what it does in it.

    It says so, and offers no tools.
    """
    return not tools and any(words in system.lower() for words in _TITLES)


def made_up(schema: Mapping[str, Any]) -> str:
    """JSON that a schema allows; `OK` when there is no schema."""
    properties = mapping(schema.get("properties"))
    if not properties:
        return "OK"
    return json.dumps({name: _made_up(mapping(each)) for name, each in properties.items()})


def tokens_in(raw: Mapping[str, Any]) -> int:
    """About how many tokens a request has."""
    return len(json.dumps(raw)) // BYTES_PER_TOKEN


def _made_up(schema: Mapping[str, Any]) -> Any:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    # Gemini writes its types in capitals.
    return _MADE_UP.get(str(schema.get("type", "")).lower(), "Scripted")


def _is_wrapped(text: str) -> bool:
    shown = text.strip()
    return any(shown.startswith(start) and shown.endswith(end) for start, end in _WRAPPERS)
