"""clawdforge: run coding agents for your apps, and see every agent session.

`Client` and `AsyncClient` talk to a running server. They are resolved on first
use, so that `import clawdforge` costs nothing.
"""

from typing import TYPE_CHECKING, Any

from clawdforge.version import VERSION

if TYPE_CHECKING:
    from clawdforge.client import AsyncClient, Client

__version__ = VERSION
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    if name in {"AsyncClient", "Client"}:
        from clawdforge import client

        return getattr(client, name)
    msg = f"module 'clawdforge' has no attribute {name!r}"
    raise AttributeError(msg)
