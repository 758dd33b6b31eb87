"""What stands in a row of the tree. Pure.

Times are counted here, with the clock of who looks: a session that says nothing still ages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clawdforge.client.monitor_news import Machine
from clawdforge.core.observed.formats import format_money
from clawdforge.core.observed.machines import id_there
from clawdforge.core.observed.views import SessionView
from clawdforge.core.texts import one_line
from clawdforge.tui.freshness import freshness
from clawdforge.tui.looks import (
    context_role,
    doing,
    is_working,
    look,
    needs_person,
    silent_secs,
    state_of,
)
from clawdforge.tui.spans import Line, Span, cut, fitted, padded, spread, width_of
from clawdforge.tui.times import lasting, since
from clawdforge.tui.tree import Row

TITLE_CHARS = 200
GAP = 2
TIMED_CHARS = 13


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is; 0: it is left out."""

    doing: int = 0
    since: int = 0
    bar: int = 0
    percent: int = 0
    cost: int = 0
    model: int = 0
    last: int = 0


_BY_WIDTH = (
    (104, Columns(doing=20, since=5, bar=8, percent=4, cost=7, model=12, last=4)),
    (86, Columns(doing=14, since=4, bar=6, percent=4, cost=7, last=4)),
    (64, Columns(doing=12, since=4, bar=5, percent=4, cost=6)),
    (48, Columns(doing=12, since=4, percent=4)),
    (36, Columns(since=4, percent=4)),
)
_NARROW = Columns(since=4)


@dataclass(frozen=True, slots=True)
class Paper:
    """What rows are written on."""

    width: int
    now: float
    """Seconds since 1970."""
    plain: bool = False
    """Only ASCII characters."""
    asks: Mapping[str, str] | None = None
    """By session: the tool that it wants to use."""
    search: str = ""
    """What is searched for: titles show it."""
    machines: Mapping[str, Machine] = field(default_factory=dict)
    """How fresh the pictures of other machines are, by name."""


def columns(width: int) -> Columns:
    """The columns that fit into so many cells."""
    return next((found for least, found in _BY_WIDTH if width >= least), _NARROW)


def heading(width: int) -> Line:
    """The names of the columns."""
    it = columns(width)
    cells = [
        ("DOING", it.doing, False),
        ("FOR", it.since, True),
        ("CONTEXT", it.bar + 1 + it.percent if it.bar else it.percent, it.bar == 0),
        ("COST", it.cost, True),
        ("MODEL", it.model, False),
        ("LAST", it.last, True),
    ]
    right = [
        Span(" " * GAP + padded(name, size, right=at_right), "faint")
        for name, size, at_right in cells
        if size
    ]
    return spread([Span("  SESSION", "faint")], [*right, Span(" ")], width)


def row_line(row: Row, sessions: Mapping[str, SessionView], paper: Paper) -> Line:
    """A row, as it is now."""
    if row.session_id is None:
        return _group(row, sessions, paper)
    view = sessions.get(row.session_id)
    return _session(row, view, paper) if view is not None else ()


def title(view: SessionView) -> str:
    """A session's name for people: its first prompt, else which agent it is."""
    said = one_line(view.first_prompt or "", TITLE_CHARS)
    return said or f"{one_line(view.agent) or 'agent'} {name_of(view)}"


def name_of(view: SessionView) -> str:
    """The short id; of a session whose id is not known yet, its process.

    Ids that begin with the time (UUID version 7, RFC 9562) are told apart only after it.
    """
    name = id_there(view)
    if name.startswith("pending-"):
        return one_line(name.removeprefix("pending-"))
    return one_line(name[:TIMED_CHARS] if name[14:15] == "7" else view.id_short)


def _session(row: Row, view: SessionView, paper: Paper) -> Line:
    its = look(view)
    sign = its.plain if paper.plain else its.sign
    indent = "  " * row.depth
    if row.depth > 1 and view.parent_session_id:
        indent = "  " * (row.depth - 1) + ("- " if paper.plain else "└ ")
    left = [
        Span(f" {indent}", "faint"),
        Span(f"{sign} ", f"{its.role} strong"),
        *_titles(row, view),
    ]
    if row.folded:
        left.append(Span(f" +{len(row.members)}", "dim"))
    it = columns(paper.width)
    return spread(_found(left, paper), [*_cells(view, it, paper), Span(" ")], paper.width)


def _titles(row: Row, view: SessionView) -> Line:
    role = {"need": "strong", "faint": "dim"}.get(look(view).role, "")
    spans = []
    if row.place:
        spans.append(Span(f"{cut(row.place, 24)}  ", "strong"))
        role = ""
    if view.agent_type not in {"main", ""}:
        spans.append(Span(f"{one_line(view.agent_type, 30)}  ", "dim"))
    elif view.agent not in {"claude", ""} and view.first_prompt:
        spans.append(Span(f"{one_line(view.agent, 30)}  ", "dim"))
    return [*spans, Span(title(view), role)]


