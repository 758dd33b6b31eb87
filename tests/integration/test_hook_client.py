"""The hook client in its three forms: what it tells the monitor, and that it never harms."""

import json
import os
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawdforge.errors import ConfigError
from clawdforge.monitor.hooks.building import Form, build, form_of

FIXTURES = Path(__file__).parent.parent / "fixtures"
HOOKS = sorted(
    path for path in (FIXTURES / "claude-hooks").glob("*.json") if path.name != "MANIFEST.json"
)
LINES = sorted(
    path for path in (FIXTURES / "claude-statusline").glob("*.json") if path.name != "MANIFEST.json"
)
NEITHER = not any(shutil.which(name) for name in ("socat", "nc"))
FORMS = [
    pytest.param(Form.NATIVE, id="native"),
    pytest.param(Form.PYTHON, id="python"),
    pytest.param(
        Form.SHELL, id="shell", marks=pytest.mark.skipif(NEITHER, reason="neither socat nor nc")
    ),
]
PATIENCE_SECS = 20.0

Json = dict[str, Any]


class Listener:
    """Takes lines at a socket, as the monitor does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[Json] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(64)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            link, _ = self._socket.accept()
            with link, link.makefile("rb") as stream:
                if (first := stream.readline()) == b"end":
                    return
                told = [json.loads(line) for line in (first, *stream)]
                assert told[0]["type"] == "connect"
                self.lines += told[1:]

    def wait_for(self, count: int) -> list[Json]:
        deadline = time.monotonic() + PATIENCE_SECS
        while len(self.lines) < count and time.monotonic() < deadline:
            time.sleep(0.002)
        assert len(self.lines) == count
        return self.lines

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(self.path))
            link.sendall(b"end")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "atm.sock")
    yield made
    made.close()


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> dict[Form, Path]:
    """Each form, built as `hooks install` builds it."""
    folder = tmp_path_factory.mktemp("clients")
    made = {}
    for form in Form:
        target = folder / form.value / "clawdforge-hook"
        try:
            build(target, {"PATH": os.environ["PATH"]}, form)
        except ConfigError:
            assert form is Form.SHELL  # it needs socat or nc
            continue
        made[form] = target
    return made


class Runner:
    def __init__(self, program: Path, home: Path) -> None:
        self.program = program
        self.home = home
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ATM_SOCKET": str(home / "atm.sock"),
            "CLAUDE_PID": "4711",
            "TMUX_PANE": "%7",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
        }

    def __call__(
        self, payload: bytes, *arguments: str, **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.program, *arguments],
            input=payload,
            env={**self.env, **env},
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECS,
        )

    @property
    def spooled(self) -> list[Json]:
        files = sorted((self.home / ".local" / "state" / "atm" / "spool").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


@pytest.fixture(params=FORMS)
def run(request: pytest.FixtureRequest, clients: dict[Form, Path], tmp_path: Path) -> Runner:
    return Runner(clients[request.param], tmp_path)


def hook(**more: Any) -> Json:
    return {"session_id": "s-1", "hook_event_name": "PreToolUse", "tool_name": "Bash"} | more


def data_of(line: Json) -> Json:
    """What was told, without what is new each time."""
    data = dict(line["data"])
    assert abs(data.pop("sent_at") - time.time()) < 60
    return data


def test_a_hook_is_told_with_its_process(run: Runner, listener: Listener) -> None:
    done = run(json.dumps(hook(tool_input={"command": "ls"})).encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    [line] = listener.wait_for(1)
    assert line["type"] == "hook_event"
    assert line["protocol_version"] == {"major": 1, "minor": 0}
    added = {"pid": 4711, "tmux_pane": "%7", "entrypoint": "cli"}
    assert data_of(line) == hook(tool_input={"command": "ls"}) | added


def test_every_recorded_payload_is_told_unchanged(
    clients: dict[Form, Path], tmp_path: Path, listener: Listener
) -> None:
    run = Runner(clients[Form.NATIVE], tmp_path)
    for path in (*HOOKS, *LINES):
        run(path.read_bytes())
    for path, line in zip(
        (*HOOKS, *LINES), listener.wait_for(len(HOOKS) + len(LINES)), strict=True
    ):
        given = json.loads(path.read_text())
        told = data_of(line)
        assert line["type"] == ("hook_event" if "hook_event_name" in given else "status_update")
        for key, value in given.items():
            if len(json.dumps(value)) < 2000 and key != "pid":
                assert told[key] == value, (path.name, key)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 3_000_000,
        "é" * 200_000,
        "\U0001f600" * 100_000,
        '\\"' * 100_000,
        "\n\t\u0000\u001f" * 50_000,
        "a" * 2047 + "é" + "b" * 10,
        "a" * 2046 + "\\u00e9" + "b" * 5000,
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_megabytes_are_cut_and_not_dropped(
    run: Runner, listener: Listener, text: str, ascii_only: bool
) -> None:
    given = hook(tool_input={"file_path": "/a/b", "content": text}, tool_use_id="toolu_1")
    done = run(json.dumps(given, ensure_ascii=ascii_only, separators=(",", ":")).encode())
    assert (done.returncode, done.stdout) == (0, b"")
    [line] = listener.wait_for(1)
    data = data_of(line)
    assert (data["session_id"], data["hook_event_name"]) == ("s-1", "PreToolUse")
    assert (data["tool_name"], data["tool_use_id"]) == ("Bash", "toolu_1")
    assert len(json.dumps(line)) < 600_000


def test_a_long_list_becomes_null_and_the_rest_stays(
    clients: dict[Form, Path], tmp_path: Path, listener: Listener
) -> None:
    given = hook(tool_response=[{"line": str(n)} for n in range(50_000)], tool_use_id="t")
    for form in (Form.NATIVE, Form.PYTHON):
        Runner(clients[form], tmp_path)(json.dumps(given).encode())
    for line in listener.wait_for(2):
        data = data_of(line)
        assert data.get("tool_response") is None
        assert (data["tool_name"], data["tool_use_id"]) == ("Bash", "t")


def test_native_and_python_say_the_same(
    clients: dict[Form, Path], tmp_path: Path, listener: Listener
) -> None:
    odd: Json = {
        "session_id": 'é\U0001f600\\"',
        "hook_event_name": "Stop",
        "": {"": [1, -2.5e-3, True, None, [], {}, [[["deep"]]], "},{"]},
        "hook_event_name2": "x",
        "text": "q" * 5000,
    }
    for form in (Form.NATIVE, Form.PYTHON):
        Runner(clients[form], tmp_path)(json.dumps(odd).encode())
    native, python = (data_of(line) for line in listener.wait_for(2))
    assert native == python


@pytest.mark.parametrize(
    "payload",
    [b"", b"   ", b"not json", b"{", b'{"a":1', b"[1,2]", b"null", b'{"a":"', b"\xff\xfe", b"}{"],
)
def test_what_is_no_payload_is_left_alone(run: Runner, listener: Listener, payload: bytes) -> None:
    done = run(payload)
    assert (done.returncode, done.stdout) == (0, b"")
    assert run.spooled == []
    run(json.dumps(hook()).encode())
    assert len(listener.wait_for(1)) == 1


def test_without_a_monitor_lines_are_kept_in_order(run: Runner) -> None:
    for number in range(5):
        done = run(json.dumps(hook(tool_use_id=f"t{number}")).encode())
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    kept = sorted(run.spooled, key=lambda line: line["data"]["sent_at"])
    assert {line["data"]["tool_use_id"] for line in kept} == {f"t{n}" for n in range(5)}
    folder = run.home / ".local" / "state" / "atm" / "spool"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_monitor_that_does_not_read_costs_no_more_than_the_budget(run: Runner) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(run.home / "atm.sock"))
        deaf.listen(0)
        fillers = []
        try:
            for _ in range(3):
                filler = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                filler.setblocking(False)
                fillers.append(filler)
                filler.connect_ex(str(run.home / "atm.sock"))
            began = time.monotonic()
            done = run(json.dumps(hook(prompt="x" * 2000)).encode())
            took = time.monotonic() - began
        finally:
            for filler in fillers:
                filler.close()
    assert done.returncode == 0
    assert took < 5  # of a loaded machine; the budget itself is 100 ms
    assert [line["data"]["session_id"] for line in run.spooled] == ["s-1"]


def test_stdin_that_never_ends_does_not_keep_it(clients: dict[Form, Path], tmp_path: Path) -> None:
    run = Runner(clients[Form.NATIVE], tmp_path)
    with subprocess.Popen([run.program], stdin=subprocess.PIPE, env=run.env) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"session_id":')
        process.stdin.flush()
        assert process.wait(timeout=PATIENCE_SECS) == 0


def test_a_full_disk_or_no_home_harms_nobody(run: Runner) -> None:
    done = run(json.dumps(hook()).encode(), HOME="/proc/nowhere")
    assert (done.returncode, done.stdout) == (0, b"")
    done = run(json.dumps(hook()).encode(), HOME="/dev/full")
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_kept_lines_are_bounded(clients: dict[Form, Path], tmp_path: Path) -> None:
    for form in (Form.NATIVE, Form.PYTHON):
        run = Runner(clients[form], tmp_path / form.value)
        path = run.home / ".local" / "state" / "atm" / "spool" / "hooks.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * (8 * 1024 * 1024 - 10))
        assert run(json.dumps(hook()).encode()).returncode == 0
        assert path.stat().st_size == 8 * 1024 * 1024 - 10


def test_the_agent_is_the_nearest_ancestor_of_that_name(
    clients: dict[Form, Path], tmp_path: Path, listener: Listener
) -> None:
    agent = tmp_path / "claude"
    shutil.copy("/bin/sh", agent)
    for form in (Form.NATIVE, Form.PYTHON):
        run = Runner(clients[form], tmp_path)
        env = {key: value for key, value in run.env.items() if key != "CLAUDE_PID"}
        script = f"echo $$ >&2; {run.program}; true"
        done = subprocess.run(
            [agent, "-c", script],
            input=json.dumps(hook()).encode(),
            env=env,
            capture_output=True,
            check=True,
        )
        assert listener.wait_for(len(listener.lines) or 1)
        assert str(listener.lines[-1]["data"]["pid"]).encode() == done.stderr.strip()
        listener.lines.clear()


# --- the status line --------------------------------------------------------------------------

LINE: Json = {
    "session_id": "s-1",
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 0.3512, "total_duration_ms": 5},
    "context_window": {"context_window_size": 1000000, "used_percentage": 42.6},
}


def test_a_status_line_is_told_and_printed(run: Runner, listener: Listener) -> None:
    done = run(json.dumps(LINE, separators=(",", ":")).encode(), "--status-line")
    assert done.returncode == 0
    assert done.stdout.decode().startswith("Opus 5.5")
    [line] = listener.wait_for(1)
    assert line["type"] == "status_update"
    assert data_of(line)["cost"] == LINE["cost"]


def test_our_own_line_is_useful(clients: dict[Form, Path], tmp_path: Path) -> None:
    for form in (Form.NATIVE, Form.PYTHON):
        run = Runner(clients[form], tmp_path)
        done = run(json.dumps(LINE).encode(), "--status-line")
        assert done.stdout.decode() == "Opus 5.5 · context 43% · $0.35\n"
        done = run(b'{"session_id":"a","context_window":{"used_percentage":null}}', "--status-line")
        assert done.stdout.decode() == "\n"


def test_their_own_command_prints_it(run: Runner, listener: Listener) -> None:
    payload = json.dumps(LINE, separators=(",", ":")).encode()
    done = run(payload, "--status-line", 'cat; echo "it\'s mine"; exit 3')
    assert done.stdout == payload + b"it's mine\n"
    assert done.returncode == 3
    assert listener.wait_for(1)


def test_their_own_command_runs_without_a_monitor_and_with_nonsense(run: Runner) -> None:
    done = run(b"nonsense", "--status-line", "echo shown")
    assert done.stdout == b"shown\n"


# --- building ---------------------------------------------------------------------------------


def test_the_fastest_form_that_works_is_built(tmp_path: Path) -> None:
    target = tmp_path / "bin" / "clawdforge-hook"
    assert build(target, {"PATH": os.environ["PATH"]}) is Form.NATIVE
    assert form_of(target) is Form.NATIVE
    empty = tmp_path / "empty"
    empty.mkdir()
    assert build(target, {"PATH": str(empty)}) is Form.PYTHON
    assert form_of(target) is Form.PYTHON
    with pytest.raises(ConfigError, match="no C compiler"):
        build(target, {"PATH": str(empty)}, Form.NATIVE)
    assert form_of(target) is Form.PYTHON
    assert [path.name for path in target.parent.iterdir()] == ["clawdforge-hook"]
    assert form_of(tmp_path / "missing") is None


def test_a_file_size_limit_harms_nobody(clients: dict[Form, Path], tmp_path: Path) -> None:
    run = Runner(clients[Form.NATIVE], tmp_path)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = subprocess.run(
        [run.program],
        input=json.dumps(hook()).encode(),
        env=run.env,
        capture_output=True,
        check=False,
        preexec_fn=limited,
    )
    assert done.stdout == b""
