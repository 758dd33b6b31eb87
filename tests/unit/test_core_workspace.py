"""What callers may name as a workspace, and which roots it lies under."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.workspace import (
    GitWorkspace,
    LocalPath,
    Url,
    is_ref_name,
    parse_location,
    parse_root,
    parse_workspace,
)
from clawdforge.errors import ConfigError, InputError


def refused(raw: Any) -> str:
    with pytest.raises(InputError) as raised:
        parse_workspace(raw)
    assert raised.value.code == "invalid_workspace"
    return raised.value.message


def is_under(source: str, root: str) -> bool:
    found, over = parse_location(source), parse_root(root)
    return isinstance(found, Url) and isinstance(over, Url) and found.is_under(over)


def test_nothing_is_a_fresh_folder() -> None:
    assert parse_workspace(None) is None


def test_what_can_be_asked_for() -> None:
    assert parse_workspace({"git": "/srv/a b/ü", "ref": None}) == GitWorkspace(
        source=LocalPath(path="/srv/a b/ü")
    )
    assert parse_workspace({"git": "/srv/a", "ref": "v1.0", "worktree": True}) == GitWorkspace(
        source=LocalPath(path="/srv/a"), ref="v1.0", worktree=True
    )
    found = parse_workspace({"git": "https://Example.org/Org/repo.git", "worktree": False})
    assert found is not None
    assert str(found.source) == "https://example.org/Org/repo.git"


@pytest.mark.parametrize(
    ("raw", "begins"),
    [
        ("x", "workspace: must be an object"),
        ([], "workspace: must be an object"),
        ({}, "workspace.git: must be the path"),
        ({"git": 1}, "workspace.git: must be the path"),
        ({"git": "/a", "depth": 1}, "workspace.depth: is unknown"),
        ({"git": "/a", "ref": 1}, "workspace.ref: must be the name"),
        ({"git": "/a", "ref": "--upload-pack=x"}, "workspace.ref: must be the name"),
        ({"git": "/a", "worktree": "yes"}, "workspace.worktree: must be true or false"),
        ({"git": "https://h/a", "worktree": True}, "workspace.worktree: only a repository of this"),
    ],
)
def test_what_makes_no_sense(raw: Any, begins: str) -> None:
    assert refused(raw).startswith(begins)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/a", "https://h/a"),
        ("HTTPS://H.example/a/b/", "https://h.example/a/b"),
        ("https://h:443/a", "https://h/a"),
        ("https://h:8443/a", "https://h:8443/a"),
        ("ssh://git@h/a", "ssh://git@h/a"),
        ("ssh://git@h:22/a", "ssh://git@h/a"),
        ("ssh://h/a", "ssh://h/a"),
        ("git@h:org/repo.git", "git@h:org/repo.git"),
        ("org-1@h.example:a", "org-1@h.example:a"),
    ],
)
def test_addresses_have_one_spelling(text: str, shown: str) -> None:
    assert str(parse_location(text)) == shown


def test_a_file_address_is_a_path() -> None:
    assert parse_location("file:///srv/a") == LocalPath(path="/srv/a")
    assert parse_location("FILE:///srv/a") == LocalPath(path="/srv/a")


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "./a", "../a", "~/a", "C:/a", "h:a", "http://h/a", "git://h/a", "ftp://h/a",
        "ext::sh -c id", "fd::3", "file:/a", "file://h/a", "file:////h/a", "file:///a%2f..",
        "https://h", "https://h/", "https:///a", "https://user@h/a", "https://user:pw@h/a",
        "https://@h/a", "https://h@evil/a", "https://h/a@b", "https://h/../a", "https://h/a/./b",
        "https://h/a/..", "https://h//a", "https://h/a//b", "https://h/%2e%2e/a", "https://h/a?b",
        "https://h/a#b", "https://h/a b", "https://h\\@evil/a", "https://h/a\\..", "https://h:0/a",
        "https://h:99999/a", "https://h:/a", "https://h:x/a", "https://-h/a", "https://h./a",
        "https://h..evil/a", "https://[::1]/a", "https://hé/a", "https://h/é", "https://h/~a",
        "https://h/-a", "ssh://-oProxyCommand=x/a", "ssh://git:pw@h/a", "ssh://h/-a",
        "ssh://a b@h/a", "git@h:", "git@h:/a", "git@h:~a", "git@h:-a", "git@h:a/../b",
        "-a@h:b", "@h:a", "a@-h:b", "git@h@evil:a", "--upload-pack=x", "/a\0b", "/a\nb", "/\ud800",
        "https://h/a\n", "\nhttps://h/a", "https://h/" + "a" * 3000, "https://h/\u2024\u2024/a",
        "https://h\u2044a/b", "https://\u212aube/a",
    ],
)  # fmt: skip
def test_what_is_no_location(text: str) -> None:
    assert parse_location(text) is None
    assert "workspace.git" in refused({"git": text})


def test_a_refusal_does_not_repeat_credentials() -> None:
    assert "hunter2" not in refused({"git": "https://me:hunter2@h/a"})


@pytest.mark.parametrize(
    ("source", "root", "under"),
    [
        ("https://h/org/a", "https://h/org", True),
        ("https://h/org/a", "https://h/org/", True),
        ("https://H/org/a", "https://h/org", True),
        ("https://h:443/org/a", "https://h/org", True),
        ("https://h/org", "https://h/org", True),
        ("https://h/a/b/c", "https://h", True),
        ("https://h/org-evil/a", "https://h/org", False),
        ("https://h/orga", "https://h/org", False),
        ("https://h/Org/a", "https://h/org", False),
        ("https://h.evil/org/a", "https://h/org", False),
        ("https://hevil/org/a", "https://h", False),
        ("https://x.h/org/a", "https://h/org", False),
        ("https://h:8443/org/a", "https://h/org", False),
        ("https://h/a", "https://h/a/b", False),
        ("ssh://h/org/a", "https://h/org", False),
        ("ssh://git@h/org/a", "ssh://git@h/org", True),
        ("ssh://root@h/org/a", "ssh://git@h/org", False),
        ("ssh://h/org/a", "ssh://git@h/org", False),
        ("git@h:org/a", "git@h:org", True),
        ("git@h:org/a", "git@h:", True),
        ("git@h:orga", "git@h:org", False),
        ("root@h:org/a", "git@h:org", False),
        ("git@h:org/a", "ssh://git@h/org", False),
        ("/h/org", "https://h", False),
    ],
)
def test_roots_are_compared_name_by_name(source: str, root: str, under: bool) -> None:
    assert is_under(source, root) == under


@pytest.mark.parametrize("root", ["", "a", "http://h", "https://", "https://u@h/a", "git@h", "a:b"])
def test_bad_roots(root: str) -> None:
    with pytest.raises(ConfigError, match="workspace_roots"):
        parse_root(root)


def test_roots_of_paths() -> None:
    assert parse_root("/srv/") == LocalPath(path="/srv")
    assert parse_root("/") == LocalPath(path="/")
    assert parse_root("file:///srv") == LocalPath(path="/srv")


@given(st.text(alphabet="abhHtps:/.@%#?\\~-_ \u2044", max_size=24))
def test_nothing_is_under_a_root_but_what_reads_so(tail: str) -> None:
    source = f"https://h/org{tail}"
    found = parse_location(source)
    if isinstance(found, Url) and found.is_under(Url(
        kind="https", user=None, host="h", port=None, parts=("org",)
    )):  # fmt: skip
        assert str(found) == source.removesuffix("/")
        assert tail == "" or tail.startswith("/")
        assert ".." not in tail.split("/")


@pytest.mark.parametrize(
    "name", ["main", "feature/x", "v1.0", "a.b", "0123abcd", "HEAD", "ü", "a-b", "a@b", "x" * 255]
)
def test_names_of_refs(name: str) -> None:
    assert is_ref_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "-a", "--all", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@",
        "a@{1}", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a\n", "a\0",
        "a\x7f", "\ud800", "x" * 256,
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_ref(name: str) -> None:
    assert not is_ref_name(name)
