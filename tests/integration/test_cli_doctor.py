"""The checks of `clawdforge doctor`, each on a folder, port or program made for it."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from clawdforge.cli.checks import folder, server
from clawdforge.cli.checks.agents import check_agents, look_for_claude
from clawdforge.cli.checks.finding import Finding, Level
from clawdforge.config import LEDGER_FILE, Settings, load_settings
from clawdforge.store.sqlite import SqliteLedger

OK, WARN, FAIL = Level


def levels(findings: list[Finding]) -> dict[str, Level]:
    return {finding.check: finding.level for finding in findings}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    missing = tmp_path / "a" / "b"
    findings = [
        *folder.check_folder(missing),
        *folder.check_credentials(missing),
        *folder.check_ledger(missing),
    ]
    assert set(levels(findings).values()) == {OK}
    assert not missing.parent.exists()


def test_a_private_folder(data: Path) -> None:
    assert levels(list(folder.check_folder(data))) == {"data folder": OK, "disk space": OK}


def test_a_folder_that_others_may_enter(data: Path) -> None:
    data.chmod(0o755)
    finding = next(folder.check_folder(data))
    assert (finding.level, finding.mend) == (WARN, f"chmod 700 {data}")
    assert stat.S_IMODE(data.stat().st_mode) == 0o755


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (finding,) = folder.check_folder(file)
    assert finding.level is FAIL


@pytest.mark.parametrize(("mode", "level"), [(0o600, OK), (0o644, FAIL)])
def test_credential_files(data: Path, mode: int, level: Level) -> None:
    token = data / "admin-token"
    token.write_text("secret")
    token.chmod(mode)
    (finding,) = folder.check_credentials(data)
    assert finding.level is level
    assert "secret" not in finding.said


def make_ledger(path: Path) -> None:
    async def open_and_close() -> None:
        async with SqliteLedger(path):
            pass

    asyncio.run(open_and_close())


def test_a_sound_ledger(data: Path) -> None:
    make_ledger(data / LEDGER_FILE)
    before = sorted(path.name for path in data.iterdir())
    (finding,) = folder.check_ledger(data)
    assert (finding.level, finding.said) == (OK, "sound, 0 runs in it")
    assert sorted(path.name for path in data.iterdir()) == before


@pytest.mark.parametrize("content", [b"not a ledger at all" * 100, b""], ids=["other", "empty"])
def test_something_else_than_a_ledger(data: Path, content: bytes) -> None:
    (data / LEDGER_FILE).write_bytes(content)
    (finding,) = folder.check_ledger(data)
    assert finding.level is (FAIL if content else OK)
    assert (data / LEDGER_FILE).read_bytes() == content


def test_a_damaged_ledger(data: Path) -> None:
    path = data / LEDGER_FILE
    make_ledger(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    (finding,) = folder.check_ledger(data)
    assert finding.level is FAIL
    assert finding.mend


def test_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (finding,) = server.check_port(Settings(port=port))
    assert finding.level is OK


def test_any_port() -> None:
    (finding,) = server.check_port(Settings(port=0))
    assert finding.level is OK


def test_a_port_that_something_else_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ASK_SECS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (finding,) = server.check_port(Settings(port=taken.getsockname()[1]))
    assert finding.level is FAIL
    assert finding.mend is not None
    assert "--port" in finding.mend


def test_a_server_file_that_nobody_stands_behind(data: Path) -> None:
    file = data / "server.json"
    file.write_text('{"url": "http://127.0.0.1:9", "pid": 1}')
    file.chmod(0o600)
    assert server.running_url(data) is None
    file.write_text("nonsense")
    assert server.running_url(data) is None


def claude(tmp_path: Path, answer: str) -> Settings:
    """Settings with a claude that says `answer` when asked whether it is logged in."""
    program = tmp_path / "claude"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1 $2 $3" in\n'
        "  --version*) echo '2.1.0 (Claude Code)';;\n"
        f"  'auth status --json') {answer};;\n"
        "  *) exit 9;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    environ = {"CLAWDFORGE_CLAUDE_BIN": str(program), "HOME": str(tmp_path)}
    return load_settings(environ=environ, flags={"data_dir": str(tmp_path / "d")}).settings


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        ('echo \'{"loggedIn": true, "authMethod": "claude.ai"}\'', OK, "logged in (claude.ai)"),
        ("echo '{\"loggedIn\": true}'", OK, "logged in"),
        ("echo '{\"loggedIn\": false}'; exit 1", FAIL, "not logged in"),
        ("echo nonsense", WARN, "could not be understood"),
        ("echo '[]'", WARN, "could not be understood"),
        ("exit 2", WARN, "could not be understood"),
    ],
)
async def test_the_login_of_claude(tmp_path: Path, answer: str, level: Level, said: str) -> None:
    settings = claude(tmp_path, answer)
    environ = {"PATH": "/usr/bin:/bin"}
    found = {finding.check: finding for finding in await check_agents(settings, environ)}
    assert found["agent claude"].level is OK
    assert "2.1.0" in found["agent claude"].said
    assert found["claude's login"].level is level
    assert said in found["claude's login"].said
    assert found["default agent"].said == "claude"
    assert found["containment"].level in {OK, WARN}
    assert (await look_for_claude(settings, environ)).usable is (level is OK)


async def test_without_claude_the_demo_agent_is_the_default(tmp_path: Path) -> None:
    environ = {"CLAWDFORGE_CLAUDE_BIN": str(tmp_path / "none"), "HOME": str(tmp_path)}
    settings = load_settings(environ=environ).settings
    found = {finding.check: finding for finding in await check_agents(settings, environ)}
    assert found["agent claude"].level is WARN
    assert "npm install" in (found["agent claude"].mend or "")
    assert found["default agent"].said == "demo"
    assert "claude's login" not in found
