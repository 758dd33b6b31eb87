"""One line at the bottom where a person types: a search, a filter, something to say."""

from collections.abc import Callable

from textual import events
from textual.containers import Horizontal
from textual.widgets import Input, Static


class PromptLine(Horizontal):
    """Asks for a line. Hidden until it is opened."""

    DEFAULT_CSS = """
    PromptLine { height: 1; background: $panel; }
    PromptLine Static { width: auto; color: $accent; background: $panel; padding: 0 1; }
    PromptLine Input { border: none; height: 1; padding: 0; width: 1fr; background: $panel; }
    PromptLine Input:focus { border: none; background: $panel; background-tint: $panel 0%; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        self._label = Static("", markup=False)
        self._input = Input(select_on_focus=False)
        super().__init__(self._label, self._input, id=id)
        self.display = False
        self._done: Callable[[str], None] = lambda _: None
        self._typed: Callable[[str], None] | None = None
        self._before = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody is typing."""
        return self.display

    def open(
        self,
        label: str,
        done: Callable[[str], None],
        *,
        typed: Callable[[str], None] | None = None,
        text: str = "",
        hint: str = "",
    ) -> None:
        """Ask.

        Args:
            label: What for.
            done: Called with the line when Enter is pressed.
            typed: Called with it whenever it changes, and with `text` when it is given up.
            text: What stands there already.
            hint: What stands there while nothing is typed.
        """
        self._label.update(label)
        self._done, self._typed, self._before = done, None, text
        self._input.placeholder = hint
        self._input.value = text
        self._input.cursor_position = len(text)
        self._typed = typed
        # Both at once: what is typed next must not go elsewhere.
        self.display = True
        self.screen.set_focus(self._input)

    def close(self) -> None:
        """Ask no more."""
        self.display = False
        self._typed = None
        self.screen.set_focus(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell who wants to know each letter."""
        event.stop()
        if self._typed is not None:
            self._typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it."""
        event.stop()
        done = self._done
        self.close()
        done(event.value)

    def on_key(self, event: events.Key) -> None:
        """Escape gives up; the other keys are the line's own."""
        if event.key in {"escape", "ctrl+c"}:
            typed, before = self._typed, self._before
            self.close()
            if typed is not None:
                typed(before)
            event.stop()
