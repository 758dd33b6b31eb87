"""The daemon's log: lines of text, in a file that is begun anew before it grows large."""

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 5 * 1024 * 1024
KEPT_FILES = 3
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """A line: when, how grave, what, and the facts."""
        facts = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        told = " ".join(f"{key}={value}" for key, value in facts.items())
        line = super().format(record).replace("\n", "\\n")
        return f"{line} {told}".rstrip()


def log_to(path: Path | None, level: str = "INFO") -> None:
    """Log into a file, or without one to standard error."""
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = os.umask(0o077)
        try:
            handler = RotatingFileHandler(
                path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
            )
        finally:
            os.umask(before)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
