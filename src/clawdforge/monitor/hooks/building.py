"""Makes the hook client: native where there is a compiler, else as a script."""

import os
import shutil
import subprocess  # noqa: TID251 - from a command, once: nothing of the monitor runs then
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from clawdforge.errors import ConfigError

SOURCES = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang", "musl-gcc")
COMPILE_SECS = 60
TRY_SECS = 10


VERSION = "clawdforge-hook 2"
"""What `--version` of the client says."""


class Form(StrEnum):
    """What the client is written in."""

    NATIVE = "native"
    SHELL = "shell"
    PYTHON = "python"


WAITING = (Form.NATIVE, Form.PYTHON)
"""The forms that can wait for an answer; they are also those that have `--bar`."""


def build(
    target: Path,
    environ: Mapping[str, str],
    form: Form | None = None,
    *,
    approvals: bool = False,
) -> Form:
    """Make the client at `target`, ready to be run.

    Args:
        target: The file; its folder is made. One that runs now is replaced, not written over.
        environ: The environment, for finding a compiler.
        form: Which form; None: the fastest that works here.
        approvals: It must be able to wait for answers.

    Raises:
        ConfigError: none could be made, or not that form.
    """
    if approvals and form is Form.SHELL:
        msg = "the shell form of the hook client cannot wait for approvals"
        raise ConfigError(msg, hint="use --form native or --form python")
    forms = [form] if form is not None else [one for one in Form if one in WAITING or not approvals]
    target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    made = target.with_name(f".{target.name}.{os.getpid()}")
    problems = []
    for wanted in forms:
        problem = _make(wanted, made, environ)
        if problem is None:
            made.replace(target)
            return wanted
        problems.append(f"{wanted.value}: {problem}")
        made.unlink(missing_ok=True)
    msg = f"the hook client cannot be made: {'; '.join(problems)}"
    raise ConfigError(msg, hint="install a C compiler, or name another form with --form")


def form_of(program: Path) -> Form | None:
    """Which form an installed client has; None: there is none."""
    try:
        with program.open("rb") as file:
            head = file.readline(200)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return Form.NATIVE
    return Form.SHELL if head.startswith(b"#!/bin/sh") else Form.PYTHON


def is_current(program: Path) -> bool:
    """Whether an installed client is of this version, and runs."""
    try:
        done = subprocess.run(
            [program, "--version"], check=False, capture_output=True, timeout=TRY_SECS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.decode("utf-8", "replace").strip() == VERSION


def _make(form: Form, made: Path, environ: Mapping[str, str]) -> str | None:
    match form:
        case Form.NATIVE:
            problem = _compile(made, environ)
        case Form.SHELL:
            problem = _copy_shell(made, environ)
        case Form.PYTHON:
            text = (SOURCES / "client.py").read_text()
            problem = _write(made, f"#!{sys.executable} -IS\n{text}")
    return problem or _tried(made)


def _compile(made: Path, environ: Mapping[str, str]) -> str | None:
    path = environ.get("PATH")
    compiler = next((found for name in COMPILERS if (found := shutil.which(name, path=path))), None)
    if compiler is None:
        return "there is no C compiler"
    command = [compiler, "-O2", "-o", str(made), str(SOURCES / "client.c")]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=COMPILE_SECS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{compiler}: {error}"
    return None if done.returncode == 0 else f"{compiler}: {done.stderr.strip()[-300:]}"


def _copy_shell(made: Path, environ: Mapping[str, str]) -> str | None:
    path = environ.get("PATH")
    if not any(shutil.which(name, path=path) for name in ("socat", "nc")):
        return "there is neither socat nor nc"
    return _write(made, (SOURCES / "client.sh").read_text())


def _write(made: Path, text: str) -> str | None:
    made.write_text(text)
    made.chmod(0o755)
    return None


def _tried(made: Path) -> str | None:
    """Why it does not run here (a folder that nothing may be run from, say)."""
    try:
        done = subprocess.run(
            [made, "--version"], check=False, capture_output=True, timeout=TRY_SECS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else "it does not run"
