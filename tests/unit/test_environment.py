"""A child sees what it needs and never the service's own secrets."""

import pytest

from clawdforge.processes.environment import select

OURS = {
    "HOME": "/home/somebody",
    "PATH": "/bin",
    "LC_ALL": "C.UTF-8",
    "XDG_CONFIG_HOME": "/x",
    "https_proxy": "http://proxy.example",
    "ANTHROPIC_API_KEY": "key",
    "AWS_SECRET_ACCESS_KEY": "key",
    "DATABASE_URL": "postgres://",
    "CLAWDFORGE_ADMIN_TOKEN": "secret",
    "CLAWDFORGE_CHILD_OF": "another-server:",
    "ADMIN_BOOTSTRAP_TOKEN": "secret",
    "ALLOW_CIDRS": "10.0.0.0/8",
}
BASIC = {"HOME", "PATH", "LC_ALL", "XDG_CONFIG_HOME", "https_proxy"}


@pytest.mark.parametrize(
    ("patterns", "more"),
    [
        ([], set()),
        (["ANTHROPIC_*"], {"ANTHROPIC_API_KEY"}),
        (["DATABASE_URL", "absent"], {"DATABASE_URL"}),
        (["database_url"], set()),
        (["CLAWDFORGE_ADMIN_TOKEN", "ADMIN_*", "ALLOW_CIDRS"], set()),
        (["*"], {"ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"}),
    ],
    ids=lambda value: str(sorted(value)),
)
def test_what_is_selected(patterns: list[str], more: set[str]) -> None:
    assert select(OURS, patterns) == {name: OURS[name] for name in BASIC | more}
