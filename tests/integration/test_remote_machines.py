"""Two machines in one dashboard: network namespaces, a real sshd and a real atmd in each.

Where the system allows no namespaces (not root, a locked container) these tests are skipped.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from atm_client import Peer
from remote_stage import Lab, Machine, keygen, lab_in, pid_of, run, until, why_not
from tui_terminal import Terminal, terminal

from clawdforge.cli.remote_provider import RemoteProvider
from clawdforge.remote.host import parse_host
from clawdforge.remote.machines import PREFIX, open_machines
from clawdforge.remote.tunnel import RemoteError, Tunnel
from clawdforge.testing.serving import running_server
from clawdforge.tui.providers import Allow

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or ""),
    pytest.mark.timeout(120),
]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    # Not pytest's folder: paths of sockets have to be short.
    folder = Path(tempfile.mkdtemp(prefix="cf-lab-"))
    try:
        with lab_in(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def machines(lab: Lab) -> list[Machine]:
    """Two, each with a session of the same id."""
    made = [lab.machine("box-a"), lab.machine("box-b")]
    for machine in made:
        machine.start_atmd()
        machine.hook("s1", prompt=f"mend {machine.name}")
    return made


@pytest.fixture
def box(machines: list[Machine]) -> Machine:
    return machines[0]


@pytest.fixture
def spare(lab: Lab) -> Iterator[Machine]:
    """One whose sshd may be ended: the one that is started again is as new as the machine."""
    made = lab.machine(f"spare-{lab.count}")
    try:
        made.start_atmd()
        made.hook("s1", prompt="mend it")
        yield made
    finally:
        made.close()


def forge(lab: Lab, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    program = str(Path(lab.environ["PATH"].split(":")[1]) / "clawdforge")
    done = run(program, *arguments, check=False, env=lab.environ, stdin=subprocess.DEVNULL)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def ssh_left(lab: Lab) -> list[str]:
    """What of `ssh` runs, and which of its folders are left."""
    found = run("ps", "-eo", "args").stdout.splitlines()
    running = [line for line in found if f"-F {lab.folder}" in line]
    return running + [path.name for path in lab.run_folder.glob(f"{PREFIX}*")]


@asynccontextmanager
async def tunnel_to(lab: Lab, text: str) -> AsyncIterator[Tunnel]:
    async with open_machines([parse_host(text)], lab.environ) as (tunnel,):
        yield tunnel


async def refused(lab: Lab, text: str) -> tuple[str, str]:
    async with tunnel_to(lab, text) as tunnel:
        with pytest.raises(RemoteError) as error:
            await tunnel.open()
    return error.value.message, error.value.hint or ""


# --- the connection ---------------------------------------------------------------------------


async def test_one_login_reaches_the_monitor_and_runs_commands_and_nothing_is_left(
    lab: Lab, box: Machine
) -> None:
    async with tunnel_to(lab, "box-a") as tunnel:
        await tunnel.open()
        assert tunnel.remote_socket == "/tmp/atm.sock"
        assert await tunnel.run(["hostname"]) == "box-a\n"
        assert await tunnel.run(["cat"], stdin="grüße\n'$x' \\".encode()) == "grüße\n'$x' \\"
        assert await tunnel.run(["echo", "it's", "$HOME", "a  b"]) == "it's $HOME a  b\n"
        with pytest.raises(RemoteError, match="no such thing"):
            await tunnel.run(["sh", "-c", "echo no such thing >&2; exit 3"])
        reader, writer = await tunnel.connect()
        writer.write(b'{"protocol_version":{"major":1,"minor":0},"type":"connect"}\n')
        assert json.loads(await reader.readline())["type"] == "connected"
        writer.close()
        assert len([line for line in ssh_left(lab) if not line.startswith(PREFIX)]) == 1
        modes = [f"{path.stat().st_mode:o}"[-3:] for path in lab.run_folder.glob("**/*")]
        assert set(modes) == {"700", "600"}
    assert ssh_left(lab) == []


async def test_a_connection_that_was_cut_is_made_again_when_it_is_wanted(
    lab: Lab, box: Machine
) -> None:
    async with tunnel_to(lab, "root@box-a") as tunnel:
        await tunnel.open()
        box.run("sh", "-c", "kill $(pgrep -f 'sshd: root@[n]otty')")
        await wait_for(lambda: not tunnel.is_open)
        assert await tunnel.run(["hostname"]) == "box-a\n"


async def test_who_is_not_reached_is_told_with_what_to_do(lab: Lab, box: Machine) -> None:
    assert "no machine of that name" in (await refused(lab, "nowhere.invalid"))[0]
    assert "no ssh server" in (await refused(lab, f"ssh://{box.address}:23"))[0]
    reason, hint = await refused(lab, f"who@{box.name}")
    assert "without a question" in reason
    assert f"`ssh who@{box.name} true`" in hint


async def test_a_host_key_that_is_unknown_or_another_is_never_accepted(
    lab: Lab, box: Machine
) -> None:
    known = lab.folder / "known_hosts"
    before = known.read_text()
    try:
        known.write_text("")
        reason, hint = await refused(lab, "box-a")
        assert "not known here" in reason
        assert "compare the key" in hint
        assert known.read_text() == ""
        keygen(lab.folder / "other")
        other = (lab.folder / "other.pub").read_text()
        known.write_text(f"{box.address} {other}")
        assert "has changed" in (await refused(lab, "box-a"))[0]
    finally:
        known.write_text(before)


async def test_a_login_shell_that_talks_or_ends_does_not_confuse(lab: Lab, box: Machine) -> None:
    profile = box.folder / "home" / ".ssh" / "rc"
    profile.write_text("echo Welcome; echo clawdforge-remote; echo oops >&2\n")
    try:
        async with tunnel_to(lab, "box-a") as tunnel:
            assert "box-a" in await tunnel.run(["hostname"])
    finally:
        profile.unlink()


async def test_the_socket_is_where_that_machine_says(lab: Lab, box: Machine) -> None:
    environment = box.folder / "home" / ".ssh" / "environment"
    environment.write_text("ATM_SOCKET=/run/home/atm.sock\n")
    try:
        async with tunnel_to(lab, "box-a") as tunnel:
            await tunnel.open()
            assert tunnel.remote_socket == "/run/home/atm.sock"
        async with tunnel_to(lab, "box-a:/tmp/atm.sock") as tunnel:
            await tunnel.open()
            assert tunnel.remote_socket == "/tmp/atm.sock"
        environment.write_text("ATM_SOCKET=/run/a b\n")
        assert "cannot name" in (await refused(lab, "box-a"))[0]
    finally:
        environment.unlink()


# --- commands ---------------------------------------------------------------------------------


def test_ps_shows_the_sessions_of_several_machines(lab: Lab, machines: list[Machine]) -> None:
    both = ("--host", "box-a", "--host", "root@box-b")
    ids = forge(lab, "ps", *both, "--ids").stdout.split()
    assert sorted(ids) == ["box-a/s1", "root@box-b/s1"]
    told = json.loads(forge(lab, "ps", *both, "--json", "host:box-b").stdout)
    assert [(one["host"], one["first_prompt"]) for one in told["sessions"]] == [
        ("root@box-b", "mend box-b")
    ]
    assert [problem["host"] for problem in told["problems"]] == [None]
    table = forge(lab, "ps", *both).stdout
    assert "box-a:shop" in table
    assert ssh_left(lab) == []


def test_ps_shows_what_it_can_and_says_what_it_cannot(lab: Lab, machines: list[Machine]) -> None:
    done = forge(lab, "ps", "--host", "box-a", "--host", "box-b:/run/no.sock", code=3)
    assert "mend box-a" in done.stdout
    assert "box-b: no monitor answers there, at /run/no.sock" in done.stderr
    assert "ssh box-b 'atmd start -d'" in done.stderr
    assert "names no machine" in forge(lab, "ps", "--host", "-oProxyCommand=x", code=2).stderr


# --- the dashboard ----------------------------------------------------------------------------


@pytest.fixture
def screen(lab: Lab, machines: list[Machine]) -> Iterator[Terminal]:
    with terminal(lab.environ, columns=120, lines=32) as made:
        yield made


def row_of(screen: str, name: str) -> str:
    """The row of a machine."""
    return next((line for line in screen.splitlines() if f"▾ {name} " in line), "")


def test_a_machine_in_the_dashboard_goes_away_and_comes_back(
    lab: Lab, machines: list[Machine], screen: Terminal
) -> None:
    box, other = machines
    screen.command("clawdforge top --host box-a --host box-b")
    screen.see("mend box-a", "mend box-b")
    screen.until(lambda it: "live" in row_of(it, "box-a") and "live" in row_of(it, "box-b"))
    box.cable(up=False)
    try:
        # Nobody says that a cable is out: it is noticed by the silence.
        screen.until(lambda it: "away" in row_of(it, "box-a"))
        screen.see("1 away", "mend box-a")
        assert "live" in row_of(screen.screen, "box-b")
        other.hook("s2", prompt="new on the other")
        screen.see("new on the other")
    finally:
        box.cable(up=True)
    box.hook("s3", prompt="began meanwhile")
    screen.press("R")
    screen.see("began meanwhile")
    screen.until(lambda it: "live" in row_of(it, "box-a") and "away" not in it)
    screen.press("q")
    until(lambda: ssh_left(lab) == [])


def test_an_ssh_server_that_ends_is_noticed_at_once_and_found_again(
    lab: Lab, spare: Machine, screen: Terminal
) -> None:
    screen.command(f"CLAWDFORGE_HOSTS={spare.name} clawdforge top")
    screen.until(lambda it: "live" in row_of(it, spare.name))
    spare.stop_sshd()
    screen.until(lambda it: "no ssh server answers there" in row_of(it, spare.name))
    screen.press("g", "g")
    screen.see("mend the name or the port")
    spare.start_sshd()
    screen.press("R")
    screen.until(lambda it: "live" in row_of(it, spare.name))
    screen.press("q")
    until(lambda: ssh_left(lab) == [])


def test_a_dashboard_that_is_killed_leaves_no_ssh(
    lab: Lab, machines: list[Machine], screen: Terminal
) -> None:
    screen.command("clawdforge top --host box-a")
    screen.until(lambda it: "live" in row_of(it, "box-a"))
    found = run("pgrep", "-f", "clawdforge top --host box-a").stdout.split()
    for pid in found:
        run("kill", "-KILL", pid, check=False)
    until(lambda: not [line for line in ssh_left(lab) if not line.startswith(PREFIX)])
    # Its folder is removed by the next.
    forge(lab, "ps", "--host", "box-a")
    assert ssh_left(lab) == []


# --- the server -------------------------------------------------------------------------------


def test_the_server_shows_machines_and_how_fresh_they_are(
    lab: Lab, machines: list[Machine], spare: Machine
) -> None:
    box, away = machines[0], f"{spare.name}/s1"
    serving = running_server(
        lab.folder / "serving",
        environ=lab.environ,
        monitor="auto",
        hosts=("box-a", spare.name),
        log_level="error",
    )
    with serving as server:
        headers = {"Authorization": f"Bearer {server.admin_token}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:

            def hosts() -> dict[str, Json]:
                told = client.get("/monitor/hosts").json()
                assert told["count"] == len(told["hosts"]) == 2
                return {one["name"]: one for one in told["hosts"]}

            def sessions() -> dict[str, Json]:
                told = client.get("/monitor/sessions").json()
                return {one["id"]: one for one in told["sessions"]}

            until(lambda: {"box-a/s1", away} <= sessions().keys())
            assert sessions()["box-a/s1"]["host"] == "box-a"
            assert all(one["live"] and one["sessions"] for one in hosts().values())
            spare.stop_sshd()
            until(lambda: sessions()[away].get("stale"))
            told = hosts()[spare.name]
            assert not told["live"]
            assert told["reason"]
            assert told["heard_at"] <= time.time()
            assert "stale" not in sessions()["box-a/s1"]
            assert hosts()["box-a"]["live"]
            spare.start_sshd()
            until(lambda: hosts()[spare.name]["live"])
            until(lambda: "stale" not in sessions()[away])
            answered_over_http(client, box)
    assert ssh_left(lab) == []


def answered_over_http(client: httpx.Client, box: Machine) -> None:
    with asking(box, "asks-1") as peer, ThreadPoolExecutor(1) as hook:
        [row] = until(lambda: client.get("/monitor/approvals").json()["permissions"])
        assert (row["session_id"], row["tool"]) == ("box-a/asks-1", "Bash")
        told = hook.submit(told_to, peer)
        body = {"decision": "deny", "message": "not there"}
        reply = client.post(f"/monitor/approvals/{row['permission_id']}", json=body)
        assert (reply.status_code, reply.json()["state"]) == (200, "denied"), reply.text
        assert "not there" in json.dumps(told.result())
    assert client.post("/monitor/approvals/ap_" + "x" * 22, json=body).status_code == 404


def test_a_server_with_a_setting_that_names_no_machine_does_not_start(lab: Lab) -> None:
    done = run(
        str(Path(lab.environ["PATH"].split(":")[1]) / "clawdforge"), "serve", "--port", "0",
        check=False, env=lab.environ | {"CLAWDFORGE_HOSTS": "-oProxyCommand=x"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "hosts: '-oProxyCommand=x' names no machine" in done.stderr
    assert "user@machine" in done.stderr


# --- what can be done with their sessions -----------------------------------------------------


@contextmanager
def asking(box: Machine, session: str) -> Iterator[Peer]:
    """A hook there that asks, and waits."""
    box.hook(session)
    request = {
        "session_id": session,
        "hook_event_name": "PermissionRequest",
        "tool_name": "Bash",
        "tool_input": {"command": "touch /tmp/x"},
        "cwd": "/src/shop",
        "pid": pid_of(session),
    }
    with box.peer() as peer:
        peer.send("approval_request", data=request)
        assert peer.read_type("approval_pending")["approval_id"].startswith("ap_")
        yield peer


def told_to(peer: Peer) -> Json:
    """The answer, which the hook prints and confirms."""
    told = peer.read_type("approval_answer")
    peer.send("approval_taken")
    return told


async def test_what_a_session_there_asks_is_answered_from_here(lab: Lab, box: Machine) -> None:
    with asking(box, "asks-2") as peer:
        await answered_from_here(lab, peer)


async def answered_from_here(lab: Lab, peer: Peer) -> None:
    async with tunnel_to(lab, "box-a") as tunnel:
        provider = RemoteProvider(tunnel, {})
        assert await provider.questions() == ()
        await tunnel.open()
        [question] = await provider.questions()
        assert question.session_id == "box-a/asks-2"
        async with asyncio.TaskGroup() as group:
            done = group.create_task(provider.do(Allow(question=question), None))
            await asyncio.to_thread(told_to, peer)
        assert done.result() == "allowed: Bash"


async def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
