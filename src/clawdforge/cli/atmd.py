"""`atmd`: the monitor as a daemon. A command of its own, so that it starts in a blink."""

import argparse
import json
import os
import signal
import sys
import time
from typing import Any

DESCRIPTION = """\
Keeps a live picture of every agent session on this machine, and tells dashboards of each change.

  atmd            the same as atmd start
  atmd start      run here until Ctrl-C; with -d in the background
  atmd stop       end the one that runs
  atmd restart    end the one that runs, and start one in the background
  atmd status     say whether one runs

Agents report to it when their hooks are installed: clawdforge hooks install
`clawdforge serve` runs the monitor by itself when no atmd runs.
"""
STOP_SECS = 5.0


def main() -> None:
    """Run the command; never returns."""
    arguments = _parser().parse_args()
    commands = {"start": _start, "stop": _stop, "restart": _restart, "status": _status}
    code = commands[arguments.command or "start"](arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a thread that waits for a dead network file system must not keep us.
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    from clawdforge import __version__

    parser = argparse.ArgumentParser(
        prog="atmd", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-V", "--version", action="version", version=f"atmd {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="answer as one JSON object")
    commands = parser.add_subparsers(dest="command", metavar="start|stop|restart|status")
    start = commands.add_parser("start", parents=[shared], help="run the monitor")
    start.add_argument("-d", "--daemon", action="store_true", help="in the background")
    commands.add_parser("stop", parents=[shared], help="end the one that runs")
    commands.add_parser("restart", parents=[shared], help="end it, and start it in the background")
    commands.add_parser("status", parents=[shared], help="say whether one runs")
    parser.set_defaults(daemon=False, json=False)
    return parser


def _start(arguments: argparse.Namespace) -> int:
    from clawdforge.errors import ClawdforgeError
    from clawdforge.monitor.paths import paths_of
    from clawdforge.monitor.pid_file import running

    environ = _environ()
    paths = paths_of(environ)
    pid = running(paths)
    if pid is not None:
        _complain(f"Daemon is already running (PID {pid})", "Use 'atmd stop' to stop it first.")
        return 1
    try:
        if arguments.daemon:
            return _start_in_background(arguments)
        if arguments.json:
            _serve(environ, in_background=False, ready=lambda: _tell_start(os.getpid()))
        else:
            _serve(environ, in_background=False, ready=None)
    except ClawdforgeError as error:
        _complain(f"Error: {error.message}", *([error.hint] if error.hint else []))
        return 1
    return 0


def _start_in_background(arguments: argparse.Namespace) -> int:
    from collections.abc import Callable

    from clawdforge.monitor.background import in_background
    from clawdforge.monitor.paths import paths_of
    from clawdforge.monitor.pid_file import running

    environ = _environ()

    def work(ready: Callable[[], None]) -> None:
        _serve(environ, in_background=True, ready=ready)

    problem = in_background(work)
    if problem is not None:
        _complain(f"Error: {problem}")
        return 1
    if arguments.json:
        _tell_start(running(paths_of(environ)))
    return 0


def _serve(environ: dict[str, str], *, in_background: bool, ready: Any) -> None:
    import asyncio

    from clawdforge.monitor.daemon import run_daemon
    from clawdforge.monitor.logs import log_to
    from clawdforge.monitor.paths import paths_of

    paths = paths_of(environ)
    log_to(paths.log_file if in_background else None, environ.get("ATMD_LOG_LEVEL", "info"))
    asyncio.run(run_daemon(paths, environ, ready=ready))


def _restart(arguments: argparse.Namespace) -> int:
    arguments.daemon = True
    return _stop(arguments, quiet=True) or _start(arguments)


def _stop(arguments: argparse.Namespace, *, quiet: bool = False) -> int:
    from clawdforge.monitor.asking import facts_of
    from clawdforge.monitor.paths import paths_of
    from clawdforge.monitor.pid_file import running

    paths = paths_of(_environ())
    pid = running(paths)
    if pid is None:
        if not quiet:
            _say(arguments, "Daemon is not running.", stopped=False, running=False)
        return 0
    host = (facts_of(paths.socket) or {}).get("embedded_in")
    if host:
        _complain(
            f"The monitor is part of `{host}` (PID {pid}): it was not stopped.",
            "Stop that instead.",
        )
        return 1
    if not arguments.json and not quiet:
        print(f"Stopping daemon (PID {pid})...", flush=True)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECS
    while running(paths) == pid:
        if time.monotonic() > deadline:
            _complain(f"Daemon did not stop within {STOP_SECS:.0f} seconds.")
            return 1
        time.sleep(0.02)
    if not quiet:
        _say(arguments, "Daemon stopped.", stopped=True, running=False, pid=pid)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from clawdforge.monitor.asking import facts_of
    from clawdforge.monitor.paths import paths_of
    from clawdforge.monitor.pid_file import running

    paths = paths_of(_environ())
    pid = running(paths)
    if pid is None:
        _say(arguments, "Daemon is not running.", running=False)
        return 1
    lines = [f"Daemon is running (PID {pid})"]
    if paths.socket.exists():
        lines.append(f"Socket: {paths.socket}")
    if arguments.json:
        facts = facts_of(paths.socket) or {}
        _say(arguments, "", running=True, **({"pid": pid, "socket": str(paths.socket)} | facts))
    else:
        print("\n".join(lines))
    return 0


def _environ() -> dict[str, str]:
    return dict(os.environ)  # noqa: TID251 - a program of its own: loading all settings takes long


def _tell_start(pid: int | None) -> None:
    print(json.dumps({"running": True, "pid": pid}), flush=True)


def _say(arguments: argparse.Namespace, text: str, **facts: object) -> None:
    print(json.dumps(facts) if arguments.json else text)


def _complain(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)
