"""What a ledger must do with turns, their usage and their permissions."""

# ruff: noqa: D102 - a test's name says what it shows

from dataclasses import replace

import pytest

from clawdforge.core.session_records import (
    Append,
    PermissionState,
    Session,
    SessionPatch,
    Turn,
    TurnState,
)
from clawdforge.core.usage import Usage
from clawdforge.errors import ConflictError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import an_entry
from clawdforge.testing.ledger_contract.session_records import (
    USED,
    a_permission,
    a_session,
    a_start,
    a_turn_end,
    an_event,
    entry_of,
    owned,
    some_events,
    taken,
)


async def now(ledger: Ledger, session_id: str = "s1") -> Session:
    """The session as it is now."""
    session = await ledger.session(session_id)
    assert session is not None
    return session


class TurnsContract:
    """Turns, and what they change in their session."""

    async def test_a_turn_is_running_until_it_ends(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim, an_event(1)), turn_start=a_start())])
        turn = await ledger.turn("s1", 1)
        assert turn == Turn(session_id="s1", start=a_start())
        assert turn.state is TurnState.RUNNING
        assert (await now(ledger)).turn_count == 1
        await ledger.append([replace(entry_of(claim, an_event(2)), turn_end=a_turn_end())])
        assert await ledger.turn("s1", 1) == replace(turn, end=a_turn_end())

    @pytest.mark.parametrize("state", [s for s in TurnState if s is not TurnState.RUNNING])
    async def test_a_turn_ends_once(self, ledger: Ledger, state: TurnState) -> None:
        claim = await owned(ledger)
        end = a_turn_end(state=state)
        await ledger.append([replace(entry_of(claim), turn_start=a_start(), turn_end=end)])
        other = TurnState.FAILED if state is TurnState.DONE else TurnState.DONE
        await ledger.append([replace(entry_of(claim), turn_end=a_turn_end(state=other))])
        turn = await ledger.turn("s1", 1)
        assert turn is not None
        assert turn.end == end

    async def test_a_turn_without_the_optional_things(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        start = replace(a_start(), model=None, prompt_text=None, request_digest=None)
        end = replace(a_turn_end(), error=None, stderr="", usage=Usage())
        await ledger.append([replace(entry_of(claim), turn_start=start, turn_end=end)])
        assert await ledger.turn("s1", 1) == Turn(session_id="s1", start=start, end=end)

    async def test_turns_are_found_by_number_and_by_key(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        other = await owned(ledger, a_session("other"))
        for number, key in ((1, None), (2, "k"), (3, None)):
            start = a_start(number, key=key)
            await ledger.append([replace(entry_of(claim), turn_start=start)])
        await ledger.append([replace(entry_of(other), turn_start=a_start(1, key="k"))])
        second = Turn(session_id="s1", start=a_start(2, key="k"))
        assert await ledger.turn("s1", 2) == second
        assert await ledger.turn_of_key("s1", "k") == second
        assert await ledger.turn("s1", 4) is None
        assert await ledger.turn("unknown", 1) is None
        assert await ledger.turn_of_key("s1", "unknown") is None

    async def test_turns_come_newest_first(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        for number in range(1, 6):
            await ledger.append([replace(entry_of(claim), turn_start=a_start(number))])
        for limit, before, wanted in (
            (9, None, [5, 4, 3, 2, 1]),
            (2, None, [5, 4]),
            (2, 4, [3, 2]),
            (9, 1, []),
        ):
            turns = await ledger.turns("s1", limit=limit, before=before)
            assert [turn.start.turn for turn in turns] == wanted
        assert list(await ledger.turns("unknown", limit=9)) == []

    async def test_a_key_belongs_to_one_turn(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim), turn_start=a_start(1, key="k"))])
        with pytest.raises(ConflictError):
            await ledger.append(
                [replace(entry_of(claim, an_event(1)), turn_start=a_start(2, key="k"))]
            )
        session = await now(ledger)
        assert (session.turn_count, session.last_seq) == (1, 0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"turn_start": a_start(0)},
            {"turn_start": a_start(3)},
            {"turn_start": replace(a_start(1), prompt_bytes=999)},
            {"turn_end": a_turn_end(2)},
            {"turn_end": a_turn_end(0)},
        ],
        ids=["zeroth", "gap", "other-contents", "end-of-none", "end-of-zeroth"],
    )
    async def test_turns_have_no_gaps(self, ledger: Ledger, wrong: dict[str, object]) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim), turn_start=a_start(1))])
        entry = Append(session_id="s1", epoch=claim.epoch, events=(an_event(1),), **wrong)  # type: ignore[arg-type]
        with pytest.raises(ConflictError):
            await ledger.append([entry])
        session = await now(ledger)
        assert (session.turn_count, session.last_seq) == (1, 0)

    async def test_a_repetition_changes_nothing(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        begins = replace(
            entry_of(claim, *some_events(1, 2)),
            turn_start=a_start(key="k"),
            patch=SessionPatch(last_turn_at=1_050, model="opus"),
            permissions=(a_permission(),),
            audit=(an_entry("turn.start", subject="s1"),),
        )
        ends = replace(
            entry_of(claim, an_event(3)),
            turn_end=a_turn_end(),
            patch=SessionPatch(add_usage=USED, model="sonnet", context_used=7),
            permissions=(replace(a_permission(), state=PermissionState.WITHDRAWN),),
            audit=(an_entry("turn.end", subject="s1"),),
        )
        for entry in (begins, begins, ends, ends, begins, ends):
            assert await ledger.append([entry]) == {"s1"}
        session = await now(ledger)
        assert (session.turn_count, session.last_seq, session.usage) == (1, 3, USED)
        assert (session.model, session.last_turn_at, session.context_used) == ("sonnet", 1_050, 7)
        assert [entry.action for entry in await ledger.audit_of("s1")] == ["turn.start", "turn.end"]
        asked = await ledger.permission("p1")
        assert asked is not None
        assert asked.state is PermissionState.WITHDRAWN

    async def test_usage_goes_with_the_end_of_its_turn(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim), turn_start=a_start())])
        ends = replace(
            entry_of(claim, an_event(1)),
            turn_end=a_turn_end(),
            patch=SessionPatch(add_usage=USED),
        )
        await ledger.append([ends])
        more = replace(ends, events=(*ends.events, an_event(2)))
        await ledger.append([more])  # as one that merged what it was not sure of
        session = await now(ledger)
        assert (session.last_seq, session.usage) == (2, USED)

    async def test_an_end_without_events_is_known_again(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        starts = replace(entry_of(claim), turn_start=a_start(), audit=(an_entry(subject="s1"),))
        ends = replace(entry_of(claim), turn_end=a_turn_end(), patch=SessionPatch(add_usage=USED))
        for entry in (starts, starts, ends, ends):
            await ledger.append([entry])
        assert (await now(ledger)).usage == USED
        assert len(await ledger.audit_of("s1")) == 1

    async def test_usage_adds_up(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        for number, used in enumerate(
            [
                Usage(input_tokens=1),
                Usage(input_tokens=2, output_tokens=5),
                Usage(),
                Usage(cost_microusd=0),
            ],
            start=1,
        ):
            entry = replace(
                entry_of(claim, an_event(number)),
                turn_start=a_start(number),
                turn_end=a_turn_end(number),
                patch=SessionPatch(add_usage=used),
            )
            await ledger.append([entry])
        session = await now(ledger)
        assert session.usage == Usage(input_tokens=3, output_tokens=5, cost_microusd=0)
        assert session.turn_count == 4

    async def test_a_patch_changes_what_it_names(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        before = await now(ledger)
        patch = SessionPatch(
            agent_session_id="theirs",
            model="opus",
            options={"effort": "high"},
            last_turn_at=1_234,
            context_used=5,
            context_size=10,
            closed_at=2_000,
        )
        await ledger.append([replace(entry_of(claim), patch=patch)])
        changed = replace(
            before,
            agent_session_id="theirs",
            model="opus",
            options={"effort": "high"},
            last_turn_at=1_234,
            context_used=5,
            context_size=10,
            closed_at=2_000,
        )
        assert await now(ledger) == changed
        await ledger.append([replace(entry_of(claim), patch=SessionPatch())])
        assert await now(ledger) == changed
        await ledger.append([replace(entry_of(claim), patch=SessionPatch(options={}))])
        assert (await now(ledger)).options == {}

    async def test_what_was_closed_is_opened_again(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim), patch=SessionPatch(closed_at=5))])
        assert await ledger.count_open_sessions() == 0
        assert (await taken(ledger)).session.closed_at == 5
        again = await taken(ledger)
        await ledger.append([replace(entry_of(again), patch=SessionPatch(reopen=True))])
        assert await ledger.count_open_sessions() == 1
        assert (await now(ledger)).closed_at is None


