"""Machines: each a set of namespaces with a real sshd, a real atmd, and a cable to a hub.

The hub is a network of its own, in which `ssh` runs: a cable in this machine's would be seen by
all programs here, and a browser drops its requests when the network changes.

A machine has its own network, processes, host name, `/tmp` and home; the file system is shared, so
that the same programs are there. All of it ends with the machine's first process.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from atm_client import Peer

PATIENCE_SECS = 40.0
NEEDED = ("unshare", "nsenter", "ip", "ssh", "ssh-keygen")
SSHD = "/usr/sbin/sshd"
HOME = "/run/home"
REPOSITORY = Path(__file__).resolve().parents[2]
"""Our programs, which may be below `/tmp`."""
LISTENS = ":0016 00000000:0000 0A"
"""Of a line of `/proc/PID/net/tcp`: somebody waits at port 22."""
SSHD_CONFIG = """\
Port 22
HostKey /run/home/host_key
AuthorizedKeysFile /run/home/.ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PermitUserEnvironment yes
PidFile /run/home/sshd.pid
"""
FIRST = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/sshd /run/home
mount --bind "$1/home" /run/home
sed '/^root:/s|:[^:]*:[^:]*$|:/run/home:/bin/sh|' /etc/passwd >"$1/passwd"
mount --bind "$1/passwd" /etc/passwd
hostname "$2"
case "$3" in /tmp/*)
  mkdir -p "$1$3"
  mount --bind "$3" "$1$3"
esac
mount --rbind "$1/tmp" /tmp
echo ready
while sleep 1000; do :; done
"""
CLIENT = """\
Host {name}
  HostName {address}
  User root
  IdentityFile {folder}/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null

"""


def why_not() -> str | None:
    """Why there can be no machines here; None: there can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not Path(SSHD).exists():
        missing.append("sshd (openssh-server)")
    if missing:
        return f"missing: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "network namespaces with a cable between them need root"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "ip", "link", "add", "type",
         "veth"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


class Machine:
    """Another machine.

    Args:
        lab: The folder of all, which also has the keys.
        hub: A process in the network that it has a cable to.
        number: Which; of this run.
        name: Its host name, and as what `ssh` knows it.
    """

    def __init__(self, lab: Path, hub: int, number: int, name: str) -> None:
        self.name = name
        self._hub = hub
        self.folder = lab / name
        self._lab = lab
        self.address = f"198.18.{number}.2"  # for tests of networks: RFC 2544
        self._here = f"198.18.{number}.1"
        self._cable = f"cf{number}"
        self._first: subprocess.Popen[str] | None = None

    def start(self) -> "Machine":
        for name in ("home/.ssh", "tmp"):
            (self.folder / name).mkdir(parents=True)
        home = self.folder / "home"
        keygen(home / "host_key")
        (home / ".ssh" / "authorized_keys").write_text((self._lab / "key.pub").read_text())
        (home / "sshd_config").write_text(SSHD_CONFIG)
        flags = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL"]
        self._first = subprocess.Popen(
            ["unshare", *flags, "--mount-proc", "sh", "-c", FIRST, "sh", self.folder, self.name,
             REPOSITORY],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._first.stdout is not None
        assert self._first.stdout.readline() == "ready\n"
        self._lay_cable()
        with (self._lab / "ssh_config").open("a") as file:
            fields = {"name": self.name, "address": self.address, "folder": self._lab}
            file.write(CLIENT.format(**fields))
        self.know()
        self.start_sshd()
        return self

    def _lay_cable(self) -> None:
        peer = ["peer", "name", "eth0", "netns", str(self.pid)]
        self._in_hub("ip", "link", "add", self._cable, "type", "veth", *peer)
        self._in_hub("ip", "addr", "add", f"{self._here}/30", "dev", self._cable)
        self.cable(up=True)
        self.run("ip", "addr", "add", f"{self.address}/30", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "link", "set", "lo", "up")

    def _in_hub(self, *argv: str) -> None:
        run("nsenter", "-t", str(self._hub), "-n", "--", *argv)

    @property
    def pid(self) -> int:
        """Of its first process, as it is seen from here."""
        assert self._first is not None
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text()
        return int(children.split()[0])

    def run(self, *argv: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a program there."""
        return run("nsenter", "-t", str(self.pid), "-a", "--", *argv, check=check, **more)

    def know(self) -> None:
        """Let its host key be known to us."""
        key = " ".join((self.folder / "home" / "host_key.pub").read_text().split()[:2])
        with (self._lab / "known_hosts").open("a") as file:
            file.write(f"{self.address} {key}\n")

    def cable(self, *, up: bool) -> None:
        """Plug it in, or out."""
        self._in_hub("ip", "link", "set", self._cable, "up" if up else "down")

    # What runs there

    def start_sshd(self) -> None:
        self.run(SSHD, "-f", "/run/home/sshd_config")
        until(lambda: LISTENS in Path(f"/proc/{self.pid}/net/tcp").read_text())

    def stop_sshd(self) -> None:
        """End it, and the connections that it has."""
        (self.folder / "home" / "sshd.pid").unlink()
        self.run("sh", "-c", "kill $(ps -C sshd -o pid=)")
        until(lambda: not self.run("ps", "-C", "sshd", "-o", "pid=", check=False).stdout.strip())

    def start_atmd(self) -> None:
        self.run(*self._clean(), str(Path(sys.executable).parent / "atmd"), "start", "-d")

    def stop_atmd(self) -> None:
        self.run(*self._clean(), str(Path(sys.executable).parent / "atmd"), "stop")

    def _clean(self) -> tuple[str, ...]:
        path = f"PATH={os.environ['PATH']}"
        return "env", "-i", "-C", HOME, f"HOME={HOME}", path, "ATMD_DISCOVERY=off"

    @contextlib.contextmanager
    def peer(self) -> Iterator[Peer]:
        """A program there that talks with its monitor."""
        peer = Peer(self.folder / "tmp" / "atm.sock")
        try:
            peer.hello()
            yield peer
        finally:
            peer.close()

    def hook(self, session: str, event: str = "UserPromptSubmit", **facts: Any) -> None:
        """A session there tells what happens in it."""
        with self.peer() as peer:
            told = {"session_id": session, "hook_event_name": event, "cwd": "/src/shop"}
            peer.send("hook_event", data=told | {"pid": pid_of(session)} | facts)
            assert peer.silent()

    def close(self) -> None:
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            assert self._first.stdout is not None
            self._first.stdout.close()
            # The last process of its network takes the cable with it, a moment later.
            self._first = None


