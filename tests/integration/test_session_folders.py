"""Folders of sessions: real files, a real git, and what callers and agents may try with them."""

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clawdforge.core.workspace import is_ref_name
from clawdforge.errors import ConfigError, InputError, NotFoundError, StorageError
from clawdforge.gateway.files import Attachment
from clawdforge.gateway.session_folders import SessionFolders
from clawdforge.gateway.tree_copy import CopyLimits
from clawdforge.processes.git import GitProgram, last_words
from clawdforge.processes.launcher import Processes

ONE, TWO = str(uuid.uuid4()), str(uuid.uuid4())


class Repo:
    """A repository to begin from, made by the git of this machine."""

    def __init__(self, path: Path, *flags: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self("init", "--quiet", "--initial-branch=main", *flags)

    def __call__(self, *arguments: str) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Write files (`__` in a name is a dot) and commit them."""
        for name, text in files.items():
            (self.path / name.replace("__", ".")).write_text(text)
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message", "more")
        return self("rev-parse", "HEAD")

    @property
    def branches(self) -> list[str]:
        return self("branch", "--format=%(refname:short)").splitlines()


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


@pytest.fixture
def repo(roots: Path) -> Repo:
    found = Repo(roots / "it")
    found.commit(a__txt="one")
    return found


@pytest.fixture
def git(processes: Processes) -> GitProgram:
    return GitProgram(processes, os.environ, timeout_secs=20)


@pytest.fixture
async def folders(tmp_path: Path, git: GitProgram, roots: Path) -> AsyncIterator[SessionFolders]:
    yield SessionFolders(tmp_path / "sessions", git, [str(roots)])
    # Whatever was refused left nothing behind.
    left = sorted(path.name for path in (tmp_path / "sessions").glob("*"))
    assert set(left) <= {ONE, TWO}


async def refused(folders: SessionFolders, workspace: Mapping[str, Any]) -> InputError:
    with pytest.raises(InputError) as raised:
        await folders.make(ONE, workspace)
    assert not folders.cwd(ONE).parent.exists()
    return raised.value


def attachment(path: Path, text: str, name: str = "x.txt") -> Attachment:
    path.write_text(text)
    return Attachment(path=path, original_name=name)


# --- fresh folders ----------------------------------------------------------------------------


async def test_a_fresh_folder_is_empty_and_ours_alone(folders: SessionFolders) -> None:
    made = await folders.make(ONE, None)
    assert made.cwd == folders.cwd(ONE)
    assert list(made.cwd.iterdir()) == list(made.tmp.iterdir()) == []
    for path in (made.cwd, made.tmp, made.cwd.parent):
        assert path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(StorageError):
        await folders.make(ONE, None)
    assert made.cwd.is_dir()


async def test_paths_are_real_ones(tmp_path: Path, git: GitProgram) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folders = SessionFolders(tmp_path / "link" / "s", git, [])
    assert (await folders.make(ONE, None)).cwd == tmp_path / "real" / "s" / ONE / "work"
    assert folders.cwd(ONE) == tmp_path / "real" / "s" / ONE / "work"


async def test_a_woken_session_finds_its_files_and_an_empty_tmp(folders: SessionFolders) -> None:
    made = await folders.make(ONE, None)
    (made.cwd / "kept").touch()
    (made.tmp / "sub").mkdir()
    (made.tmp / "sub").chmod(0)
    assert await folders.prepare(ONE, None, turns=3) == made
    assert [path.name for path in made.cwd.iterdir()] == ["kept"]
    assert list(made.tmp.iterdir()) == []
    made.tmp.rmdir()
    made.tmp.symlink_to("/")
    await folders.prepare(ONE, None, turns=3)
    assert not made.tmp.is_symlink()


@pytest.mark.parametrize("how", ["removed", "a link", "a file", "all removed"])
async def test_a_workspace_that_is_gone(folders: SessionFolders, how: str) -> None:
    made = await folders.make(ONE, None)
    shutil.rmtree(made.cwd.parent if how == "all removed" else made.cwd)
    if how == "a link":
        made.cwd.symlink_to("/")
    elif how == "a file":
        made.cwd.touch()
    with pytest.raises(InputError, match="what was in it is lost") as raised:
        await folders.prepare(ONE, None, turns=1)
    assert raised.value.code == "workspace_gone"
    # Before its first turn there was nothing to lose.
    assert (await folders.prepare(ONE, None, turns=0)).cwd.is_dir()
    assert not made.cwd.is_symlink()


async def test_removing_never_fails(folders: SessionFolders) -> None:
    made = await folders.make(ONE, None)
    (made.cwd / "a" / "b").mkdir(parents=True)
    (made.cwd / "a").chmod(0)
    await folders.remove(ONE)
    assert not made.cwd.parent.exists()
    await folders.remove(ONE)


async def test_strays_are_swept(folders: SessionFolders, repo: Repo) -> None:
    assert await folders.sweep([]) == 0
    known = await folders.make(ONE, None)
    stray = await folders.make(TWO, {"git": str(repo.path), "worktree": True})
    other = known.cwd.parents[1] / "notes"
    other.mkdir()
    assert await folders.sweep([ONE]) == 1
    assert known.cwd.is_dir()
    assert not stray.cwd.parent.exists()
    assert repo.branches == ["main"]
    other.rmdir()


async def test_a_name_that_is_no_session(folders: SessionFolders) -> None:
    for name in ("..", ".", "", "a/b", "../../etc", "a" * 65, "-rf-something"):
        with pytest.raises(InputError):
            await folders.make(name, None)


# --- attachments ------------------------------------------------------------------------------


async def test_attachments_of_several_turns(folders: SessionFolders, tmp_path: Path) -> None:
    made = await folders.make(ONE, None)
    files = [attachment(tmp_path / "1", "one", "A.PDF"), attachment(tmp_path / "2", "two", "b")]
    assert await folders.stage(ONE, files, turn=1) == ("attachment-1.pdf", "attachment-2")
    assert await folders.stage(ONE, files, turn=2) == ("attachment-2-1.pdf", "attachment-2-2")
    assert await folders.stage(ONE, [], turn=3) == ()
    assert (made.cwd / "attachment-2-1.pdf").read_text() == "one"
    (made.cwd / "attachment-1.pdf").write_text("changed")
    assert (tmp_path / "1").read_text() == "one"


async def test_no_attachment_overwrites_or_follows(folders: SessionFolders, tmp_path: Path) -> None:
    made = await folders.make(ONE, None)
    outside = tmp_path / "outside"
    (made.cwd / "attachment-1.txt").write_text("mine")
    (made.cwd / "attachment-2.txt").symlink_to(outside)
    (made.cwd / "attachment-1-2.txt").mkdir()
    files = [attachment(tmp_path / "1", "one"), attachment(tmp_path / "2", "two")]
    names = await folders.stage(ONE, files, turn=1)
    assert names == ("attachment-1-1.txt", "attachment-1-2-2.txt")
    assert (made.cwd / "attachment-1.txt").read_text() == "mine"
    assert not outside.exists()


async def test_attachments_are_staged_all_or_none(folders: SessionFolders, tmp_path: Path) -> None:
    made = await folders.make(ONE, None)
    gone = Attachment(path=tmp_path / "gone", original_name="y")
    with pytest.raises(NotFoundError):
        await folders.stage(ONE, [attachment(tmp_path / "1", "one"), gone], turn=1)
    assert list(made.cwd.iterdir()) == []
    shutil.rmtree(made.cwd)
    with pytest.raises(InputError, match="workspace is gone"):
        await folders.stage(ONE, [attachment(tmp_path / "1", "one")], turn=1)


# --- clones -----------------------------------------------------------------------------------


async def test_a_clone_has_everything_and_shares_nothing(
    folders: SessionFolders, repo: Repo
) -> None:
    first = repo("rev-parse", "HEAD")
    repo("branch", "feature")
    repo.commit(a__txt="two")
    made = await folders.make(ONE, {"git": str(repo.path)})
    assert (made.cwd / "a.txt").read_text() == "two"
    clone = Repo(made.cwd)
    assert clone("rev-list", "--count", "--all") == "2"
    assert clone("rev-parse", "origin/feature") == first
    assert not (made.cwd / ".git/objects/info/alternates").exists()
    inodes = {path.stat().st_ino for path in repo.path.rglob("*") if path.is_file()}
    assert all(p.stat().st_ino not in inodes for p in made.cwd.rglob("*") if p.is_file())
    # The agent's git knows nothing of ours: no setting of the call was written down.
    assert "hooksPath" not in (made.cwd / ".git/config").read_text()


async def test_a_clone_at_a_branch_a_tag_or_a_commit(folders: SessionFolders, repo: Repo) -> None:
    first = repo("rev-parse", "HEAD")
    repo("tag", "v1")
    repo("checkout", "--quiet", "-b", "side/branch")
    repo.commit(b__txt="b")
    repo("checkout", "--quiet", "main")
    repo.commit(a__txt="two")
    for ref, branch, files in (
        ("side/branch", "side/branch", {"a.txt", "b.txt"}),
        ("main", "main", {"a.txt"}),
        ("v1", "", {"a.txt"}),
        (first, "", {"a.txt"}),
        (first[:10], "", {"a.txt"}),
    ):
        made = await folders.make(ONE, {"git": str(repo.path), "ref": ref})
        assert {path.name for path in made.cwd.iterdir()} == files | {".git"}
        clone = Repo(made.cwd)
        assert clone("branch", "--show-current") == branch
        await folders.remove(ONE)
    error = await refused(folders, {"git": str(repo.path), "ref": "nowhere"})
    assert error.code == "workspace_failed"
    assert "nowhere" in error.message


@pytest.mark.parametrize("name", ["with space", "--upload-pack=x", "ü", "a'b\"c", "a:b", "it.git"])
async def test_odd_paths(folders: SessionFolders, roots: Path, name: str) -> None:
    repo = Repo(roots / name, *(["--bare"] if name == "it.git" else []))
    if name == "it.git":
        other = Repo(roots / "other")
        other.commit(a__txt="one")
        other("push", "--quiet", str(repo.path), "main")
    else:
        repo.commit(a__txt="one")
    made = await folders.make(ONE, {"git": str(repo.path)})
    assert (made.cwd / "a.txt").read_text() == "one"
    file = await folders.make(TWO, {"git": str(repo.path), "worktree": True})
    assert (file.cwd / "a.txt").read_text() == "one"
    await folders.remove(TWO)


async def test_an_empty_repository(folders: SessionFolders, roots: Path) -> None:
    repo = Repo(roots / "empty")
    made = await folders.make(ONE, {"git": f"file://{repo.path}"})
    assert [path.name for path in made.cwd.iterdir()] == [".git"]
    await folders.remove(ONE)
    error = await refused(folders, {"git": str(repo.path), "worktree": True})
    assert "no commit yet" in error.message


@pytest.fixture
def outside(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "outside")
    repo.commit(secret__txt="s")
    return repo


@pytest.mark.parametrize("worktree", [False, True])
async def test_ways_out_of_the_roots(
    folders: SessionFolders, roots: Path, outside: Repo, worktree: bool
) -> None:
    (roots / "link").symlink_to(outside.path)
    (roots / "sub").mkdir()
    (roots / "git-link").mkdir()
    (roots / "git-link" / ".git").symlink_to(outside.path / ".git")
    (roots / "git-file").mkdir()
    (roots / "git-file" / ".git").write_text(f"gitdir: {outside.path}/.git\n")
    (roots / "loop").symlink_to(roots / "loop")
    for source in (
        outside.path,
        roots / "link",
        roots / ".." / "outside",
        roots / "sub" / ".." / ".." / "outside",
        roots / "git-link",
        roots / "git-file",
        roots / "loop",
        roots / "missing",
        Path(f"{roots}-evil"),
        Path("/"),
        Path("/etc"),
    ):
        error = await refused(folders, {"git": str(source), "worktree": worktree})
        assert error.code == "workspace_not_allowed", source
        assert "outside" not in error.message
    assert outside.branches == ["main"]


async def test_a_folder_in_a_repository_that_lies_around_the_roots(
    tmp_path: Path, git: GitProgram
) -> None:
    around = Repo(tmp_path / "around")
    around.commit(secret__txt="s")
    inner = around.path / "roots" / "inner"
    inner.mkdir(parents=True)
    folders = SessionFolders(tmp_path / "sessions", git, [str(inner.parent)])
    for worktree in (False, True):
        error = await refused(folders, {"git": str(inner), "worktree": worktree})
        assert error.code == "workspace_failed"
        assert "not a git repository" in error.message
    assert around.branches == ["main"]


async def test_a_root_that_is_a_link_and_a_source_through_one(
    tmp_path: Path, git: GitProgram, repo: Repo, roots: Path
) -> None:
    (tmp_path / "to-roots").symlink_to(roots)
    (roots / "same").symlink_to(repo.path)
    folders = SessionFolders(tmp_path / "sessions", git, [str(tmp_path / "to-roots")])
    for source in (repo.path, roots / "same", tmp_path / "to-roots" / "it"):
        assert (await folders.make(ONE, {"git": str(source)})).cwd.is_dir()
        await folders.remove(ONE)


async def test_addresses_need_a_root_too(tmp_path: Path, git: GitProgram, repo: Repo) -> None:
    folders = SessionFolders(tmp_path / "sessions", git, ["https://git.invalid/org"])
    for source in ("https://git.invalid/org-evil/a", "ssh://git.invalid/org/a", str(repo.path)):
        with pytest.raises(InputError) as raised:
            folders.check({"git": source})
        assert raised.value.code == "workspace_not_allowed"
        assert (await refused(folders, {"git": source})).code == "workspace_not_allowed"
    folders.check({"git": "https://git.invalid/org/a"})
    folders.check(None)
    error = await refused(folders, {"git": "https://git.invalid/org/a"})
    assert error.code == "workspace_failed"
    with pytest.raises(ConfigError, match="workspace_roots"):
        SessionFolders(tmp_path, git, ["somewhere"])


def trap(folder: Path, mark: Path) -> str:
    """A program that leaves a mark when it is run."""
    program = folder / "trap.sh"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("worktree", [False, True])
async def test_nothing_of_a_repository_is_run(
    folders: SessionFolders, repo: Repo, roots: Path, tmp_path: Path, worktree: bool
) -> None:
    mark = tmp_path / "was-run"
    program = trap(tmp_path, mark)
    sub = Repo(roots / "sub")
    sub.commit(s__txt="s")
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub.path), "sub")
    (repo.path / ".gitattributes").write_text("*.txt filter=evil\n*.bin filter=lfs\n")
    (repo.path / ".lfsconfig").write_text('[lfs]\n\turl = "https://lfs.invalid"\n')
    repo.commit(b__bin="version https://git-lfs.github.com/spec/v1\n", c__txt="c")
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "post-merge"):
        shutil.copy(program, repo.path / ".git/hooks" / hook)
    settings = {
        "filter.evil.smudge": program, "filter.evil.clean": program, "filter.evil.required": "true",
        "filter.lfs.process": program, "filter.lfs.smudge": program, "core.fsmonitor": program,
        "uploadpack.packObjectsHook": program, "core.sshCommand": program, "core.pager": program,
        "core.hooksPath": str(repo.path / ".git/hooks"), "core.editor": program,
        "submodule.recurse": "true", "alias.worktree": f"!{program}", "core.askPass": program,
    }  # fmt: skip
    for key, value in settings.items():
        repo("config", key, value)
    made = await folders.make(
        ONE, {"git": str(repo.path), "worktree": worktree, "ref": None if worktree else "main"}
    )
    assert (made.cwd / "c.txt").read_text() == "c"
    assert (made.cwd / "b.bin").read_text().startswith("version")
    assert list((made.cwd / "sub").iterdir()) == []
    copy = await folders.copy(ONE, TWO, {"git": str(repo.path), "worktree": worktree})
    assert (copy.cwd / "c.txt").read_text() == "c"
    await folders.remove(ONE)
    await folders.remove(TWO)
    assert not mark.exists()


async def test_a_repository_whose_missing_objects_come_from_a_program(
    folders: SessionFolders, repo: Repo, tmp_path: Path
) -> None:
    mark = tmp_path / "was-run"
    program = trap(tmp_path, mark)
    blob = repo("rev-parse", "HEAD:a.txt")
    for key, value in {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin",
        "remote.origin.url": str(repo.path), "remote.origin.promisor": "true",
        "remote.origin.uploadpack": program,
    }.items():  # fmt: skip
        repo("config", key, value)
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for worktree in (False, True):
        error = await refused(folders, {"git": str(repo.path), "worktree": worktree})
        assert error.code == "workspace_failed"
    assert not mark.exists()
    assert repo.branches == ["main"]


async def test_a_stuck_git_is_ended(
    processes: Processes, tmp_path: Path, roots: Path, repo: Repo
) -> None:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text("#!/bin/sh\nsleep 60 & sleep 60\n")
    fake.chmod(0o755)
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    git = GitProgram(processes, environ, timeout_secs=0.2)
    error = await refused(
        SessionFolders(tmp_path / "sessions", git, [str(roots)]), {"git": str(repo.path)}
    )
    assert error.message == "workspace.git: git took longer than 0.2 s"
    assert processes.running == 0


async def test_a_cancelled_clone_leaves_nothing(
    processes: Processes, tmp_path: Path, roots: Path, repo: Repo
) -> None:
    (tmp_path / "bin").mkdir()
    started, fake = tmp_path / "started", tmp_path / "bin" / "git"
    real = shutil.which("git")
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = clone ] || exec {real} "$@"\necho cloning >{started}\nsleep 60\n'
    )
    fake.chmod(0o755)
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    git = GitProgram(processes, environ, timeout_secs=20)
    folders = SessionFolders(tmp_path / "sessions", git, [str(roots)])
    os.mkfifo(started)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.make(ONE, {"git": str(repo.path)}))
        assert await asyncio.to_thread(started.read_text) == "cloning\n"
        task.cancel()
    assert task.cancelled()
    assert not folders.cwd(ONE).parent.exists()
    assert processes.running == 0


async def test_no_git_at_all(processes: Processes, tmp_path: Path, roots: Path) -> None:
    git = GitProgram(processes, {"PATH": str(tmp_path)}, timeout_secs=1)
    error = await refused(SessionFolders(tmp_path / "s", git, [str(roots)]), {"git": str(roots)})
    assert "git is not installed" in error.message


async def test_git_sees_nothing_of_ours(
    processes: Processes, tmp_path: Path, git: GitProgram
) -> None:
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "CLAWDFORGE_ADMIN_TOKEN": "t",
        "GIT_DIR": "/nowhere", "GIT_CONFIG_PARAMETERS": "'a.b'='c'", "GIT_SSH_COMMAND": "evil",
    }  # fmt: skip
    (tmp_path / ".gitconfig").write_text("[alias]\n\tx = !env\n[user]\n\tname = me\n")
    seen = GitProgram(processes, environ, timeout_secs=5)
    told = await seen.run(["config", "--list", "--show-scope"], cwd=tmp_path)
    assert "user.name" not in told
    assert "a.b" not in told
    assert {line.split()[0] for line in told.splitlines()} == {"command"}
    told = await seen.run(["-c", "alias.y=!env", "y"], cwd=tmp_path)
    assert "ADMIN_TOKEN" not in told
    assert "GIT_SSH_COMMAND=ssh -oBatchMode=yes" in told


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        ("", ""),
        ("Cloning into 'x'...\nfatal: no\nPlease make sure\n", "fatal: no"),
        ("one\ntwo\n\n", "two"),
        (
            "fatal: 'https://me:hunter2@h/a' \x1b[31mnot found",
            "fatal: 'https://h/a'  [31mnot found",
        ),
        ("fatal: " + "x" * 999, "fatal: " + "x" * 293),
    ],
)
def test_what_is_told_of_a_failure(stderr: str, told: str) -> None:
    assert last_words(stderr) == told


def test_names_of_refs_are_those_of_git(repo: Repo) -> None:
    for name in ("main", "a/b", "a.b", "ü", "a@b", "a./b", "a..b", "a.lock", "a.lock/b", "/a", "a/",
                 "a//b", ".a", "a/.b", "a.", "a b", "a~", "a^", "a:", "a?", "a*", "a[", "a\\",
                 "a@{b", "a\x7f", "a.locked"):  # fmt: skip
        done = subprocess.run(
            ["git", "check-ref-format", "--allow-onelevel", name], check=False, cwd=repo.path
        )
        assert is_ref_name(name) == (done.returncode == 0), name


# --- worktrees --------------------------------------------------------------------------------


async def test_a_worktree_has_a_branch_of_its_own(folders: SessionFolders, repo: Repo) -> None:
    first = repo("rev-parse", "HEAD")
    repo.commit(a__txt="two")
    short = ONE.replace("-", "")[:12]
    made = await folders.make(ONE, {"git": str(repo.path), "worktree": True, "ref": first})
    assert (made.cwd / "a.txt").read_text() == "one"
    assert repo.branches == [f"clawdforge/{short}", "main"]
    assert str(made.cwd) in repo("worktree", "list")
    assert await folders.prepare(ONE, {"git": str(repo.path), "worktree": True}, turns=1) == made
    (made.cwd / "new").write_text("not committed")
    await folders.remove(ONE)
    assert not made.cwd.parent.exists()
    assert repo.branches == ["main"]
    assert str(made.cwd) not in repo("worktree", "list")


async def test_a_branch_with_commits_of_its_own_is_kept(
    folders: SessionFolders, repo: Repo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wish = {"git": str(repo.path), "worktree": True}
    tree = Repo((await folders.make(ONE, wish)).cwd)
    commit = tree.commit(b__txt="work")
    await folders.remove(ONE)
    branch = f"clawdforge/{ONE.replace('-', '')[:12]}"
    assert repo("rev-parse", branch) == commit
    assert "a branch is kept" in caplog.text
    assert str(tree.path) not in repo("worktree", "list")
    # What was merged meanwhile is nobody's alone any more.
    tree = Repo((await folders.make(TWO, wish)).cwd)
    tree.commit(c__txt="work")
    repo("merge", "--quiet", f"clawdforge/{TWO.replace('-', '')[:12]}")
    await folders.remove(TWO)
    assert repo.branches == [branch, "main"]


async def test_a_worktree_of_a_remote_branch(folders: SessionFolders, roots: Path) -> None:
    origin = Repo(roots / "origin")
    origin.commit(a__txt="one")
    origin("checkout", "--quiet", "-b", "side")
    origin.commit(b__txt="b")
    origin("checkout", "--quiet", "main")
    repo = Repo(roots / "mine")
    repo("remote", "add", "origin", str(origin.path))
    repo("fetch", "--quiet", "origin")
    made = await folders.make(ONE, {"git": str(repo.path), "worktree": True, "ref": "side"})
    assert (made.cwd / "b.txt").exists()
    error = await folders_error(folders, {"git": str(repo.path), "worktree": True, "ref": "none"})
    assert error.message == "workspace.ref: the repository has no none"
    await folders.remove(ONE)


async def folders_error(folders: SessionFolders, workspace: Mapping[str, Any]) -> InputError:
    with pytest.raises(InputError) as raised:
        await folders.make(TWO, workspace)
    return raised.value


async def test_a_worktree_that_was_removed_or_broken(folders: SessionFolders, repo: Repo) -> None:
    wish = {"git": str(repo.path), "worktree": True}
    made = await folders.make(ONE, wish)
    shutil.rmtree(made.cwd)
    with pytest.raises(InputError, match="workspace is gone"):
        await folders.prepare(ONE, wish, turns=1)
    assert (await folders.prepare(ONE, wish, turns=0)).cwd.is_dir()
    (made.cwd / ".git").write_text("gitdir: /etc\n")
    await folders.remove(ONE)
    assert repo.branches == ["main"]


async def test_a_note_that_an_agent_changed_removes_nothing_elsewhere(
    folders: SessionFolders, repo: Repo, outside: Repo
) -> None:
    wish = {"git": str(repo.path), "worktree": True}
    note = (await folders.make(ONE, wish)).cwd.parent / "worktree.json"
    base = outside("rev-parse", "HEAD")
    outside("branch", "clawdforge/x")
    repo("branch", "precious")
    for text in (
        f'{{"repository": "{outside.path}", "branch": "clawdforge/x", "base": "{base}"}}',
        f'{{"repository": "{repo.path}", "branch": "precious", "base": "{base}"}}',
        f'{{"repository": "{repo.path}", "branch": ["clawdforge/x"], "base": 1}}',
        '{"repository": "--help"}',
        "[]",
        "garbage",
    ):
        note.write_text(text)
        await folders.remove(ONE)
        assert not note.exists()
        await folders.make(TWO, None)
        (note.parent).mkdir(exist_ok=True)
        await folders.remove(TWO)
    assert outside.branches == ["clawdforge/x", "main"]
    assert "precious" in repo.branches
    await folders.remove(ONE)


# --- forks ------------------------------------------------------------------------------------


async def test_a_fork_has_the_same_files(folders: SessionFolders, tmp_path: Path) -> None:
    made = await folders.make(ONE, None)
    (made.cwd / "sub").mkdir()
    (made.cwd / "sub" / "run").write_text("x")
    (made.cwd / "sub" / "run").chmod(0o755)
    (made.cwd / "sub").chmod(0o500)
    (made.cwd / "link").symlink_to("/etc/passwd")
    (made.cwd / "folder-link").symlink_to(tmp_path)
    os.mkfifo(made.cwd / "pipe")
    (made.tmp / "t").touch()
    fork = await folders.copy(ONE, TWO, None)
    assert {path.name for path in fork.cwd.iterdir()} == {"sub", "link", "folder-link"}
    assert (fork.cwd / "link").readlink() == Path("/etc/passwd")
    assert (fork.cwd / "folder-link").is_symlink()
    assert (fork.cwd / "sub" / "run").stat().st_mode & 0o777 == 0o755
    (fork.cwd / "sub" / "run").write_text("y")
    assert (made.cwd / "sub" / "run").read_text() == "x"
    assert list(fork.tmp.iterdir()) == []


async def test_a_fork_is_bounded(tmp_path: Path, git: GitProgram) -> None:
    root = tmp_path / "sessions"
    made = await SessionFolders(root, git, []).make(ONE, None)
    (made.cwd / "a").write_bytes(b"x" * 100)
    (made.cwd / "b").write_bytes(b"x" * 100)
    for limits in (CopyLimits(max_files=1), CopyLimits(max_bytes=150)):
        folders = SessionFolders(root, git, [], limits=limits)
        with pytest.raises(InputError, match="too large to be copied") as raised:
            await folders.copy(ONE, TWO, None)
        assert raised.value.code == "workspace_too_large"
        assert not folders.cwd(TWO).parent.exists()
    shutil.rmtree(made.cwd)
    with pytest.raises(InputError, match="workspace is gone"):
        await folders.copy(ONE, TWO, None)


async def test_a_fork_of_a_clone(folders: SessionFolders, repo: Repo) -> None:
    wish = {"git": str(repo.path)}
    made = await folders.make(ONE, wish)
    (made.cwd / "a.txt").write_text("changed")
    fork = await folders.copy(ONE, TWO, wish)
    assert (fork.cwd / "a.txt").read_text() == "changed"
    assert Repo(fork.cwd)("status", "--short") == "M a.txt"


async def test_a_fork_of_a_worktree_is_another_one(folders: SessionFolders, repo: Repo) -> None:
    wish = {"git": str(repo.path), "worktree": True}
    made = await folders.make(ONE, wish)
    tree = Repo(made.cwd)
    commit = tree.commit(b__txt="b", c__txt="c")
    (made.cwd / "a.txt").unlink()
    (made.cwd / "b.txt").write_text("changed")
    (made.cwd / "new").mkdir()
    (made.cwd / "new" / "d").touch()
    fork = await folders.copy(ONE, TWO, wish)
    other = Repo(fork.cwd)
    assert other("rev-parse", "HEAD") == commit
    assert other("branch", "--show-current") == f"clawdforge/{TWO.replace('-', '')[:12]}"
    assert other("status", "--short").splitlines() == ["D a.txt", " M b.txt", "?? new/"]
    await folders.remove(ONE)
    await folders.remove(TWO)
    # Both had the commit: it is kept by the one that is forgotten last.
    assert repo.branches == [f"clawdforge/{TWO.replace('-', '')[:12]}", "main"]
