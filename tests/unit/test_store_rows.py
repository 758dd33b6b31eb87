"""Records to rows and back, without a database."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, RunState
from clawdforge.core.usage import Usage
from clawdforge.store import rows, schema
from clawdforge.testing.ledger_contract import a_file, a_run, an_app, an_end, an_entry

ENDED = [state for state in RunState if state is not RunState.RUNNING]
counts = st.none() | st.integers(0, 2**63 - 1)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cost_microusd=counts,
)
ends = st.builds(
    RunEnd,
    state=st.sampled_from(ENDED),
    duration_ms=st.integers(0),
    stop_reason=st.none() | st.text(),
    error=st.none() | st.text(),
    result_bytes=counts,
    usage=usages,
    ended_at=st.integers(0),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def empty_end() -> dict[str, None]:
    return dict.fromkeys(rows.END_COLUMNS)


class TestColumns:
    def test_every_field_of_a_record_has_a_column(self) -> None:
        assert set(rows.APP_COLUMNS) == set(schema.apps.c.keys())
        assert set(rows.FILE_COLUMNS) == set(schema.files.c.keys())
        assert set(rows.START_COLUMNS) | set(rows.END_COLUMNS) == set(schema.runs.c.keys())
        assert {"id", *rows.AUDIT_COLUMNS} == set(schema.audit.c.keys())

    def test_start_and_end_of_a_run_share_no_column(self) -> None:
        assert not set(rows.START_COLUMNS) & set(rows.END_COLUMNS)

    @pytest.mark.parametrize("record", [App, RunStart, AuditEntry])
    def test_what_must_be_said_may_not_be_null(self, record: type) -> None:
        table = {App: schema.apps, RunStart: schema.runs, AuditEntry: schema.audit}[record]
        for field in fields(record):
            optional = "None" in str(field.type)
            assert bool(table.c[field.name].nullable) is optional, field.name


class TestRows:
    def test_apps(self) -> None:
        row = rows.app_row(an_app())
        assert json.loads(row["ip_cidrs"]) == ["10.0.0.0/8", "2001:db8::/32"]
        assert rows.app_of(row) == an_app()

    def test_files(self) -> None:
        assert rows.file_of(rows.file_row(a_file())) == a_file()

    def test_a_running_run(self) -> None:
        row = empty_end() | rows.start_row(a_run())
        assert rows.run_of(row) == Run(start=a_run())

    @given(end=ends)
    def test_an_ended_run(self, end: RunEnd) -> None:
        row = rows.start_row(a_run()) | rows.end_row(end)
        assert rows.run_of(row) == Run(start=a_run(), end=end)

    @given(detail=st.dictionaries(st.text(), json_values, max_size=3))
    def test_audit_entries(self, detail: dict[str, object]) -> None:
        entry = replace(an_entry(), detail=detail)
        assert rows.audit_of(rows.audit_row(entry)) == entry

    def test_values_are_of_types_that_a_database_knows(self) -> None:
        written = [
            rows.app_row(an_app()),
            rows.file_row(a_file()),
            rows.start_row(a_run()) | rows.end_row(an_end()),
            rows.audit_row(an_entry()),
        ]
        kinds = {type(value) for row in written for value in row.values()}
        assert kinds <= {str, int, type(None)}

    def test_a_row_that_says_nonsense_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="dreaming"):
            rows.run_of(empty_end() | rows.start_row(a_run()) | {"state": "dreaming"})
        with pytest.raises(ValueError, match="char 0"):
            rows.audit_of(rows.audit_row(an_entry()) | {"detail": "not JSON"})


class TestInterruption:
    def test_an_interrupted_run_has_lasted_until_now(self) -> None:
        end = rows.interrupted(1_000, 1_030)
        assert (end.state, end.duration_ms, end.ended_at) == (
            RunState.INTERRUPTED,
            30_000,
            1_030,
        )

    def test_it_never_lasts_less_than_nothing(self) -> None:
        assert rows.interrupted(1_000, 900).duration_ms == 0

    def test_its_audit_entry_names_the_run_and_the_app(self) -> None:
        entry = rows.interruption("r1", "shop", 9)
        assert (entry.at, entry.actor, entry.action, entry.subject) == (
            9,
            "server",
            "run.interrupted",
            "r1",
        )
        assert entry.detail == {"app": "shop"}
