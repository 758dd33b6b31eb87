"""What stands around the tree: head, foot, help, and what is said while it is empty. Pure."""

from collections.abc import Collection, Mapping

from clawdforge.core.observed.formats import format_money
from clawdforge.core.observed.views import SessionView
from clawdforge.core.texts import one_line
from clawdforge.tui.board import Link
from clawdforge.tui.keys import SECTIONS, Binding, shown
from clawdforge.tui.looks import is_working, needs_person
from clawdforge.tui.providers import Offer
from clawdforge.tui.spans import EMPTY, Line, Span, fitted, line, spread, width_of, wrapped
from clawdforge.tui.times import lasting

NAME = "clawdforge"


def head_line(
    sessions: Mapping[str, SessionView],
    link: Link,
    *,
    width: int,
    now: float,
    filtered: str = "",
    compact: bool = False,
    plain: bool = False,
    machines: tuple[int, int] = (0, 0),
) -> Line:
    """The first line: the connection, and all sessions in a few figures.

    `machines`: how many others are shown, and how many of them are not heard of.
    """
    views = sessions.values()
    working, needing = sum(map(is_working, views)), sum(map(needs_person, views))
    cost = format_money(sum(view.cost_usd for view in views))
    state = _link(link, now, plain=plain)
    if compact:
        dot = Span(state.text.split(" ")[0], state.role)
        left = [Span(" "), dot, Span(f" {len(sessions)}", "strong")]
        left += [Span(f"  {'*' if plain else '●'}{working}", "work")] if working else []
        left += [Span(f"  !{needing}", "need strong")] if needing else []
        return spread(left, [Span(f"{cost} ", "dim")], width)
    left = [Span(f" {NAME}  ", "strong"), state]
    if sessions or link.live:
        left.append(Span(f"   {_counted(len(sessions), 'session')}"))
    others, away = machines
    if others:
        left.append(Span(f" on {_counted(others + 1, 'machine')}"))
    if away:
        left.append(Span(f", {away} away", "bad"))
    if working:
        left.append(Span(f"   {working} working", "work"))
    if needing:
        left.append(Span(f"   {needing} need{'s' if needing == 1 else ''} you", "need strong"))
    if filtered:
        left.append(Span(f"   only {one_line(filtered, 60)}", "accent"))
    full = [view.context_percentage for view in views if view.context_percentage]
    right = [Span(cost)]
    if full and width >= 90:
        right.append(Span(f"  context {sum(full) / len(full):.0f}%", "dim"))
    return spread(left, [*right, Span(" ")], width, gap=2)


def _link(link: Link, now: float, *, plain: bool) -> Span:
    dot = "*" if plain else "●"
    if link.live:
        return Span(f"{dot} live", "good")
    if not link.reason:
        return Span(f"{'o' if plain else '○'} connecting", "warn")
    wait = lasting(max(0.0, link.retry_at - now) + 0.99)
    return Span(f"{'o' if plain else '○'} no monitor, again in {wait}", "bad")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"


def foot_line(offers: Collection[Offer], *, width: int, begun: str = "", said: Line = ()) -> Line:
    """The last line: what was said last, else the keys that are of use now."""
    right = [Span("?", "key"), Span(" help ", "dim")]
    if begun:
        right = [Span(f"{begun}  ", "strong"), *right]
    if said:
        return spread([Span(" "), *said], right, width, gap=2)
    spans: list[Span] = [Span(" ")]
    for offer, key, words in _HINTS:
        hint = [Span(key, "key"), Span(f" {words}   ", "dim")]
        if offer is None or offer in offers:
            if width_of(spans) + width_of(hint) > width - width_of(right):
                break
            spans += hint
    return spread(spans, right, width)


_HINTS: tuple[tuple[Offer | None, str, str], ...] = (
    ("allow", "a", "allow"),
    ("answer", "a", "answer"),
    ("deny", "D", "deny"),
    ("allow_always", "A", "always"),
    ("send", "i", "say"),
    ("interrupt", "I", "interrupt"),
    ("jump", "⏎", "jump"),
    ("kill", "x", "end"),
    (None, "/", "search"),
    (None, "f", "filter"),
    (None, "q", "quit"),
)


def empty_lines(
    link: Link, *, width: int, filtered: str, path: str, spawns: bool = False
) -> list[Line]:
    """What is said where there are no sessions to be shown; `spawns`: keys can start one."""
    if filtered and link.live:
        texts = [("Nothing fits.", "strong"), ("", ""), ("Esc shows all again.", "dim")]
    elif link.live:
        texts = [
            ("No agent runs.", "strong"),
            ("", ""),
            ("oo starts one here. Or start one in any terminal: claude", "")
            if spawns
            else ("Start one in any terminal: claude", ""),
            ("or drive one: clawdforge chat", ""),
            ("", ""),
            ("Those that were started by hand tell more when the hooks are in:", "dim"),
            ("clawdforge hooks install", ""),
        ]
    elif link.reason:
        texts = [
            ("There is no monitor.", "strong"),
            (f"{path}: {link.reason}", "dim"),
            ("", ""),
            ("Start one: atmd start -d", ""),
            ("or a server, which has one: clawdforge serve", ""),
            ("", ""),
            (f"It is tried again by itself; {link.tries:,} times so far.", "dim"),
        ]
    else:
        texts = [("Connecting …", "dim")]
    room = max(width - 4, 8)
    return [
        EMPTY,
        *(
            line(f"  {part}", role)
            for text, role in texts
            for part in wrapped(one_line(text, 300), room)
        ),
    ]


def help_lines(more: tuple[Binding, ...] = (), *, width: int) -> list[Line]:
    """All keys, by what they are for."""
    lines: list[Line] = []
    sections = dict(SECTIONS)
    if more:
        sections["Terminal"] = more
    for name, bindings in sections.items():
        lines += [EMPTY] if lines else []
        lines.append(line(f" {name}", "accent strong"))
        for index, binding in enumerate(bindings):
            if not binding.words:
                continue
            both = [binding]
            while index + len(both) < len(bindings) and not bindings[index + len(both)].words:
                both.append(bindings[index + len(both)])
            lines += _help(both, width)
    return lines


def _help(bindings: list[Binding], width: int) -> list[Line]:
    keys = "  ".join(" ".join(shown(key) for key in binding.keys) for binding in bindings)
    words = wrapped(bindings[0].words, max(width - 28, 12))
    first = [Span(f"   {keys:<24}", "key"), Span(words[0])]
    return [fitted(first, width), *(fitted(line(" " * 27 + part), width) for part in words[1:])]
