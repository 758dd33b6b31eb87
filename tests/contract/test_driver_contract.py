"""Every driver of ours keeps the port's promises, with its real agent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("clawdforge.testing.driver_contract")

from clawdforge.agents.claude.driver import ClaudeDriver  # noqa: E402
from clawdforge.agents.claude.driver import child_environment as claude_environment  # noqa: E402
from clawdforge.agents.demo.agent import (  # noqa: E402
    child_environment,
    default_command,
    demo_driver,
)
from clawdforge.agents.driver import Driver, SessionSpec  # noqa: E402
from clawdforge.agents.lines import Program  # noqa: E402
from clawdforge.processes.launcher import Processes  # noqa: E402
from clawdforge.testing.driver_contract import SECRET, Bench, DriverContract, obey  # noqa: E402
from clawdforge.testing.model_api import Always, ModelApi  # noqa: E402


def service_environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "CLAWDFORGE_ADMIN_TOKEN": SECRET}


def spec(tmp_path: Path) -> SessionSpec:
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    return SessionSpec(cwd=tmp_path / "work", tmp=tmp_path / "tmp", model="sonnet")


class TestDemo(DriverContract):
    @pytest.fixture
    def bench(self, processes: Processes, tmp_path: Path) -> Bench:
        environ = child_environment(service_environment(tmp_path))

        def make(limit: int) -> Driver:
            program = Program(argv=default_command(), env=environ, max_output_bytes=limit)
            return demo_driver(processes, program)

        return Bench(make=make, spec=spec(tmp_path))


@pytest.mark.real_agent
class TestClaude(DriverContract):
    @pytest.fixture
    async def bench(
        self, processes: Processes, tmp_path: Path, claude_bin: Path
    ) -> AsyncIterator[Bench]:
        async with ModelApi([Always(obey)]) as api:
            service = {**service_environment(tmp_path), **api.environment()}
            environ = claude_environment({**service, "CLAUDE_CODE_MAX_RETRIES": "0"})

            def make(limit: int) -> Driver:
                program = Program(argv=(str(claude_bin),), env=environ, max_output_bytes=limit)
                return ClaudeDriver(processes, program)

            yield Bench(make=make, spec=spec(tmp_path))
