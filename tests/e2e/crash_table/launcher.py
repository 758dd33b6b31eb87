"""Starts servers, one after the other: the real `clawdforge`, with places where it can be killed.

A server takes half a second to start, and most of that Python reads modules. A table of so many
deaths has no time for it: this program reads them once, and each server is a fork of it, with
arguments and an environment of its own. Orders come as lines of JSON over standard input; what is
answered are lines, too: the server's pid, then how it ended.
"""

import importlib
import json
import os
import sys
from typing import Any

from clawdforge.cli.main import main
from crash_table.places import install
from crash_table.trap import Trap

READ_BEFORE = (
    "clawdforge.cli.serve",
    "clawdforge.http.logs",
    "clawdforge.server",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)


def take_orders() -> dict[str, Any] | None:
    """Fork for each order: in the child, what it is to do. None: there are no more."""
    before = 0
    for line in sys.stdin:
        if before:
            os.waitpid(before, 0)
        before = os.fork()
        if before == 0:
            order: dict[str, Any] = json.loads(line)
            return order
        tell(before)
        # Seen, but not buried: nobody gets its number until the next order.
        end = os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        tell(end.si_status if end else 0)
    return None


def tell(number: int) -> None:
    """Answer a line."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def become(order: dict[str, Any]) -> None:
    """In the child: take on standard streams, environment and arguments of its own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, stream in enumerate((nothing, nothing, log)):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = ["clawdforge", *order["arguments"]]


if __name__ == "__main__":
    for module in READ_BEFORE:
        importlib.import_module(module)
    install(Trap(os.environ["HOME"]))
    mine = take_orders()
    if mine is not None:
        become(mine)
        main()
