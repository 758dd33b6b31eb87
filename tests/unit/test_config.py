"""Settings: where they come from, what is refused, what is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clawdforge.config import Settings, load_settings
from clawdforge.config.folders import (
    default_config_file,
    make_private_folder,
    read_private_file,
    write_private_file,
)
from clawdforge.errors import ConfigError, StorageError

SECRET = "a-very-secret-token"
Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def loaded(
    file: Path | None = None, environ: dict[str, str] | None = None, **flags: Any
) -> Settings:
    return load_settings(flags=flags, environ=environ or {}, config_file=file).settings


def refused(
    file: Path | None = None, environ: dict[str, str] | None = None, **flags: Any
) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        load_settings(flags=flags, environ=environ or {}, config_file=file)
    return raised.value


def test_flags_then_environment_then_file_then_defaults(written: Written) -> None:
    file = written("port = 1\nhost = '::1'\ndefault_model = 'opus'\n")
    effective = load_settings(
        flags={"port": 3, "host": None},
        environ={"CLAWDFORGE_PORT": "2", "CLAWDFORGE_HOST": "0.0.0.0", "UNRELATED": "x"},
        config_file=file,
    )
    settings, origins = effective.settings, effective.origins
    assert (settings.port, str(origins["port"])) == (3, "flag --port")
    assert (settings.host, str(origins["host"])) == ("0.0.0.0", "environment CLAWDFORGE_HOST")
    assert (settings.default_model, str(origins["default_model"])) == ("opus", f"file {file}")
    assert (settings.max_active_agents, str(origins["max_active_agents"])) == (8, "default")


def test_an_empty_variable_does_not_count() -> None:
    assert loaded(environ={"CLAWDFORGE_PORT": ""}).port == 8800


def test_the_first_of_two_variables_wins() -> None:
    both = {"ADMIN_BOOTSTRAP_TOKEN": "one", "CLAWDFORGE_ADMIN_TOKEN": "two"}
    assert loaded(environ=both).admin_token == "one"
    assert loaded(environ={"CLAWDFORGE_ADMIN_TOKEN": "two"}).admin_token == "two"


def test_lists_in_the_environment() -> None:
    assert loaded(environ={"ALLOW_CIDRS": "10.0.0.0/8, ,::1/128,"}).allow_cidrs == (
        "10.0.0.0/8", "::1/128",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("0", False), ("false", False)]
)
def test_booleans_in_the_environment(text: str, value: bool) -> None:
    assert loaded(environ={"CLAWDFORGE_STORE_PROMPTS": text}).store_prompts is value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLAWDFORGE_PORT", "http"),
        ("CLAWDFORGE_PORT", "-1"),
        ("CLAWDFORGE_PORT", "65536"),
        ("CLAWDFORGE_MAX_ACTIVE_AGENTS", "0"),
        ("CLAWDFORGE_MAX_WAITING_RUNS", "-1"),
        ("CLAWDFORGE_MAX_TIMEOUT_SECS", "4"),
        ("CLAWDFORGE_STORE_PROMPTS", "perhaps"),
        ("CLAWDFORGE_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    assert variable in refused(environ={variable: value}).message


@pytest.mark.parametrize(
    "text",
    [
        "port = '8800'",
        "port = true",
        "host = 1",
        "allow_cidrs = 'x'",
        "store_prompts = 1",
        "agents = 1",
    ],
)
def test_the_file_has_types(written: Written, text: str) -> None:
    error = refused(written(text))
    assert text.split()[0] in error.message
    assert "config.toml" in error.message


def test_a_secret_in_a_bad_place_is_not_shown(written: Written) -> None:
    assert SECRET not in str(refused(written(f"admin_token = ['{SECRET}']")))


def test_an_unknown_key_and_what_was_meant(written: Written) -> None:
    error = refused(written("max_active_agent = 3"))
    assert "'max_active_agent'" in error.message
    assert error.hint == "did you mean 'max_active_agents'?"
    assert "clawdforge config" in (refused(written("xyz = 3")).hint or "")


@pytest.mark.parametrize("text", ["port = ", "= 1", "port = 1\nport = 2", "[agents"])
def test_bad_toml_says_where(written: Written, text: str) -> None:
    error = refused(written(text))
    assert "is not valid TOML" in error.message
    assert "config.toml" in error.message


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    assert "is not valid TOML" in refused(tmp_path / "c.toml").message
    assert "cannot read" in refused(tmp_path).message  # a folder


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert str(missing) in refused(missing).message
    assert str(missing) in refused(environ={"CLAWDFORGE_CONFIG": str(missing)}).message


def test_the_users_file_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in default_config_file().parents
    assert loaded().port == 8800
    default_config_file().parent.mkdir(parents=True, exist_ok=True)
    default_config_file().write_text("port = 5")
    assert loaded().port == 5


def test_the_file_named_in_the_environment(written: Written) -> None:
    file = written("port = 7")
    assert loaded(environ={"CLAWDFORGE_CONFIG": str(file)}).port == 7


def test_folders_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = loaded(data_dir="here")
    assert settings.data_dir == str(tmp_path / "here")
    assert settings.runs_dir == str(tmp_path / "here" / "runs")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert loaded(data_dir="~/x").data_dir == str(tmp_path / "x")
    assert "data_dir" in refused(data_dir="~nobody-of-that-name/x").message


def test_the_default_timeout_is_within_the_longest() -> None:
    assert loaded(max_timeout_secs=30).default_timeout_secs == 30


def test_agents(written: Written) -> None:
    file = written(
        "default_agent = 'mine'\n"
        "[agents.mine]\ndriver = 'claude'\ncommand = ['/opt/claude']\nenv = ['X_*']\n"
    )
    settings = loaded(file, environ={"CLAWDFORGE_CLAUDE_BIN": "/usr/bin/claude"})
    assert set(settings.agents) == {"claude", "demo", "mine"}
    assert settings.agents["claude"].command == ("/usr/bin/claude",)
    assert settings.agents["mine"].command == ("/opt/claude",)


@pytest.mark.parametrize(
    "text",
    [
        "[agents.x]",
        "[agents.x]\ndriver = 1",
        "[agents.x]\ndriver = 'demo'\ncomand = ['a']",
        "[agents.x]\ndriver = 'demo'\nmax_open_files = 1",
    ],
)
def test_bad_agents(written: Written, text: str) -> None:
    assert "agents" in refused(written(text)).message


def test_an_unknown_default_agent() -> None:
    error = refused(default_agent="nobody")
    assert "'nobody'" in error.message
    assert "claude" in (error.hint or "")


def test_rows_hide_secrets_and_explain_everything() -> None:
    effective = load_settings(
        environ={"ADMIN_BOOTSTRAP_TOKEN": SECRET}, flags={"store_prompts": True}
    )
    rows = {name: (value, origin, about) for name, value, origin, about in effective.rows()}
    assert set(rows) == {field.name for field in msgspec.structs.fields(Settings)}
    assert rows["admin_token"][0] == "(set)"
    assert rows["store_prompts"][0] == "true"
    assert rows["agents"][0] == "claude, demo"
    assert SECRET not in repr(rows) + repr(effective)
    for name, (_, _, about) in rows.items():
        assert about.endswith("."), f"{name} is not explained"


def test_every_setting_has_a_variable() -> None:
    for name, default in msgspec.structs.asdict(loaded()).items():
        if name in {"agents", "mcp_servers", "secrets"}:
            continue
        variable = {"admin_token": "ADMIN_BOOTSTRAP_TOKEN", "acpx_bin": "ACPX_BIN"}.get(
            name, "ALLOW_CIDRS" if name == "allow_cidrs" else f"CLAWDFORGE_{name.upper()}"
        )
        text = {
            "allow_cidrs": "10.0.0.0/8",
            "default_agent": "demo",
            "log_level": "debug",
            "log_format": "json",
            "store_prompts": "1",
            "permissions": "deny",
            "max_permissions": "ask",
            "monitor": "off",
            "workspace_roots": "/srv",
        }.get(name, "7")
        assert getattr(loaded(environ={variable: text}), name) != default, name


def test_an_unknown_flag_and_what_was_meant() -> None:
    error = refused(max_active_agent=3)
    assert "'max_active_agent'" in error.message
    assert error.hint == "did you mean 'max_active_agents'?"
    assert "'nonsense'" in refused(nonsense=None).message  # also one that is not given


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e99"])
def test_seconds_are_a_sensible_number(text: str) -> None:
    assert "cancel_grace_secs" in refused(environ={"CLAWDFORGE_CANCEL_GRACE_SECS": text}).message


def test_seconds_may_be_fractions(written: Written) -> None:
    assert loaded(environ={"CLAWDFORGE_CANCEL_GRACE_SECS": "0.25"}).cancel_grace_secs == 0.25
    assert loaded(written("hibernate_after_secs = 0")).hibernate_after_secs == 0
    assert "agent_start_secs" in refused(agent_start_secs=0).message


def test_the_default_permissions_are_within_the_widest() -> None:
    assert loaded().permissions == "allow-reads"
    assert loaded(max_permissions="deny").permissions == "deny"
    assert loaded(permissions="allow-all", max_permissions="ask").permissions == "ask"
    assert "permissions" in refused(permissions="everything").message


def test_workspace_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    roots = "~/code, /srv/git,https://example.org/team, git@example.org:team,ssh://h/x,file:///srv"
    assert loaded(environ={"CLAWDFORGE_WORKSPACE_ROOTS": roots}).workspace_roots == (
        f"{tmp_path}/code", "/srv/git", "https://example.org/team", "git@example.org:team",
        "ssh://h/x", "file:///srv",
    )  # fmt: skip


@pytest.mark.parametrize("root", ["code", "./code", "http://h/x", "ext::sh -c id", "https://", ""])
def test_bad_workspace_roots(root: str) -> None:
    assert "workspace_roots" in refused(workspace_roots=(root,)).message


def test_what_an_agent_of_acp_needs(written: Written) -> None:
    agent = loaded(
        written(
            "[agents.x]\ndriver = 'acpx'\nagent = 'codex'\nflavour = 'codex'\nauth_method = 'key'"
        )
    ).agents["x"]
    assert (agent.agent, agent.flavour, agent.auth_method) == ("codex", "codex", "key")


MCP = """
[mcp_servers.files]
command = "mcp-files"
args = ["--root", "/srv"]
env = ["FILES_KEY"]
apps = ["reviewer"]

