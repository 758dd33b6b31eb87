"""Which machine a text names, how `ssh` is called for it, and why it is not reached."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.errors import InputError
from clawdforge.remote import panes
from clawdforge.remote.command import by_hand, connecting, forwarding, greeted, running
from clawdforge.remote.failures import why
from clawdforge.remote.host import Host, parse_host, parse_hosts

CONTROL = Path("/run/forge-1/0/ctl")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("build1", Host("build1", "build1")),
        (" ana@build1 ", Host("ana@build1", "ana@build1")),
        ("a.b+c@b-1.example", Host("a.b+c@b-1.example", "a.b+c@b-1.example")),
        ("build1:/run/atm.sock", Host("build1", "build1", None, "/run/atm.sock")),
        ("ssh://ana@build1:2222", Host("ana@build1:2222", "ana@build1", 2222)),
        ("ssh://build1/run/atm.sock", Host("build1", "build1", None, "/run/atm.sock")),
        ("ssh://build1/", Host("build1", "build1")),
        ("ana@fe80::1%eth0", Host("ana@fe80::1%eth0", "ana@fe80::1%eth0")),
        ("[::1]:/run/atm.sock", Host("::1", "::1", None, "/run/atm.sock")),
        ("ssh://[::1]:22", Host("::1:22", "::1", 22)),
        ("corp\\ana@build1", Host("corp\\ana@build1", "corp\\ana@build1")),
    ],
)  # fmt: skip
def test_a_text_that_names_a_machine(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=x",
        "ana@-oProxyCommand=x",
        "-l@build1",
        "ssh://-oProxyCommand=x",
        "ssh://-x@build1",
        "build1;x",
        "$(x)",
        "`x`",
        "a b",
        "a\nb",
        "a'b",
        "build1:22",
        "build1:run/atm.sock",
        "build1:/run/a:b",
        "build1:/run/$(x)",
        "ssh://build1:0",
        "ssh://build1:99999",
        "ssh://",
        "http://build1",
        "x" * 300,
        "maschine‮",
    ],
)
def test_a_text_that_names_none_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_host(text)
    assert refused.value.code == "invalid_host"
    assert "ssh" in (refused.value.hint or "")


@given(st.text(max_size=40))
def test_nothing_that_ssh_would_take_for_an_option_or_a_shell_passes(text: str) -> None:
    try:
        host = parse_host(text)
    except InputError:
        return
    words = connecting("ssh", host, CONTROL)
    destination = words[words.index("--") + 1]
    assert destination == host.destination
    for part in (destination, *destination.split("@")):
        assert part
        assert not part.startswith("-")
    assert not set(destination) & set(" \t\n'\"`$;&|<>(){}*?!#~")


def test_machines_are_taken_once_and_in_order() -> None:
    found = parse_hosts(["b", "a", "b"])
    assert [host.name for host in found] == ["b", "a"]
    with pytest.raises(InputError, match="named twice"):
        parse_hosts(["b", "b:/run/atm.sock"])


def test_the_connection_asks_nobody_forwards_nothing_else_and_is_its_own() -> None:
    words = connecting("ssh", parse_host("ssh://ana@build1:2222"), Path("/run/100%/ctl"))
    for option in (
        "BatchMode=yes",
        "ClearAllForwardings=yes",
        "ControlMaster=yes",
        "ControlPersist=no",
        "ControlPath=/run/100%%/ctl",
        "ForwardAgent=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
    ):
        assert f"-o{option}" in words
    assert words[words.index("-p") + 1] == "2222"
    assert words[-3:-1] == ["--", "ana@build1"]


def test_what_goes_over_it_reads_no_configuration_a_second_time() -> None:
    host = parse_host("build1")
    forward = forwarding("ssh", host, CONTROL, Path("/run/forge-1/0/atm"), "/tmp/atm.sock")
    assert forward[1:3] == ["-F", "none"]
    assert "/run/forge-1/0/atm:/tmp/atm.sock" in forward
    command = running("ssh", host, CONTROL, ["echo", "it's; $HOME"])
    assert command[1:3] == ["-F", "none"]
    assert command[-1] == "echo 'it'\"'\"'s; $HOME'"


def test_the_greeting_is_told_from_what_a_login_shell_says() -> None:
    assert greeted(b"clawdforge-remote 1 /tmp/atm.sock\r\n") == "/tmp/atm.sock"
    assert greeted(b"Welcome to build1!\n") is None
    assert greeted(b"\xff\xfe") is None


def test_the_command_that_a_person_would_type() -> None:
    host = parse_host("ssh://ana@build1:2222")
    assert by_hand(host, "true") == "ssh -p 2222 ana@build1 true"
    assert by_hand(host, "tmux attach", terminal=True) == "ssh -t -p 2222 ana@build1 'tmux attach'"


@pytest.mark.parametrize(
    ("stderr", "reason", "hint"),
    [
        ("ssh: Could not resolve hostname b: Name or service not known", "of that name", "config"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
         "host key has changed", "find out why"),
        ("No ED25519 host key is known for b and …\nHost key verification failed.",
         "not known here", "`ssh build1 true`"),
        ("ana@b: Permission denied (publickey,password).", "(publickey,password)", "ssh-add"),
        ("ssh: connect to host b port 22: Connection refused", "no ssh server", "port"),
        ("ssh: connect to host b port 22: Connection timed out", "cannot be reached", "network"),
        ("ssh: connect to host b port 22: No route to host", "cannot be reached", "network"),
        ("Timeout, server b not responding.", "cannot be reached", "network"),
        ("Bad owner or permissions on /home/ana/.ssh/config", "/home/ana/.ssh/config", "mend"),
        ("client_loop: send disconnect: Broken pipe", "was cut", "`ssh build1 true`"),
        ("something\nquite \x1bnew\n\n", "quite new", "`ssh build1 true`"),
        ("", "without a word", "`ssh build1 true`"),
    ],
)  # fmt: skip
def test_why_a_machine_is_not_reached_is_told_with_what_to_do(
    stderr: str, reason: str, hint: str
) -> None:
    found = why(stderr, parse_host("build1"))
    assert reason in found.reason
    assert hint in found.hint
    assert "\x1b" not in found.reason


def test_scripts_for_panes_pass_through_any_login_shell() -> None:
    scripts = [
        panes.sending("%5", 12),
        panes.pressing("%5", 12, ["Escape"]),
        panes.looking("%5", None),
        panes.killing("%5", 12),
        panes.showing("%5", 12),
    ]
    for argv in scripts:
        assert argv[:2] == ["sh", "-c"]
        assert argv[4] == "%5"
        assert not set(argv[2]) & set("'!\n")
    assert scripts[2][5] == "0"


@pytest.mark.parametrize("pane", ["", "5", "%", "%5;x", "%5 ", "-t", "%$(x)"])
def test_what_is_no_pane_is_refused(pane: str) -> None:
    with pytest.raises(InputError):
        panes.looking(pane, 1)


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(InputError):
        panes.pressing("%5", 1, ["-X"])
