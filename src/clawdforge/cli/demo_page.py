"""How the demo is printed: numbered steps, and what belongs to each."""


def step(number: int, text: str) -> None:
    """Begin a part of the demo."""
    say(f"\n[bold cyan]{number}[/]  [bold]{text}[/]")


def say(text: str, *, markup: bool = True, style: str | None = None, end: str = "\n") -> None:
    """Print a line of it."""
    from clawdforge.cli.screen import stdout

    stdout().print(text, markup=markup, style=style, end=end)
