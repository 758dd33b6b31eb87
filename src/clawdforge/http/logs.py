"""Structured logs on standard error: JSON lines, or text for people. Never prompts or secrets."""

import logging
import sys
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class _TextFormatter(logging.Formatter):
    """`12:00:01 INFO  request  route=/run status=200 …`."""

    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(
            f"{key}={value}"
            for key, value in vars(record).items()
            if key not in _OWN and value is not None
        )
        return f"{super().format(record)}  {extras}".rstrip()


def configure_logging(level: str, style: Literal["auto", "json", "text"]) -> None:
    """Send the log of the whole process to standard error. Once, at the start of a server."""
    handler = logging.StreamHandler(sys.stderr)
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    handler.setFormatter(_text() if as_text else _json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "alembic"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)


def _text() -> logging.Formatter:
    return _TextFormatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


def _json() -> logging.Formatter:
    fields: dict[str, Any] = {
        "rename_fields": {"levelname": "level", "name": "logger", "message": "event"},
        "timestamp": "at",
        "exc_info_as_array": True,
    }
    return JsonFormatter("%(levelname)s %(name)s %(message)s", **fields)
