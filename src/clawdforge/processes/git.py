"""Runs the `git` program: with no prompts, no hooks, nobody's configuration but what is said here.

It runs contained as every child, and ends with its time-out.
"""

import asyncio
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from clawdforge.errors import AgentError, AgentProtocolError, InputError
from clawdforge.processes.child import Child
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Command, Processes

MAX_OUTPUT_BYTES = 4 * 1024 * 1024
MAX_ERROR_CHARS = 300
_SEEN = ("SSH_AUTH_SOCK",)
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    # A redirect leads elsewhere than to the address that was checked.
    "http.followRedirects": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
}
_FIXED = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_OPTIONAL_LOCKS": "0",
    # A repository may say that its missing objects come from elsewhere, and by which program.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*@")
_TELLING = ("fatal:", "error:", "ssh:")


class GitProgram:
    """The port `gateway.git.Git` over the program.

    Args:
        processes: Where it runs.
        environ: The server's environment; git sees its allow-list and an SSH agent.
        timeout_secs: For one call.
    """

    def __init__(
        self, processes: Processes, environ: Mapping[str, str], *, timeout_secs: float
    ) -> None:
        self._processes = processes
        self._path = environ.get("PATH")
        self._env = {
            name: value
            for name, value in select(environ, _SEEN).items()
            if not name.startswith("LC_")
        } | _FIXED
        self._timeout_secs = timeout_secs

    async def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        protocol: str | None = None,
        config: Mapping[str, str] | None = None,
        accept: Collection[int] = (0,),
    ) -> str:
        """Run it and give what it wrote.

        Args:
            arguments: The command and its arguments; operands from callers behind a `--`.
            cwd: Where. A repository above this folder is not looked for.
            protocol: The only way on which it may fetch; None: none.
            config: Settings beyond the fixed ones.
            accept: Exit codes that are no failure.

        Raises:
            InputError: it failed, took too long, or is not there (`workspace_failed`).
        """
        program = await asyncio.to_thread(shutil.which, "git", path=self._path)
        if program is None:
            raise _failed("git is not installed on the server")
        settings = {**(config or {}), **_CONFIG}
        command = Command(
            argv=(program, *arguments),
            cwd=cwd,
            env=self._env | _as_variables(settings) | _bounds(cwd, protocol),
            max_output_bytes=MAX_OUTPUT_BYTES,
        )
        try:
            child = await self._processes.start(command)
        except AgentError as error:
            raise _failed(error.message) from error
        try:
            async with asyncio.timeout(self._timeout_secs):
                output = await _read(child)
                exit_ = await child.wait()
        except TimeoutError:
            raise _failed(f"git took longer than {self._timeout_secs:g} s") from None
        except AgentProtocolError as error:
            raise _failed(f"git's output: {error.message}") from error
        finally:
            await self._processes.stop(child, eof_secs=0.0, term_secs=2.0)
        if exit_.code not in accept:
            raise _failed(last_words(child.stderr_text) or f"git ended with {exit_}")
        return output


def last_words(stderr: str) -> str:
    """Why git failed: the last line that tells, without credentials in addresses."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip()]
    telling = [line for line in lines if line.startswith(_TELLING)] or lines or [""]
    shown = "".join(char if char.isprintable() else " " for char in telling[-1])
    return _USER_INFO.sub("", shown)[:MAX_ERROR_CHARS]


async def _read(child: Child) -> str:
    child.close_stdin()
    lines = []
    while (line := await child.read_line()) is not None:
        lines.append(line)
    return b"\n".join(lines).decode("utf-8", "surrogateescape")


def _as_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings for one call: nothing of it is written into a repository, or stands in argv."""
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _bounds(cwd: Path, protocol: str | None) -> dict[str, str]:
    return {
        "GIT_ALLOW_PROTOCOL": protocol or "none",
        "GIT_CEILING_DIRECTORIES": str(cwd.parent),
    }


def _failed(why: str) -> InputError:
    return InputError(f"workspace.git: {why}", code="workspace_failed")
