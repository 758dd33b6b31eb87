"""Puts what the dashboard knows into its widgets."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from clawdforge.core.texts import one_line
from clawdforge.tui import details, frame
from clawdforge.tui.freshness import away_count, away_lines
from clawdforge.tui.providers import Offer
from clawdforge.tui.rows import heading
from clawdforge.tui.spans import EMPTY, Line, Span
from clawdforge.tui.tree import Row

if TYPE_CHECKING:
    from clawdforge.tui.app import Dashboard

WIDE, TALL, HEADED = 116, 16, 20
"""From how many columns the details stand beside the tree; from how many lines below it; from
how many lines the columns have names."""
ROOMY = 24
"""From so many lines there are all facts about a session, where they have all the room."""
STORY_LINES = 3
"""So many are left for the transcript beside a question."""
Shape = Literal["wide", "stacked", "tree", "alone", "compact"]


class Drawing:
    """Draws one dashboard."""

    def __init__(self, app: "Dashboard") -> None:
        self.question: tuple[str, float] | None = None
        """The question on the screen: its id, and since when (by the dashboard's clock)."""
        self._app = app
        self._shape: Shape | None = None
        self._story: tuple[object, ...] = ()
        self._chosen: str | None = None

    def forget(self) -> None:
        """Draw all of it anew next time."""
        self._story = ()

    def draw(self) -> None:
        """All but the foot."""
        app, board = self._app, self._app.board
        tree = app.treeview
        tree.asks = app.feeds.questions.tools(board.sessions.values())
        tree.active = not app.in_details
        tree.update(empty=self._empty())
        shape = self._fitting_shape()
        app.feeds.choose(board.chosen, shown=shape not in {"tree", "compact"})
        if shape != self._shape:
            self._shape = shape
            app.base.query_one("#body").set_classes(f"-{shape}")
        head, names = app.lines("head"), app.lines("heading")
        head.show([self._head(app.size.width)])
        names.display = shape in {"wide", "stacked"} and app.size.height >= HEADED
        names.show([heading(tree.room)])
        self._note_question(shape)
        if shape != "tree":
            self._side(shape)

    def foot(self, offers: Collection[Offer], *, begun: str, said: Line) -> None:
        """The last line."""
        foot = self._app.lines("foot")
        foot.display = not self._app.prompt.is_open
        width = self._app.size.width
        foot.show([frame.foot_line(offers, width=width, begun=begun, said=said)])

    def _fitting_shape(self) -> Shape:
        app = self._app
        if not app.board.rows:
            return "tree"
        if app.alone:
            return "alone"
        if app.compact:
            return "compact"
        if app.size.width >= WIDE:
            return "wide"
        return "stacked" if app.size.height >= TALL else "tree"

    def _note_question(self, shape: Shape) -> None:
        view, now = self._app.board.chosen, self._app.clock()
        asked = self._app.feeds.questions.of(view) if view is not None else ()
        name = asked[0].permission_id if asked and shape != "tree" else None
        if name is None:
            self.question = None
        elif self.question is None or self.question[0] != name or self.question[1] > now:
            self.question = name, now

    def _head(self, width: int) -> Line:
        board = self._app.board
        return frame.head_line(
            board.sessions,
            board.link,
            width=width,
            now=self._app.clock(),
            filtered=board.filter.text,
            compact=self._app.compact,
            plain=self._app.plain,
            machines=(len(board.machines), away_count(board.machines)),
        )

    def _empty(self) -> list[Line]:
        board = self._app.board
        return frame.empty_lines(
            board.link,
            width=self._app.treeview.room,
            filtered=board.filter.text if board.sessions else "",
            path=self._app.path,
            spawns=bool(self._app.more_keys) and "spawn" in self._app.decisions.offers(None),
        )

    def _side(self, shape: Shape) -> None:
        facts, view = self._app.lines("facts"), self._app.board.chosen
        lines = self._facts(max(facts.room, 10), shape)
        if self._is_roomy(shape):
            lines.append(EMPTY)  # the transcript scrolls below it
        room = self._app.base.query_one("#side").size.height
        asks = view is not None and bool(self._app.feeds.questions.of(view))
        most = room - STORY_LINES if asks else room * 2 // 3
        if shape == "compact":
            most = self._app.size.height // 2
        facts.styles.height = min(len(lines), max(2, most))
        facts.show(lines)
        name = view.id if view is not None else None
        if name != self._chosen:
            self._chosen = name
            facts.jump_to(0)
        if shape != "compact":
            self._transcript()

    def _is_roomy(self, shape: Shape | None) -> bool:
        """Whether all that is known is shown, not only the most needed."""
        return shape in {"wide", "alone"} and self._app.size.height >= ROOMY

    def _facts(self, width: int, shape: Shape) -> list[Line]:
        app, board = self._app, self._app.board
        view, row = board.chosen, board.row
        if view is None:
            return self._group(row, width) if row is not None else []
        now, asked = app.clock(), app.feeds.questions.of(view)
        if shape == "compact":
            return details.summary_lines(
                view, width=width, now=now, questions=asked, plain=app.plain
            )
        return details.session_lines(
            view,
            width=width,
            now=now,
            questions=asked,
            brief=not self._is_roomy(shape),
            plain=app.plain,
        )

    def _group(self, row: Row, width: int) -> list[Line]:
        lines = details.group_lines(row, self._app.board.sessions, width)
        machine = self._app.board.machines.get(row.machine or "")
        if machine is None:
            return lines
        more = away_lines(machine, self._app.clock(), width, plain=self._app.plain)
        return [*lines, EMPTY, *more]

    def _transcript(self) -> None:
        feeds, widget = self._app.feeds, self._app.lines("story")
        story, width, view = feeds.story, widget.room, self._app.board.chosen
        prompt = view.first_prompt if view is not None else None
        pane = feeds.pane
        told = (
            id(story),
            story.version,
            width,
            feeds.story_problem,
            prompt,
            pane.lines,
            pane.problem,
        )
        if told == self._story:
            return
        is_other = self._story[:1] != told[:1]
        self._story = told
        lines = story.lines(width)
        if view is not None and story.is_empty:
            lines = details.pane_lines(view, pane.lines, width)
        if lines and not lines[0] and self._is_roomy(self._shape):
            lines = lines[1:]
        if problem := feeds.story_problem or pane.problem:
            lines = [*lines, EMPTY, [Span(f"  {one_line(problem, 300)}", "warn")]]
        widget.show(lines)
        if is_other:
            widget.jump_to(widget.max_scroll_y)
