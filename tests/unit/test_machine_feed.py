"""Sessions of other machines in the server's feed, and what they ask beside this one's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.errors import ConfigError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.monitor.feed import Feed
from clawdforge.server.machine_approvals import AllApprovals
from clawdforge.server.machines import Machines, hosts_of


def test_a_monitor_that_is_gone_takes_only_its_own_sessions_with_it() -> None:
    feed = Feed()
    feed.replace({"a": b"1"})
    feed.put({"box/b": b"2", "box/c": b"3"})
    assert feed.count == 3
    feed.replace({})
    assert feed.views() == [b"2", b"3"]
    feed.put({"box/b": None, "box/never": None})
    assert feed.views() == [b"3"]


def test_a_machine_takes_nothing_with_it_that_is_not_its() -> None:
    feed = Feed()
    feed.replace({"a": b"1"})
    feed.put({"a": None})
    assert feed.views() == [b"1"]


async def test_who_follows_is_told_of_other_machines() -> None:
    feed = Feed()
    follower = feed.follow(None)
    first = await anext(follower)
    feed.put({"box/b": b"2"})
    feed.put({"box/b": None})
    batch = await anext(follower)
    assert (first.views, batch.views) == ({}, {"box/b": None})
    await follower.aclose()  # type: ignore[attr-defined]


def test_a_setting_that_names_no_machine_is_refused_with_what_to_do() -> None:
    assert [host.name for host in hosts_of(["ana@build1", "gpu"])] == ["ana@build1", "gpu"]
    with pytest.raises(ConfigError, match="hosts: '-x' names no machine") as refused:
        hosts_of(["-x"])
    assert "user@machine" in (refused.value.hint or "")


async def test_without_machines_nothing_is_started() -> None:
    machines = Machines((), {}, Feed(), owner="me")
    await machines.open()
    assert machines.told() == []
    assert machines.sockets() == {}
    await machines.close()


class Here:
    """Approvals of this machine."""

    async def rows(self, *, every: bool = False, approval_id: str | None = None) -> list[Any]:
        return [{"asked_at": 5, "session_id": "a"}]

    async def answer(self, approval_id: str, answer: ApprovalAnswer, who: Caller) -> Any:
        raise NotFoundError("none")


async def test_a_machine_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    def sockets() -> Mapping[str, Path]:
        return {"box": tmp_path / "nobody"}

    every = AllApprovals(Here(), sockets)
    assert await every.rows() == [{"asked_at": 5, "session_id": "a"}]
    caller: Any = None
    with pytest.raises(NotFoundError):
        await every.answer("ap_x", ApprovalAnswer(decision="deny"), caller)
