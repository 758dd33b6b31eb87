"""What stands above the transcript: all about one session, or about a group. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from clawdforge.client import PermissionInfo
from clawdforge.core.observed.formats import format_money
from clawdforge.core.observed.views import SessionView
from clawdforge.core.texts import one_line
from clawdforge.tui.looks import doing, is_working, look, needs_person, silent_secs
from clawdforge.tui.questions import question_lines
from clawdforge.tui.rows import bar, name_of, title
from clawdforge.tui.spans import EMPTY, Line, Span, cut_start, fitted, rule, spread, wrapped
from clawdforge.tui.times import lasting, moment, since
from clawdforge.tui.tree import Row, project_name

BAR_CELLS = 20
LABEL_CELLS = 9
PROMPT_LINES = 3
EVIDENCE = 4


def session_lines(
    view: SessionView,
    *,
    width: int,
    now: float,
    questions: Sequence[PermissionInfo] = (),
    brief: bool = False,
    plain: bool = False,
) -> list[Line]:
    """A session: its state first, then what it asks, then the rest.

    Args:
        view: Of which session.
        width: Cells.
        now: Seconds since 1970.
        questions: What it asks, where that is known; the oldest first.
        brief: Only what does not stand in the tree.
        plain: Only ASCII characters.
    """
    lines = [_head(view, width), _state(view, width, now, plain=plain)]
    for question in questions:
        lines += [*([] if brief else [EMPTY]), *question_lines(question, width=width, now=now)]
    if not brief:
        lines.append(EMPTY)
    facts = _facts(view, now, width - LABEL_CELLS - 2, plain=plain)
    lines += _brief(facts, width) if brief else (_fact(name, value) for name, value in facts)
    return [fitted(one, width) for one in lines]


def prompt_lines(view: SessionView, width: int) -> list[Line]:
    """The first prompt, in a few lines."""
    text = one_line(view.first_prompt or "", width * PROMPT_LINES)
    if not text:
        return []
    parts = [[Span(f"  {part}", "")] for part in wrapped(text, width - 4)]
    return [EMPTY, rule("first prompt", width), EMPTY, *parts]


def pane_lines(view: SessionView, screen: Sequence[Line] | None, width: int) -> list[Line]:
    """What is in a session's pane; where that is not known, its first prompt."""
    if screen is None:
        return prompt_lines(view, width)
    name = one_line(view.tmux_pane or "", 40)
    return [EMPTY, rule(f"its pane {name}".rstrip(), width), *screen]


def _head(view: SessionView, width: int) -> Line:
    kind = view.agent_type if view.agent_type not in {"main", ""} else ""
    model = "" if view.model == "Unknown" else one_line(view.model, 40)
    right = "  ".join(
        part for part in (one_line(kind, 30), one_line(view.agent, 30), model) if part
    )
    left = [Span(f" {project_name(view)}", "strong"), Span(f"  {name_of(view)}", "faint")]
    return spread(left, [Span(right, "dim"), Span(" ")], width)


def _state(view: SessionView, width: int, now: float, *, plain: bool) -> Line:
    its = look(view)
    lasted = lasting(since(view.state_since, now))
    last = lasting(since(view.last_activity, now))
    left = [
        Span(f" {its.plain if plain else its.sign} {doing(view)}", f"{its.role} strong"),
        Span(f"  for {lasted}" if lasted else "", "dim"),
    ]
    if (silent := silent_secs(view, now)) is not None:
        left.append(Span(f"  silent for {lasting(silent)}", "warn"))
    return spread(left, [Span(f"heard of {last} ago " if last else "", "dim")], width)


