"""Fixtures for the tests of apps that use clawdforge. Loaded by pytest when it is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clawdforge.testing.serving import RunningServer


@pytest.fixture
def clawdforge_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["RunningServer"]:
    """A server with the demo agent: `.url`, `.token`, `.admin_token`."""
    from clawdforge.testing.serving import running_server

    with running_server(tmp_path_factory.mktemp("clawdforge")) as server:
        yield server
