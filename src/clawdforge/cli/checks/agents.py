"""The agents: installed, logged in, and kept from outliving the server."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clawdforge.agents.catalog import Catalog
from clawdforge.agents.claude.driver import child_environment
from clawdforge.cli.checks.finding import Finding, fail, ok, warn
from clawdforge.config import Settings
from clawdforge.errors import AgentError
from clawdforge.processes.containment import Containment
from clawdforge.processes.detect import detect
from clawdforge.processes.launcher import Command, Processes

LOGIN_SECS = 10.0
_CONTAINED = {
    Containment.NAMESPACE: "agents run in a PID namespace: none outlives the server",
    Containment.USER_NAMESPACE: "agents run in a user and PID namespace: none outlives the server",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude:
    """Whether the real claude can be used."""

    present: bool
    logged_in: bool | None = None
    """None: it could not be found out."""
    detail: str = ""

    @property
    def usable(self) -> bool:
        """Whether a run can be expected to work."""
        return self.present and self.logged_in is True


async def check_agents(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Each configured agent, claude's login, and the containment."""
    containment = await detect()
    findings = []
    async with _processes(containment) as processes:
        catalog = Catalog(settings, environ, processes)
        for name in catalog.names():
            status = await catalog.status(name)
            what = f"agent {name}"
            if status.available:
                findings.append(ok(what, status.version or "there"))
            else:
                said, _, mend = (status.problem or "cannot be used").partition("; ")
                level = fail if name == catalog.default() else warn
                findings.append(level(what, said, mend or "mend the configuration of this agent"))
        claude = await _look(catalog, processes, environ)
    if claude.present:
        findings.append(_login(claude, needed=catalog.default() == "claude"))
    findings.append(ok("default agent", catalog.default()))
    findings.append(_contained(containment))
    return findings


async def look_for_claude(settings: Settings, environ: Mapping[str, str]) -> Claude:
    """Whether claude is installed and logged in."""
    async with _processes(await detect()) as processes:
        return await _look(Catalog(settings, environ, processes), processes, environ)


@asynccontextmanager
async def _processes(containment: Containment) -> AsyncIterator[Processes]:
    async with Processes(
        containment, folder_id=f"cli-{secrets.token_hex(4)}", incarnation="1"
    ) as processes:
        yield processes


async def _look(catalog: Catalog, processes: Processes, environ: Mapping[str, str]) -> Claude:
    status = await catalog.status("claude")
    if not status.available or status.program is None:
        return Claude(present=False, detail=status.problem or "")
    command = Command(
        argv=(status.program, "auth", "status", "--json"),
        cwd=Path(tempfile.gettempdir()),
        env=child_environment(environ),
    )
    try:
        said = await _output(processes, command)
        value = json.loads(said)
        logged_in = value["loggedIn"]
    except (AgentError, TimeoutError, ValueError, LookupError, TypeError) as error:
        return Claude(present=True, detail=str(error) or "it did not answer")
    method = value.get("authMethod")
    return Claude(
        present=True,
        logged_in=logged_in is True,
        detail=method if isinstance(method, str) else "",
    )


async def _output(processes: Processes, command: Command) -> bytes:
    child = await processes.start(command)
    child.close_stdin()
    lines = []
    try:
        async with asyncio.timeout(LOGIN_SECS):
            while (line := await child.read_line()) is not None:
                lines.append(line)
    finally:
        await processes.stop(child, eof_secs=0.0, term_secs=0.5)
    return b"\n".join(lines)


def _login(claude: Claude, *, needed: bool) -> Finding:
    if claude.logged_in:
        return ok(
            "claude's login", f"logged in ({claude.detail})" if claude.detail else "logged in"
        )
    mend = "run `claude` once and log in, or set ANTHROPIC_API_KEY for the server"
    if claude.logged_in is False:
        return (fail if needed else warn)("claude's login", "not logged in", mend)
    said = f"`claude auth status` could not be understood: {claude.detail[:100]}"
    return warn("claude's login", said, f"{mend}; update claude if it is old")


def _contained(containment: Containment) -> Finding:
    if containment.is_complete:
        return ok("containment", _CONTAINED[containment])
    return warn(
        "containment",
        "no PID namespaces here: after `kill -9` of the server agents may run on until the next"
        " server sweeps them",
        "on Linux: install util-linux and allow unprivileged user namespaces",
    )