def _facts(
    view: SessionView, now: float, room: int, *, plain: bool
) -> list[tuple[str, list[Span]]]:
    context = [
        *bar(view.context_percentage, BAR_CELLS, plain=plain),
        Span(f" {view.context_display}", "dim"),
    ]
    folder = one_line(view.cwd or view.working_directory or "", 4096)
    began = moment(view.started_at)
    age = lasting(now - began) if began is not None else ""
    spent = [Span(format_money(view.cost_usd))]
    if view.lines_display != "+0 -0":
        spent.append(Span(f"  {view.lines_display} lines", "dim"))
    worked = f"  at work for {view.duration_display}" if view.duration_seconds else ""
    found: list[tuple[str, list[Span]]] = [
        ("context", context),
        ("cost", spent),
        ("began", [Span(f"{age} ago"), Span(worked, "dim")] if age else []),
        ("folder", [Span(cut_start(folder, room))] if folder else []),
        ("branch", _plain(view.worktree_branch)),
        ("app", _plain(view.app)),
        ("session", _plain(view.id)),
        ("process", _plain(str(view.pid) if view.pid else None)),
        ("pane", _plain(view.tmux_pane)),
        *((name, [Span(text, "dim")]) for name, text in _evidence(view)),
    ]
    return [(name, value) for name, value in found if value]


def _plain(text: str | None) -> list[Span]:
    return [Span(one_line(text, 500))] if text else []


def _evidence(view: SessionView) -> Iterable[tuple[str, str]]:
    for index, one in enumerate(view.evidence[:EVIDENCE]):
        text = one_line(f"{one.signal}: {one.says}", 200)
        age = f"{lasting(one.age_ms / 1000)} before"
        disputed = ", disputed" if one.contradicts else ""
        yield "because" if index == 0 else "", f"{text}  {age}{disputed}"


def _fact(name: str, value: Sequence[Span]) -> Line:
    return [Span(f" {name:<{LABEL_CELLS}}", "faint"), *value]


def _brief(facts: list[tuple[str, list[Span]]], width: int) -> Iterable[Line]:
    """The few facts for which there is room."""
    shown = dict(facts)
    first = [Span(" "), *shown["context"], Span("  "), *shown["cost"]]
    yield fitted(first, width)
    where = [*shown.get("folder", ()), Span("  "), *shown.get("branch", ())]
    yield fitted([Span(" "), *(Span(one.text, "dim") for one in where)], width)


def group_lines(row: Row, sessions: Mapping[str, SessionView], width: int) -> list[Line]:
    """A project, a worktree, or those who need a person."""
    inside = [sessions[name] for name in row.members if name in sessions]
    cost = format_money(sum(view.cost_usd for view in inside))
    working, needing = sum(map(is_working, inside)), sum(map(needs_person, inside))
    counts = [
        (f"{len(inside)} session{'s' if len(inside) != 1 else ''}", ""),
        (f"{working} working" if working else "", "work"),
        (f"{needing} need you" if needing else "", "need"),
        (cost, "dim"),
    ]
    lines: list[Line] = [[Span(f" {row.label}", "strong")]]
    if row.place:
        lines.append([Span(f" {row.place}", "dim")])
    parts = [Span(f" {text} ", role) for text, role in counts if text]
    return [fitted(one, width) for one in (*lines, EMPTY, parts)]


def summary_lines(
    view: SessionView,
    *,
    width: int,
    now: float,
    questions: Sequence[PermissionInfo] = (),
    plain: bool = False,
) -> list[Line]:
    """A session in a sidebar; the arguments are those of `session_lines`."""
    its = look(view)
    sign = its.plain if plain else its.sign
    lasted = lasting(since(view.state_since, now))
    last = lasting(since(view.last_activity, now))
    lines: list[Line] = [
        [Span(f" {part}", "strong")] for part in wrapped(title(view), max(width - 2, 8))[:2]
    ]
    lines += [
        [Span(f" {sign} {doing(view)}", its.role), Span(f"  {lasted}", "dim")],
        [Span(" "), *bar(view.context_percentage, 8, plain=plain)],
        [Span(f" {format_money(view.cost_usd)}  {last} ago", "dim")],
    ]
    percent = Span(f" {view.context_percentage:.0f}%", "dim")
    lines[-2] = [*lines[-2], percent]
    for question in questions:
        lines += question_lines(question, width=width, now=now)
    return [fitted(one, width) for one in lines]
