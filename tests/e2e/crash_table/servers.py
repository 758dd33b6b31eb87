"""The test's half of `launcher.py`: one server at a time, seen from outside."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE_SECS = 30.0


@dataclass
class Servers:
    """Starts and ends servers.

    Args:
        home: Their HOME.
        log: Where they say what went wrong.
    """

    home: Path
    log: Path
    pid: int = 0
    """Of the newest one."""
    _runs: bool = False
    _launcher: "subprocess.Popen[str] | None" = None

    def start(self, environ: Mapping[str, str], *arguments: str) -> None:
        """Start one; there is none."""
        assert not self.runs
        if self._launcher is None:
            with self.log.open("ab") as log:
                self._launcher = subprocess.Popen(
                    [sys.executable, "-m", "crash_table.launcher"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    bufsize=1,
                    env={"HOME": str(self.home), "PYTHONPATH": str(HERE.parent)},
                    cwd=self.home,
                )
        order = {"environ": environ, "arguments": arguments, "log": str(self.log)}
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(json.dumps(order) + "\n")
        self.pid, self._runs = int(self._line()), True

    @property
    def runs(self) -> bool:
        """Whether it lives."""
        if self._runs and self._has_ended(0):
            self._line()
            self._runs = False
        return self._runs

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait for its end."""
        if self._runs:
            assert self._has_ended(PATIENCE_SECS), "the server does not end"
            _ = self.runs

    def close(self) -> None:
        """End the launcher, too."""
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            if self.runs:
                self._signal(signal.SIGKILL)
            launcher.communicate(timeout=PATIENCE_SECS)

    def _signal(self, number: int) -> None:
        if self.runs:
            os.kill(self.pid, number)

    def _has_ended(self, secs: float) -> bool:
        assert self._launcher is not None
        assert self._launcher.stdout is not None
        return bool(select.select([self._launcher.stdout], [], [], secs)[0])

    def _line(self) -> str:
        assert self._launcher is not None
        assert self._launcher.stdout is not None
        line = self._launcher.stdout.readline()
        assert line, self.log.read_text()[-4000:]
        return line
