"""The command line without a server: help, usage, configuration, errors and exit codes."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clawdforge import __version__, client, errors
from clawdforge.cli import faults, reference, screen

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `clawdforge` with a home and a data folder of its own."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> Completed:
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "CLAWDFORGE_DATA_DIR": str(tmp_path / "data"),
                "CLAWDFORGE_MONITOR": "off",
                **environ,
            },
        )

    return run


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.returncode, done.stdout) == (0, f"clawdforge {__version__}\n")


def test_help_names_every_command_and_the_exit_codes(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    words = ("demo", "serve", "doctor", "run", "chat", "sessions", "permissions", "approve", "deny")
    for word in (*words, "agents", "runs", "token", "config"):
        assert f" {word} " in done.stdout
    said = " ".join(done.stdout.split())
    for code, meaning in faults.EXIT_CODES.items():
        assert f"{code} {meaning}" in said


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, clawdforge.cli.main; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    heavy = {"fastapi", "uvicorn", "sqlalchemy", "alembic", "httpx", "psutil", "prometheus_client"}
    assert not heavy & set(done.stdout.split())


def test_unknown_option_is_a_usage_error(cli: Cli) -> None:
    done = cli("run", "--nope", "hello")
    assert done.returncode == faults.USAGE
    assert "--nope" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "hi"),
        ("chat",),
        ("chat", "--session", "3f0c"),
        ("sessions",),
        ("sessions", "events", "3f0c", "--follow"),
        ("sessions", "close", "3f0c"),
        ("permissions", "list"),
        ("approve", "pm_1"),
        ("deny", "pm_1"),
        ("agents",),
        ("runs", "list"),
        ("token", "list"),
        ("token", "create", "app"),
    ],
    ids=" ".join,
)
def test_without_a_server_it_says_how_to_start_one(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.returncode == faults.UNREACHABLE
    assert done.stdout == ""
    assert "error: no server runs here" in done.stderr
    assert "hint: start one with `clawdforge serve`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_does_not_answer(cli: Cli) -> None:
    done = cli("run", "hi", "--url", "http://127.0.0.1:9", CLAWDFORGE_TOKEN="cf_x")
    assert done.returncode == faults.UNREACHABLE
    assert "error: cannot reach http://127.0.0.1:9" in done.stderr
    assert "hint:" in done.stderr


def test_a_wrong_url(cli: Cli) -> None:
    done = cli("run", "hi", "--url", "ftp://here", CLAWDFORGE_TOKEN="cf_x")
    assert done.returncode == faults.USAGE
    assert "error:" in done.stderr


def test_debug_shows_the_traceback_too(cli: Cli) -> None:
    done = cli("--debug", "agents")
    assert "Traceback" in done.stderr
    assert "error: no server runs here" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("run",), "", "the prompt on standard input is empty"),
        (("run", "-"), "  \n", "the prompt on standard input is empty"),
        (("run", "-", "-f", "-"), "text", "cannot be the prompt too"),
        (("run", "-f", "-"), "text", "cannot be the prompt too"),
        (("token", "revoke", "app"), "", "nobody is there to be asked"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    cli: Cli, arguments: tuple[str, ...], stdin: str, message: str
) -> None:
    done = cli(*arguments, stdin=stdin)
    assert done.returncode == faults.USAGE
    assert message in done.stderr
    assert "hint:" in done.stderr


def test_config_says_where_each_setting_comes_from(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('default_model = "opus"\n')
    done = cli("config", "--config", str(file), CLAWDFORGE_PORT="9000")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["port", "9000", "environment", "CLAWDFORGE_PORT"] in rows
    assert ["default_model", "opus", "file", str(file)] in rows
    assert ["log_level", "info", "default"] in rows


def test_config_as_json_hides_the_admin_token(cli: Cli) -> None:
    done = cli("config", "--json", ADMIN_BOOTSTRAP_TOKEN="very-secret-token")
    assert "very-secret-token" not in done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["settings"]}
    assert rows["admin_token"]["value"] == "(set)"
    assert rows["port"]["value"] == 8800
    assert rows["port"]["origin"] == {"kind": "default", "detail": ""}


def test_config_example_holds_the_defaults(cli: Cli, tmp_path: Path) -> None:
    example = cli("config", "--example").stdout
    lines = [line.removeprefix("# ") for line in example.splitlines() if " = " in line]
    text = "\n".join(lines).partition("driver")[0]
    table = tomllib.loads(text)
    assert table["port"] == 8800
    assert table["store_prompts"] is False
    file = tmp_path / "c.toml"
    file.write_text(text)
    before = json.loads(cli("config", "--json").stdout)["settings"]
    after = json.loads(cli("config", "--json", "--config", str(file)).stdout)["settings"]
    assert [row["value"] for row in before] == [row["value"] for row in after]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("prot = 1", "there is no setting 'prot'", "did you mean 'port'?"),
        ("port = 'x'", "port (file", ""),
        ("port = ", "not valid TOML", ""),
        ('default_agent = "nobody"', "there is no agent 'nobody'", "configured: claude, demo"),
    ],
)
@pytest.mark.parametrize("command", ["config", "serve"])
def test_a_wrong_configuration(
    cli: Cli, tmp_path: Path, command: str, text: str, message: str, hint: str
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    done = cli(command, "--config", str(file))
    assert done.returncode == faults.USAGE
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def _api(kind: type[client.ApiError], status: int) -> client.ApiError:
    return kind("no", status=status)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (_api(client.RunFailure, 502), 1),
        (_api(client.TurnFailure, 502), 1),
        (_api(client.GoneError, 410), 4),
        (client.ClosedSession("closed"), 1),
        (_api(client.AuthError, 401), 4),
        (_api(client.NotFoundError, 404), 4),
        (_api(client.BusyError, 503), 5),
        (_api(client.BusyError, 429), 4),
        (_api(client.ApiError, 500), 5),
        (client.TransportError("gone"), 3),
        (client.SettingsError("none", code="token_missing"), 3),
        (client.SettingsError("wrong"), 2),
        (client.RequestError("wrong"), 2),
        (client.ProtocolError("odd"), 1),
        (errors.ConfigError("wrong"), 2),
        (errors.LedgerCorruptError("broken"), 1),
    ],
)
def test_exit_codes(error: errors.ClawdforgeError, code: int) -> None:
    assert faults.exit_code(error) == code


def test_errors_cannot_use_markup_or_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    faults.report(errors.ConfigError("[bold]x[/] \x1b[31m", hint="[red]y"))
    said = capsys.readouterr().err
    assert said == "error: [bold]x[/] \N{REPLACEMENT CHARACTER}[31m\nhint: [red]y\n"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (screen.duration(None), "-"),
        (screen.duration(12), "12 ms"),
        (screen.duration(2345), "2.3 s"),
        (screen.duration(125_000), "2 min 5 s"),
        (screen.size(None), "-"),
        (screen.size(12), "12 B"),
        (screen.size(2048), "2.0 KiB"),
        (screen.size(5 * 2**40), "5.0 TiB"),
        (screen.ago(None), "never"),
        (screen.ago(0)[-6:], " d ago"),
        (screen.harmless("a\x1b[2J\n"), "a\N{REPLACEMENT CHARACTER}[2J\n"),
    ],
)
def test_what_people_read(shown: str, expected: str) -> None:
    assert shown == expected


def test_the_reference_does_not_depend_on_the_terminal() -> None:
    def page(columns: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "clawdforge.cli.reference"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env={"COLUMNS": columns, "FORCE_COLOR": "1"},
        ).stdout

    assert page("40") == page("200") == reference.reference()


def test_the_reference_in_the_docs_is_up_to_date() -> None:
    assert reference.main(["--check", str(REPOSITORY / "docs" / "cli.md")]) == 0


def test_an_old_reference_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "cli.md"
    old.write_text("old")
    assert reference.main(["--check", str(old)]) == 1
    assert reference.main(["--what"]) == 2
    assert "is not up to date" in capsys.readouterr().err


def test_every_option_and_argument_is_explained() -> None:
    import typer.main

    from clawdforge.cli.main import app

    root: Any = typer.main.get_command(app)
    leaves = [
        leaf
        for one in root.commands.values()
        for leaf in getattr(one, "commands", {"": one}).values()
    ]
    for command in leaves:
        assert command.help
        for param in command.params:
            assert param.help, f"{command.name}: {param.name}"
            assert param.metavar is not None, f"{command.name}: {param.name}"
