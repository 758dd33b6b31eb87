"""Where a client finds its server and its tokens, and which it refuses to use."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.client import AsyncClient, Client, ForgeError, SettingsError
from clawdforge.client.address import DEFAULT_URL, base_url, is_loopback
from clawdforge.client.discovery import Place, data_folder, locate, read_credential, read_server
from clawdforge.client.secret import Secret
from clawdforge.errors import ConfigError

SERVER_URL = "http://127.0.0.1:8799"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose data folder belongs to a running server."""
    server = {"url": SERVER_URL + "/", "pid": 1, "version": "0.3.0", "started_at": 1700000000}
    write(tmp_path / "server.json", json.dumps(server))
    write(tmp_path / "local-token", "cf_local-token\n")
    write(tmp_path / "admin-token", "local-admin-token\n")
    return {"CLAWDFORGE_DATA_DIR": str(tmp_path)}


def found(
    environ: dict[str, str],
    url: str | None = None,
    token: str | None = None,
    admin_token: str | None = None,
) -> tuple[str, str | None, str | None]:
    place = locate(
        url=url,
        token=Secret(token) if token else None,
        admin_token=Secret(admin_token) if admin_token else None,
        environ=environ,
    )
    return place.url, _revealed(place.token), _revealed(place.admin_token)


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def test_what_is_given_comes_first(environ: dict[str, str]) -> None:
    environ |= {
        "CLAWDFORGE_URL": "http://env.example",
        "CLAWDFORGE_TOKEN": "cf_env",
        "CLAWDFORGE_ADMIN_TOKEN": "env-admin",
    }
    given = ("http://given.example", "cf_given", "given-admin")
    assert found(environ, *given) == given


def test_then_the_environment(environ: dict[str, str]) -> None:
    environ |= {
        "CLAWDFORGE_URL": "http://env.example/",
        "CLAWDFORGE_TOKEN": " cf_env\n",
        "CLAWDFORGE_ADMIN_TOKEN": "env-admin",
    }
    assert found(environ) == ("http://env.example", "cf_env", "env-admin")


def test_then_the_server_on_this_machine(environ: dict[str, str]) -> None:
    assert found(environ) == (SERVER_URL, "cf_local-token", "local-admin-token")


def test_then_the_usual_url_without_tokens(tmp_path: Path) -> None:
    assert found({"CLAWDFORGE_DATA_DIR": str(tmp_path)}) == (DEFAULT_URL, None, None)
    assert found({"CLAWDFORGE_DATA_DIR": str(tmp_path / "no")}) == (DEFAULT_URL, None, None)


def test_an_empty_variable_is_not_set(environ: dict[str, str]) -> None:
    environ |= {"CLAWDFORGE_URL": "", "CLAWDFORGE_TOKEN": " ", "CLAWDFORGE_ADMIN_TOKEN": ""}
    assert found(environ)[1] == "cf_local-token"


def test_local_tokens_go_to_the_local_server_only(environ: dict[str, str]) -> None:
    assert found(environ, "http://other.example") == ("http://other.example", None, None)
    assert found(environ, "http://127.0.0.1:1") == ("http://127.0.0.1:1", None, None)
    assert found(environ, SERVER_URL + "//")[1] == "cf_local-token"


def test_local_tokens_stay_unused_when_no_server_runs(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "server.json").unlink()
    assert found(environ) == (DEFAULT_URL, None, None)


def test_nothing_is_read_when_everything_is_given(environ: dict[str, str], tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    assert found(environ, SERVER_URL, "cf_given", "given-admin")[1] == "cf_given"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
@pytest.mark.parametrize("name", ["local-token", "admin-token", "server.json"])
def test_files_that_others_can_read_are_refused(
    environ: dict[str, str], tmp_path: Path, name: str, mode: int
) -> None:
    (tmp_path / name).chmod(mode)
    with pytest.raises(SettingsError) as caught:
        Client(environ=environ)
    assert caught.value.hint == f"chmod 600 {tmp_path / name}"
    assert "chmod 600" in str(caught.value)
    assert isinstance(caught.value, ConfigError)
    assert "token\n" not in str(caught.value)


def test_files_of_another_user_are_refused(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SettingsError, match="belongs to another user"):
        Client(environ=environ)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"url": 7, "pid": 1}',
        '{"url": "http://127.0.0.1:1"}',
        '{"url": "ftp://x", "pid": 1}',
        '{"url": "http://u:p@127.0.0.1", "pid": 1}',
        "[" * 9999,
    ],
)
def test_a_server_file_that_makes_no_sense_is_explained(tmp_path: Path, text: str) -> None:
    write(tmp_path / "server.json", text)
    with pytest.raises(SettingsError, match=r"server\.json makes no sense"):
        read_server(tmp_path)


