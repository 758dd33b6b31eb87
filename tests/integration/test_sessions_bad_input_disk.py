"""Folders that are taken away and disks that are full: it is told, and nothing told is lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from bad_input import BadTimes, Victim, agent_tables, assert_usable, failure, victim
from sessions_http import App, at_once, code_of, eventually, text_of, well

CONFIG = agent_tables({"bad": ()}, "acp", "acp.py")
GONE = (
    "the session's workspace is gone: its folder was removed, and what was in it is lost;"
    " close the session and start a new one"
)
DISK_MB = 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("folders"), CONFIG, cancel_grace_secs=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def bad_times(server: Victim) -> Iterator[BadTimes]:
    with server.bad_times() as bad_times:
        yield bad_times


@pytest.fixture
def app(bad_times: BadTimes) -> Iterator[App]:
    with bad_times.guest() as app:
        yield app


@pytest.fixture
def session(app: App) -> str:
    return app.create(agent="bad")


# --- a workspace that is deleted --------------------------------------------------------------


@pytest.mark.parametrize("by", ["nothing", "a file"])
def test_a_workspace_deleted_under_a_waiting_agent_fails_the_next_turns(
    server: Victim, app: App, session: str, by: str
) -> None:
    assert app.said(session, "where") == "written"
    work = server.server.work(session)
    shutil.rmtree(work)
    if by == "a file":
        work.write_text("in its place")
    for _ in range(2):
        assert failure(app, session, "where") == ("error", GONE, "")
    with_file = app.turn(session, "where", files=[app.upload("a.txt", b"a")])
    assert code_of(with_file) == (422, "workspace_gone")
    assert well(app.close(session))["ok"] is True
    assert_usable(app, app.create(agent="bad"))


def test_a_workspace_deleted_during_a_turn_is_told_with_the_next_one(
    server: Victim, app: App, session: str
) -> None:
    turn = app.begin(session, "wait go")
    app.seen(session, "text")
    shutil.rmtree(server.server.work(session).parent)
    assert app.cancel(session)["turn_index"] == turn
    assert app.outcome(session, turn)["state"] == "cancelled"
    assert failure(app, session, "hello") == ("error", GONE, "")


def test_a_workspace_deleted_before_the_first_turn_is_made_again(
    server: Victim, app: App, session: str
) -> None:
    shutil.rmtree(server.server.work(session).parent)
    assert app.said(session, "where") == "written"
    assert_usable(app, session)


# --- a full disk ------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own at that place, where the system lets us make one."""
    folder.mkdir(mode=0o700)
    options = f"size={DISK_MB}m,mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no disk can be made here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing more fits on it."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(DISK_MB * 1024):
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Victim]:
    faults = ("There is no room on the disk", "no space left")
    with (
        small_disk(tmp_path / "data"),
        victim(tmp_path, CONFIG, faults=faults, cancel_grace_secs=0.5) as server,
    ):
        yield server


def test_a_disk_that_gets_full_in_the_middle_of_a_turn_loses_nothing_that_was_told(
    on_small_disk: Victim,
) -> None:
    server = on_small_disk.server
    full = (503, "storage_unavailable")
    with server.app() as app, app.reading(session := app.create(agent="bad")) as reader:
        other = app.create(agent="demo")
        assert app.said(other, "/remember it") == "remembered it"
        assert app.said(session, "hello") == "hello"
        told = reader.until("turn_ended")
        with at_once(lambda: app.turn(session, "wait go 4")) as (taken,):
            told += reader.until("text")
            with filled(server.data):
                (server.work(session) / "go").touch()
                assert code_of(taken.result(20)) == full
                assert app.get("/healthz").status_code == 200
                assert app.get("/readyz").status_code == 503
                # What is there can be read.
                assert app.events(session)[: len(told)] == told
                assert well(app.get(f"/sessions/{session}/turns/1"))["ok"] is True
                # Nothing is taken that could not be kept.
                assert code_of(app.turn(session, "hello")) == full
                assert code_of(app.turn(other, "/echo " + "x" * 4_000_000)) == full
                assert code_of(app.post("/sessions", {"agent": "demo"})) == full
                upload = app.http.post("/files", files={"file": ("a", bytes(100_000))})
                assert code_of(upload) == (503, "storage_full")
                eventually(lambda: not on_small_disk.stage.left())
        # By itself, as soon as there is room: who follows the turn is told how it ended.
        told += reader.until("turn_ended")
        assert told[-1]["state"] == "interrupted"
        assert "could not store" in told[-1]["error"]
        assert app.get("/readyz").status_code == 200
        assert app.outcome(session, 2)["state"] == "interrupted"
        assert_usable(app, session)
        told += reader.until("turn_ended")
        assert [event["seq"] for event in told] == [*range(1, len(told) + 1)]
        assert app.events(session) == told
        assert app.said(other, "/recall") == "it"
        assert text_of(well(app.get(f"/sessions/{session}/turns/1"))) == "hello"
        assert_usable(app, app.create(agent="bad"))


def test_an_agent_that_fills_the_disk_leaves_the_server_alive(on_small_disk: Victim) -> None:
    server = on_small_disk.server
    with server.app() as app:
        session = app.create(agent="bad")
        # Either what it says is stored, as there is room for that in the log, or it is not.
        reply = app.turn(session, "fill")
        assert reply.status_code == 200 or code_of(reply) == (503, "storage_unavailable")
        assert app.get("/healthz").status_code == 200
        (server.work(session) / "much").unlink()
        eventually(lambda: app.get("/readyz").status_code == 200)
        eventually(lambda: app.row(session)["state"] != "running")
        assert_usable(app, session)
