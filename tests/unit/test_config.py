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
        if name == "agents":
            continue
        variable = {"admin_token": "ADMIN_BOOTSTRAP_TOKEN", "acpx_bin": "ACPX_BIN"}.get(
            name, "ALLOW_CIDRS" if name == "allow_cidrs" else f"CLAWDFORGE_{name.upper()}"
        )
        text = {"allow_cidrs": "10.0.0.0/8", "default_agent": "demo", "log_level": "debug"}.get(
            name, {"log_format": "json", "store_prompts": "1"}.get(name, "7")
        )
        assert getattr(loaded(environ={variable: text}), name) != default, name


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
