"""What a ledger must do with apps, files and the audit."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from dataclasses import replace

import pytest

from clawdforge.core.records import App, AuditEntry, StoredFile
from clawdforge.errors import ConflictError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import (
    a_file,
    an_app,
    an_entry,
    stored_names,
)


class AppsContract:
    """Apps."""

    async def test_a_new_ledger_has_no_apps(self, ledger: Ledger) -> None:
        assert list(await ledger.live_apps()) == []

    async def test_apps_come_back_as_they_were_by_name(self, ledger: Ledger) -> None:
        bare = App(app_id="id-bare", name="bare", token_digest="d", created_at=5)  # noqa: S106
        full = replace(an_app("full"), last_used_at=7, policy={"mode": "ask", "rules": [{}]})
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
        assert stored_names(await ledger.expired_files(300)) == ["a", "b", "c"]
        assert stored_names(await ledger.expired_files(99)) == []

    async def test_expired_files_come_a_thousand_at_a_time(self, ledger: Ledger) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(1_001):
                group.create_task(
                    ledger.add_file(a_file(f"{number:04}", expires_at=number), an_entry())
                )
        first = await ledger.expired_files(5_000)
        assert stored_names(first) == [f"{number:04}" for number in range(1_000)]
        await ledger.forget_files([file.token_digest for file in first])
        assert stored_names(await ledger.expired_files(5_000)) == ["1000"]

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
