"""What an agent may do: a policy decides each of its questions, or has a person decide. Pure.

A rule allows a program, not what the program makes of its arguments: `Bash(git *)` allows every
git command, also those that run something else. A rule that refuses by a command's text is a hint
for a well-meaning agent, not a fence: the fence is what is not allowed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, cast, get_args

from clawdforge.core.asked import QUESTIONS, Asked, normalised, read
from clawdforge.core.events import Ask
from clawdforge.core.permission_rules import (
    MAX_PATTERN_PARTS,
    Action,
    Rule,
    fits,
    path_parts,
    rule_like,
    split_tool,
)
from clawdforge.errors import InputError

Mode = Literal["deny", "allow-reads", "ask", "allow-all"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""Narrowest first."""
MAX_RULES = 64
MAX_REMEMBERED = 64
MAX_PATTERN_CHARS = 1024
DEFAULT_TIMEOUT_SECS = 60
MAX_TIMEOUT_SECS = 86_400


class Verdict(StrEnum):
    """What becomes of a question."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


_ORDER = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the agent of a session may do. The first rule that fits decides, else the mode."""

    mode: Mode = "allow-reads"
    rules: tuple[Rule, ...] = ()
    timeout_secs: int = DEFAULT_TIMEOUT_SECS
    """How long a question waits for a person."""
    on_timeout: Literal["deny", "allow"] = "deny"
    remembered: tuple[Rule, ...] = ()
    """Answers that hold from now on, newest first. They decide only what would be asked."""
    ceiling: "Policy | None" = None
    """What it can allow at most. Not kept: a policy that is read again needs it again."""


def parse_policy(raw: Any, *, timeout_secs: int = DEFAULT_TIMEOUT_SECS) -> Policy:
    """Read a policy as callers write it, and as `to_json` does.

    Args:
        raw: A mode, or an object with `mode`, `rules`, `timeout_secs`, `on_timeout`.
        timeout_secs: Where it names none.

    Raises:
        InputError: it makes no sense (`invalid_permissions`); the message begins with the key.
    """
    if isinstance(raw, str):
        return Policy(mode=_mode(raw, "permissions"), timeout_secs=timeout_secs)
    table = _object(raw, "permissions", {"mode", "rules", "timeout_secs", "on_timeout"} | _KEPT)
    if "mode" not in table:
        raise _bad("permissions.mode", "is missing")
    seconds = table.get("timeout_secs")
    seconds = timeout_secs if seconds is None else seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise _bad("permissions.timeout_secs", "must be a whole number")
    if not 1 <= seconds <= MAX_TIMEOUT_SECS:
        raise _bad("permissions.timeout_secs", f"must be from 1 to {MAX_TIMEOUT_SECS}")
    on_timeout = table.get("on_timeout")
    on_timeout = "deny" if on_timeout is None else on_timeout
    if on_timeout not in ("deny", "allow"):
        raise _bad("permissions.on_timeout", "must be deny or allow")
    return Policy(
        mode=_mode(table["mode"], "permissions.mode"),
        rules=_rules(table.get("rules"), "permissions.rules", MAX_RULES),
        timeout_secs=seconds,
        on_timeout=cast("Literal['deny', 'allow']", on_timeout),
        remembered=_rules(table.get("remembered"), "permissions.remembered", MAX_REMEMBERED),
    )


def to_json(policy: Policy) -> dict[str, Any]:
    """The policy as it is kept and shown; its ceiling is not part of it."""
    found: dict[str, Any] = {
        "mode": policy.mode,
        "rules": [_rule_json(rule) for rule in policy.rules],
        "timeout_secs": policy.timeout_secs,
        "on_timeout": policy.on_timeout,
    }
    if policy.remembered:
        found["remembered"] = [_rule_json(rule) for rule in policy.remembered]
    return found


def decide(policy: Policy, ask: Ask, cwd: str) -> Verdict:
    """What becomes of a question.

    Args:
        policy: The session's.
        ask: What the agent wants to do.
        cwd: The workspace: an absolute path, links resolved.
    """
    return _decided(policy, read(ask, cwd), normalised(cwd))


def remember(policy: Policy, ask: Ask, cwd: str, *, allow: bool = True) -> Policy:
    """The policy in which a person's answer to this question holds from now on.

    It decides only what would be asked again: the same command, the same tool in the same folder,
    the same search, or a tool that has neither command nor path. What is a question to a person by
    its nature is not remembered, nor what cannot be told apart from other things: then the policy
    stays as it is.
    """
    if ask.tool in QUESTIONS or ask.kind == "switch_mode":
        return policy
    rule = rule_like(read(ask, cwd), normalised(cwd), "allow" if allow else "deny")
    if rule is None or _fault(rule) is not None:
        return policy
    others = (other for other in policy.remembered if other != rule)
    return replace(policy, remembered=(rule, *others)[:MAX_REMEMBERED])


def narrow(policy: Policy, ceiling: Policy) -> Policy:
    """What a caller asked for, under what it may have at most.

    The ceiling holds in every single case: its rules that refuse or ask come before all others.

    Raises:
        InputError: more is asked for than the ceiling allows (`permissions_too_wide`), so that
            nobody believes to have what he has not.
    """
    if ceiling.ceiling is not None:
        narrow(policy, ceiling.ceiling)
    if MODES.index(policy.mode) > MODES.index(ceiling.mode):
        raise _too_wide("permissions.mode", f"{policy.mode!r}", ceiling)
    for number, rule in enumerate(policy.rules):
        if not _may_have(rule, ceiling):
            raise _too_wide(f"permissions.rules[{number}].action", f"{rule.action!r}", ceiling)
    if policy.on_timeout == "allow" and not _may_allow_late(ceiling):
        raise _too_wide("permissions.on_timeout", "'allow'", ceiling)
    return within(policy, ceiling)


