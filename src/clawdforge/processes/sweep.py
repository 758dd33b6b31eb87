"""Finding and ending what escaped: processes that carry a server's mark.

Needed only where there are no namespaces, and harmless where there are. The mark is inherited
through sessions and groups of a descendant's own; one that also clears its environment and
leaves its session escapes it.
"""

import os
from collections.abc import Iterator

import psutil

from clawdforge.processes.containment import MARK_VARIABLE

MAX_PASSES = 5
"""One that forks while we look is seen in the next pass."""


def kill_marked(
    mark: str, *, except_mark: str | None = None, session: int | None = None
) -> list[int]:
    """SIGKILL every process whose mark starts with `mark`; their pids. Blocking: not on a loop.

    Args:
        mark: `FOLDER-ID:` for all servers of a data folder, or more for one server or child.
        except_mark: Spare the processes whose mark starts with this.
        session: Also end the members of this session, whose leader has ended.
    """
    if session is not None and psutil.pid_exists(session):
        session = None  # the pid belongs to somebody else by now
    killed: list[int] = []
    for _ in range(MAX_PASSES):
        found = list(_kill_found(mark, except_mark, session))
        killed += (pid for pid in found if pid not in killed)
        if not found:
            break
    return killed


def _kill_found(mark: str, except_mark: str | None, session: int | None) -> Iterator[int]:
    for process in psutil.process_iter():
        try:
            if _is_wanted(process, mark, except_mark, session):
                process.kill()
                yield process.pid
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's: not ours to end


def _is_wanted(
    process: psutil.Process, mark: str, except_mark: str | None, session: int | None
) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if session is not None and os.getsid(process.pid) == session:
        return True
    found = process.environ().get(MARK_VARIABLE, "")
    return found.startswith(mark) and not (except_mark and found.startswith(except_mark))
