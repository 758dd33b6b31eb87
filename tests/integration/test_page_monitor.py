"""What the page's list shows of sessions that the server drives: told by the monitor's stream."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from clawdforge.client import Client
from clawdforge.testing.serving import quiet_environment, running_server

PATIENCE_SECS = 20.0


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_cost_and_context_are_told_while_a_session_is_awake(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    environ = quiet_environment() | {
        "HOME": str(tmp_path),
        "ATM_SOCKET": str(tmp_path / "run" / "atm.sock"),
    }
    with (
        running_server(tmp_path / "data", environ=environ, monitor="auto") as server,
        Client(server.url, server.token, environ={}) as client,
        client.create_session(agent="demo") as session,
    ):

        def view() -> Any:
            headers = {"Authorization": f"Bearer {server.admin_token}"}
            found = httpx.get(f"{server.url}/monitor/sessions", headers=headers).json()["sessions"]
            return next((one for one in found if one["id"] == session.id), {})

        session.turn("/usage")
        until(lambda: view().get("cost_microusd") == 250_000)
        assert view()["context_display"].startswith("0.6%")
