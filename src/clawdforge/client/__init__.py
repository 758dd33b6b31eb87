"""The Python SDK: `Client` blocks, `AsyncClient` is awaited; both do the same.

    from clawdforge.client import Client

    with Client() as client:
        print(client.run("Say hello.").as_text())

        with client.create_session() as session:
            session.turn("Remember the word blue.")
            print(session.turn("Which word was it?").text())

Everything raised derives from `ForgeError`; its tree is drawn in `clawdforge.client.errors`. The
types of a session's events are in `clawdforge.client.events`.
"""

from clawdforge.client.asynchronous import AsyncClient
from clawdforge.client.asynchronous_session import AsyncSession
from clawdforge.client.asynchronous_stream import AsyncEventStream, AsyncTurnStream
from clawdforge.client.blocking import Client
from clawdforge.client.blocking_session import Session
from clawdforge.client.blocking_stream import EventStream, TurnStream
from clawdforge.client.errors import (
    ApiError,
    AuthError,
    BusyError,
    ClosedError,
    ClosedSession,
    ConflictError,
    ForgeError,
    GoneError,
    NotFoundError,
    ProtocolError,
    RequestError,
    RunFailure,
    SettingsError,
    TransportError,
    TurnFailure,
)
from clawdforge.client.results import Answer, AppToken, FileToken, RunResult, TurnResult
from clawdforge.client.secret import Secret
from clawdforge.wire.forge import AgentInfo, Health, Ready, RunInfo, RunPage, TokenInfo
from clawdforge.wire.forge_sessions import (
    Cancelled,
    PermissionInfo,
    Policy,
    Rule,
    SessionInfo,
    SessionPage,
    TurnInfo,
    TurnPage,
    Usage,
    Workspace,
)

__all__ = [
    "AgentInfo",
    "Answer",
    "ApiError",
    "AppToken",
    "AsyncClient",
    "AsyncEventStream",
    "AsyncSession",
    "AsyncTurnStream",
    "AuthError",
    "BusyError",
    "Cancelled",
    "Client",
    "ClosedError",
    "ClosedSession",
    "ConflictError",
    "EventStream",
    "FileToken",
    "ForgeError",
    "GoneError",
    "Health",
    "NotFoundError",
    "PermissionInfo",
    "Policy",
    "ProtocolError",
    "Ready",
    "RequestError",
    "Rule",
    "RunFailure",
    "RunInfo",
    "RunPage",
    "RunResult",
    "Secret",
    "Session",
    "SessionInfo",
    "SessionPage",
    "SettingsError",
    "TokenInfo",
    "TransportError",
    "TurnFailure",
    "TurnInfo",
    "TurnPage",
    "TurnResult",
    "TurnStream",
    "Usage",
    "Workspace",
]
