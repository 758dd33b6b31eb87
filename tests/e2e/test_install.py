"""The package as people get it: built, installed into an empty environment, and used."""

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {
    "clawdforge/py.typed",
    "clawdforge/agents/demo/program.py",
    "clawdforge/store/migrations/env.py",
    "clawdforge/store/migrations/versions/0001_first_tables.py",
}
pytestmark = pytest.mark.timeout(180)


def uv(*arguments: str) -> None:
    program = Path(sys.executable).with_name("uv")
    found = str(program) if program.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("there is no uv")
    done = subprocess.run(
        [found, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with nothing but the wheel in it."""
    venv = tmp_path_factory.mktemp("venv") / "venv"
    uv("venv", "--python", sys.executable, str(venv))
    uv("pip", "install", "--python", str(venv), str(wheel))
    return venv / "bin"


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names >= NEEDED
    assert not any(name.startswith("tests/") or "__pycache__" in name for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@dataclass(frozen=True)
class Serving:
    command: str
    url: str
    environ: dict[str, str]

    def cli(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=60, env=self.environ
        )


@pytest.fixture
def serving(installed: Path, tmp_path: Path) -> Iterator[Serving]:
    """The installed server, with a home of its own."""
    environ = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path)}
    command = str(installed / "clawdforge")
    process = subprocess.Popen(
        [command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environ
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        yield Serving(command, url, environ)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_installed_command_works(serving: Serving, tmp_path: Path) -> None:
    done = serving.cli(serving.command, "run", "--agent", "demo", "Say hello.")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Hello" in done.stdout

    (token,) = tmp_path.rglob("local-token")
    request = urllib.request.Request(
        f"{serving.url}/run",
        json.dumps({"agent": "demo", "prompt": '/json {"answer": 42}'}).encode(),
        {"Authorization": f"Bearer {token.read_text()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        body = json.load(reply)
    assert body["result"] == {"answer": 42}
    assert set(body) == {"ok", "result", "duration_ms", "stop_reason"}


def test_the_example_of_the_readme(serving: Serving) -> None:
    if shutil.which("curl", path=serving.environ["PATH"]) is None:
        pytest.skip("there is no curl")
    text = (ROOT / "README.md").read_text()
    shells = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (example,) = [shell for shell in shells if "curl" in shell and "/run" in shell]
    (promised,) = re.findall(r'^```json\n(\{"ok".*?)^```', text, re.DOTALL | re.MULTILINE)
    assert "http://127.0.0.1:8800" in example
    done = serving.cli("/bin/sh", "-ec", example.replace("http://127.0.0.1:8800", serving.url))
    assert done.returncode == 0, done.stderr
    got, expected = json.loads(done.stdout), json.loads(promised)
    assert {**got, "duration_ms": 0} == {**expected, "duration_ms": 0}
    assert list(got) == list(expected)


def test_the_installed_package_has_its_types(installed: Path) -> None:
    script = "import clawdforge, pathlib; p = pathlib.Path(clawdforge.__file__).parent; print(p)"
    done = subprocess.run(
        [str(installed / "python"), "-I", "-c", script], capture_output=True, text=True, check=True
    )
    folder = Path(done.stdout.strip())
    assert installed.parent in folder.parents
    assert (folder / "py.typed").exists()