def test_credential_files_that_are_odd(tmp_path: Path) -> None:
    assert read_credential(tmp_path / "missing") is None
    assert read_credential(write(tmp_path / "empty", " \n")) is None
    with pytest.raises(SettingsError, match="contains spaces"):
        read_credential(write(tmp_path / "two", "cf_one\ncf_two\n"))
    with pytest.raises(SettingsError):
        read_credential(tmp_path)


def test_the_data_folder_is_absolute_and_the_systems_own_by_default(tmp_path: Path) -> None:
    assert data_folder({"CLAWDFORGE_DATA_DIR": str(tmp_path)}) == tmp_path
    assert data_folder({"CLAWDFORGE_DATA_DIR": "x"}).is_absolute()
    assert data_folder({}).name == "clawdforge"


def test_the_process_environment_is_the_default(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAWDFORGE_URL", "CLAWDFORGE_TOKEN", "CLAWDFORGE_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLAWDFORGE_DATA_DIR", environ["CLAWDFORGE_DATA_DIR"])
    with Client() as client:
        assert client.url == SERVER_URL
        assert repr(client) == f"<Client url='{SERVER_URL}' token=<hidden> admin_token=<hidden>>"


async def test_an_async_client_given_everything_reads_nothing() -> None:
    async with AsyncClient(SERVER_URL, "cf_given", admin_token="given-admin", environ={}) as client:
        assert client.url == SERVER_URL


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("http://127.0.0.1:8800", "http://127.0.0.1:8800"),
        ("http://127.0.0.1:8800///", "http://127.0.0.1:8800"),
        ("HTTP://LocalHost:80/", "http://localhost"),
        ("https://forge.example:443/", "https://forge.example"),
        ("https://forge.example:80/a/b-c/", "https://forge.example:80/a/b-c"),
        ("http://[::1]:8800/", "http://[::1]:8800"),
        ("http://my_container:8800", "http://my_container:8800"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
    ],
)
def test_urls_have_one_form(text: str, normal: str) -> None:
    assert base_url(text) == normal
    assert base_url(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:8800",
        "//127.0.0.1",
        "http://",
        "http:///x",
        "ftp://host",
        "file:///etc/passwd",
        "unix:///run/x",
        "http://user:hush-hush@host",
        "http://hush-hush@host",
        "http://host?token=hush-hush",
        "http://host/?",
        "http://host/#hush-hush",
        "http://host#",
        "http://host\r\nX: hush-hush",
        "http://ho st",
        "http://host\\@hush-hush",
        "http://host/a b",
        "http://host/../b",
        "http://host/./b",
        "http://host/%2e%2e/b",
        "http://host//b",
        "http://host:0",
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://1.2.3.999",
        "http://-host",
        "http://ho%20st",
        "http://" + "a" * 64,
        "http://" + "a." * 200,
    ],
)
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        base_url(text)
    assert caught.value.code == "url_invalid"
    assert "hush-hush" not in str(caught.value)


@given(
    st.text()
    | st.text(alphabet="htp:/[]@?#%.ab1\\ \n-").map("http://".__add__)
    | st.sampled_from(["http://h", "https://[::1]", ""]).flatmap(
        lambda start: st.text().map(start.__add__)
    )
)
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        normal = base_url(text)
    except SettingsError:
        return
    assert base_url(normal) == normal
    assert isinstance(is_loopback(normal), bool)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://forge.localhost", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://[::2]", False),
    ],
)
def test_what_is_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(base_url(url)) is loopback


def test_a_place_shows_no_token() -> None:
    place: Any = Place(url=SERVER_URL, token=Secret("cf_hush-hush"))
    assert repr(place) == f"Place(url='{SERVER_URL}', token=<hidden>, admin_token=None)"


@pytest.mark.parametrize("token", ["", " ", "a b\n", "ä", "a\r\nX: y", "x" * 5000, 7])
def test_tokens_that_cannot_be_are_refused_unseen(token: Any) -> None:
    with pytest.raises(ForgeError) as caught:
        Client(SERVER_URL, token, environ={})
    assert not str(token).strip() or str(token) not in str(caught.value)
