"""The public names of the SDK, and that no token of a client shows itself anywhere."""

import asyncio
import copy
import inspect
import logging
import pickle
import subprocess
import sys
import traceback
from dataclasses import asdict
from typing import Any

import httpx
import pytest

import clawdforge
import clawdforge.client
from clawdforge.client import (
    ApiError,
    AppToken,
    AsyncClient,
    AsyncEventStream,
    AsyncSession,
    AsyncTurnStream,
    Client,
    EventStream,
    FileToken,
    ForgeError,
    Secret,
    Session,
    TransportError,
    TurnStream,
    events,
)
from clawdforge.client import errors as client_errors
from clawdforge.errors import ClawdforgeError
from clawdforge.wire import forge_events

URL = "http://127.0.0.1:8800"
TOKEN = "cf_hush-hush-hush"
ADMIN = "quiet-quiet-quiet"


def shown(thing: Any) -> str:
    """Every way in which a value usually reaches a screen or a log."""
    texts = [repr(thing), str(thing), f"{thing}", f"{thing!a}", format(thing)]
    texts += [repr(getattr(thing, "__dict__", None)), repr([thing]), repr({"key": thing})]
    return "\n".join(texts)


def hides(text: str) -> bool:
    return TOKEN not in text and ADMIN not in text


def test_the_public_names_are_those_of_all() -> None:
    module = clawdforge.client
    names = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert sorted(names) == sorted(module.__all__)
    assert module.__all__ == sorted(module.__all__)
    assert clawdforge.Client is module.Client
    assert clawdforge.AsyncClient is module.AsyncClient


def test_every_error_is_public_and_in_the_tree() -> None:
    own = {
        name
        for name, value in vars(client_errors).items()
        if inspect.isclass(value) and value.__module__ == client_errors.__name__
    }
    assert own <= set(clawdforge.client.__all__)
    for name in own:
        kind = getattr(client_errors, name)
        assert issubclass(kind, ForgeError)
        assert issubclass(kind, ClawdforgeError)
        assert kind.code == kind.code.lower() != ClawdforgeError.code
        assert name in (client_errors.__doc__ or "")


def test_events_are_public() -> None:
    kinds = forge_events.Event.__subclasses__()
    assert {kind.__name__ for kind in kinds} <= set(events.__all__)
    assert events.__all__ == sorted(events.__all__)


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def surface(kind: type[Any]) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(value).parameters)
            for name, value in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    pairs: list[tuple[type[Any], type[Any]]] = [
        (Client, AsyncClient),
        (Session, AsyncSession),
        (EventStream, AsyncEventStream),
        (TurnStream, AsyncTurnStream),
    ]
    for blocking, awaited in pairs:
        assert surface(blocking) == surface(awaited)
        assert list(inspect.signature(blocking).parameters) == list(
            inspect.signature(awaited).parameters
        )
        for name in surface(blocking):
            assert getattr(blocking, name).__doc__
            assert getattr(awaited, name).__doc__


def test_importing_the_package_loads_no_http_library() -> None:
    code = "import sys, clawdforge; print(sorted({'httpx', 'msgspec', 'ssl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_client_loads_no_server() -> None:
    code = (
        "import sys, clawdforge.client; "
        "print(sorted({'fastapi', 'uvicorn', 'sqlalchemy', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_secret_hides_and_is_not_copied_out() -> None:
    secret = Secret(TOKEN)
    assert secret.reveal() == TOKEN
    assert shown(secret).count("<hidden>") == 7
    assert hides(shown(secret))
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.parametrize(
    "token",
    [
        AppToken(name="app", secret=Secret(TOKEN), ip_cidrs=()),
        FileToken(secret=Secret(TOKEN), ttl_secs=60, size=1),
    ],
    ids=lambda token: type(token).__name__,
)
def test_tokens_that_were_given_out_hide_too(token: AppToken | FileToken) -> None:
    assert TOKEN in (token.token if isinstance(token, AppToken) else token.file_token)
    assert hides(shown(token))
    assert "<hidden>" in repr(token)
    assert hides(repr(asdict(token)))
    with pytest.raises(TypeError):
        pickle.dumps(token)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_hides_its_tokens(kind: type[Any]) -> None:
    client = kind(URL, TOKEN, admin_token=ADMIN, environ={})
    assert repr(client) == f"<{kind.__name__} url='{URL}' token=<hidden> admin_token=<hidden>>"
    assert hides(shown(client))
    assert hides(repr(vars(client._connection._http)))
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled or copied"):
            copied(client)
    _close(client)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_session_hides_its_clients_tokens(kind: type[Any]) -> None:
    client = kind(URL, TOKEN, admin_token=ADMIN, environ={})
    session = client.session("s-1")
    assert "id='s-1'" in repr(session)
    for thing in (session, session.stream("hi"), session.events()):
        assert hides(shown(thing))
        assert hides(repr(vars(thing)))
    with pytest.raises(TypeError, match="pickled or copied"):
        pickle.dumps(session)
    _close(client)


def test_a_missing_token_does_not_look_like_a_hidden_one(tmp_path: Any) -> None:
    with Client(URL, environ={"CLAWDFORGE_DATA_DIR": str(tmp_path)}) as client:
        assert repr(client) == f"<Client url='{URL}' token=None admin_token=None>"


def _close(client: Client | AsyncClient) -> None:
    if isinstance(client, Client):
        client.close()
    else:
        asyncio.run(client.close())


def _echo(request: httpx.Request) -> httpx.Response:
    told = request.headers.get("authorization", "")
    return httpx.Response(418, json={"error": {"code": told, "message": told}, "stderr": told})


def _fail(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("gone", request=request)


@pytest.mark.parametrize(("handler", "kind"), [(_echo, ApiError), (_fail, TransportError)])
@pytest.mark.parametrize("method", ["run", "create_token"])
def test_errors_and_their_tracebacks_show_no_token(
    handler: Any, kind: type[ForgeError], method: str
) -> None:
    transport = httpx.MockTransport(handler)
    with Client(URL, TOKEN, admin_token=ADMIN, transport=transport, environ={}) as client:
        with pytest.raises(kind) as caught:
            getattr(client, method)("app")
        error = caught.value
        assert hides(shown(error) + repr(vars(error)))
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        inside = "".join(told.format())
        assert "in send" in inside
        assert hides(inside.partition("clawdforge/client")[2])


def test_errors_and_their_tracebacks_show_no_token_when_awaited() -> None:
    async def failing() -> ForgeError:
        transport = httpx.MockTransport(_fail)
        async with AsyncClient(URL, TOKEN, admin_token=ADMIN, transport=transport) as client:
            with pytest.raises(TransportError) as caught:
                await client.run("hi")
            return caught.value

    error = asyncio.run(failing())
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert hides("".join(told.format()))


def test_the_logs_show_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        Client("http://127.0.0.1:9", TOKEN, environ={}) as client,
        pytest.raises(TransportError),
    ):
        client.run("hi")
    assert hides(caplog.text)
