"""A git worktree for an agent, made where it is not there yet."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from clawdforge.errors import InputError

GIT_SECS = 120.0
"""A large tree is written out."""


async def made_worktree(folder: Path, beside: str, environ: Mapping[str, str]) -> str | None:
    """See that there is a folder to work in.

    Args:
        folder: Which. When it is not there, it becomes a worktree of the repository that `beside`
            is in, on the branch with its name: a new one, or one that exists.
        beside: A folder of the repository.
        environ: The person's environment.

    Returns:
        What git said of it; None: it was there.

    Raises:
        InputError: it is a file, or git cannot make it (`worktree_failed`).
    """
    if await asyncio.to_thread(folder.is_dir):
        return None
    if await asyncio.to_thread(folder.exists):
        msg = f"{folder} is no folder"
        raise InputError(msg, code="worktree_failed")
    said = await _git(("-C", beside or ".", "worktree", "add", "--", str(folder)), environ)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    found = next(
        (line for line in lines if line.startswith("Preparing")), "on a branch of its name"
    )
    return found.removeprefix("Preparing worktree").strip(" ()")


async def _git(arguments: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """Run the person's own git, with its settings and hooks."""
    from clawdforge.processes.program import run_program

    env = {**environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = await run_program(("git", *arguments), env=env, timeout_secs=GIT_SECS)
    except FileNotFoundError:
        msg = "git is not installed"
        raise InputError(msg, code="worktree_failed") from None
    except (OSError, TimeoutError) as error:
        msg = f"git failed: {str(error) or 'it took too long'}"
        raise InputError(msg, code="worktree_failed") from None
    said = done.err.decode("utf-8", "replace")
    if done.code != 0:
        lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
        reason = lines[-1] if lines else f"git ended with {done.code}"
        msg = f"the worktree cannot be made: {reason}"
        hint = "name a folder that is there, or one for a worktree of this git repository"
        raise InputError(msg, code="worktree_failed", hint=hint)
    return said
