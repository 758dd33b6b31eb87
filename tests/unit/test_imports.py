"""What importing costs, and what the pure rooms may know. In fresh interpreters."""

import ast
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import clawdforge.core

HEAVY = {"alembic", "fastapi", "httpx", "pydantic", "sqlalchemy", "starlette", "textual", "uvicorn"}
ALLOWED_IN_CORE = {
    "collections", "dataclasses", "decimal", "enum", "functools", "hashlib", "hmac", "ipaddress",
    "json", "math", "re", "shlex", "typing", "unicodedata", "urllib",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a statement loads into a fresh interpreter."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": ""},
    )
    return set(json.loads(done.stdout))


def test_importing_clawdforge_is_cheap() -> None:
    assert not HEAVY & loaded_by("import clawdforge")


def test_the_core_is_light() -> None:
    names = [info.name for info in pkgutil.iter_modules(clawdforge.core.__path__)]
    statement = "import " + ", ".join(f"clawdforge.core.{name}" for name in names)
    more = {"asyncio", "msgspec", "sqlite3", "ssl", "clawdforge.config", "clawdforge.agents"}
    assert not (HEAVY | more) & loaded_by(statement)


@pytest.mark.parametrize(
    "path", sorted(Path(clawdforge.core.__path__[0]).glob("*.py")), ids=lambda path: path.stem
)
def test_the_core_imports_only_these(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            ours = f"{name}.".startswith(("clawdforge.core.", "clawdforge.errors."))
            assert ours or top in ALLOWED_IN_CORE, name


def test_the_client_needs_no_server() -> None:
    found = loaded_by("import clawdforge.client")
    assert not {"fastapi", "pydantic", "sqlalchemy", "uvicorn", "clawdforge.server"} & found
