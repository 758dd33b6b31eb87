"""What every implementation of the port `Ledger` must do, as tests to inherit from.

Write a subclass and a fixture `ledger` that yields one that is open and empty:

    class TestMyLedger(LedgerContract):
        @pytest.fixture
        async def ledger(self, tmp_path):
            async with MyLedger(tmp_path) as ledger:
                yield ledger

The tests are coroutines: run them with pytest-asyncio in its `auto` mode. The module needs
pytest; nothing else of clawdforge imports it.
"""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, RunState, StoredFile
from clawdforge.core.usage import Usage
from clawdforge.errors import ConflictError, InputError, StorageError
from clawdforge.store.ledger import Ledger

NOT_UNICODE = "half a pair: \ud800"


def an_app(name: str = "shop", *, app_id: str = "", digest: str = "") -> App:
    """A live app; its id and digest follow from the name unless given."""
    return App(
        app_id=app_id or f"id-of-{name}",
        name=name,
        token_digest=digest or f"digest-of-{name}",
        ip_cidrs=("10.0.0.0/8", "2001:db8::/32"),
        scopes=("run", "files"),
        created_at=1_000,
    )


def a_file(name: str = "f1", *, app_id: str = "shop", expires_at: int = 2_000) -> StoredFile:
    """A stored file; its digest follows from the name."""
    return StoredFile(
        token_digest=f"digest-of-{name}",
        app_id=app_id,
        stored_name=name,
        original_name="Überblick \N{SNOWMAN}.pdf",
        size_bytes=2**40,
        sha256="ab" * 32,
        created_at=1_000,
        expires_at=expires_at,
    )


def a_run(run_id: str = "r1", *, app_id: str = "shop", started_at: int = 1_000) -> RunStart:
    """A run that starts, with every field set."""
    return RunStart(
        run_id=run_id,
        app_id=app_id,
        app_name=f"name-of-{app_id}",
        agent="claude",
        model="sonnet",
        effort="high",
        prompt_bytes=12,
        prompt_sha256="cd" * 32,
        prompt_text="Grüße\n\x00\N{PILE OF POO} 'quoted'",
        file_count=2,
        timeout_secs=300,
        started_at=started_at,
        waited_ms=7,
    )


def an_end(state: RunState = RunState.DONE, *, ended_at: int = 1_090) -> RunEnd:
    """The end of a run, with every field set."""
    return RunEnd(
        state=state,
        duration_ms=90_000,
        stop_reason="end_turn",
        error="It went as well as could be expected.",
        result_bytes=3,
        usage=Usage(
            input_tokens=1,
            output_tokens=2,
            cache_read_tokens=3,
            cache_write_tokens=0,
            cost_microusd=2**53 + 1,
        ),
        ended_at=ended_at,
    )


def an_entry(action: str = "app.create", *, at: int = 1_000, subject: str = "shop") -> AuditEntry:
    """An audit entry, with every field set."""
    return AuditEntry(
        at=at,
        actor="admin",
        action=action,
        subject=subject,
        peer="192.0.2.7",
        request_id="req-1",
        detail={"text": "ü", "number": 1, "list": [1, None, True], "object": {}},
    )


async def reopened(ledger: Ledger) -> Ledger:
    """Close the ledger and open it again."""
    await ledger.__aexit__(None, None, None)
    return await ledger.__aenter__()


