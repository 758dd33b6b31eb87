"""What a small program writes: for looking things up, with a time-out and a bound."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

MAX_BYTES = 4 * 1024 * 1024


async def output_of(
    argv: Sequence[str], *, env: Mapping[str, str], timeout_secs: float
) -> bytes | None:
    """Run a program and give what it wrote; None: it is not there, failed, or took too long.

    Args:
        argv: The program and its arguments.
        env: All of its environment.
        timeout_secs: After it the program is killed.
    """
    try:
        process = await asyncio.create_subprocess_exec(  # noqa: TID251 - this is the room
            *argv,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(timeout_secs):
            written = await _all_of(process.stdout)
            await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return written if process.returncode == 0 else None


async def _all_of(stream: asyncio.StreamReader) -> bytes:
    written = b""
    while len(written) <= MAX_BYTES and (more := await stream.read(64 * 1024)):
        written += more
    if len(written) > MAX_BYTES:
        raise TimeoutError
    return written
