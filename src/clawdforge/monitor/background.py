"""Going to the background, and telling the parent whether it went well."""

import contextlib
import os
import sys
from collections.abc import Callable

READY = b"+"


def in_background(work: Callable[[Callable[[], None]], None]) -> str | None:
    """Do `work` in a process of its own that has no terminal; the parent waits until it is ready.

    Args:
        work: Gets a function to call once it is ready. What it raises before is told.

    Returns:
        In the parent: None when it is ready, else why it is not. The child never returns.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(reading)
        _detach(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.wait()
    return None if told == READY else told.decode("utf-8", "replace") or "it ended at once"


def _detach(work: Callable[[Callable[[], None]], None], writing: int) -> None:
    code = 1
    try:
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
        os.chdir("/")
        os.umask(0o027)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)

        def ready() -> None:
            os.write(writing, READY)
            os.close(writing)

        work(ready)
        code = 0
    except Exception as error:  # noqa: BLE001 - the parent tells of it
        with contextlib.suppress(OSError):
            os.write(writing, str(error).encode())
    finally:
        os._exit(code)
