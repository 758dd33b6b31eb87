"""`clawdforge top` in a real tmux: before a real server with demo sessions, and a real `atmd`."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from atm_client import daemon
from tui_terminal import SETTLED_SECS, Server, environ_of, terminal

from clawdforge.client import Client

pytestmark = pytest.mark.timeout(180)

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|4[0-7]|9[0-7]|[34]8)[;m]")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(environ_of(tmp_path))
    made.start()
    yield made
    made.stop()


def test_a_day_with_the_dashboard(server: Server, tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    with terminal(environ) as screen:
        screen.command("clawdforge top")
        screen.see("No agent runs.", "● live")
        with Client(environ=environ) as client:
            session = client.create_session(agent="demo", permissions="ask")
            session.start_turn("/ask touch hello.txt")
            screen.see("1 needs you", "wants to use Bash", "touch hello.txt", "a allow")
            time.sleep(SETTLED_SECS)
            screen.press("a")
            screen.see("allowed: Bash")
            screen.until(lambda text: "needs you" not in text)
            # Say something, see it answered, let it hang, interrupt it.
            screen.press("i")
            screen.type("/echo good morning")
            screen.press("Enter")
            screen.see("good morning", "turn 2", "done")
            screen.press("i")
            screen.type("/hang")
            screen.press("Enter")
            screen.see("1 working", "I interrupt")
            screen.press("I")
            screen.see("cancelled")
            screen.until(lambda text: "1 working" not in text)
        # The server goes and comes back, at another address.
        server.stop()
        screen.see("no monitor")
        server.start()
        screen.see("● live")
        with Client(environ=environ) as client:
            again = client.session(session.id)
            again.start_turn("/ask touch again.txt")
            screen.see("1 needs you", "touch again.txt", "D deny")
            time.sleep(SETTLED_SECS)
            screen.press("D")
            screen.see("denied: Bash")
        screen.press("q")
        screen.until(lambda text: text.rstrip().endswith("$"))


def test_sessions_started_by_hand_beside_an_atmd_that_starts_again(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    with daemon(tmp_path) as atmd:
        environ["ATM_SOCKET"] = str(atmd.socket)
        with terminal(environ, columns=80, lines=24) as screen:
            screen.command("NO_COLOR=1 clawdforge top")
            screen.see("● live")
            peer = atmd.peer("hooks")
            data = {"session_id": "by-hand-1", "pid": 4_000_100, "cwd": str(tmp_path)}
            prompt = {"hook_event_name": "UserPromptSubmit", "prompt": "fix\x1b[2J it"}
            peer.send("hook_event", data={**data, **prompt})
            screen.see("works", "fix\ufffd[2J it")
            asks = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
            peer.send("hook_event", data={**data, **asks})
            screen.see("1 needs you")
            assert not COLOUR.search(screen.coloured)
            atmd.stop()
            screen.see("no monitor, again in")
            atmd.start()
            screen.see("● live")
            screen.press("C-c")
            screen.until(lambda text: text.rstrip().endswith("$"))
            screen.command("clawdforge top --compact --theme terminal")
            screen.see("? help")
            assert COLOUR.search(screen.coloured)
            screen.press("q")
            screen.until(lambda text: text.rstrip().endswith("$"))
