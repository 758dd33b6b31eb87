"""Runs a small program of the user's own to its end: its output, and how it ended.

For tools that do their work in a moment (`tmux`, `git` on a person's behalf). They are neither
contained nor marked: what they start (a tmux server) belongs to the person, not to us.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

MAX_BYTES = 8 * 1024 * 1024
_PIPE = asyncio.subprocess.PIPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A program that has ended."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    out: bytes = field(repr=False)
    err: bytes = field(repr=False)


async def run_program(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: bytes = b"",
    cwd: Path | None = None,
    timeout_secs: float,
    max_bytes: int = MAX_BYTES,
) -> Done:
    """Run a program to its end.

    Args:
        argv: The program and its arguments.
        env: All of its environment.
        stdin: What it reads; then its input ends.
        cwd: Where; None: here.
        timeout_secs: After it the program is killed.
        max_bytes: Of its output; when there is more, it is killed.

    Raises:
        OSError: it cannot be started (`FileNotFoundError`: it is not there).
        TimeoutError: it took too long, or wrote too much.
    """
    process = await asyncio.create_subprocess_exec(  # noqa: TID251 - this is the room
        *argv, env=env, cwd=cwd, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(timeout_secs), asyncio.TaskGroup() as group:
            group.create_task(_feed(process.stdin, stdin))
            out = group.create_task(_all_of(process.stdout, max_bytes))
            err = group.create_task(_all_of(process.stderr, max_bytes))
            await process.wait()
    except* TimeoutError:
        raise TimeoutError from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Done(code=process.returncode or 0, out=out.result(), err=err.result())


def become(argv: Sequence[str], *, env: Mapping[str, str]) -> NoReturn:
    """Be another program from now on, in this terminal.

    Raises:
        OSError: it cannot be started.
    """
    os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is wanted


async def _feed(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if data:
            pipe.write(data)
            await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


async def _all_of(stream: asyncio.StreamReader, limit: int) -> bytes:
    written = bytearray()
    while more := await stream.read(64 * 1024):
        written += more
        if len(written) > limit:
            raise TimeoutError
    return bytes(written)
