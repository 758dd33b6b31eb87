"""What git says about a folder, read from its files: git itself is never run."""

from pathlib import Path

from clawdforge.core.observed.signals import Place

MAX_HEAD_BYTES = 4096
_SHORT = 8
"""How much of a commit's name stands for a branch when none is checked out."""


def repository_of(folder: Path) -> tuple[Path, Path] | None:
    """The worktree that a folder is in, and its git folder; None: it is in none."""
    for at in (folder, *folder.parents):
        entry = at / ".git"
        if entry.is_dir():
            return at, entry
        if entry.is_file():
            pointed = _pointed(entry)
            return (at, pointed) if pointed is not None else None
    return None


def place_of(folder: Path) -> tuple[Place, Path | None]:
    """Where a folder belongs, and the git folder whose HEAD says which branch it is."""
    found = repository_of(folder)
    if found is None:
        return Place(), None
    worktree, git = found
    place = Place(
        project_root=str(_project(worktree, git)),
        worktree_path=str(worktree),
        worktree_branch=_branch(git),
    )
    return place, git


def _pointed(entry: Path) -> Path | None:
    """Where a `.git` file leads: that of a linked worktree, or of a submodule."""
    text = _head_of(entry)
    if text is None or not text.startswith("gitdir:"):
        return None
    return (entry.parent / text.removeprefix("gitdir:").strip()).resolve()


def _project(worktree: Path, git: Path) -> Path:
    """The main worktree of the repository that a linked one belongs to."""
    if git == worktree / ".git":
        return worktree
    if git.parent.name == "worktrees" and git.parent.parent.name == ".git":
        return git.parent.parent.parent
    return worktree  # a submodule, or a worktree of a bare repository


def _branch(git: Path) -> str | None:
    text = _head_of(git / "HEAD")
    if not text:
        return None
    text = text.strip()
    if text.startswith("ref:"):
        return text.removeprefix("ref:").strip().removeprefix("refs/heads/") or None
    return text[:_SHORT] or None


def _head_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
