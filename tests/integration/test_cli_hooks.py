"""`clawdforge hooks` and `explain` as people use them, in a home of their own."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, daemon

from clawdforge.monitor.hooks.settings import EVENTS

Json = dict[str, Any]


class Home:
    """A user's home, with settings that they wrote themselves."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.settings = folder / ".claude" / "settings.json"
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ATM_SOCKET": str(folder / "run" / "atm.sock"),
            **env,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def json(self, *arguments: str) -> Json:
        found: Json = json.loads(self(*arguments, "--json").stdout)
        return found

    def write(self, value: Any) -> str:
        self.settings.parent.mkdir(exist_ok=True)
        text = value if isinstance(value, str) else json.dumps(value, indent=4)
        self.settings.write_text(text)
        return text

    def read(self) -> Json:
        found: Json = json.loads(self.settings.read_text())
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


THEIRS: Json = {
    "model": "opus",
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]},
    "statusLine": {"type": "command", "command": "echo mine", "padding": 1},
}


def test_install_and_uninstall_leave_what_was_there(home: Home) -> None:
    before = home.write(THEIRS)
    home.settings.chmod(0o640)
    done = home("hooks", "install")
    assert done.returncode == 0, done.stderr
    assert str(home.settings) in done.stderr
    found = home.read()
    assert found["hooks"]["Stop"][0] == THEIRS["hooks"]["Stop"][0]
    assert set(found["hooks"]) == set(EVENTS)
    assert found["statusLine"]["command"].endswith("--status-line 'echo mine'")
    assert stat.S_IMODE(home.settings.stat().st_mode) == 0o640
    backup = home.settings.with_name("settings.json.before-clawdforge")
    assert backup.read_text() == before
    assert home.json("hooks", "status")["whole"] is True
    assert home("hooks", "uninstall").returncode == 0
    assert home.read() == THEIRS
    assert home.settings.read_text().startswith('{\n    "model"')
    assert not home.json("hooks", "status")["events"]


def test_installing_again_changes_nothing(home: Home) -> None:
    assert home.json("hooks", "install")["changed"] is True
    text = home.settings.read_text()
    again = home.json("hooks", "install", "--form", "python")
    assert (again["changed"], again["form"]) == (False, "python")
    assert home.settings.read_text() == text
    assert "Installed already" in home("hooks", "install").stderr


def test_a_dry_run_shows_the_change_and_makes_none(home: Home) -> None:
    before = home.write(THEIRS)
    shown = home("hooks", "install", "--dry-run")
    assert shown.returncode == 0
    assert "+++ " in shown.stdout
    assert '-        "command": "echo mine"' in shown.stdout
    assert home.settings.read_text() == before
    assert list(home.folder.iterdir()) == [home.settings.parent]
    assert "Nothing would change" in home("hooks", "uninstall", "--dry-run").stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"hooks": 5}'])
def test_settings_that_are_none_are_left_alone(home: Home, text: str) -> None:
    home.write(text)
    for command in ("install", "uninstall", "status"):
        done = home("hooks", command)
        assert done.returncode != 0
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
    assert home.settings.read_text() == text


def test_a_linked_settings_file_stays_a_link(home: Home) -> None:
    real = home.folder / "dotfiles.json"
    real.write_text("{}")
    home.settings.parent.mkdir()
    home.settings.symlink_to(real)
    assert home("hooks", "install").returncode == 0
    assert home.settings.is_symlink()
    assert "hooks" in json.loads(real.read_text())


def test_another_configuration_folder(tmp_path: Path) -> None:
    home = Home(tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "elsewhere"))
    assert home("hooks", "install").returncode == 0
    assert (tmp_path / "elsewhere" / "settings.json").exists()
    assert not home.settings.exists()


def test_an_unknown_form(home: Home) -> None:
    done = home("hooks", "install", "--form", "perl")
    assert done.returncode != 0
    assert "native, shell or python" in done.stderr


def test_status_says_what_is_to_be_done(home: Home) -> None:
    done = home("hooks", "status")
    assert done.returncode == 1
    assert "clawdforge hooks install" in done.stdout
    assert "none runs" in done.stdout


# --- explain ----------------------------------------------------------------------------------


@pytest.fixture
def atmd(home: Home) -> Iterator[Daemon]:
    with daemon(home.folder) as running:
        yield running


def test_a_state_is_explained(home: Home, atmd: Daemon) -> None:
    peer = atmd.peer()
    for name in ("abc-1", "abd-2"):
        data = {"session_id": name, "hook_event_name": "PreToolUse", "tool_name": "Grep"}
        peer.send("hook_event", data={**data, "pid": os.getpid() if name == "abc-1" else 4_200_000})
    assert peer.silent()
    shown = home("explain", "abc")
    assert shown.returncode == 0
    assert "tool (Grep)" in shown.stdout
    assert "PreToolUse" in shown.stdout
    assert home.json("explain", "abc-1")["state"] == "tool"
    many = home("explain", "ab")
    assert many.returncode != 0
    assert "2 sessions begin with ab" in many.stderr
    assert "knows no session" in home("explain", "zzz").stderr


def test_without_a_monitor_it_says_how_to_start_one(home: Home) -> None:
    done = home("explain", "abc")
    assert done.returncode != 0
    assert "atmd start -d" in done.stderr