[mcp_servers.tracker]
url = "https://tracker.example.org/mcp"
headers = { Authorization = "Bearer ${TRACKER_TOKEN}", X-Team = "core" }
"""


def test_mcp_servers_get_their_values_from_the_environment(written: Written) -> None:
    servers = loaded(written(MCP)).mcp_servers
    environ = {"FILES_KEY": SECRET, "TRACKER_TOKEN": "abc", "OTHER": "x"}
    assert servers["files"].variables("files", environ) == {"FILES_KEY": SECRET}
    assert servers["tracker"].filled_headers("tracker", environ) == {
        "Authorization": "Bearer abc", "X-Team": "core",
    }  # fmt: skip
    assert servers["files"].apps == ("reviewer",)
    assert "TRACKER" not in repr(servers["tracker"])


def test_a_variable_that_is_not_set_is_named_when_it_is_needed(written: Written) -> None:
    servers = loaded(written(MCP)).mcp_servers
    with pytest.raises(ConfigError, match=r"mcp_servers.files.env: the variable FILES_KEY is not"):
        servers["files"].variables("files", {})
    with pytest.raises(ConfigError, match=r"headers.Authorization: the variable TRACKER_TOKEN"):
        servers["tracker"].filled_headers("tracker", {"TRACKER_TOKEN": ""})
    with pytest.raises(ConfigError, match="cannot stand in a header") as raised:
        servers["tracker"].filled_headers("tracker", {"TRACKER_TOKEN": f"{SECRET}\r\nX: y"})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", ""),
        ("x", "command = 'a'\nurl = 'https://h'"),
        ("x", "url = 'https://h'\nargs = ['a']"),
        ("x", "url = 'https://h'\nenv = ['A']"),
        ("x", "command = 'a'\nheaders = { A = 'b' }"),
        ("x", "url = 'ftp://h'"),
        ("x", "url = 'https://'"),
        ("x", "url = 'https://h:port'"),
        ("x", f"url = 'https://user:{SECRET}@h'"),
        ("x", f"command = 'a'\nenv = ['A={SECRET}']"),
        ("x", "command = 'a'\nenv = ['CLAWDFORGE_ADMIN_TOKEN']"),
        ("x", "command = 'a'\nenv = ['ADMIN_BOOTSTRAP_TOKEN']"),
        ("x", f"url = 'https://h'\nheaders = {{ Authorization = '{SECRET}' }}"),
        ("x", f"url = 'https://h'\nheaders = {{ X-Api-Key = '{SECRET}' }}"),
        ("x", "url = 'https://h'\nheaders = { A = \"${not a name}\" }"),
        ("x", "url = 'https://h'\nheaders = { A = \"b\\r\\nC: d\" }"),
        ("x", "url = 'https://h'\nheaders = { 'A:' = 'b' }"),
        ("x", "comand = 'a'"),
        ("'-x'", "command = 'a'"),
        ("'a b'", "command = 'a'"),
    ],
)
def test_bad_mcp_servers(written: Written, name: str, text: str) -> None:
    error = refused(written(f"[mcp_servers.{name}]\n{text}"))
    assert "mcp_servers" in error.message
    assert SECRET not in f"{error.message}{error.hint}"


def test_secrets(written: Written) -> None:
    secrets = loaded(
        written(
            "[secrets.github]\nenv = 'GITHUB_FOR_AGENTS'\nagent_env = 'GITHUB_TOKEN'\n"
            "apps = ['a']\n[secrets.npm]\nenv = 'NPM_TOKEN'\n"
        )
    ).secrets
    github, npm = secrets["github"], secrets["npm"]
    assert (github.target, github.apps) == ("GITHUB_TOKEN", ("a",))
    assert (npm.target, npm.apps) == ("NPM_TOKEN", None)
    assert github.value("github", {"GITHUB_FOR_AGENTS": SECRET}) == SECRET
    with pytest.raises(ConfigError, match=r"secrets.npm: the variable NPM_TOKEN is not set"):
        npm.value("npm", {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", ""),
        ("x", f"env = 'my secret {SECRET}'"),
        ("x", "env = 'CLAWDFORGE_ADMIN_TOKEN'"),
        ("x", "env = 'A'\nagent_env = 'B C'"),
        ("x", "env = 'A'\napps = 'b'"),
        ("x", f"env = 'A'\nvalue = '{SECRET}'"),
        ("'a b'", "env = 'A'"),
    ],
)
def test_bad_secrets(written: Written, name: str, text: str) -> None:
    error = refused(written(f"[secrets.{name}]\n{text}"))
    assert "secrets" in error.message
    assert SECRET not in f"{error.message}{error.hint}"


def test_private_files(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert read_private_file(path) is None
    write_private_file(path, "secret\n")
    assert read_private_file(path) == "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        read_private_file(path)
    path.write_bytes(b"\xff")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="cannot read"):
        read_private_file(path)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_private_file(tmp_path)
    with pytest.raises(StorageError, match="cannot write"):
        write_private_file(path / "below-a-file", "x")


def test_private_folders(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert make_private_folder(folder).stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot use the folder"):
        make_private_folder(tmp_path / "file")
