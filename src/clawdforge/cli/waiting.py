"""A spinner with the time that has passed, on stderr, while something takes its time."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that work is under way; nothing when stderr is not a terminal."""
    from clawdforge.cli.screen import stderr

    screen = stderr()
    if not screen.is_terminal:
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        progress.add_task(text, total=None)
        yield