def _cells(view: SessionView, it: Columns, paper: Paper) -> Iterable[Span]:
    asks_for = paper.asks.get(view.id) if paper.asks else None
    role = look(view).role
    words, secs = doing(view, asks_for), since(view.state_since, paper.now)
    if (silent := silent_secs(view, paper.now)) is not None:
        words, secs, role = "silent", silent, "warn"
    if it.doing:
        yield Span(" " * GAP + padded(words, it.doing), "dim" if role == "rest" else role)
    if it.since:
        yield Span(" " * GAP + padded(lasting(secs), it.since, right=True), "dim")
    percentage = view.context_percentage
    if it.bar:
        yield Span(" " * GAP)
        yield from bar(percentage, it.bar, plain=paper.plain)
    if it.percent:
        text = f"{percentage:.0f}%" if percentage else ""
        gap = " " if it.bar else " " * GAP
        yield Span(gap + padded(text, it.percent, right=True), _percent_role(percentage))
    if it.cost:
        yield _cost(view.cost_usd, it.cost)
    if it.model:
        yield Span(" " * GAP + padded(_model(view), it.model), "dim")
    if it.last:
        last = lasting(since(view.last_activity, paper.now))
        yield Span(" " * GAP + padded(last, it.last, right=True), "dim")


def bar(percentage: float, cells: int, *, plain: bool = False) -> Iterable[Span]:
    """How full something is."""
    full, rest = ("=", "-") if plain else ("━", "─")
    filled = min(cells, round(percentage / 100 * cells) or (1 if percentage >= 1 else 0))
    yield Span(full * filled, context_role(percentage))
    yield Span(rest * (cells - filled), "faint")


def _percent_role(percentage: float) -> str:
    role = context_role(percentage)
    return "dim" if role == "good" else role


def _cost(usd: float, cells: int) -> Span:
    text = format_money(usd) if usd else ""
    if len(text) > cells:
        text = f"${usd:.2f}"
    return Span(" " * GAP + padded(text, cells, right=True), "dim")


def _model(view: SessionView) -> str:
    return "" if view.model == "Unknown" else one_line(view.model, 40)


def _group(row: Row, sessions: Mapping[str, SessionView], paper: Paper) -> Line:
    inside = [sessions[name] for name in row.members if name in sessions]
    marker = ("+" if row.folded else "-") if paper.plain else ("▸" if row.folded else "▾")
    if row.kind == "need":
        left = [Span(" ! ", "need strong"), Span(row.label, "need strong")]
        left.append(Span(f"  {len(inside)}", "need"))
        return fitted(left, paper.width)
    role = "strong" if row.kind in {"machine", "project"} else ""
    left = [Span(f" {'  ' * row.depth}{marker} ", "dim"), Span(row.label, role)]
    if row.folded:
        left.append(Span(f"  ({len(inside)})", "dim"))
    if (machine := paper.machines.get(row.machine or "")) is not None:
        left += [Span("  "), freshness(machine, paper.now, plain=paper.plain)]
        if not machine.live:
            return fitted(_found(left, paper), paper.width)
    right = list(_counts(inside, plain=paper.plain, alarms=row.folded))
    it = columns(paper.width)
    if it.cost:
        tail = list(_group_tail(inside, it))
        used = it.doing + GAP
        counts = fitted([Span(" " * GAP), *right], used)
        right = [*counts, Span(" " * (used - width_of(counts))), *tail]
    return spread(_found(left, paper), [*right, Span(" ")], paper.width)


def _group_tail(inside: list[SessionView], it: Columns) -> Iterable[Span]:
    blank = GAP + it.since + GAP + it.bar + 1 + it.percent
    yield Span(" " * blank)
    yield _cost(sum(view.cost_usd for view in inside), it.cost)
    after = (GAP + it.model if it.model else 0) + (GAP + it.last if it.last else 0)
    yield Span(" " * after)


def _counts(inside: list[SessionView], *, plain: bool, alarms: bool) -> Iterable[Span]:
    """How many need a person, failed, and work."""
    needing = sum(map(needs_person, inside))
    failed = sum(state_of(view) == "error" for view in inside)
    working = sum(map(is_working, inside))
    if needing and alarms:
        yield Span(f"! {needing}  ", "need strong")
    if failed and alarms:
        yield Span(f"{'x' if plain else '✗'} {failed}  ", "bad")
    if working:
        yield Span(f"{'*' if plain else '●'} {working}", "work" if alarms else "dim")


def _found(pieces: Line, paper: Paper) -> Line:
    """The line with what is searched for made visible."""
    wanted = paper.search.casefold()
    if not wanted:
        return pieces
    marked: list[Span] = []
    for piece in pieces:
        at = piece.text.casefold().find(wanted)
        if at < 0 or len(piece.text.casefold()) != len(piece.text):
            marked.append(piece)
            continue
        end = at + len(wanted)
        marked.append(Span(piece.text[:at], piece.role))
        marked.append(Span(piece.text[at:end], f"{piece.role} found".strip()))
        marked.append(Span(piece.text[end:], piece.role))
    return marked
