"""What a session's agent finds: repositories, attachments, MCP servers, secrets."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sessions_http import (
    App,
    Json,
    Server,
    agents_of,
    code_of,
    eventually,
    mortal,
    serving,
    well,
)

SECRET = "s3cr3t-7f1c-of-the-operator"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)},
    )
    return done.stdout.strip()


def a_repository(folder: Path) -> Path:
    """One file, two commits on main, a branch and a tag."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for text, name in (("first", "v1"), ("second", "v2")):
        (folder / "file.txt").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", name)
        git(folder, "tag", name)
    git(folder, "branch", "side", "v1")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def repository(folder: Path) -> Path:
    return a_repository(folder / "roots" / "shop")


@pytest.fixture(scope="module")
def server(folder: Path, repository: Path) -> Iterator[Server]:
    a_repository(folder / "outside" / "private")
    (folder / "roots" / "link").symlink_to(folder / "outside" / "private")
    (folder / "roots" / "plain").mkdir()
    settings: dict[str, Any] = {
        "workspace_roots": [str(folder / "roots"), f"file://{folder}/roots"],
        "secrets": {
            "npm": {"env": "NPM_READ_TOKEN", "agent_env": "NPM_TOKEN"},
            "unset": {"env": "NOWHERE_TOKEN"},
            "others": {"env": "NPM_READ_TOKEN", "apps": ["somebody-else"]},
        },
        "mcp_servers": {
            "tickets": {"command": "/opt/tickets/mcp", "env": ["TICKETS_KEY"]},
            "search": {
                "url": "https://search.example/mcp",
                "headers": {"Authorization": "Bearer ${SEARCH_TOKEN}"},
            },
            "unset": {"command": "/opt/x", "env": ["NOWHERE_TOKEN"]},
            "others": {"command": "/opt/x", "apps": ["somebody-else"]},
        },
    }
    environ = {"NPM_READ_TOKEN": SECRET, "TICKETS_KEY": SECRET, "SEARCH_TOKEN": SECRET}
    with serving(folder, environ=environ, **settings) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app() as app:
        yield app


# Repositories


def test_without_a_wish_the_folder_is_empty_and_private(app: App, server: Server) -> None:
    session = app.create()
    assert app.said(session, "/cwd") == "(empty)"
    assert server.work(session).stat().st_mode & 0o777 == 0o700


def test_a_session_begins_with_a_repository(app: App, server: Server, repository: Path) -> None:
    session = app.create(workspace={"git": str(repository)})
    work = server.work(session)
    assert app.said(session, "/cwd").split() == [".git", "file.txt"]
    assert (work / "file.txt").read_text() == "second"
    assert git(work, "remote", "get-url", "origin") == str(repository)
    assert app.row(session)["options"]["workspace"] == {
        "git": str(repository),
        "ref": None,
        "worktree": False,
    }
    (work / "file.txt").write_text("changed")
    assert (repository / "file.txt").read_text() == "second"


@pytest.mark.parametrize(
    ("ref", "text"), [("v1", "first"), ("side", "first"), ("main", "second"), ("v2", "second")]
)
@pytest.mark.parametrize("worktree", [False, True])
def test_a_session_begins_at_a_branch_tag_or_commit(
    app: App, server: Server, repository: Path, ref: str, text: str, worktree: bool
) -> None:
    for name in (ref, git(repository, "rev-parse", ref)):
        session = app.create(workspace={"git": str(repository), "ref": name, "worktree": worktree})
        assert (server.work(session) / "file.txt").read_text() == text


def test_a_repository_is_cloned_from_an_address(app: App, server: Server, repository: Path) -> None:
    session = app.create(workspace={"git": f"file://{repository}", "ref": "v1"})
    assert (server.work(session) / "file.txt").read_text() == "first"


def test_a_worktree_shares_commits_and_goes_with_the_session(
    app: App, server: Server, repository: Path
) -> None:
    session = app.create(workspace={"git": str(repository), "worktree": True})
    assert app.said(session, "/write new.txt text") == "refused"
    branch = git(server.work(session), "branch", "--show-current")
    assert branch.startswith("clawdforge/")
    assert branch in git(repository, "branch", "--list", "clawdforge/*")
    app.close(session)
    assert server.work(session).is_dir()
    server.grow_older(session, 90_000)
    server.sweep()
    assert not server.work(session).exists()
    assert branch not in git(repository, "branch", "--list")
    assert str(server.work(session)) not in git(repository, "worktree", "list")


