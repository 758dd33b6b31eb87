"""Sessions of both clients against the real server and its demo agent."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawdforge.client import (
    Answer,
    AsyncClient,
    BusyError,
    Client,
    ConflictError,
    GoneError,
    NotFoundError,
    TurnFailure,
    events,
)
from clawdforge.testing.serving import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    # Agents rest at once after a turn: no process outlives its test.
    options: dict[str, Any] = {"log_level": "error", "hibernate_after_secs": 0}
    with running_server(tmp_path_factory.mktemp("sessions"), **options) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url, server.token, environ={}) as made:
        yield made


def test_two_turns_share_a_memory(client: Client) -> None:
    with client.create_session(agent="demo", meta={"for": "a test"}) as session:
        session.turn("/remember blue")
        result = session.turn("/recall")
        assert (result.text(), result.turn_index, result.stop_reason) == ("blue", 2, "end_turn")
        state = session.state()
        assert (state.agent, state.turn_count, state.meta) == ("demo", 2, {"for": "a test"})
        assert [turn.turn_index for turn in session.turns().turns] == [2, 1]
        assert session.get_turn(2).events == result.events
    assert client.get_session(session.id).state == "closed"
    with pytest.raises(GoneError):
        client.session(session.id).turn("hi")


def test_a_stream_tells_every_event_once(client: Client) -> None:
    with client.create_session() as session:
        with session.stream("/stream 30 1") as stream:
            found = list(stream)
        numbers = [event.seq for event in found]
        assert numbers == list(range(numbers[0], numbers[0] + len(found)))
        assert isinstance(found[0], events.TurnStarted)
        assert isinstance(found[-1], events.TurnEnded)
        text = "".join(event.text for event in found if isinstance(event, events.Text))
        assert text.split() == [str(number) for number in range(1, 31)]
        assert stream.result().text() == text
        paged = session.event_page(limit=1000).events
        assert [event for event in paged if event.turn == 1] == found


def test_thinking_tools_and_plans_are_typed(client: Client) -> None:
    with client.create_session() as session:
        kinds: set[type[events.Event]] = set()
        for prompt in ("/think hm", "/tool x", "/plan", "/usage", "/unknown"):
            kinds |= {type(event) for event in session.stream(prompt)}
    assert {events.Thinking, events.ToolCall, events.Plan, events.Context} <= kinds
    assert events.Other not in kinds


def test_a_failed_turn_and_a_time_out(client: Client) -> None:
    with client.create_session() as session:
        with pytest.raises(TurnFailure, match="boom") as caught:
            session.turn("/fail boom")
        assert (caught.value.session_id, caught.value.turn_index) == (session.id, 1)
        stream = session.stream("/fail boom")
        with pytest.raises(TurnFailure, match="boom") as caught:
            stream.result()
        assert caught.value.turn_index == 2
        with pytest.raises(TurnFailure) as caught:
            session.turn("/hang", timeout_secs=5)
        assert caught.value.timed_out
        assert session.turn("/echo still here").text() == "still here"


def test_a_cancelled_turn_is_no_failure(client: Client) -> None:
    with client.create_session() as session:
        stream = session.stream("/stream 1000")
        for event in stream:
            if isinstance(event, events.Text):
                break
        assert session.cancel().turn_index == 1
        result = stream.result()
        assert result.cancelled
        assert result.text().startswith("1")
        assert not session.cancel().cancelled


def test_an_idempotency_key_is_a_turn_once(client: Client) -> None:
    with client.create_session(idempotency_key="make-1") as session:
        assert client.create_session(idempotency_key="make-1").id == session.id
        first = session.turn("/echo once", idempotency_key="turn-1")
        again = session.turn("/echo once", idempotency_key="turn-1")
        assert (again.turn_index, again.text()) == (first.turn_index, first.text())
        streamed = list(session.stream("/echo once", idempotency_key="turn-1"))
        assert {event.turn for event in streamed} == {first.turn_index}
        assert session.state().turn_count == 1


def test_permissions_are_asked_and_answered(client: Client) -> None:
    asked: list[events.PermissionRequest] = []

    def once(request: events.PermissionRequest) -> bool:
        asked.append(request)
        return bool(request.args == {"command": "touch a.txt"})

    with client.create_session(permissions="ask") as session:
        assert session.turn("/ask touch a.txt", on_permission=once).text().startswith("allowed")
        refused = session.turn("/ask touch b.txt", on_permission=once).text()
        assert "allowed" not in refused
        always = Answer(allow=True, scope="always")
        session.turn("/ask touch c.txt", on_permission=lambda _: always)
        session.turn("/ask touch c.txt", on_permission=once)
        assert [request.tool for request in asked] == ["Bash", "Bash"]
        (answer, *_) = [
            info for info in client.permissions(state="all") if info.session_id == session.id
        ]
        assert (answer.state, answer.answered_by) != ("pending", None)
        with pytest.raises(ConflictError) as caught:
            client.answer_permission(answer.permission_id, allow=False)
        assert caught.value.code == "already_answered"
        assert session.permissions() == ()


def test_settings_change_between_turns(client: Client) -> None:
    with client.create_session() as session:
        session.turn("/echo hi")
        assert session.set(permissions="deny").options["permissions"] == "deny"
        assert "allowed" not in session.turn("/ask touch a.txt").text()


def test_resume_and_fork(client: Client) -> None:
    with client.create_session() as session:
        session.turn("/remember green")
        with session.fork(meta={"copy": True}) as copy:
            assert copy.turn("/recall").text() == "green"
            assert copy.state().forked_from == session.id
        session.close()
        assert session.resume().closed_at is None
        assert session.turn("/recall").text() == "green"


def test_what_is_not_there(client: Client) -> None:
    nobody = client.session("0" * 32)
    calls: tuple[Callable[[], object], ...] = (
        nobody.state,
        nobody.cancel,
        nobody.turns,
        nobody.close,
    )
    for call in calls:
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(NotFoundError):
        nobody.turn("hi")
    with pytest.raises(NotFoundError):
        list(nobody.events())


async def test_everything_awaited(server: RunningServer) -> None:
    async def decide(request: events.PermissionRequest) -> bool:
        await asyncio.sleep(0)
        return request.tool == "Bash"

    async with (
        AsyncClient(server.url, server.token, environ={}) as client,
        await client.create_session(permissions="ask") as session,
    ):
        await session.turn("/remember red")
        assert (await session.turn("/recall")).text() == "red"
        told = [event.type async for event in session.stream("/stream 5 1")]
        assert told[0] == "turn_started"
        assert told[-1] == "turn_ended"
        result = await session.turn("/ask touch a.txt", on_permission=decide)
        assert result.text().startswith("allowed")
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(session.turn("/hang"))
            async for event in session.events((await session.state()).last_seq or 0):
                if isinstance(event, events.Text | events.TurnStarted):
                    break
            assert (await session.cancel()).cancelled
        assert hanging.result().cancelled


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def test_events_go_on_across_a_restart_of_the_server(tmp_path: Path) -> None:
    port = free_port()
    options: dict[str, Any] = {"port": port, "log_level": "error", "hibernate_after_secs": 0}
    seen: list[events.Event] = []
    more = threading.Condition()

    def follow(session_id: str, token: str) -> None:
        with Client(f"http://127.0.0.1:{port}", token, environ={}) as client:
            for event in client.session(session_id).events():
                with more:
                    seen.append(event)
                    more.notify_all()

    def wait_for(kind: type[events.Event], count: int) -> None:
        def there() -> bool:
            return sum(isinstance(event, kind) for event in seen) >= count

        with more:
            assert more.wait_for(there, 20), [event.type for event in seen]

    with running_server(tmp_path, **options) as server:
        with Client(server.url, server.token, environ={}) as client:
            session = client.create_session()
            session.turn("/remember blue")
        thread = threading.Thread(target=follow, args=(session.id, server.token))
        thread.start()
        wait_for(events.TurnEnded, 1)
    with running_server(tmp_path, **options) as server:
        with Client(server.url, server.token, environ={}) as client:
            session = client.session(session.id)
            assert session.turn("/recall").text() == "blue"
            wait_for(events.TurnEnded, 2)
            session.close()
        thread.join(20)
        assert not thread.is_alive()
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert isinstance(seen[-1], events.SessionClosed)


def test_a_turn_that_a_restart_cut_off_is_told_to_its_end(tmp_path: Path) -> None:
    port = free_port()
    options: dict[str, Any] = {"port": port, "log_level": "error", "hibernate_after_secs": 0}
    begun = threading.Event()
    ends: list[Any] = []

    def watch(token: str) -> None:
        with Client(f"http://127.0.0.1:{port}", token, environ={}) as client:
            stream = client.create_session().stream("/hang")
            for event in stream:
                if isinstance(event, events.Text | events.TurnStarted):
                    begun.set()
            ends.append(stream.ended)
            with pytest.raises(TurnFailure) as caught:
                stream.result()
            ends.append(caught.value.stop_reason)

    with running_server(tmp_path, **options) as server:
        thread = threading.Thread(target=watch, args=(server.token,))
        thread.start()
        assert begun.wait(20)
    with running_server(tmp_path, **options):
        thread.join(20)
        assert not thread.is_alive()
    assert ends[0].state == "interrupted"
    assert ends[1] == "interrupted"


def test_a_full_line_is_told(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 1, "max_waiting_runs": 0}
    with (
        running_server(tmp_path, log_level="error", hibernate_after_secs=0, **limits) as server,
        Client(server.url, server.token, environ={}) as client,
        client.create_session() as first,
        client.create_session() as second,
    ):
        stream = first.stream("/hang")
        next(stream)
        with pytest.raises(BusyError) as caught:
            second.turn("hi")
        assert caught.value.code == "line_full"
        with pytest.raises(BusyError):
            list(second.stream("hi"))
        first.cancel()
        assert stream.result().cancelled
