"""The SQL of the history; built as in `statements`."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from clawdforge.core.history import HOUR_SECS, WELL
from clawdforge.store.rows import USAGE_COLUMNS
from clawdforge.store.schema import audit, runs, sessions, spent_hours, turns
from clawdforge.store.statements import FROM_THE_FIRST, LIMIT, compiled

_PLAIN = (
    "agent",
    "app_name",
    "state",
    "started_at",
    "duration_ms",
    "waited_ms",
    "stop_reason",
    "error",
    "prompt_bytes",
)
SUMS = ("runs", "turns", "failed", "duration_ms", *USAGE_COLUMNS)


def _fits(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """That a column has the value of a parameter, or that this is NULL."""
    return or_(bindparam(name).is_(None), column == bindparam(name))


def _words(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'", String)


def _nothing() -> ColumnElement[Any]:
    return literal_column("NULL")


def _newest(query: Select[Any], at: ColumnElement[int], name: ColumnElement[str]) -> Select[Any]:
    """Those of a table that may be on the page: each side of the union has its own limit."""
    after = tuple_(at, name) < tuple_(bindparam("started_at", type_=Integer), bindparam("work_id"))
    its = query.where(or_(bindparam("started_at").is_(None), after))
    its = its.order_by(at.desc(), name.desc()).limit(LIMIT).offset(FROM_THE_FIRST)
    return select(its.subquery())


def _work() -> str:
    of_runs = select(
        _words("run").label("kind"),
        runs.c.run_id.label("work_id"),
        _nothing().label("session_id"),
        _nothing().label("turn"),
        runs.c.model,
        *(runs.c[name] for name in (*_PLAIN, *USAGE_COLUMNS)),
    ).where(
        _fits(_words("run"), "kind"),
        _fits(runs.c.app_id, "app_id"),
        _fits(runs.c.app_name, "app_name"),
        _fits(runs.c.agent, "agent"),
        _fits(runs.c.state, "state"),
    )
    turn_id = turns.c.session_id + _words("-") + cast(turns.c.turn, String)
    of_turns = (
        select(
            _words("turn").label("kind"),
            turn_id.label("work_id"),
            turns.c.session_id,
            turns.c.turn,
            func.coalesce(turns.c.model, sessions.c.model).label("model"),
            sessions.c.agent,
            sessions.c.app_name,
            *(turns.c[name] for name in (*_PLAIN[2:], *USAGE_COLUMNS)),
        )
        .join_from(turns, sessions, turns.c.session_id == sessions.c.session_id)
        .where(
            _fits(_words("turn"), "kind"),
            _fits(sessions.c.app_id, "app_id"),
            _fits(sessions.c.app_name, "app_name"),
            _fits(sessions.c.agent, "agent"),
            _fits(turns.c.state, "state"),
        )
    )
    both = union_all(
        _newest(of_runs, runs.c.started_at, runs.c.run_id),
        _newest(of_turns, turns.c.started_at, turn_id),
    ).subquery()
    page = select(both).order_by(both.c.started_at.desc(), both.c.work_id.desc())
    return compiled(page.limit(LIMIT).offset(FROM_THE_FIRST))


WORK = _work()


def _failed(state: ColumnElement[str]) -> ColumnElement[int]:
    return case((state.in_([_words(word) for word in WELL]), _number(0)), else_=_number(1))


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer)


def _known(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(column, _number(0))


def _counted(table: Any, at: ColumnElement[int], its: Any, *, is_run: bool) -> list[Any]:
    """What one run or turn counts for."""
    return [
        at.label("at"),
        its.c.app_id,
        its.c.app_name,
        its.c.agent,
        _number(int(is_run)).label("runs"),
        _number(int(not is_run)).label("turns"),
        _failed(table.c.state).label("failed"),
        _known(table.c.duration_ms).label("duration_ms"),
        *(_known(table.c[name]).label(name) for name in USAGE_COLUMNS),
    ]


def _spending() -> str:
    since = bindparam("since", type_=Integer)
    all_of_it = union_all(
        select(*_counted(runs, runs.c.started_at, runs, is_run=True)).where(
            runs.c.started_at >= since
        ),
        select(*_counted(turns, turns.c.started_at, sessions, is_run=False))
        .join_from(turns, sessions, turns.c.session_id == sessions.c.session_id)
        .where(turns.c.started_at >= since),
        select(
            spent_hours.c.hour.label("at"),
            *(spent_hours.c[name] for name in ("app_id", "app_name", "agent", *SUMS)),
        ).where(spent_hours.c.hour >= since),
    ).subquery()
    step, offset = bindparam("step", type_=Integer), bindparam("offset_secs", type_=Integer)
    # SQLite divides whole numbers to whole numbers; no time here is negative.
    steps = (all_of_it.c.at + offset).self_group().op("/")(step)
    begins = (steps.self_group().op("*")(step).self_group() - offset).label("begins_at")
    query = (
        select(
            begins,
            all_of_it.c.app_name,
            all_of_it.c.agent,
            *(func.sum(all_of_it.c[name]).label(name) for name in SUMS),
        )
        .where(_fits(all_of_it.c.app_id, "app_id"))
        .group_by(literal_column("1"), all_of_it.c.app_name, all_of_it.c.agent)
        .order_by(literal_column("1"), all_of_it.c.app_name, all_of_it.c.agent)
    )
    return compiled(query)


SPENDING = _spending()


def _keep_spending() -> str:
    """Add what a session cost to the hours in which its turns began."""
    hour = (turns.c.started_at.op("/")(_number(HOUR_SECS))).op("*")(_number(HOUR_SECS))
    counted = _counted(turns, hour, sessions, is_run=False)
    whole = (
        select(*counted)
        .join_from(turns, sessions, turns.c.session_id == sessions.c.session_id)
        .where(turns.c.session_id == bindparam("session_id"))
        .subquery()
    )
    names = ("hour", "app_id", "app_name", "agent", *SUMS)
    summed = (
        select(
            whole.c.at,
            whole.c.app_id,
            whole.c.app_name,
            whole.c.agent,
            *(func.sum(whole.c[name]).label(name) for name in SUMS),
        )
        # Else SQLite takes ON for the beginning of a join.
        .where(literal_column("1") == literal_column("1"))
        .group_by(whole.c.at, whole.c.app_id, whole.c.app_name, whole.c.agent)
    )
    adding = sqlite_insert(spent_hours).from_select(names, summed)
    added = {name: spent_hours.c[name] + adding.excluded[name] for name in SUMS}
    keys = [spent_hours.c.hour, spent_hours.c.app_id, spent_hours.c.agent]
    statement = adding.on_conflict_do_update(index_elements=keys, set_=added)
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))


KEEP_SPENDING = _keep_spending()

_IS_ACTION = or_(
    bindparam("action").is_(None),
    audit.c.action == bindparam("action"),
    and_(
        audit.c.action > bindparam("action", type_=String) + _words("."),
        audit.c.action
        < bindparam("action", type_=String) + _words("/"),  # the next character after the dot
    ),
)
AUDIT_PAGE = compiled(
    select(audit)
    .where(
        or_(bindparam("before").is_(None), audit.c.id < bindparam("before", type_=Integer)),
        _fits(audit.c.actor, "actor"),
        _fits(audit.c.subject, "subject"),
        _IS_ACTION,
    )
    .order_by(audit.c.id.desc())
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
