"""Sidebars: panes that are marked as ours, and hooks that keep their width. Pure.

A sidebar carries the format of its width in a pane option. Hooks, for all sessions of a server,
apply it after a window has another size: without sidebars they do nothing, and there is no
script, and no name of a session, in them. They stand at a place of their own in tmux's lists of
hooks, so that those of the person stay.
"""

from collections.abc import Mapping, Sequence

from clawdforge.tmux.layout_steps import panel_format
from clawdforge.tmux.layouts import NARROWEST, PANEL_PERCENT, WIDEST
from clawdforge.tmux.quoting import command_text

MARK = "@clawdforge-panel"
"""A pane option: the format of a sidebar's columns. Set: it is one."""
MADE = "@clawdforge-made"
"""A pane option: it is there for the sidebar alone, and may go with it."""
ATM_MARK = "@atm-sidebar"
"""The same of atm 0.2.2."""
WORKSPACE = "@clawdforge-workspace"
"""A session option: each new window gets a sidebar."""
COLUMNS = "@clawdforge-columns"
"""A server's option: the format of the columns that a sidebar usually has."""
USUAL = f"#{{E:{COLUMNS}}}"
LATE = "@clawdforge-late"
"""A window option: it got another size while one pane filled it."""
PLACE = 1917
"""Of our hooks in the lists of hooks."""
TITLE = "clawdforge"
FEWEST_COLUMNS = 60
"""Of a window that gets a sidebar by itself."""

_FIT = f"#{{P:#{{?#{{{MARK}}},resize-pane -t #{{pane_id}} -x #{{E:{MARK}}} ;,}}}}"
"""A format that gives the commands which put all sidebars of a window right."""
_LEFT_ALONE = f"#{{S:#{{W:#{{?#{{P:#{{?#{{{MADE}}},,x}}}},,kill-window -t #{{window_id}} ;}}}}}}"
"""A format that gives the commands which end windows with nothing but sidebars in them."""


def marking(pane_id: str, width: str = USUAL, *, made: bool = True) -> list[list[str]]:
    """Mark a pane as a sidebar.

    Args:
        pane_id: Which.
        width: The format of its columns.
        made: It was made for that; else it is a pane of the person's, in which the sidebar runs.
    """
    marks = [["set-option", "-p", "-t", pane_id, MARK, width]]
    if made:
        marks += [
            ["set-option", "-p", "-t", pane_id, MADE, "1"],
            ["set-option", "-p", "-t", pane_id, "remain-on-exit", "failed"],
            ["select-pane", "-t", pane_id, "-T", TITLE],
        ]
    return marks


def keep_widths() -> list[list[str]]:
    """Keep sidebars in their width, on a whole server.

    To resize a pane ends the zoom of another: in a window where one pane fills all, it waits.
    """
    fit = fit_text()
    late = command_text("set-option", "-w", LATE, "1")
    now = command_text("set-option", "-uw", LATE) + " ; " + fit
    resized = command_text("if-shell", "-F", "#{window_zoomed_flag}", late, fit)
    changed = command_text("if-shell", "-F", f"#{{?window_zoomed_flag,,#{{{LATE}}}}}", now)
    return [
        ["set-option", "-g", COLUMNS, panel_format()],
        ["set-hook", "-g", f"window-resized[{PLACE}]", resized],
        ["set-hook", "-g", f"window-layout-changed[{PLACE}]", changed],
        ["set-hook", "-g", f"pane-exited[{PLACE}]", command_text("run-shell", "-C", _LEFT_ALONE)],
    ]


def fit_text() -> str:
    """A command that puts the sidebars of the window right in which it runs."""
    return command_text("run-shell", "-C", _FIT)


def widen(
    window_id: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    columns: int,
    *,
    zoomed: bool = False,
) -> list[str]:
    """Put a sidebar at the left of a window; what is there moves, and keeps the keys.

    The command prints the new pane's id, for `marking`: which pane is where in a window cannot
    be said while one pane fills it.

    Args:
        window_id: As `@3`.
        argv: The dashboard.
        env: Variables for it.
        columns: How wide.
        zoomed: One pane fills the window, and is to do so again.
    """
    zoom = ["-Z"] if zoomed else []
    split = ["split-window", "-h", "-b", "-f", "-d", *zoom, "-l", str(columns), "-t", window_id]
    return [*split, "-P", "-F", "#{pane_id}", *_variables(env), "--", *argv]


def follow_new_windows(argv: Sequence[str], env: Mapping[str, str]) -> list[list[str]]:
    """Put a sidebar into each new window of those sessions that have the option `WORKSPACE`."""
    texts = [
        " ; ".join(command_text(*command) for command in _here(argv, env, size))
        for size in (str(NARROWEST), str(WIDEST), f"{PANEL_PERCENT}%")
    ]
    narrow, wide = NARROWEST * 100 // PANEL_PERCENT, WIDEST * 100 // PANEL_PERCENT
    wider = command_text("if-shell", "-F", f"#{{e|>:#{{window_width}},{wide}}}", texts[1], texts[2])
    sized = command_text("if-shell", "-F", f"#{{e|<:#{{window_width}},{narrow}}}", texts[0], wider)
    wanted = f"#{{&&:#{{{WORKSPACE}}},#{{e|>=:#{{window_width}},{FEWEST_COLUMNS}}}}}"
    hook = command_text("if-shell", "-F", wanted, sized)
    return [["set-hook", "-g", f"after-new-window[{PLACE}]", hook]]


def forget(*, all_of_them: bool) -> list[list[str]]:
    """Take our hooks out of a server: that for new windows alone, or all."""
    rest = ("window-resized", "window-layout-changed", "pane-exited") if all_of_them else ()
    return [["set-hook", "-gu", f"{hook}[{PLACE}]"] for hook in ("after-new-window", *rest)]


def _here(argv: Sequence[str], env: Mapping[str, str], size: str) -> list[list[str]]:
    """`widen` for a hook: in the window that it is about, which is new."""
    split = ["split-window", "-h", "-b", "-f", "-d", "-l", size]
    return [[*split, *_variables(env), "--", *argv], *marking("{top-left}")]


def _variables(env: Mapping[str, str]) -> list[str]:
    return [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