class Lab:
    """Some machines, and what is needed to reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._machines: list[Machine] = []
        self._hub = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 100000"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._hub.stdout is not None
        assert self._hub.stdout.readline() == "ready\n"
        keygen(folder / "key")
        # Not a setting: a person's `ssh` reads the person's configuration, which is not ours.
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        program = bin_folder / "ssh"
        enter = f"nsenter -t {self._hub.pid} -n --"
        ssh = f"{shutil.which('ssh')} -F {folder}/ssh_config"
        program.write_text(f'#!/bin/sh\nexec {enter} {ssh} "$@"\n')
        program.chmod(0o755)
        (folder / "home").mkdir()
        (folder / "data").mkdir(mode=0o700)
        self.run_folder = folder / "run"
        self.run_folder.mkdir(mode=0o700)

    @property
    def environ(self) -> dict[str, str]:
        """Of a program here that reaches them."""
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}"
            f"{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "ATM_SOCKET": str(self.folder / "here.sock"),
            "ATMD_DISCOVERY": "off",
            "TMUX_TMPDIR": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.run_folder),
            "CLAWDFORGE_DATA_DIR": str(self.folder / "data"),
        }

    @property
    def count(self) -> int:
        """How many there have been."""
        return len(self._machines)

    def machine(self, name: str) -> Machine:
        made = Machine(self.folder, self._hub.pid, len(self._machines), name)
        self._machines.append(made)
        return made.start()

    def close(self) -> None:
        for machine in self._machines:
            machine.close()
        self._hub.kill()
        self._hub.wait()
        assert self._hub.stdout is not None
        self._hub.stdout.close()


@contextlib.contextmanager
def lab_in(folder: Path) -> Iterator[Lab]:
    """A lab for the length of a block."""
    made = Lab(folder)
    try:
        yield made
    finally:
        made.close()


def pid_of(session: str) -> int:
    """A pid that no process has."""
    return 4_000_000 + sum(map(ord, session))


def keygen(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".pub").unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))


def run(*argv: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=PATIENCE_SECS, **more
    )
    assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
    return done


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