def test_commits_of_a_worktree_are_not_lost_with_its_session(
    app: App, server: Server, repository: Path
) -> None:
    session = app.create(workspace={"git": str(repository), "worktree": True})
    work = server.work(session)
    (work / "idea.txt").write_text("an idea")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "an idea")
    branch = git(work, "branch", "--show-current")
    app.close(session)
    server.grow_older(session, 90_000)
    server.sweep()
    assert git(repository, "show", f"{branch}:idea.txt") == "an idea"
    git(repository, "branch", "-D", branch)


def test_a_fork_of_a_worktree_has_a_branch_of_its_own(
    app: App, server: Server, repository: Path
) -> None:
    session = app.create(workspace={"git": str(repository), "worktree": True})
    app.said(session, "/remember blue")
    (server.work(session) / "draft.txt").write_text("a draft")
    copy = well(app.post(f"/sessions/{session}/fork"))["session_id"]
    assert (server.work(copy) / "draft.txt").read_text() == "a draft"
    branches = {git(server.work(one), "branch", "--show-current") for one in (session, copy)}
    assert len(branches) == 2
    assert app.said(copy, "/recall") == "blue"


@pytest.mark.parametrize(
    "wish",
    [
        {"git": "{outside}/private"},
        {"git": "{roots}/link"},
        {"git": "{roots}/../outside/private"},
        {"git": "{roots}/nothing"},
        {"git": "{roots}x/shop"},
        {"git": "file://{outside}/private"},
        {"git": "https://example.org/x"},
        {"git": "ssh://git@example.org/x"},
        {"git": "git@example.org:x"},
        {"git": "/etc"},
        {"git": "{outside}/private", "worktree": True},
        {"git": "{roots}/link", "worktree": True},
    ],
)
def test_what_lies_under_no_root_is_not_there(
    app: App, server: Server, folder: Path, wish: Json
) -> None:
    places = {"roots": str(folder / "roots"), "outside": str(folder / "outside")}
    wish = {**wish, "git": wish["git"].format(**places)}
    before = set((server.data / "sessions").iterdir())
    refused = app.post("/sessions", {"workspace": wish})
    assert code_of(refused) == (422, "workspace_not_allowed")
    assert well(app.get("/sessions"))["count"] == 0
    assert set((server.data / "sessions").iterdir()) == before


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"git": "{shop}", "ref": "no-such-branch"}, "workspace_failed"),
        ({"git": "{shop}", "ref": "no-such-branch", "worktree": True}, "workspace_failed"),
        ({"git": "{roots}/plain"}, "workspace_failed"),
        ({"git": "{shop}", "ref": "--upload-pack=touch /tmp/x"}, "invalid_workspace"),
        ({"git": "-x"}, "invalid_workspace"),
        ({"git": "ext::sh -c id"}, "invalid_workspace"),
        ({"git": "relative/path"}, "invalid_workspace"),
        ({"git": ""}, "invalid_workspace"),
        ({"git": "https://example.org/x", "worktree": True}, "invalid_workspace"),
        ({}, "invalid_request"),
        ({"git": 1}, "invalid_request"),
    ],
)
def test_a_workspace_that_cannot_be_made_leaves_nothing(
    app: App, server: Server, folder: Path, wish: Json, code: str
) -> None:
    places = {"roots": str(folder / "roots"), "shop": str(folder / "roots" / "shop")}
    wish = {
        key: value.format(**places) if isinstance(value, str) else value
        for key, value in wish.items()
    }
    before = set((server.data / "sessions").iterdir())
    assert code_of(app.post("/sessions", {"workspace": wish})) == (422, code)
    assert set((server.data / "sessions").iterdir()) == before


def test_without_roots_there_are_no_workspaces(tmp_path: Path, repository: Path) -> None:
    with serving(tmp_path) as server, server.app() as app:
        refused = app.post("/sessions", {"workspace": {"git": str(repository)}})
        assert code_of(refused) == (422, "workspace_not_allowed")


# Attachments


def test_attachments_are_named_by_turn_and_told_to_the_agent(app: App, server: Server) -> None:
    session = app.create()
    files = [app.upload("notes.txt", b"first line\nsecond"), app.upload("a.png", b"\x89PNG")]
    said = app.said(session, "what is this?", files=files)
    assert "attachment-1.txt: 17 bytes, starts with 'first line'" in said
    assert "attachment-2.png" in said
    assert app.outcome(session, 1)["file_count"] == 2
    app.said(session, "and this?", files=files[:1])
    names = sorted(path.name for path in server.work(session).iterdir())
    assert names == ["attachment-1.txt", "attachment-2-1.txt", "attachment-2.png"]
    assert (server.work(session) / "attachment-2-1.txt").read_bytes() == b"first line\nsecond"


