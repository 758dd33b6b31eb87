"""The transcript of a driven session: its events, folded to what people read. Pure.

Pieces of text are joined, a tool call is one block however often it is told of, and of a long
conversation the newest part is kept.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from clawdforge.client import events
from clawdforge.core.money import format_usd
from clawdforge.core.texts import harmless, in_short, one_line
from clawdforge.tui.questions import change_lines
from clawdforge.tui.spans import EMPTY, Line, Span, rule, wrapped
from clawdforge.tui.times import lasting

MAX_BLOCKS = 400
MAX_TEXT_CHARS = 4000
"""Of one block: a longer text goes on in the next, so that little is drawn again."""
MAX_RESULT_CHARS = 20_000
RESULT_LINES = 6
DIFF_LINES = 24
_PLAN_SIGNS = {"completed": ("✓", "good"), "in_progress": ("●", "work"), "pending": ("○", "dim")}
_TOOL_ROLES = {"completed": "good", "failed": "bad"}


class Block:
    """Something that is drawn as one, and again only for another width or when it has changed."""

    def __init__(self, event: events.Event, *, goes_on: bool = False) -> None:
        self.event = event
        self._goes_on = goes_on
        self._drawn: tuple[int, list[Line]] | None = None

    def change(self, event: events.Event) -> None:
        """It is something else now."""
        self.event = event
        self._drawn = None

    def lines(self, width: int) -> list[Line]:
        """How it looks in so many cells."""
        if self._drawn is None or self._drawn[0] != width:
            found = _drawn(self.event, width)
            self._drawn = (width, found[1:] if self._goes_on else found)
        return self._drawn[1]


class Story:
    """What has happened in a session, as far as it is kept."""

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque(maxlen=MAX_BLOCKS)
        self._calls: dict[str, Block] = {}
        self._plan: Block | None = None
        self.newest = 0
        """The last event's number."""
        self.version = 0
        """Another one when something is to be drawn."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self._blocks

    def add(self, event: events.Event) -> None:
        """Take in the next event."""
        self.newest = event.seq
        self.version += 1
        match event:
            case events.Text() | events.Thinking():
                self._say(event)
            case events.ToolCall(call_id=call_id):
                known = self._calls.get(call_id)
                if known is None:
                    self._calls[call_id] = self._append(event)
                else:
                    known.change(_merged(known.event, event))
            case events.Plan():
                if self._plan is None:
                    self._plan = self._append(event)
                else:
                    self._plan.change(event)
            case events.TurnStarted():
                self._calls.clear()
                self._plan = None
                self._append(event)
            case events.PermissionResolved(by="policy") | events.Context():
                pass
            case (
                events.PermissionResolved()
                | events.TurnEnded()
                | events.Note()
                | events.Retry()
                | events.SessionClosed()
                | events.SessionReopened()
            ):
                self._append(event)
            case _:
                pass

    def lines(self, width: int) -> list[Line]:
        """All of it, in so many cells."""
        return [one for block in self._blocks for one in block.lines(width)]

    def _append(self, event: events.Event, *, goes_on: bool = False) -> Block:
        block = Block(event, goes_on=goes_on)
        self._blocks.append(block)
        return block

    def _say(self, event: events.Text | events.Thinking) -> None:
        last = self._blocks[-1] if self._blocks else None
        if isinstance(event, events.Text) and event.replaces:
            self._take_back()
            last = None
        if last is None or type(last.event) is not type(event) or last.event.turn != event.turn:
            last = self._append(_with_text(event, ""))
        self._go_on(last, event)

    def _take_back(self) -> None:
        """The text since the last tool call was for nothing."""
        while self._blocks and isinstance(self._blocks[-1].event, events.Text):
            self._blocks.pop()

    def _go_on(self, last: Block, event: events.Text | events.Thinking) -> None:
        assert isinstance(last.event, events.Text | events.Thinking)
        text = last.event.text + event.text
        while len(text) > MAX_TEXT_CHARS:
            end = text.rfind("\n", 0, MAX_TEXT_CHARS) + 1 or MAX_TEXT_CHARS
            last.change(_with_text(event, text[:end].removesuffix("\n")))
            text = text[end:]
            last = self._append(event, goes_on=True)
        last.change(_with_text(event, text))


def _with_text(event: events.Text | events.Thinking, text: str) -> events.Event:
    kind = events.Text if isinstance(event, events.Text) else events.Thinking
    return kind(seq=event.seq, turn=event.turn, at=event.at, text=text)


def _merged(known: events.Event, news: events.ToolCall) -> events.Event:
    """What is known of a tool call, with what is new laid over it."""
    assert isinstance(known, events.ToolCall)
    return events.ToolCall(
        seq=known.seq,
        turn=known.turn,
        at=known.at,
        call_id=known.call_id,
        name=news.name or known.name,
        title=news.title or known.title,
        kind=news.kind or known.kind,
        args=known.args if news.args is None else news.args,
        status=news.status or known.status,
        result=known.result if news.result is None else news.result,
        diffs=news.diffs or known.diffs,
        paths=news.paths or known.paths,
    )


def _drawn(event: events.Event, width: int) -> list[Line]:
    room = max(width - 4, 10)
    match event:
        case events.Text(text=text):
            return [EMPTY, *_paragraphs(text, room, "")]
        case events.Thinking(text=text):
            return [EMPTY, *_paragraphs(text, room, "dim italic")]
        case events.ToolCall():
            return _tool(event, room)
        case events.Plan(entries=entries):
            return [EMPTY, *_plan(entries, room)]
        case events.TurnStarted():
            return [EMPTY, _turn(event, width)]
        case events.TurnEnded():
            return [_end(event)]
        case events.PermissionResolved(state=state, by=by):
            who = f" by {one_line(by, 40)}" if by else ""
            role = "good" if state == "allowed" else "warn"
            return [[Span(f"   {one_line(state, 40)}{who}", role)]]
        case events.Note(text=text):
            return _paragraphs(text, room, "warn")
        case events.Retry():
            return [[Span(f"  the model's call failed, try {event.attempt}", "warn")]]
        case events.SessionClosed():
            return [EMPTY, [Span("  the session is closed", "dim")]]
        case _:
            return [EMPTY, [Span("  the session is open again", "dim")]]


def _paragraphs(text: str, room: int, role: str) -> list[Line]:
    kept = harmless(text).strip("\n")
    return [[Span(f"  {part}", role)] for part in wrapped(kept, room)]


def _turn(event: events.TurnStarted, width: int) -> Line:
    by_itself = ", begun by the agent" if event.origin == "agent" else ""
    return rule(f"turn {event.turn}{by_itself}", width)


def _end(event: events.TurnEnded) -> Line:
    role = {"done": "dim", "cancelled": "warn"}.get(event.state, "bad")
    parts = [one_line(event.state, 40), lasting((event.duration_ms or 0) / 1000)]
    if event.usage.cost_microusd:
        parts.append(format_usd(event.usage.cost_microusd))
    if event.error:
        parts.append(one_line(event.error, 300))
    return [Span(f"  {' · '.join(parts)}", role)]


def _tool(event: events.ToolCall, room: int) -> list[Line]:
    name = one_line(event.name or event.title or "tool", 60)
    said = in_short(event.args, room) or (one_line(event.title or "", room) if event.name else "")
    role = _TOOL_ROLES.get(event.status or "", "work")
    sign = {"completed": "✓", "failed": "✗"}.get(event.status or "", "●")
    head = [Span(f"  {sign} ", role), Span(name, "strong"), Span(f"  {said}", "dim")]
    lines: list[Line] = [EMPTY, head]
    for diff in event.diffs or ():
        path = one_line(diff.path, room)
        if path != said:
            lines.append([Span(f"    {path}", "dim")])
        changed = list(change_lines(diff.old_text or "", diff.new_text, room))
        lines += [[Span("    "), *one] for one in changed[:DIFF_LINES]]
        if len(changed) > DIFF_LINES:
            lines.append([Span(f"    … {len(changed) - DIFF_LINES} lines more", "faint")])
    if not event.diffs:
        lines += _result(event.result, room, failed=event.status == "failed")
    return lines


def _result(result: object, room: int, *, failed: bool) -> Iterable[Line]:
    if result in (None, "", [], {}):
        return
    text = harmless(result[:MAX_RESULT_CHARS]) if isinstance(result, str) else in_short(result, 600)
    parts = wrapped(text.strip("\n"), room - 2)
    for part in parts[:RESULT_LINES]:
        yield [Span("    "), Span(part, "bad" if failed else "dim")]
    if len(parts) > RESULT_LINES:
        yield [Span(f"    … {len(parts) - RESULT_LINES} lines more", "faint")]


def _plan(entries: Sequence[events.PlanEntry], room: int) -> Iterable[Line]:
    for entry in entries:
        sign, role = _PLAN_SIGNS.get(entry.status or "", ("○", "dim"))
        yield [Span(f"  {sign} ", role), Span(one_line(entry.content, room), role)]
