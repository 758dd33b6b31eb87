"""Which agents there are: the catalog."""

import asyncio
from pathlib import Path

import pytest

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.catalog import Catalog
from clawdforge.agents.claude.driver import child_environment as claude_environment
from clawdforge.agents.demo.agent import default_command
from clawdforge.agents.driver import SessionSpec
from clawdforge.config import AgentSettings, Settings, load_settings
from clawdforge.errors import AgentMissingError, ConfigError
from clawdforge.processes.containment import Containment
from clawdforge.processes.launcher import Processes

SERVICE = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nowhere",
    "CLAWDFORGE_ADMIN_TOKEN": "s",
    "ADMIN_BOOTSTRAP_TOKEN": "s",
    "ANTHROPIC_API_KEY": "k",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "DATABASE_URL": "d",
}


def test_what_claude_may_see() -> None:
    seen = claude_environment(SERVICE, ("DATABASE_*", "CLAWDFORGE_*"))
    assert seen["ANTHROPIC_API_KEY"] == "k"
    assert seen["CLAUDE_CODE_MAX_RETRIES"] == "1"
    assert claude_environment({})["CLAUDE_CODE_MAX_RETRIES"] == "3"
    assert seen["DATABASE_URL"] == "d", "the operator named it"
    hidden = {"CLAWDFORGE_ADMIN_TOKEN", "ADMIN_BOOTSTRAP_TOKEN", "CLAUDECODE"}
    assert not (hidden | {"CLAUDE_CODE_ENTRYPOINT"}) & set(seen)


def settings(**flags: object) -> Settings:
    chosen = {"claude_bin": "/no/claude", "acpx_bin": "/no/acpx", **flags}
    return load_settings(flags=chosen, environ={}).settings


async def test_the_catalog(processes: Processes, tmp_path: Path) -> None:
    good = await asyncio.to_thread(write_program, tmp_path, "good", "echo '9.9.9 (Claude Code)'")
    bad = await asyncio.to_thread(write_program, tmp_path, "bad", "echo no login >&2; exit 4")
    agents = {
        "good": AgentSettings(driver="claude", command=(good,)),
        "bad": AgentSettings(driver="claude", command=(bad,)),
    }
    now = 0.0
    catalog = Catalog(settings(agents=agents), SERVICE, processes, clock=lambda: now)
    assert set(catalog.names()) == {"claude", "demo", "good", "bad"}
    assert catalog.default() == "demo", "there is no claude"
    assert (catalog.default_model("good"), catalog.default_model("demo")) == ("sonnet", None)

    status = await catalog.status("good")
    assert (status.available, status.version) == (True, "9.9.9 (Claude Code)")
    failed = await catalog.status("bad")
    assert not failed.available
    assert "exit 4 no login" in (failed.problem or "")
    missing = await catalog.status("claude")
    assert "/no/claude was not found" in (missing.problem or "")
    assert (await catalog.status("demo")).available
    assert [status.available for status in await catalog.programs()] == [False, False]

    await asyncio.to_thread(write_program, tmp_path, "good", "echo 10.0.0")
    assert (await catalog.status("good")).version == "9.9.9 (Claude Code)"
    now += 31
    assert (await catalog.status("good")).version == "10.0.0"

    with pytest.raises(AgentMissingError) as raised:
        catalog.driver("claude")
    assert "npm install" in (raised.value.hint or "")
    with pytest.raises(KeyError):
        catalog.driver("nobody")


