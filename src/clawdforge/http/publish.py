"""Prints the OpenAPI document, or checks that the published one is fresh.

`python -m clawdforge.http.publish > docs/openapi.json`
"""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from clawdforge import __version__
from clawdforge.http.app import ROUTERS
from clawdforge.http.openapi import document


def published() -> str:
    """The document as text, ending with a newline."""
    app = FastAPI(title="clawdforge", version=__version__)
    for router in ROUTERS:
        app.include_router(router)
    made: dict[str, Any] = document(app, ROUTERS)
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """The command."""
    match sys.argv[1:]:
        case []:
            sys.stdout.write(published())
            return 0
        case ["--check", path]:
            if Path(path).read_text(encoding="utf-8") == published():
                return 0
            sys.stderr.write(f"{path} is stale: run `make generate`\n")
            return 1
        case _:
            sys.stderr.write("usage: python -m clawdforge.http.publish [--check FILE]\n")
            return 2


if __name__ == "__main__":
    raise SystemExit(main())
