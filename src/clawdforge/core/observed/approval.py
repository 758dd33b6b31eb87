"""What a session that was started by hand asks, and may be answered from anywhere.

Claude Code's `PermissionRequest` hook tells it (recorded with 2.1.329). It is shown in the shape of
a driven session's permission, with exactly what would be done.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from clawdforge.core.observed.signals import U32
from clawdforge.core.texts import in_short, one_line

QUESTION: Final = "AskUserQuestion"
PLAN: Final = "ExitPlanMode"
MODES: Final = ("default", "acceptEdits", "plan")
"""What a session may be switched to from afar; never to one that asks nobody any more."""
MAX_WAIT_SECS: Final = 86_400
MAX_RULE_CHARS: Final = 500
"""A longer rule cannot be shown, so it is not offered."""
ID_PREFIX: Final = "ap_"
"""Ids of approvals begin so."""

_KINDS: Final = {
    "Read": "read",
    "NotebookRead": "read",
    "Glob": "search",
    "Grep": "search",
    "LS": "search",
    "Edit": "edit",
    "MultiEdit": "edit",
    "Write": "edit",
    "NotebookEdit": "edit",
    "Bash": "execute",
    "PowerShell": "execute",
    "Monitor": "execute",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "EnterPlanMode": "switch_mode",
    "ExitPlanMode": "switch_mode",
    "Task": "think",
    "Agent": "think",
}
_PATHS: Final = ("file_path", "notebook_path", "path")
_PLACES: Final = {
    "session": "in this session",
    "localSettings": "in this project, for you (.claude/settings.local.json)",
    "projectSettings": "in this project, for everybody (.claude/settings.json)",
    "userSettings": "everywhere, for you (~/.claude/settings.json)",
}
_MODE_NAMES: Final = {
    "default": "ask before each edit",
    "acceptEdits": "accept edits from now on",
    "plan": "plan only from now on",
}


class ApprovalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the hook client tells: Claude Code's payload, and what it adds."""

    session_id: str
    hook_event_name: str
    tool_name: str
    tool_input: msgspec.Raw = msgspec.Raw(b"null")
    permission_suggestions: Any = None
    cwd: str | None = None
    permission_mode: str | None = None
    agent_id: str | None = None
    """Of the subagent that asks."""
    agent_type: str | None = None
    pid: U32 | None = None
    """Added by the hook client: the agent's own process."""
    tmux_pane: str | None = None
    entrypoint: Any = None
    sent_at: Any = None
    """Seconds since 1970 when the hook ran."""
    wait_secs: Annotated[int, Meta(ge=1, le=MAX_WAIT_SECS)] = 590
    """How long the hook waits for an answer."""
    subagent_secs: Annotated[int, Meta(ge=1, le=MAX_WAIT_SECS)] | None = None
    """How long it waits where the terminal's dialog is not shown meanwhile."""
    cut: bool = False
    """What is told is not all of it."""

    def __repr__(self) -> str:  # what tools are given is nobody's business
        return f"ApprovalRequest({self.tool_name!r} of {self.session_id!r})"

    @property
    def args(self) -> Any:
        """What the tool would be called with."""
        return msgspec.json.decode(self.tool_input)

    @property
    def is_shown(self) -> bool:
        """Whether anything of what would be done is told."""
        return not (self.cut and bytes(self.tool_input) == b"null")

    @property
    def suggestions(self) -> list[dict[str, Any]]:
        """What the agent suggests to change so that it need not ask again."""
        given = self.permission_suggestions
        if not isinstance(given, list):
            return []
        return given if all(isinstance(one, dict) for one in given) else []

    @property
    def lasting(self) -> list[dict[str, Any]]:
        """What "always" means: what was suggested; a switch of the mode only where that is all.

        The terminal's own "always" switches no mode either when there is something narrower.
        """
        narrow = [one for one in self.suggestions if one.get("type") != "setMode"]
        return narrow or self.suggestions


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A request in words for people, and what it can be answered."""

    kind: str
    title: str | None
    text: str
    """Tool and input in one line."""
    paths: tuple[str, ...]
    always: tuple[str, ...]
    """What would hold from then on if it were always allowed; empty: that is not offered."""
    modes: tuple[str, ...]
    """What the session may be switched to with a yes."""
    options: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return f"Described({self.kind!r})"


def describe(request: ApprovalRequest) -> Described:
    """A request in words."""
    tool = request.tool_name
    args = request.args
    table = args if isinstance(args, Mapping) else {}
    always = () if request.cut else tuple(always_words(request.lasting))
    modes = _modes(request)
    return Described(
        kind=_KINDS.get(tool, "other"),
        title=_title(tool, table),
        text=one_line(f"{tool}: {_gist(tool, table, args)}", 300).removesuffix(": "),
        paths=tuple(dict.fromkeys(_texts(table.get(name) for name in _PATHS))),
        always=always,
        modes=modes,
        options=tuple(_options(tool, always, modes)),
    )


def always_words(suggestions: Iterable[Mapping[str, Any]]) -> list[str]:
    """What suggestions mean, each in words; nothing when one of them is not understood.

    Whoever says "always" has to know what that is.
    """
    words = []
    for one in suggestions:
        place = _PLACES.get(str(one.get("destination")))
        meant = _meant(one)
        if place is None or meant is None:
            return []
        words.append(f"{meant}, {place}")
    return words


def questions_in(args: Mapping[str, Any]) -> list[str]:
    """The questions to the user in the input of `AskUserQuestion`."""
    asked = _list(args.get("questions"))
    return _texts(one.get("question") for one in asked if isinstance(one, dict))


def _meant(one: Mapping[str, Any]) -> str | None:
    match one.get("type"):
        case "addRules" if one.get("behavior") == "allow":
            rules = [_rule(rule) for rule in _list(one.get("rules"))]
            if not rules or None in rules:
                return None
            return f"{', '.join(map(str, rules))} is allowed"
        case "addDirectories":
            folders = _list(one.get("directories"))
            if not folders or not all(isinstance(folder, str) for folder in folders):
                return None
            return f"{', '.join(one_line(folder, 500) for folder in folders)} may be worked in"
        case "setMode" if one.get("mode") in MODES:
            return _MODE_NAMES[one["mode"]]
    return None


def _rule(rule: Any) -> str | None:
    if not isinstance(rule, dict) or not isinstance(rule.get("toolName"), str):
        return None
    content = rule.get("ruleContent")
    if content is None:
        return one_line(rule["toolName"], 100)
    if not isinstance(content, str):
        return None
    rule_text = f"{rule['toolName']}({content})"
    shown = one_line(rule_text, MAX_RULE_CHARS)
    return shown if len(rule_text) <= MAX_RULE_CHARS else None


def _modes(request: ApprovalRequest) -> tuple[str, ...]:
    if request.tool_name == PLAN:
        return ("acceptEdits", "default")
    if request.cut:
        return ()
    suggested = [one.get("mode") for one in request.suggestions if one.get("type") == "setMode"]
    return tuple(mode for mode in MODES if mode in suggested)


def _options(
    tool: str, always: tuple[str, ...], modes: tuple[str, ...]
) -> Iterable[dict[str, Any]]:
    if tool == QUESTION:
        return
    if tool == PLAN:
        for mode in modes:
            yield _option(f"mode:{mode}", f"Yes, and {_MODE_NAMES[mode]}", None)
        yield _option("no", "No, keep planning", "reject_once")
        return
    yield _option("once", "Yes", "allow_once")
    if always:
        yield _option("always", f"Yes, and always: {'; '.join(always)}", "allow_always")
    yield _option("no", "No", "reject_once")


def _option(option_id: str, name: str, kind: str | None) -> dict[str, Any]:
    return {"option_id": option_id, "name": name, "kind": kind}


def _title(tool: str, args: Mapping[str, Any]) -> str | None:
    if tool == QUESTION:
        return one_line(" ".join(questions_in(args)), 300) or None
    if tool == PLAN:
        return "leave plan mode and carry the plan out (its terminal shows the plan)"
    found = next(iter(_texts(args.get(name) for name in ("description", *_PATHS))), None)
    return None if found is None else one_line(found, 300)


def _gist(tool: str, table: Mapping[str, Any], args: Any) -> str:
    return (tool in {QUESTION, PLAN} and _title(tool, table)) or in_short(args, 300)


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
