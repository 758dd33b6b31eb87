"""The Python SDK: `Client` blocks, `AsyncClient` is awaited; both do the same.

    from clawdforge.client import Client

    with Client() as client:
        print(client.run("Say hello.").as_text())

Everything raised derives from `ForgeError`; its tree is drawn in `clawdforge.client.errors`.
"""

from clawdforge.client.asynchronous import AsyncClient
from clawdforge.client.blocking import Client
from clawdforge.client.errors import (
    ApiError,
    AuthError,
    BusyError,
    ClosedError,
    ConflictError,
    ForgeError,
    NotFoundError,
    ProtocolError,
    RequestError,
    RunFailure,
    SettingsError,
    TransportError,
)
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.client.secret import Secret
from clawdforge.wire.forge import AgentInfo, Health, RunInfo, RunPage, TokenInfo

__all__ = [
    "AgentInfo",
    "ApiError",
    "AppToken",
    "AsyncClient",
    "AuthError",
    "BusyError",
    "Client",
    "ClosedError",
    "ConflictError",
    "FileToken",
    "ForgeError",
    "Health",
    "NotFoundError",
    "ProtocolError",
    "RequestError",
    "RunFailure",
    "RunInfo",
    "RunPage",
    "RunResult",
    "Secret",
    "SettingsError",
    "TokenInfo",
    "TransportError",
]
