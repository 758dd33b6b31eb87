"""Records of sessions to rows and back, without a database."""

from dataclasses import fields, replace

import pytest

from clawdforge.core.session_records import (
    Permission,
    PermissionState,
    Session,
    SessionPatch,
    StoredEvent,
    Turn,
    TurnEnd,
    TurnStart,
    TurnState,
)
from clawdforge.core.usage import Usage
from clawdforge.store import schema
from clawdforge.store import session_rows as rows
from clawdforge.store.rows import USAGE_COLUMNS
from clawdforge.testing.ledger_contract import (
    a_permission,
    a_session,
    a_start,
    a_turn_end,
    an_event,
)

ENDED = [state for state in TurnState if state is not TurnState.RUNNING]
OWNER = {"owner", "owner_incarnation"}


def turn_row(end: TurnEnd | None) -> dict[str, object]:
    row = dict.fromkeys(schema.turns.c.keys()) | rows.turn_start_row("s1", a_start())
    return row | (rows.turn_end_row("s1", end) if end else {})


class TestColumns:
    def test_every_field_of_a_record_has_a_column(self) -> None:
        assert {*rows.SESSION_COLUMNS, *OWNER} == set(schema.sessions.c.keys())
        assert {
            "session_id",
            *rows.TURN_START_COLUMNS,
            *rows.TURN_END_COLUMNS,
        } == set(schema.turns.c.keys())
        assert tuple(schema.events.c.keys()) == rows.EVENT_COLUMNS
        assert set(rows.PERMISSION_COLUMNS) == set(schema.permissions.c.keys())
        assert {field.name for field in fields(StoredEvent)} < set(rows.EVENT_COLUMNS)

    def test_start_and_end_of_a_turn_share_no_column(self) -> None:
        assert not set(rows.TURN_START_COLUMNS) & set(rows.TURN_END_COLUMNS)

    @pytest.mark.parametrize("record", [Session, TurnStart, Permission])
    def test_what_must_be_said_may_not_be_null(self, record: type) -> None:
        table = {
            Session: schema.sessions,
            TurnStart: schema.turns,
            Permission: schema.permissions,
        }[record]
        for field in fields(record):
            if field.name != "usage":
                optional = "None" in str(field.type)
                assert bool(table.c[field.name].nullable) is optional, field.name

    def test_every_change_of_a_session_is_written(self) -> None:
        names = {field.name for field in fields(SessionPatch)} - {"add_usage"}
        wanted = {f"new_{name}" for name in (*names, *USAGE_COLUMNS)}
        assert set(rows.patch_row(None, add_usage=True)) == wanted


class TestRows:
    def test_sessions(self) -> None:
        usage = Usage(input_tokens=1, cost_microusd=2**62)
        session = replace(a_session(), usage=usage, closed_at=7, last_turn_at=5, turn_count=3)
        assert rows.session_of(rows.session_row(session)) == session
        bare = Session(session_id="s", app_id="a", app_name="a", agent="demo", created_at=1)
        assert rows.session_of(rows.session_row(bare)) == bare

    def test_a_running_turn(self) -> None:
        assert rows.turn_of(turn_row(None)) == Turn(session_id="s1", start=a_start())

    @pytest.mark.parametrize("state", ENDED)
    def test_an_ended_turn(self, state: TurnState) -> None:
        end = a_turn_end(state=state)
        assert rows.turn_of(turn_row(end)) == Turn(session_id="s1", start=a_start(), end=end)

    def test_events(self) -> None:
        session_id, seq, epoch, *rest = rows.event_row("s1", 7, an_event(3))
        assert (session_id, epoch) == ("s1", 7)
        assert rows.event_of((seq, *rest)) == an_event(3)

    @pytest.mark.parametrize("state", list(PermissionState))
    def test_permissions(self, state: PermissionState) -> None:
        answer = None if state is PermissionState.PENDING else {"decision": "deny"}
        asked = replace(a_permission(), state=state, answer=answer)
        assert rows.permission_of(rows.permission_row(asked)) == asked

    def test_values_are_of_types_that_a_database_knows(self) -> None:
        written = [
            rows.session_row(a_session()),
            rows.patch_row(SessionPatch(options={"a": 1}, reopen=True), add_usage=True),
            turn_row(a_turn_end()),
            rows.permission_row(a_permission()),
        ]
        values = [value for row in written for value in row.values()]
        values += rows.event_row("s1", 1, an_event(1))
        assert {type(value) for value in values} <= {str, int, type(None)}

    def test_usage_is_left_out_when_it_was_added_before(self) -> None:
        patch = SessionPatch(add_usage=Usage(input_tokens=5), model="m")
        assert rows.patch_row(patch, add_usage=True)["new_input_tokens"] == 5
        left = rows.patch_row(patch, add_usage=False)
        assert (left["new_input_tokens"], left["new_model"]) == (None, "m")

    def test_a_row_that_says_nonsense_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="dreaming"):
            rows.turn_of(turn_row(None) | {"state": "dreaming"})
        with pytest.raises(ValueError, match="char 0"):
            rows.session_of(rows.session_row(a_session()) | {"options": "not JSON"})
