"""Where settings come from: flags > environment > TOML file > defaults."""

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from clawdforge.config.folders import default_config_file, default_data_dir
from clawdforge.config.settings import PERMISSION_MODES, Settings
from clawdforge.config.tables import AgentSettings
from clawdforge.errors import ConfigError

CONFIG_VARIABLE = "CLAWDFORGE_CONFIG"
_ADDRESS = re.compile(r"(?:https|ssh|file)://.|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:")


def environment() -> dict[str, str]:
    """A copy of this process's environment: the only place that reads it."""
    return dict(os.environ)  # noqa: TID251 - this is the place


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: `kind` is flag, environment, file or default."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}".strip()


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force, and where each came from."""

    settings: Settings
    origins: Mapping[str, Origin]

    def rows(self) -> Iterator[tuple[str, str, Origin, str]]:
        """Name, value (secrets hidden), origin and meaning of each setting, in order."""
        for name, _, meta in _fields():
            value = getattr(self.settings, name)
            shown = ("(set)" if value else "") if meta["secret"] else _shown(value)
            yield name, shown, self.origins[name], meta["description"]


def load_settings(
    *,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Effective:
    """Read and check the settings.

    Args:
        flags: Settings given on the command line; None values do not count.
        environ: The environment; this process's by default.
        config_file: The TOML file; else `CLAWDFORGE_CONFIG`, else the user's, if there.

    Raises:
        ConfigError: a value is wrong, or there is no such setting; the message says which, where
            it came from and why.
    """
    environ = environment() if environ is None else environ
    _refuse_unknown("flags", flags or {})
    path, table = _read_file(config_file, environ)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for name, kind, meta in _fields():
        raw, origin = _pick(name, meta["env"], flags or {}, environ, table, path)
        if origin.kind != "default":
            values[name] = _convert(name, raw, kind, origin)
        origins[name] = origin
    return Effective(_resolve(Settings(**values)), origins)


def _read_file(given: Path | None, environ: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    named = environ.get(CONFIG_VARIABLE)
    path = given or (Path(named) if named else default_config_file())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and given is None and not named:
            return path, {}
        msg = f"cannot read the configuration {path}: {error.strerror}"
        raise ConfigError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"the configuration {path} is not valid TOML: {error}"
        raise ConfigError(msg) from error
    _refuse_unknown(str(path), table)
    return path, table


def _refuse_unknown(where: str, names: Iterable[str]) -> None:
    known = Settings.__struct_fields__
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see `clawdforge config`"
            msg = f"{where}: there is no setting {name!r}"
            raise ConfigError(msg, hint=hint)


def _pick(
    name: str,
    variables: tuple[str, ...],
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    path: Path,
) -> tuple[Any, Origin]:
    if flags.get(name) is not None:
        return flags[name], Origin("flag", "--" + name.replace("_", "-"))
    for variable in variables:
        if environ.get(variable):
            return environ[variable], Origin("environment", variable)
    if name in table:
        return table[name], Origin("file", str(path))
    return None, Origin("default")


def _convert(name: str, raw: Any, kind: Any, origin: Origin) -> Any:
    if origin.kind == "environment" and get_origin(_bare(kind)) is tuple:
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        return msgspec.convert(raw, kind, strict=origin.kind == "file")
    except msgspec.ValidationError as error:
        msg = f"{name} ({origin}): {error}"
        raise ConfigError(msg) from None


def _resolve(settings: Settings) -> Settings:
    """Fill in what depends on the system or on other settings, and check across fields."""
    data_dir = _folder("data_dir", settings.data_dir or default_data_dir())
    runs_dir = _folder("runs_dir", settings.runs_dir or data_dir / "runs")
    agents = _agents(settings)
    if settings.default_agent and settings.default_agent not in agents:
        msg = f"default_agent: there is no agent {settings.default_agent!r}"
        raise ConfigError(msg, hint=f"configured: {', '.join(agents)}")
    for name, server in settings.mcp_servers.items():
        server.check(name)
    for name, secret in settings.secrets.items():
        secret.check(name)
    return msgspec.structs.replace(
        settings,
        data_dir=str(data_dir),
        runs_dir=str(runs_dir),
        agents=agents,
        default_timeout_secs=min(settings.default_timeout_secs, settings.max_timeout_secs),
        permissions=min(settings.permissions, settings.max_permissions, key=PERMISSION_MODES.index),
        workspace_roots=tuple(map(_root, settings.workspace_roots)),
    )


def _folder(name: str, value: str | Path) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:  # `~somebody`, and there is nobody of that name
        msg = f"{name}: {error}"
        raise ConfigError(msg) from None


def _root(value: str) -> str:
    """Shape only: `gateway.session_folders` reads them, when there is a disk to look at."""
    if value.startswith(("/", "~")):
        return str(_folder("workspace_roots", value))
    if _ADDRESS.match(value):
        return value
    msg = f"workspace_roots: {value!r} is neither an absolute path nor a git address"
    raise ConfigError(msg, hint="/srv/repositories, https://HOST/ORG, ssh://…, git@HOST:ORG")


def _agents(settings: Settings) -> dict[str, AgentSettings]:
    built_in = {
        "claude": AgentSettings(driver="claude", command=(settings.claude_bin,)),
        "demo": AgentSettings(driver="demo"),
    }
    return built_in | settings.agents


def _fields() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    hints = typing.get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        about = get_args(hints[field.name])[-1]
        yield field.name, hints[field.name], {"description": about.description, **about.extra}


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is typing.Annotated else kind


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
