"""Where a session may work: what callers may name, and which roots it lies under. Pure.

A path is judged twice: here by its shape, and on the disk by whoever resolves its links.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clawdforge.errors import ConfigError, InputError

MAX_SOURCE_CHARS = 2048
MAX_REF_CHARS = 255
_DEFAULT_PORTS = {"https": 443, "ssh": 22}
_URL = re.compile(
    r"(?P<scheme>https|ssh)://(?:(?P<user>[a-z_][a-z0-9_-]{0,31})@)?"
    r"(?P<host>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)?",
    re.IGNORECASE | re.ASCII,
)
_SCP = re.compile(
    r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})@"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):(?P<path>.*)",
    re.ASCII,
)
_SEGMENT = re.compile(r"[A-Za-z0-9_.+-]{1,255}", re.ASCII)
"""No `%`, `@`, `~`, `\\`: nothing that somebody else may read differently."""
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPath:
    """A folder of this machine: an absolute path, its links not resolved yet."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A repository elsewhere, in one spelling only."""

    kind: Literal["https", "ssh", "scp"]
    """`scp`: `USER@HOST:PATH`, whose path begins in that user's home, unlike `ssh://`."""
    user: str | None
    host: str
    port: int | None
    parts: tuple[str, ...]

    def __str__(self) -> str:
        """As git is told."""
        path = "/".join(self.parts)
        if self.kind == "scp":
            return f"{self.user}@{self.host}:{path}"
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}://{user}{self.host}{port}/{path}"

    @property
    def protocol(self) -> str:
        """Git's name of the way there."""
        return "https" if self.kind == "https" else "ssh"

    def is_under(self, root: "Url") -> bool:
        """Whether it is the root or lies below it; whole names are compared."""
        same = (self.kind, self.user, self.host, self.port)
        if same != (root.kind, root.user, root.host, root.port):
            return False
        return self.parts[: len(root.parts)] == root.parts


Location = LocalPath | Url


@dataclass(frozen=True, slots=True, kw_only=True)
class GitWorkspace:
    """A workspace that begins as a repository's content."""

    source: Location
    ref: str | None = None
    """A branch, tag or commit; None: the repository's HEAD."""
    worktree: bool = False
    """A worktree of that repository on a branch of its own, not a clone."""


def parse_workspace(raw: Any) -> GitWorkspace | None:
    """Read what a caller asks for; None: a fresh, empty folder.

    Raises:
        InputError: it makes no sense (`invalid_workspace`); the message begins with the key.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise _bad("workspace", "must be an object or null")
    for key in raw:
        if key not in {"git", "ref", "worktree"}:
            raise _bad(f"workspace.{key!s:.40}", "is unknown; known: git, ref, worktree")
    source, ref, worktree = raw.get("git"), raw.get("ref"), raw.get("worktree")
    if not isinstance(source, str):
        raise _bad("workspace.git", "must be the path or the address of a git repository")
    if ref is not None and not (isinstance(ref, str) and is_ref_name(ref)):
        raise _bad("workspace.ref", "must be the name of a branch or tag, or a commit")
    if worktree is not None and not isinstance(worktree, bool):
        raise _bad("workspace.worktree", "must be true or false")
    location = parse_location(source)
    if location is None:
        raise _bad(
            "workspace.git",
            "must be an absolute path, or https://HOST/…, ssh://…, USER@HOST:…, file:///…, "
            "without credentials, `..` and characters that are not plain",
        )
    if worktree and not isinstance(location, LocalPath):
        raise _bad("workspace.worktree", "only a repository of this machine can have a worktree")
    return GitWorkspace(source=location, ref=ref, worktree=bool(worktree))


def parse_root(text: str) -> Location:
    """Read a setting: a place under which repositories may lie.

    Raises:
        ConfigError: it is neither an absolute path nor an address.
    """
    bare = text if text == "/" else text.rstrip("/")
    found = parse_location(bare, bare_host=True)
    if found is None:
        msg = f"workspace_roots: {text!r} is neither an absolute path nor a git address"
        raise ConfigError(msg, hint="/srv/repositories, https://HOST/ORG, ssh://…, git@HOST:ORG")
    return found


def parse_location(text: str, *, bare_host: bool = False) -> Location | None:
    """Read a path or an address; None when it is neither, or could be taken for something else.

    Args:
        text: As somebody wrote it.
        bare_host: An address without a path will do.
    """
    if not text or len(text) > MAX_SOURCE_CHARS or not text.isprintable():
        return None
    if text.startswith("/"):
        return LocalPath(path=text)
    if text[:7].lower() == "file://":
        path = text[7:]
        plain = path.startswith("/") and not path.startswith("//") and "%" not in path
        return LocalPath(path=path) if plain else None
    return _url(text, bare_host=bare_host)


def is_ref_name(text: str) -> bool:
    """Whether git would take it as the name of a ref, and nobody as a flag or an expression.

    The rules of `git check-ref-format --allow-onelevel`.
    """
    return (
        0 < len(text) <= MAX_REF_CHARS
        and text.isprintable()
        and text != "@"
        and text[0] not in "-./"
        and text[-1] not in "./"
        and _BAD_IN_REF.search(text) is None
    )


def _url(text: str, *, bare_host: bool) -> Url | None:
    match = _URL.fullmatch(text)
    kind = match["scheme"].lower() if match else "scp"
    match = match or _SCP.fullmatch(text)
    if match is None or ".." in match["host"] or (kind == "https" and match["user"]):
        return None
    path = match["path"] or ""
    parts = tuple(part for part in path.removeprefix("/").removesuffix("/").split("/"))
    if parts == ("",):
        parts = ()
    if (not parts and not bare_host) or not all(map(_is_plain, parts)):
        return None
    if kind == "scp" and path.startswith("/"):
        return None  # `ssh://` says the same without doubt
    port = int(match["port"]) if kind != "scp" and match["port"] else None
    if port is not None and not 0 < port < 65536:
        return None
    return Url(
        kind="https" if kind == "https" else "ssh" if kind == "ssh" else "scp",
        user=match["user"],
        host=match["host"].lower(),
        port=None if port == _DEFAULT_PORTS.get(kind) else port,
        parts=parts,
    )


def _is_plain(part: str) -> bool:
    return _SEGMENT.fullmatch(part) is not None and part not in {".", ".."} and part[0] != "-"


def _bad(where: str, problem: str) -> InputError:
    return InputError(f"{where}: {problem}", code="invalid_workspace")