class AppsContract:
    """Apps."""

    async def test_a_new_ledger_has_no_apps(self, ledger: Ledger) -> None:
        assert list(await ledger.live_apps()) == []

    async def test_apps_come_back_as_they_were_by_name(self, ledger: Ledger) -> None:
        bare = App(app_id="id-bare", name="bare", token_digest="d", created_at=5)  # noqa: S106
        full = replace(an_app("full"), last_used_at=7)
        await ledger.add_app(full, an_entry())
        await ledger.add_app(bare, an_entry())
        assert list(await ledger.live_apps()) == [bare, full]

    async def test_an_app_comes_with_its_audit_entry(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        assert list(await ledger.audit_entries(limit=10)) == [an_entry()]

    async def test_the_name_of_a_live_app_is_taken(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        with pytest.raises(ConflictError):
            await ledger.add_app(an_app(app_id="other", digest="other"), an_entry())
        assert list(await ledger.live_apps()) == [an_app()]
        assert len(await ledger.audit_entries(limit=10)) == 1

    @pytest.mark.parametrize(
        "second",
        [an_app("other", app_id="id-of-shop"), an_app("other", digest="digest-of-shop")],
        ids=["same-id", "same-digest"],
    )
    async def test_ids_and_tokens_of_apps_are_unique(self, ledger: Ledger, second: App) -> None:
        await ledger.add_app(an_app(), an_entry())
        with pytest.raises(ConflictError):
            await ledger.add_app(second, an_entry())
        assert list(await ledger.live_apps()) == [an_app()]
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_a_revoked_app_is_not_live(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app("stays"), an_entry())
        await ledger.add_app(an_app("goes"), an_entry())
        assert await ledger.revoke_app("goes", an_entry("app.revoke")) is True
        assert list(await ledger.live_apps()) == [an_app("stays")]
        assert list(await ledger.audit_entries(limit=1)) == [an_entry("app.revoke")]

    async def test_there_is_nothing_to_revoke(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        assert await ledger.revoke_app("shop", an_entry("app.revoke")) is True
        assert await ledger.revoke_app("shop", an_entry("app.revoke")) is False
        assert await ledger.revoke_app("never-was", an_entry("app.revoke")) is False
        assert len(await ledger.audit_entries(limit=10)) == 2

    async def test_the_name_of_a_revoked_app_is_free(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        await ledger.revoke_app("shop", an_entry("app.revoke"))
        second = an_app(app_id="second", digest="second")
        await ledger.add_app(second, an_entry())
        assert list(await ledger.live_apps()) == [second]

    async def test_two_that_want_one_name_at_once(self, ledger: Ledger) -> None:
        async def add(number: int) -> bool:
            try:
                await ledger.add_app(
                    an_app(app_id=f"id-{number}", digest=f"d-{number}"), an_entry()
                )
            except ConflictError:
                return False
            return True

        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(add(number)) for number in range(10)]
        assert [one.result() for one in tries].count(True) == 1
        assert len(await ledger.live_apps()) == 1
        assert len(await ledger.audit_entries(limit=100)) == 1

    async def test_last_use_only_moves_forward(self, ledger: Ledger) -> None:
        for name in ("a", "b"):
            await ledger.add_app(an_app(name), an_entry())
        await ledger.touch_apps({"id-of-a": 50, "id-of-b": 60, "unknown": 70})
        await ledger.touch_apps({"id-of-a": 40, "id-of-b": 61})
        await ledger.touch_apps({})
        assert [app.last_used_at for app in await ledger.live_apps()] == [50, 61]


class FilesContract:
    """Files."""

    async def test_files_come_back_as_they_were(self, ledger: Ledger) -> None:
        await ledger.add_file(a_file(), an_entry("file.create"))
        found = await ledger.find_files("shop", ["digest-of-f1", "unknown"], 1_999)
        assert dict(found) == {"digest-of-f1": a_file()}
        assert list(await ledger.audit_entries(limit=10)) == [an_entry("file.create")]

    async def test_expired_and_foreign_files_are_not_found(self, ledger: Ledger) -> None:
        await ledger.add_file(a_file("mine"), an_entry())
        await ledger.add_file(a_file("theirs", app_id="other"), an_entry())
        digests = {"digest-of-mine", "digest-of-theirs"}
        assert set(await ledger.find_files("shop", digests, 1_999)) == {"digest-of-mine"}
        assert dict(await ledger.find_files("shop", digests, 2_000)) == {}
        assert dict(await ledger.find_files("shop", [], 0)) == {}

    @pytest.mark.parametrize(
        "second",
        [
            replace(a_file("other"), token_digest="digest-of-f1"),  # noqa: S106
            replace(a_file("other"), stored_name="f1"),
        ],
        ids=["same-digest", "same-name"],
    )
    async def test_tokens_and_names_of_files_are_unique(
        self, ledger: Ledger, second: StoredFile
    ) -> None:
        await ledger.add_file(a_file(), an_entry())
        with pytest.raises(ConflictError):
            await ledger.add_file(second, an_entry())
        assert set(await ledger.file_names()) == {"f1"}
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_expired_files_come_oldest_first(self, ledger: Ledger) -> None:
        for name, expires_at in (("c", 300), ("a", 100), ("b", 200), ("d", 301)):
            await ledger.add_file(a_file(name, expires_at=expires_at), an_entry())
        assert _stored(await ledger.expired_files(300)) == ["a", "b", "c"]
        assert _stored(await ledger.expired_files(99)) == []

    async def test_expired_files_come_a_thousand_at_a_time(self, ledger: Ledger) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(1_001):
                group.create_task(
                    ledger.add_file(a_file(f"{number:04}", expires_at=number), an_entry())
                )
        first = await ledger.expired_files(5_000)
        assert _stored(first) == [f"{number:04}" for number in range(1_000)]
        await ledger.forget_files([file.token_digest for file in first])
        assert _stored(await ledger.expired_files(5_000)) == ["1000"]

    async def test_forgotten_files_are_gone(self, ledger: Ledger) -> None:
        for name in ("a", "b", "c"):
            await ledger.add_file(a_file(name), an_entry())
        await ledger.forget_files({"digest-of-a", "digest-of-b", "unknown"})
        await ledger.forget_files([])
        assert set(await ledger.file_names()) == {"c"}
        assert dict(await ledger.find_files("shop", ["digest-of-a"], 0)) == {}

    async def test_names_are_those_of_all_apps(self, ledger: Ledger) -> None:
        assert set(await ledger.file_names()) == set()
        await ledger.add_file(a_file("a", expires_at=1), an_entry())
        await ledger.add_file(a_file("b", app_id="other"), an_entry())
        assert set(await ledger.file_names()) == {"a", "b"}


class RunsContract:
    """Runs."""

    async def test_a_run_is_running_until_it_ends(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        run = await ledger.run("shop", "r1")
        assert run == Run(start=a_run())
        assert run.state is RunState.RUNNING

    async def test_a_run_without_the_optional_things(self, ledger: Ledger) -> None:
        start = replace(a_run(), model=None, effort=None, prompt_text=None)
        end = RunEnd(state=RunState.FAILED, duration_ms=0, ended_at=1_000)
        await ledger.start_run(start)
        assert await ledger.end_run("r1", end) is True
        assert await ledger.run("shop", "r1") == Run(start=start, end=end)

    @pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.RUNNING])
    async def test_a_run_ends(self, ledger: Ledger, state: RunState) -> None:
        await ledger.start_run(a_run())
        assert await ledger.end_run("r1", an_end(state)) is True
        assert await ledger.run("shop", "r1") == Run(start=a_run(), end=an_end(state))

    async def test_a_run_ends_once(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert await ledger.end_run("r1", an_end(RunState.DONE)) is True
        assert await ledger.end_run("r1", an_end(RunState.FAILED)) is False
        assert await ledger.end_run("unknown", an_end()) is False
        run = await ledger.run("shop", "r1")
        assert run is not None
        assert run.state is RunState.DONE

    async def test_ids_of_runs_are_unique(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        await ledger.end_run("r1", an_end())
        with pytest.raises(ConflictError):
            await ledger.start_run(a_run(started_at=9))
        assert await ledger.run("shop", "r1") == Run(start=a_run(), end=an_end())

    async def test_foreign_runs_look_like_unknown_ones(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert await ledger.run("other", "r1") is None
        assert await ledger.run("shop", "unknown") is None
        assert list(await ledger.runs("other", limit=10)) == []

    async def test_runs_come_newest_first(self, ledger: Ledger) -> None:
        for run_id, started_at in (("b", 10), ("a", 10), ("c", 9), ("d", 11)):
            await ledger.start_run(a_run(run_id, started_at=started_at))
        await ledger.end_run("a", an_end())
        assert _ids(await ledger.runs("shop", limit=10)) == ["d", "b", "a", "c"]
        assert _ids(await ledger.runs("shop", limit=2)) == ["d", "b"]

    async def test_runs_are_paged_without_gap_or_repeat(self, ledger: Ledger) -> None:
        for number in range(10):
            await ledger.start_run(a_run(f"r{number}", started_at=number // 4))
            await ledger.start_run(a_run(f"x{number}", app_id="other", started_at=number))
        pages: list[list[str]] = []
        before: tuple[int, str] | None = None
        while page := await ledger.runs("shop", limit=3, before=before):
            pages.append(_ids(page))
            before = (page[-1].start.started_at, page[-1].start.run_id)
        assert pages == [["r9", "r8", "r7"], ["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]

    async def test_paging_starts_between_runs_too(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("a", started_at=1))
        await ledger.start_run(a_run("b", started_at=5))
        assert _ids(await ledger.runs("shop", limit=9, before=(5, "a"))) == ["a"]
        assert _ids(await ledger.runs("shop", limit=9, before=(5, "c"))) == ["b", "a"]
        assert _ids(await ledger.runs("shop", limit=9, before=(0, "z"))) == []

    async def test_what_a_dead_server_left_is_interrupted(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("late", started_at=1_010))
        await ledger.start_run(a_run("early", app_id="other", started_at=1_000))
        await ledger.start_run(a_run("ended"))
        await ledger.end_run("ended", an_end())
        assert list(await ledger.interrupt_runs(1_030)) == ["early", "late"]
        run = await ledger.run("shop", "late")
        assert run is not None
        assert run.end is not None
        assert (run.state, run.end.duration_ms, run.end.ended_at) == (
            RunState.INTERRUPTED,
            20_000,
            1_030,
        )
        assert run.end.usage == Usage()
        assert await ledger.run("shop", "ended") == Run(start=a_run("ended"), end=an_end())

    async def test_interruptions_are_audited(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("a", started_at=1))
        await ledger.start_run(a_run("b", started_at=2))
        await ledger.interrupt_runs(9)
        entries = await ledger.audit_entries(limit=10)
        assert [(e.at, e.actor, e.action, e.subject) for e in entries] == [
            (9, "server", "run.interrupted", "b"),
            (9, "server", "run.interrupted", "a"),
        ]

    async def test_runs_are_interrupted_once(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert list(await ledger.interrupt_runs(2_000)) == ["r1"]
        assert list(await ledger.interrupt_runs(3_000)) == []
        assert await ledger.end_run("r1", an_end()) is False
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_a_clock_that_went_back_gives_no_negative_duration(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run(started_at=1_000))
        await ledger.interrupt_runs(900)
        run = await ledger.run("shop", "r1")
        assert run is not None
        assert run.end is not None
        assert run.end.duration_ms == 0


class AuditContract:
    """The audit trail."""

    async def test_entries_come_newest_first(self, ledger: Ledger) -> None:
        # By when they were written, not by their times: a clock may go back.
        for at in (3, 1, 2):
            await ledger.audit(an_entry(at=at))
        assert [entry.at for entry in await ledger.audit_entries(limit=10)] == [2, 1, 3]
        assert [entry.at for entry in await ledger.audit_entries(limit=2)] == [2, 1]

    async def test_entries_of_one_action(self, ledger: Ledger) -> None:
        await ledger.audit(an_entry("a", at=1))
        await ledger.audit(an_entry("b", at=2))
        await ledger.audit(an_entry("a", at=3))
        entries = await ledger.audit_entries(limit=10, action="a")
        assert [entry.at for entry in entries] == [3, 1]
        assert list(await ledger.audit_entries(limit=10, action="c")) == []

    async def test_entries_come_back_as_they_were(self, ledger: Ledger) -> None:
        bare = AuditEntry(at=1, actor="server", action="server.start")
        await ledger.audit(bare)
        await ledger.audit(an_entry())
        assert list(await ledger.audit_entries(limit=10)) == [an_entry(), bare]


class LedgerContract(AppsContract, FilesContract, RunsContract, AuditContract):
    """The whole port."""

    async def test_it_is_ready(self, ledger: Ledger) -> None:
        await ledger.check()

    async def test_everything_is_there_after_opening_again(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        await ledger.add_file(a_file(), an_entry())
        await ledger.start_run(a_run())
        await ledger.end_run("r1", an_end())
        again = await reopened(ledger)
        assert list(await again.live_apps()) == [an_app()]
        assert set(await again.file_names()) == {"f1"}
        assert await again.run("shop", "r1") == Run(start=a_run(), end=an_end())
        assert len(await again.audit_entries(limit=10)) == 2

    async def test_closing_twice_is_harmless(self, ledger: Ledger) -> None:
        await ledger.__aexit__(None, None, None)
        await ledger.__aexit__(None, None, None)

    async def test_a_closed_ledger_says_so(self, ledger: Ledger) -> None:
        await ledger.__aexit__(None, None, None)
        with pytest.raises(StorageError):
            await ledger.check()
        with pytest.raises(StorageError):
            await ledger.live_apps()
        with pytest.raises(StorageError):
            await ledger.start_run(a_run())

    async def test_what_was_read_before_is_not_changed_by_writes(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        before = await ledger.live_apps()
        await ledger.revoke_app("shop", an_entry())
        assert list(before) == [an_app()]

    async def test_text_that_is_no_unicode_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(InputError):
            await ledger.start_run(replace(a_run(), prompt_text=NOT_UNICODE))
        with pytest.raises(InputError):
            await ledger.add_file(replace(a_file(), original_name=NOT_UNICODE), an_entry())
        assert await ledger.run("shop", "r1") is None
        assert list(await ledger.audit_entries(limit=10)) == []

    async def test_writes_of_one_task_happen_in_order(self, ledger: Ledger) -> None:
        async def write(number: int) -> None:
            run_id = f"r{number}"
            await ledger.start_run(a_run(run_id))
            assert await ledger.end_run(run_id, an_end()) is True
            run = await ledger.run("shop", run_id)
            assert run is not None
            assert run.state is RunState.DONE

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(write(number))

    async def test_a_cancelled_write_happens_whole_or_not_at_all(self, ledger: Ledger) -> None:
        async with asyncio.TaskGroup() as group:
            adding = [
                group.create_task(ledger.add_app(an_app(f"app-{number}"), an_entry()))
                for number in range(20)
            ]
            await asyncio.sleep(0)
            for task in adding[::2]:
                task.cancel()
        added = await ledger.live_apps()
        assert len(added) >= len(adding[1::2])
        assert len(await ledger.audit_entries(limit=100)) == len(added)
        await ledger.check()


def _stored(files: Sequence[StoredFile]) -> list[str]:
    return [file.stored_name for file in files]


def _ids(runs: Collection[Run]) -> list[str]:
    return [run.start.run_id for run in runs]
