"""Sessions and turns as lines and tables of the terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clawdforge.client import SessionInfo, TurnInfo


def session_row(info: "SessionInfo") -> tuple[str, ...]:
    """A line of the list of sessions."""
    from clawdforge.cli.screen import ago, cost

    state = info.state or ("open" if info.closed_at is None else "closed")
    if info.pending_permissions:
        state += ", asks"
    return (
        ago(info.created_at),
        state,
        info.agent,
        info.model or "-",
        str(info.turn_count),
        ago(info.last_turn_at),
        cost(info.usage.cost_microusd),
        info.session_id,
    )


def session_facts(info: "SessionInfo") -> tuple[tuple[str, object], ...]:
    """Everything about a session, by name."""
    from clawdforge.cli.screen import cost, in_short, moment

    usage = info.usage
    context = None
    if usage.context_used is not None:
        context = f"{usage.context_used:,} of {usage.context_size or '?'} tokens"
    options = {f"  {name}": in_short(value) for name, value in info.options.items() if value}
    return (
        ("session", info.session_id),
        ("state", info.state),
        ("agent", info.agent),
        ("model", info.model),
        ("app", info.app_name),
        ("made", moment(info.created_at)),
        ("last turn", moment(info.last_turn_at)),
        ("closed", moment(info.closed_at)),
        ("agent runs", "yes" if info.live else "no"),
        ("terminal", _terminal(info)),
        ("turns", str(info.turn_count)),
        ("running turn", info.turn),
        ("asks", f"{info.pending_permissions} questions" if info.pending_permissions else None),
        ("events", info.last_seq),
        ("forked from", info.forked_from),
        ("meta", in_short(info.meta) if info.meta else None),
        *options.items(),
        ("tokens in", usage.input_tokens),
        ("tokens out", usage.output_tokens),
        ("context", context),
        ("cost", cost(usage.cost_microusd)),
    )


def _terminal(info: "SessionInfo") -> str | None:
    """Who has it in a terminal."""
    from clawdforge.cli.screen import moment

    lease = info.attached
    if lease is None:
        return None
    return f"process {lease.get('pid')}, {moment(lease.get('since'))}, by {lease.get('by')}"


def turn_row(turn: "TurnInfo") -> tuple[str, ...]:
    """A line of the list of turns."""
    from clawdforge.cli.screen import ago, cost, duration, tokens

    return (
        str(turn.turn_index),
        ago(turn.started_at),
        turn.state,
        turn.origin,
        duration(turn.duration_ms),
        duration(turn.waited_ms),
        tokens(turn.usage),
        cost(turn.usage.cost_microusd),
        turn.error or "-",
    )


def show_turn(turn: "TurnInfo", *, as_json: bool) -> None:
    """Print all about one turn, and what the agent said in it."""
    from clawdforge.cli.screen import (
        cost,
        duration,
        harmless,
        in_short,
        moment,
        one_line,
        print_facts,
        print_json,
        size,
        stdout,
    )

    if as_json:
        print_json(turn)
        return
    print_facts(
        (
            ("turn", turn.turn_index),
            ("state", turn.state),
            ("error", turn.error),
            ("stop reason", turn.stop_reason),
            ("begun by", turn.origin),
            ("model", turn.model),
            ("started", moment(turn.started_at)),
            ("duration", duration(turn.duration_ms)),
            ("waited", duration(turn.waited_ms) if turn.waited_ms else None),
            ("prompt", size(turn.prompt_bytes)),
            ("tokens in", turn.usage.input_tokens),
            ("tokens out", turn.usage.output_tokens),
            ("cost", cost(turn.usage.cost_microusd)),
        )
    )
    screen = stdout()
    for event in turn.events:
        match event:
            case {"type": "text", "content": str(text)}:
                screen.print(f"\n{harmless(text)}", markup=False)
            case {"type": "thinking", "content": str(text)}:
                screen.print(f"\n{harmless(text)}", markup=False, style="dim")
            case {"type": "tool_call", "name": str(name), "args": args}:
                screen.print(f"\n• {one_line(name)} {in_short(args)}", markup=False, style="cyan")
