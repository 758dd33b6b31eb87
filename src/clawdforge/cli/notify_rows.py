"""Whom we tell and what became of it, as `clawdforge notify` shows it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clawdforge.monitor.notifying.outbox import Delivery, Item
    from clawdforge.monitor.notifying.targets import Configured, Target

SHOWN = 10


def when(target: "Target") -> str:
    """When a target is told."""
    policy = target.policy
    parts = []
    if "needs_you" in policy.events:
        parts.append(f"needs you for {policy.needs_you_secs:g} s")
    if "finished" in policy.events:
        parts.append(f"finished after {policy.min_work_secs:g} s")
    return ", ".join(parts) + ("" if policy.quiet else ", always")


def last_told(delivery: "Delivery | None") -> tuple[str, str]:
    """When it was told last, and how that went."""
    from clawdforge.cli.screen import ago

    if delivery is None:
        return "never", ""
    result = delivery.result
    if delivery.problem is not None:
        result += f": {delivery.problem}"
    return ago(int(delivery.at)), result


def show_rest(
    path: "Path",
    configured: "Configured",
    pid: int | None,
    waiting: "list[Item]",
    recent: "list[Delivery]",
) -> None:
    """Show what waits, what went wrong, and who tells."""
    from clawdforge.cli.screen import ago, print_facts, print_table

    if waiting:
        rows = [
            (one.target, one.kind, one.session_id[:8], f"{one.attempts}", one.problem or "")
            for one in waiting
        ]
        print_table(("WAITS FOR", "WHAT", "SESSION", "TRIED", "WHY"), rows)
    failed = [one for one in recent if one.problem is not None][-SHOWN:]
    if failed:
        rows = [
            (one.target, one.kind, one.session_id[:8], ago(int(one.at)), one.problem or "")
            for one in reversed(failed)
        ]
        print_table(("WENT WRONG", "WHAT", "SESSION", "WHEN", "WHY"), rows)
    nobody = not configured.targets and not configured.problems
    print_facts(
        (
            ("file", path),
            ("monitor", f"runs (PID {pid})" if pid else "none runs: atmd start -d"),
            ("to do", "clawdforge notify add bell" if nobody else None),
        )
    )
    complain(configured)


def complain(configured: "Configured") -> None:
    """Tell of what cannot be used."""
    from clawdforge.cli.screen import stderr

    for problem in configured.problems:
        stderr().print(f"problem: {problem}", markup=False)


def target_json(target: "Target") -> "Mapping[str, object]":
    """A target, without its secrets."""
    from clawdforge.monitor.notifying.editing import where_of

    return {
        "target": target.name,
        "kind": target.kind,
        "where": where_of(target),
        "policy": dict(_policy(target)),
        "may_answer": getattr(target.channel, "may_answer", False),
    }


def _policy(target: "Target") -> "Iterator[tuple[str, object]]":
    for name in target.policy.__struct_fields__:
        value = getattr(target.policy, name)
        yield name, sorted(value) if isinstance(value, frozenset) else value


def waiting_json(item: "Item") -> "Mapping[str, object]":
    """A message that waits, without what it says."""
    return {
        "id": item.id,
        "target": item.target,
        "kind": item.kind,
        "session_id": item.session_id,
        "made_at": item.made_at,
        "attempts": item.attempts,
        "next_at": item.next_at,
        "problem": item.problem,
    }
