"""What people see: tables, times and sizes, JSON, and texts of others made harmless."""

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clawdforge.core.texts import harmless as harmless
from clawdforge.core.texts import in_short as in_short
from clawdforge.core.texts import one_line as one_line

if TYPE_CHECKING:
    from rich.console import Console

    from clawdforge.client import Usage

WIDEST = 1000
PIPE_COLUMNS = 160
"""Width of what goes into a pipe or file, so that tables keep one row a line."""


def stdout() -> "Console":
    """Where answers go. Colours only on terminals, and not with NO_COLOR."""
    return _console(to_stderr=False)


def stderr() -> "Console":
    """Where notes, progress and errors go."""
    return _console(to_stderr=True)


def command_name() -> str:
    """How this command is called here: by its name if that finds it, else by its path."""
    from clawdforge.config import environment

    program = Path(sys.argv[0])
    found = shutil.which("clawdforge", path=environment().get("PATH"))
    if program.name != "clawdforge" or (found and Path(found).samefile(program)):
        return "clawdforge"
    try:
        return str(program.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(program)


def print_json(value: Any) -> None:
    """One JSON document, indented, as stable as the keys in it."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """One JSON document on one line, at once."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, folded: str = "") -> None:
    """A plain table: aligned, without lines. Only the column `folded` may break its texts.

    Without such a column it is as wide as it needs to be: half an id is of no use.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column != folded)
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    screen = stdout()
    if not folded:
        screen.width = max(screen.width, WIDEST)
    screen.print(table)


def print_facts(facts: Iterable[tuple[str, object]], *, indent: str = "") -> None:
    """A line for each thing that is known."""
    screen = stdout()
    for name, value in facts:
        if value not in {None, "", "-"}:
            screen.print(f"{indent}{name:<12} {harmless(str(value))}", markup=False)


def print_text(text: str) -> None:
    """A text of others: to the byte into a pipe, without control characters on a terminal."""
    sys.stdout.write((harmless(text) if sys.stdout.isatty() else text).rstrip("\n") + "\n")
    sys.stdout.flush()


def usage_line(usage: "Usage", duration_ms: int | None = None) -> str:
    """Time, tokens and cost, as far as they are known."""
    parts = [] if duration_ms is None else [duration(duration_ms)]
    if usage.input_tokens is not None or usage.output_tokens is not None:
        parts.append(f"{usage.input_tokens or 0:,} tokens in, {usage.output_tokens or 0:,} out")
    if usage.cost_microusd:
        parts.append(cost(usage.cost_microusd))
    return " · ".join(parts)


def tokens(usage: "Usage") -> str:
    """Tokens in and out, as far as they are known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return "-"
    return f"{usage.input_tokens or 0} in, {usage.output_tokens or 0} out"


def cost(microusd: int | None) -> str:
    """Micro-dollars as people read them."""
    from clawdforge.core.money import format_usd

    return "-" if microusd is None else format_usd(microusd)


def moment(at: int | None) -> str:
    """A moment as a date and as people say it; empty: never."""
    from datetime import UTC, datetime

    if at is None:
        return ""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC ({ago(at)})"


def ago(at: int | None) -> str:
    """A moment (UTC seconds since 1970) as people say it."""
    if at is None:
        return "never"
    secs = max(0, int(time.time()) - at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if secs >= size:
            return f"{secs // size} {unit} ago"
    return f"{secs} s ago"


def duration(ms: int | None) -> str:
    """Milliseconds as people read them."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms // 60_000} min {ms // 1000 % 60} s"


def size(count: int | None) -> str:
    """Bytes as people read them."""
    if count is None:
        return "-"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _console(*, to_stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else PIPE_COLUMNS
    return Console(stderr=to_stderr, highlight=False, soft_wrap=True, emoji=False, width=width)