def write_program(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


async def test_agents_that_are_known_and_here(processes: Processes, tmp_path: Path) -> None:
    await asyncio.to_thread(write_program, tmp_path, "gemini", "echo 0.61.0")
    await asyncio.to_thread(write_program, tmp_path, "goose", "echo 1.2.3")
    environ = {**SERVICE, "PATH": f"{tmp_path}:/usr/bin:/bin", "GEMINI_API_KEY": "k"}
    catalog = Catalog(settings(), environ, processes)
    assert [*catalog.names()] == ["claude", "demo", "gemini", "goose"]
    status = await catalog.status("gemini")
    assert (status.driver, status.available, status.version) == ("acp", True, "0.61.0")
    missing = await catalog.status("qwen")
    assert not missing.available
    assert "npm install -g @qwen-code/qwen-code" in (missing.problem or "")
    with pytest.raises(AgentMissingError):
        catalog.driver("qwen")
    assert isinstance(catalog.driver("gemini"), AcpDriver)
    assert catalog.default_model("gemini") is None
    assert catalog.default_model("claude-acp") == "sonnet"


async def test_what_known_agents_see(processes: Processes, tmp_path: Path) -> None:
    path = await asyncio.to_thread(write_program, tmp_path, "seen", "env > $0.env; read x")
    environ = {**SERVICE, "GEMINI_API_KEY": "k", "MINE": "m", "OPENAI_API_KEY": "o"}
    mine = AgentSettings(driver="acp", args=("--more",), env=("MINE",))
    catalog = Catalog(settings(agents={"gemini": mine}), environ, processes)
    with pytest.raises(AgentMissingError):
        catalog.driver("gemini")
    named = AgentSettings(driver="acp", command=(path,), env=("MINE",))
    catalog = Catalog(settings(agents={"own": named}), environ, processes)
    driver = catalog.driver("own")
    try:
        await driver.open(SessionSpec(cwd=tmp_path, tmp=tmp_path))
    finally:
        await driver.close()
    seen = await asyncio.to_thread(Path(f"{path}.env").read_text)
    assert "MINE=m" in seen
    assert "_API_KEY" not in seen


async def test_an_agent_is_asked_for_its_version(processes: Processes) -> None:
    """Where there is no `--version`: by ACP's greeting."""
    agents = {
        "mine": AgentSettings(driver="acp", command=default_command()),
        "mute": AgentSettings(driver="acp", command=("/bin/true",)),
    }
    catalog = Catalog(settings(agents=agents), SERVICE, processes)
    status = await catalog.status("mine")
    assert (status.available, status.version) == (True, "2")
    mute = await catalog.status("mute")
    assert not mute.available
    assert "`/bin/true` failed" in (mute.problem or "")


def plugin(folder: Path, distribution: str, module: str, name: str = "mine") -> None:
    """A distribution that brings a driver."""
    info = folder / f"{distribution}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[clawdforge.drivers]\n{name} = {module}:KIND\n")


def test_drivers_of_other_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brought.py").write_text(
        "from clawdforge.agents.demo.agent import demo_driver\n"
        "from clawdforge.agents.plugins import DriverKind\n"
        "KIND = DriverKind(make=lambda p, program, agent: demo_driver(p, program),\n"
        "                  command=('/bin/cat',))\n"
    )
    plugin(tmp_path, "brings", "brought")
    plugin(tmp_path, "shadows", "nowhere", name="claude")
    monkeypatch.syspath_prepend(str(tmp_path))
    none = Processes(Containment.SWEEP, folder_id="f", incarnation="i")
    agents = {"theirs": AgentSettings(driver="mine")}
    catalog = Catalog(settings(agents=agents), SERVICE, none)
    assert isinstance(catalog.driver("theirs"), AcpDriver)
    with pytest.raises(AgentMissingError):
        catalog.driver("claude")
    with pytest.raises(ConfigError) as raised:
        Catalog(settings(agents={"x": AgentSettings(driver="perl")}), SERVICE, none)
    assert "mine" in (raised.value.hint or "")

    plugin(tmp_path, "brings_too", "brought")
    with pytest.raises(ConfigError, match="brings_too"):
        Catalog(settings(agents=agents), SERVICE, none)


@pytest.mark.parametrize("module", ["nowhere", "json"])
def test_a_plugin_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    plugin(tmp_path, "brings", module)
    monkeypatch.syspath_prepend(str(tmp_path))
    none = Processes(Containment.SWEEP, folder_id="f", incarnation="i")
    with pytest.raises(ConfigError, match="mine"):
        Catalog(settings(agents={"x": AgentSettings(driver="mine")}), SERVICE, none)


@pytest.mark.parametrize(
    "flags",
    [
        {"agents": {"-x": AgentSettings(driver="demo")}},
        {"agents": {"x": AgentSettings(driver="perl")}},
        {"agents": {"x": AgentSettings(driver="claude", default_model="--help")}},
        {"default_model": "--dangerously-skip-permissions"},
        {"agents": {"x": AgentSettings(driver="acp")}},
    ],
    ids=["name", "driver", "model", "default", "command"],
)
async def test_a_catalog_that_makes_no_sense(
    processes: Processes, flags: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        Catalog(settings(**flags), SERVICE, processes)
