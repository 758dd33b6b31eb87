"""Tells the targets: decides for each when, asks whether somebody looks, and sends.

Loaded only when there is a target.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from clawdforge.core.observed.attention import Attention
from clawdforge.core.observed.attention_values import Notice, Told
from clawdforge.core.observed.attention_words import words_of
from clawdforge.core.observed.registry import Changes
from clawdforge.monitor.approval_log import By
from clawdforge.monitor.monitor import Monitor, now
from clawdforge.monitor.notifying.attempts import Credentials
from clawdforge.monitor.notifying.files import page_of
from clawdforge.monitor.notifying.local_channels import NotToldError, ring_bell, show_on_desktop
from clawdforge.monitor.notifying.messages import About, ntfy_body, webhook_body
from clawdforge.monitor.notifying.outbox import Delivery, Item, Outbox, new_id
from clawdforge.monitor.notifying.questions import Questions
from clawdforge.monitor.notifying.sending import Sender
from clawdforge.monitor.notifying.subjects import Mark, mark_of, subject_of
from clawdforge.monitor.notifying.targets import Bell, Configured, Desktop, Ntfy, Target, Webhook
from clawdforge.monitor.notifying.terminals import Survey, somebody_looks, survey
from clawdforge.tasks import TaskOwner

TOLD_FILE = "told.json"
_TOLD = dict[str, dict[str, Told]]


class Teller:
    """Tells what the monitor sees.

    Args:
        monitor: Whose sessions.
        state: Its folder, for what has to outlive us.
        environ: The environment, for secrets, tmux and the desktop.
        dashboards: The processes that show all sessions to somebody.
        folder: Of the configuration: relative paths of secrets begin there.
        questions: What sessions ask.
    """

    def __init__(
        self,
        monitor: Monitor,
        *,
        state: Path,
        environ: Mapping[str, str],
        dashboards: Callable[[], list[int]],
        folder: Path,
        questions: Questions,
    ) -> None:
        self._monitor = monitor
        self._questions = questions
        self._environ = environ
        self._dashboards = dashboards
        self._configured = Configured()
        self._attention: dict[str, Attention] = {}
        self._marks: dict[int, Mark] = {}
        self._numbers: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._owner = TaskOwner()
        self._outbox = Outbox(state)
        self._told: _TOLD = {}
        self._sender = Sender(
            self._outbox,
            targets=lambda: self._configured.targets,
            credentials=Credentials(environ, folder),
            holds=self._holds,
            answer=self._answer,
        )

    async def open(self, configured: Configured) -> None:
        """Begin: with what an earlier start has left."""
        kept = await self._sender.off_loop(self._outbox.read, TOLD_FILE)
        try:
            self._told = msgspec.convert(kept or {}, _TOLD)
        except msgspec.ValidationError:
            self._told = {}
        self.configure(configured)
        await self._sender.open()

    async def close(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._owner.cancel()
        await self._sender.close()

    def configure(self, configured: Configured) -> None:
        """The targets are others, from now on."""
        self._configured = configured
        known, self._attention = self._attention, {}
        entries = list(self._monitor.registry.entries)
        for name, target in configured.targets.items():
            attention = known.get(name)
            if attention is None or attention.policy != target.policy:
                told = self._told.get(name, {}) if attention is None else attention.told
                attention = Attention(target.policy, told)
                for entry in entries:
                    attention.hear(subject_of(entry), now())
                attention.keep(entry.id for entry in entries)
            self._attention[name] = attention
        for entry in entries:
            self._marks[entry.number] = mark_of(entry)
            self._numbers[entry.id] = entry.number
        self._set_timer()

    def heard(self, changes: Changes) -> None:
        """Sessions have changed."""
        moment, is_new = now(), False
        for entry in changes.updated:
            mark = mark_of(entry)
            if self._marks.get(entry.number) == mark:
                continue
            self._marks[entry.number] = mark
            self._numbers[entry.id] = entry.number
            is_new = True
            subject = subject_of(entry)
            for attention in self._attention.values():
                attention.hear(subject, moment)
        for session_id in changes.removed:
            is_new = True
            self._forget(session_id)
            for attention in self._attention.values():
                attention.gone(session_id, changes.reasons.get(session_id, ""), moment)
        if is_new:
            self._set_timer()

    # Inside

    def _forget(self, session_id: str) -> None:
        number = self._numbers.pop(session_id, None)
        mark = None if number is None else self._marks.get(number)
        if number is not None and mark is not None and mark[0] == session_id:
            del self._marks[number]

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [one.next_deadline for one in self._attention.values()]
        due = min((time for time in times if time is not None), default=None)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        moment = now()
        found = [
            (name, notice)
            for name, attention in self._attention.items()
            for notice in attention.tick(moment)
        ]
        if found:
            self._owner.start(self._consider(found), name="notices")
        self._set_timer()

    async def _consider(self, found: list[tuple[str, Notice]]) -> None:
        """Tell those that nobody looks at."""
        terminals = await survey(self._environ)
        dashboards = self._dashboards()
        seen: dict[int, bool] = {}
        for name, given in found:
            attention, target = self._attention.get(name), self._configured.targets.get(name)
            if attention is None or target is None:
                continue
            notice = self._newest(given)
            subject = notice.subject
            is_seen = False
            if target.policy.quiet:
                if subject.number not in seen:
                    seen[subject.number] = self._page_used() or await somebody_looks(
                        terminals,
                        pid=subject.pid,
                        pane=subject.pane,
                        dashboards=dashboards,
                        secs=self._configured.look_secs,
                    )
                is_seen = seen[subject.number]
            if attention.settle(given, now(), seen=is_seen):
                self._owner.start(self._tell(target, notice, terminals), name=f"tell-{name}")
        self._set_timer()
        await self._keep_told()

    def _page_used(self) -> bool:
        return time.time() - self._monitor.looked_at <= self._configured.look_secs

    def _newest(self, notice: Notice) -> Notice:
        """It with what is known by now: a pane or a question's text may have come later."""
        entry = self._monitor.registry.entry(notice.subject.session_id)
        if entry is None or entry.number != notice.subject.number:
            return notice
        return msgspec.structs.replace(notice, subject=subject_of(entry))

    async def _tell(self, target: Target, notice: Notice, terminals: Survey) -> None:
        channel = target.channel
        problem = None
        try:
            match channel:
                case Bell():
                    words = words_of(notice, brief=True)
                    await ring_bell(channel, words, notice.subject, terminals)
                case Desktop():
                    words = words_of(notice, brief=True)
                    await show_on_desktop(words, notice.kind, self._environ)
                case Ntfy() | Webhook():
                    await self._sender.put(await self._item(target, channel, notice))
                    return
        except NotToldError as error:
            problem = str(error)
        delivery = Delivery(
            at=time.time(),
            target=target.name,
            kind=notice.kind,
            session_id=notice.subject.session_id,
            result="sent" if problem is None else "failed",
            problem=problem,
        )
        await self._sender.record(delivery)

    async def _item(self, target: Target, channel: Ntfy | Webhook, notice: Notice) -> Item:
        about = await self._about(notice)
        if isinstance(channel, Ntfy):
            body = ntfy_body(channel, notice, about)
        else:
            body = webhook_body(
                notice, about, content=channel.content, may_answer=channel.may_answer
            )
        return Item(
            id=new_id(),
            target=target.name,
            made_at=time.time(),
            body=body.decode(),
            session_id=notice.subject.session_id,
            kind=notice.kind,
            approval_id=None if about.question is None else about.question["permission_id"],
        )

    async def _about(self, notice: Notice) -> About:
        page = await self._sender.off_loop(page_of, self._configured, self._environ)
        session_id = notice.subject.session_id
        is_asked = notice.kind == "needs_you"
        return About(
            at=time.time(),
            host=socket.gethostname(),
            url=None if page is None else f"{page}/#/s/{session_id}",
            question=await self._questions.of(notice.subject) if is_asked else None,
        )

    def _holds(self, item: Item) -> bool:
        """Whether what a message says is still so; of a session that is not known, it is."""
        if item.kind != "needs_you":
            return True
        if item.approval_id is not None:
            waits = self._questions.waits(item.approval_id)
            if waits is not None:
                return waits
        attention = self._attention.get(item.target)
        return attention is None or attention.holds(item.session_id) is not False

    async def _answer(self, item: Item, answer: Any, name: str, peer: str) -> None:
        by = By(name=f"webhook:{name}", peer=peer)
        await self._questions.answer(item.session_id, item.approval_id or "", answer, by)

    async def _keep_told(self) -> None:
        told = {name: dict(one.told) for name, one in self._attention.items()}
        if told != self._told:
            self._told = told
            await self._sender.off_loop(self._outbox.write, TOLD_FILE, told)