def within(policy: Policy, ceiling: Policy) -> Policy:
    """A policy that nobody asked for just now (a default, one that was kept) under a ceiling.

    What it allows beyond is refused or asked; it is never an error.
    """
    if policy.ceiling is not None:
        ceiling = within(policy.ceiling, ceiling)
    late: Literal["deny", "allow"] = policy.on_timeout if _may_allow_late(ceiling) else "deny"
    return replace(policy, ceiling=ceiling, on_timeout=late)


_KEPT = {"remembered"}


def _decided(
    policy: Policy, asked: Asked, cwd: tuple[str, ...], *, as_ceiling: bool = False
) -> Verdict:
    action = next((rule.action for rule in policy.rules if fits(rule, asked, cwd)), None)
    if action is not None:
        verdict = Verdict(action)
    elif as_ceiling and policy.mode == "ask" and asked.reads_only_in(cwd):
        verdict = Verdict.ALLOW  # `allow-reads` is narrower than `ask`: it may have its reads
    else:
        verdict = _by_mode(policy.mode, asked, cwd)
    if policy.ceiling is not None:
        most = _decided(policy.ceiling, asked, cwd, as_ceiling=True)
        verdict = min(verdict, most, key=_ORDER.index)
    if verdict is Verdict.ASK:
        known = (rule.action for rule in policy.remembered if fits(rule, asked, cwd))
        verdict = Verdict(next(known, Verdict.ASK))
    return verdict


def _by_mode(mode: Mode, asked: Asked, cwd: tuple[str, ...]) -> Verdict:
    match mode:
        case "allow-all":
            return Verdict.ALLOW
        case "ask":
            return Verdict.ASK
        case "allow-reads":
            return Verdict.ALLOW if asked.reads_only_in(cwd) else Verdict.DENY
        case "deny":
            return Verdict.DENY


def _may_have(rule: Rule, ceiling: Policy) -> bool:
    """Whether a ceiling lets a caller bring this rule."""
    if rule.action == "deny" or ceiling.mode == "allow-all" or rule in ceiling.rules:
        return True
    return rule.action == "ask" and ceiling.mode == "ask"


def _may_allow_late(ceiling: Policy) -> bool:
    outer = ceiling.ceiling is None or _may_allow_late(ceiling.ceiling)
    return outer and (ceiling.mode == "allow-all" or ceiling.on_timeout == "allow")


def _mode(raw: Any, where: str) -> Mode:
    if raw not in MODES:
        raise _bad(where, f"must be one of {', '.join(MODES)}")
    return cast("Mode", raw)


def _rules(raw: Any, where: str, most: int) -> tuple[Rule, ...]:
    if raw is None:
        return ()
    if isinstance(raw, str) or not isinstance(raw, Sequence):
        raise _bad(where, "must be a list")
    if len(raw) > most:
        raise _bad(where, f"has more than {most} rules")
    return tuple(_rule(item, f"{where}[{number}]") for number, item in enumerate(raw))


def _rule(raw: Any, where: str) -> Rule:
    table = _object(raw, where, {"tool", "path", "action"})
    tool, path, action = table.get("tool"), table.get("path"), table.get("action")
    if not isinstance(tool, str):
        raise _bad(f"{where}.tool", "must be a text")
    if path is not None and not isinstance(path, str):
        raise _bad(f"{where}.path", "must be a text or null")
    if action not in get_args(Action):
        raise _bad(f"{where}.action", "must be allow, deny or ask")
    rule = Rule(tool=tool, path=path, action=cast("Action", action))
    fault = _fault(rule)
    if fault is not None:
        key, problem = fault
        raise _bad(f"{where}.{key}", problem)
    return rule


def _fault(rule: Rule) -> tuple[str, str] | None:
    """The key of a rule that cannot be used, and why."""
    for key, text in (("tool", rule.tool), ("path", rule.path)):
        if text is not None and (not text.strip() or "\0" in text):
            return key, "must not be empty, nor hold a NUL"
        if text is not None and len(text) > MAX_PATTERN_CHARS:
            return key, f"is longer than {MAX_PATTERN_CHARS} characters"
    name, detail = split_tool(rule.tool)
    if not name.strip() or detail == "":
        return "tool", "must be a name, or a name and a pattern: Bash(git *)"
    if rule.path is None:
        return None
    _, parts = path_parts(rule.path)
    if rule.path.startswith("~") or ".." in parts:
        return "path", "begins in the workspace or at /; ~ and .. mean nothing here"
    if len(parts) > MAX_PATTERN_PARTS:
        return "path", f"is deeper than {MAX_PATTERN_PARTS} folders"
    return None


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {"tool": rule.tool, "path": rule.path, "action": rule.action}


def _object(raw: Any, where: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise _bad(where, "must be an object" if "[" in where else "must be a mode or an object")
    for key in raw:
        if key not in known:
            raise _bad(
                f"{where}.{key!s:.40}", f"is unknown; known: {', '.join(sorted(known - _KEPT))}"
            )
    return raw


def _bad(where: str, problem: str) -> InputError:
    return InputError(f"{where}: {problem}", code="invalid_permissions")


def _too_wide(where: str, what: str, ceiling: Policy) -> InputError:
    msg = f"{where}: {what} is more than this app may have; at most: {ceiling.mode}"
    return InputError(msg, code="permissions_too_wide")