class PermissionsContract:
    """Questions and their answers."""

    async def test_a_question_is_answered_once(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([replace(entry_of(claim, an_event(1)), permissions=(a_permission(),))])
        assert await ledger.permission("p1") == a_permission()
        answered = replace(
            a_permission(),
            state=PermissionState.ALLOWED,
            answered_at=9,
            answered_by="app:shop",
            answer={"decision": "allow", "scope": "once", "message": "ü"},
        )
        late = replace(answered, state=PermissionState.EXPIRED, answered_by="server", answer=None)
        for one in (answered, late, a_permission()):
            await ledger.append([replace(entry_of(claim), permissions=(one,))])
            assert await ledger.permission("p1") == answered
        assert await ledger.permission("unknown") is None

    async def test_questions_come_newest_first(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        for name, at in (("b", 10), ("a", 10), ("c", 9), ("d", 11)):
            state = PermissionState.DENIED if name == "d" else PermissionState.PENDING
            asked = replace(a_permission(name, at=at), state=state)
            await ledger.append([replace(entry_of(claim), permissions=(asked,))])
        foreign = replace(a_permission("x"), app_id="other")
        await ledger.append([replace(entry_of(claim), permissions=(foreign,))])

        async def listed(limit: int, state: PermissionState | None = None) -> list[str]:
            found = await ledger.permissions("shop", limit=limit, state=state)
            return [one.permission_id for one in found]

        assert await listed(9) == ["d", "b", "a", "c"]
        assert await listed(2) == ["d", "b"]
        assert await listed(9, PermissionState.PENDING) == ["b", "a", "c"]
        assert await listed(1, PermissionState.PENDING) == ["b"]
        assert await listed(9, PermissionState.DENIED) == ["d"]
        assert await listed(9, PermissionState.EXPIRED) == []
        assert list(await ledger.permissions("unknown", limit=9)) == []
