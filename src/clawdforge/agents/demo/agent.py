"""The agent `demo` as the server sees it: the driver `acp` with a program of ours."""

import sys
from collections.abc import Mapping
from pathlib import Path

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.demo.memory import FOLDER_VARIABLE
from clawdforge.agents.demo.session import VERSION
from clawdforge.agents.lines import Program
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes

__all__ = ["PROGRAM", "VERSION", "child_environment", "default_command", "demo_driver"]

PROGRAM = Path(__file__).with_name("program.py")


def default_command() -> tuple[str, ...]:
    """The program and its arguments: isolated, so that it starts fast and sees no user code."""
    return (sys.executable, "-I", "-S", str(PROGRAM))


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What the agent gets to see of `environ`."""
    folder = environ.get(FOLDER_VARIABLE)
    own = {FOLDER_VARIABLE: folder} if folder else {}
    return {**select(environ, more), **own}


def demo_driver(processes: Processes, program: Program) -> AcpDriver:
    """A driver for one conversation with the demo agent."""
    return AcpDriver(processes, program, term_secs=1.0)