def test_files_of_others_and_unknown_ones_are_not_there(app: App, server: Server) -> None:
    session = app.create()
    with server.app() as other:
        theirs = other.upload("notes.txt", b"private")
    for token in (theirs, "ff_nothing", "../../etc/passwd"):
        refused = app.turn(session, "what is this?", files=[token])
        assert code_of(refused) == (404, "file_not_found")
    assert app.row(session)["turn_count"] == 0
    assert not list(server.work(session).iterdir())


def test_more_files_than_may_be_are_refused(app: App) -> None:
    session = app.create()
    files = [app.upload("a.txt", b"a")] * 65
    assert code_of(app.turn(session, "look", files=files)) == (422, "too_many_files")


# MCP servers and secrets


def test_a_secret_is_in_the_agents_environment_and_nowhere_else(app: App, server: Server) -> None:
    with_it, without = app.create(secrets=["npm"]), app.create()
    assert app.said(with_it, "/env NPM_TOKEN") == "NPM_TOKEN=set"
    assert app.said(with_it, "/env NPM_READ_TOKEN") == "NPM_READ_TOKEN=unset"
    assert app.said(without, "/env NPM_TOKEN") == "NPM_TOKEN=unset"
    assert app.row(with_it)["options"]["secrets"] == ["npm"]
    lines = [
        psutil.Process(pid).cmdline() for pid in eventually(lambda: agents_of(server, with_it))
    ]
    seen = f"{lines} {app.row(with_it)} {app.events(with_it)}"
    assert SECRET not in seen


def test_mcp_servers_are_given_by_name(app: App) -> None:
    session = app.create(mcp_servers=["tickets", "search"])
    said = app.said(session, "/mcp").splitlines()
    assert "tickets: /opt/tickets/mcp" in said
    assert app.said(app.create(), "/mcp") == "(none)"
    assert SECRET not in f"{app.row(session)} {app.events(session)}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"secrets": ["nothing"]}, "unknown_secret"),
        ({"secrets": ["npm", "others"]}, "unknown_secret"),
        ({"mcp_servers": ["nothing"]}, "unknown_mcp_server"),
        ({"mcp_servers": ["others"]}, "unknown_mcp_server"),
        ({"secrets": "npm"}, "invalid_request"),
        ({"secrets": [1]}, "invalid_request"),
    ],
)
def test_what_is_not_configured_for_the_app_is_refused(app: App, body: Json, code: str) -> None:
    refused = app.post("/sessions", body)
    assert code_of(refused) == (422, code)
    if code.startswith("unknown"):
        assert "npm" in refused.text or "tickets" in refused.text
        assert "others" not in refused.json()["detail"].partition("configured")[2]
    assert well(app.get("/sessions"))["count"] == 0


@pytest.mark.parametrize("body", [{"secrets": ["unset"]}, {"mcp_servers": ["unset"]}])
def test_a_variable_that_is_not_set_fails_the_turn(app: App, body: Json) -> None:
    session = app.create(**body)
    reply = app.turn(session, "/echo hi")
    assert reply.status_code == 502
    assert "NOWHERE_TOKEN is not set" in reply.json()["error"]
    assert app.row(session)["state"] == "hibernated"


def test_a_fork_has_the_secrets_of_its_source(app: App) -> None:
    session = app.create(secrets=["npm"])
    app.said(session, "/remember blue")
    copy = well(app.post(f"/sessions/{session}/fork"))["session_id"]
    assert app.said(copy, "/env NPM_TOKEN") == "NPM_TOKEN=set"


def test_neither_secrets_nor_prompts_are_in_log_or_ledger(tmp_path: Path) -> None:
    prompt = "a-prompt-that-nobody-else-sees"
    key = f"{SECRET}-of-the-agent"
    config = tmp_path / "config.toml"
    config.write_text('[secrets.npm]\nenv = "NPM_READ_TOKEN"\n')
    with mortal(tmp_path, config=config, log_level="debug") as stage:
        stage.more = {"NPM_READ_TOKEN": key}
        server = stage.start()
        app = server.new_app()
        with app.http:
            session = app.create(secrets=["npm"], system="a-system-prompt-that-is-kept")
            app.said(session, "/env NPM_READ_TOKEN")
            app.turn(session, f"/fail {prompt[:8]}")
            app.begin(session, f"{prompt}\n/hang")
            app.patch(session, model="x")
            lines = [
                psutil.Process(pid).cmdline()
                for pid in eventually(lambda: agents_of(server, session))
            ]
            app.cancel(session)
            app.close(session)
        stage.stop()
        log = stage.log()
        kept = b"".join(path.read_bytes() for path in server.data.glob("ledger*"))
        assert app.token not in log
        assert prompt not in f"{lines}{log}"
        assert key not in f"{lines}{log}"
        assert key.encode() not in kept
        assert prompt.encode() not in kept
        assert "a-system-prompt" not in f"{lines}{log}"
