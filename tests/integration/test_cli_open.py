"""`clawdforge open`, with a browser that writes down what it was started with."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clawdforge.http.browser_login import KEY_HEADER
from clawdforge.testing.serving import RunningServer, running_server

PATIENCE_SECS = 30
BROWSER = """\
#!/bin/sh
echo "$@" > "$(dirname "$0")/started"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("open")) as server:
        yield server


def opened(
    server: RunningServer | None, *options: str, **environ: str
) -> "subprocess.CompletedProcess[str]":
    folder = {} if server is None else {"CLAWDFORGE_DATA_DIR": str(server.data_dir)}
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **folder, **environ}
    return subprocess.run(
        [sys.executable, "-m", "clawdforge", "open", *options],
        capture_output=True,
        text=True,
        env=env,
        timeout=PATIENCE_SECS,
        check=False,
    )


def logs_in(server: RunningServer, url: str) -> bool:
    code = url.rpartition("#code=")[2]
    headers = {KEY_HEADER: "none"}
    reply = httpx.post(f"{server.url}/login", json={"code": code}, headers=headers)
    return reply.status_code == 200


def test_the_link_is_printed_where_there_is_no_screen(server: RunningServer) -> None:
    done = opened(server)
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    assert url.startswith(f"{server.url}/#code=")
    assert "within 2 minutes" in done.stderr
    assert logs_in(server, url)
    assert not logs_in(server, url)


def test_scripts_get_json(server: RunningServer) -> None:
    told = json.loads(opened(server, "--json").stdout)
    assert set(told) == {"url", "expires_in_secs"}
    assert logs_in(server, told["url"])


def test_the_browser_gets_no_secret_in_its_arguments(server: RunningServer, tmp_path: Path) -> None:
    program = tmp_path / "browser"
    program.write_text(BROWSER)
    program.chmod(0o700)
    done = opened(server, DISPLAY=":99", BROWSER=f"{program} %s")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    arguments = (tmp_path / "started").read_text()
    assert "code=" not in arguments
    redirect = server.data_dir / "open.html"
    assert redirect.as_uri() in arguments
    assert redirect.stat().st_mode & 0o077 == 0
    url = redirect.read_text().partition("url=")[2].partition('"')[0]
    assert logs_in(server, url)


def test_with_print_no_browser_is_started(server: RunningServer, tmp_path: Path) -> None:
    done = opened(server, "--print", DISPLAY=":99", BROWSER=f"{tmp_path}/missing %s")
    assert logs_in(server, done.stdout.strip())


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    done = opened(None, CLAWDFORGE_DATA_DIR=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode != 0
    assert done.stdout == ""
    assert "clawdforge serve" in done.stderr


def test_another_server_needs_a_token_for_it(server: RunningServer, tmp_path: Path) -> None:
    elsewhere = {"CLAWDFORGE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = opened(None, "--url", server.url, **elsewhere)
    assert done.returncode != 0
    assert "CLAWDFORGE_TOKEN" in done.stderr
    done = opened(None, "--url", server.url, CLAWDFORGE_TOKEN=server.token, **elsewhere)
    assert logs_in(server, done.stdout.strip())
