"""Windows over the dashboard: the help, and the answers to what an agent asks."""

from collections.abc import Sequence
from typing import TypeAlias

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from clawdforge.core.texts import harmless, one_line
from clawdforge.tui.frame import help_lines
from clawdforge.tui.keys import Binding
from clawdforge.tui.lines import Lines
from clawdforge.tui.questions import Choice, Question
from clawdforge.tui.spans import EMPTY, Line, Span, fitted, wrapped

Answers: TypeAlias = tuple[tuple[int, ...], ...]
"""For each question, which of its options were chosen, from 0."""
_CSS = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > Vertical {{ width: 76; max-width: 96%; height: auto; max-height: 94%;
    background: $panel; border: round $primary; border-title-color: $foreground; }}
{name} Lines {{ background: $panel; height: auto; max-height: 100%;
    scrollbar-background: $panel; }}
"""


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """All keys."""

    DEFAULT_CSS = _CSS.format(name="HelpScreen")

    def __init__(self, more: tuple[Binding, ...] = ()) -> None:
        super().__init__()
        self._more = more

    def compose(self) -> ComposeResult:
        """One window."""
        with Vertical() as window:
            window.border_title = "Keys"
            yield Lines(id="keys")

    def on_mount(self) -> None:
        """Fill it."""
        self._fill()

    def on_resize(self) -> None:
        """Fill it again."""
        self._fill()

    def _fill(self) -> None:
        lines = self.query_one("#keys", Lines)
        found = help_lines(self._more, width=min(74, self.size.width - 4))
        lines.show(found)
        lines.styles.height = min(len(found), max(3, self.size.height - 4))

    def on_key(self, event: events.Key) -> None:
        """Scroll, or close."""
        event.stop()
        lines = self.query_one("#keys", Lines)
        steps = {"j": 1, "down": 1, "k": -1, "up": -1, "ctrl+d": 8, "ctrl+u": -8}
        if event.key in steps:
            lines.scroll_lines(steps[event.key])
        elif event.key in {"escape", "question_mark", "q", "enter", "ctrl+c"}:
            self.dismiss()

    def on_click(self) -> None:
        """A click closes it."""
        self.dismiss()


class ConfirmScreen(ModalScreen[bool], inherit_bindings=False):
    """Asks before something that cannot be undone. Only `y` is a yes."""

    DEFAULT_CSS = _CSS.format(name="ConfirmScreen")

    def __init__(self, title: str, texts: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._texts = texts

    def compose(self) -> ComposeResult:
        """One window."""
        with Vertical() as window:
            window.border_title = self._title
            window.border_subtitle = "y: yes · any other key: no"
            yield Lines(id="confirm")

    def on_mount(self) -> None:
        """Fill it."""
        self._fill()

    def on_resize(self) -> None:
        """Fill it again."""
        self._fill()

    def _fill(self) -> None:
        lines = self.query_one("#confirm", Lines)
        width = min(72, self.size.width - 6)
        first, *rest = [[one_line(text, 300)] for text in self._texts]
        found: list[Line] = [EMPTY, fitted([Span(f" {first[0]}", "strong")], width), EMPTY]
        for text in rest:
            found += [[Span(f" {part}", "dim")] for part in wrapped(text[0], width - 2)]
        lines.show([*found, EMPTY])
        lines.styles.height = len(found) + 1

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        self.dismiss(event.key == "y")

    def on_click(self) -> None:
        """A click is no answer: no."""
        self.dismiss(result=False)


class AnswerScreen(ModalScreen[Answers | None], inherit_bindings=False):
    """The answers to an agent's questions, one after another."""

    DEFAULT_CSS = _CSS.format(name="AnswerScreen")

    def __init__(self, questions: Sequence[Question], title: str) -> None:
        super().__init__()
        self._questions = questions
        self._title = title
        self._answers: list[tuple[int, ...]] = []
        self._cursor = 0
        self._marked: set[int] = set()

    @property
    def _question(self) -> Question:
        return self._questions[len(self._answers)]

    def compose(self) -> ComposeResult:
        """One window."""
        with Vertical() as window:
            window.border_title = self._title
            window.border_subtitle = "Enter, or the number · Esc: back"
            yield Lines(id="answers")

    def on_mount(self) -> None:
        """Fill it."""
        self._fill()

    def on_resize(self) -> None:
        """Fill it again."""
        self._fill()

    def _fill(self) -> None:
        lines = self.query_one("#answers", Lines)
        found = self._lines(min(72, self.size.width - 6))
        lines.show(found)
        lines.styles.height = min(len(found), max(3, self.size.height - 4))

    def _lines(self, width: int) -> list[Line]:
        question = self._question
        count = len(self._questions)
        lines: list[Line] = [EMPTY]
        if count > 1:
            lines.append([Span(f" {len(self._answers) + 1} of {count}", "dim")])
        text = harmless(question.question)
        lines += [[Span(f" {part}", "strong")] for part in wrapped(text, width - 2)]
        lines.append(EMPTY)
        for index, choice in enumerate(question.options):
            lines += self._choice(index, choice, width)
        if question.multi_select:
            lines += [EMPTY, [Span(" Space marks, Enter takes the marked ones", "dim")]]
        return [*lines, EMPTY]

    def _choice(self, index: int, choice: Choice, width: int) -> list[Line]:
        here = index == self._cursor
        mark = ""
        if self._question.multi_select:
            mark = "[x] " if index in self._marked else "[ ] "
        pointer = "▸" if here else " "
        head = f" {pointer} {index + 1} {mark}{one_line(choice.label, 200)}"
        lines = [fitted([Span(head, "accent strong" if here else "")], width)]
        about = one_line(choice.description, 400)
        if about:
            lines += [[Span(f"     {part}", "dim")] for part in wrapped(about, width - 6)]
        return lines

    def on_key(self, event: events.Key) -> None:
        """Choose."""
        event.stop()
        last = len(self._question.options) - 1
        match event.key:
            case "j" | "down":
                self._cursor = min(self._cursor + 1, last)
            case "k" | "up":
                self._cursor = max(self._cursor - 1, 0)
            case "space" if self._question.multi_select:
                self._marked ^= {self._cursor}
            case "enter":
                self._take()
                return
            case "escape" | "q" | "ctrl+c":
                self.dismiss(None)
                return
            case key if key.isdecimal() and 1 <= int(key) <= last + 1:
                self._cursor = int(key) - 1
                if self._question.multi_select:
                    self._marked ^= {self._cursor}
                else:
                    self._take()
                    return
        self._fill()

    def _take(self) -> None:
        self._answers.append(tuple(sorted(self._marked)) or (self._cursor,))
        self._cursor, self._marked = 0, set()
        if len(self._answers) == len(self._questions):
            self.dismiss(tuple(self._answers))
        else:
            self._fill()
