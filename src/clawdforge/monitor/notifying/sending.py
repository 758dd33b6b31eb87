"""Sends what waits in the outbox: each message by itself, again and again until it is taken.

A receiver that hangs delays nobody else's messages, and of its own only those beyond
`MAX_AT_ONCE`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from clawdforge.errors import ClawdforgeError
from clawdforge.monitor.notifying.attempts import (
    Credentials,
    Outcome,
    may_be_believed,
    send_once,
)
from clawdforge.monitor.notifying.messages import answer_in
from clawdforge.monitor.notifying.outbox import MAX_WAITING, Delivery, Item, Outbox
from clawdforge.monitor.notifying.posting import Reply
from clawdforge.monitor.notifying.retrying import pause_secs
from clawdforge.monitor.notifying.targets import Ntfy, Target, Webhook
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)

T = TypeVar("T")
MAX_AT_ONCE = 16
"""Requests to one target."""
MISSING_SECS = 5.0
"""A message of a target that is not there looks for it so often: the file may be under repair."""

Answer = Callable[[Item, Any, str, str], Awaitable[None]]
"""Answers what a message asked: the answer, the webhook's name, its address."""


class Sender:
    """Owns the messages that wait.

    Args:
        outbox: Where they are.
        targets: The targets as they are configured now.
        credentials: Their secrets.
        holds: Whether what a message says is still so.
        answer: Answers a question, as a webhook's reply says.
        dice: For the jitter; between 0 and 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        targets: Callable[[], Mapping[str, Target]],
        credentials: Credentials,
        holds: Callable[[Item], bool],
        answer: Answer,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._credentials = credentials
        self._holds = holds
        self._answer = answer
        self._dice = dice
        self._owner = TaskOwner()
        self._tasks: dict[str, tuple[Item, asyncio.Task[None]]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notifications")

    async def open(self) -> None:
        """Go on with what an earlier start has left."""
        for item in await self.off_loop(self._outbox.waiting):
            self._start(item)

    async def close(self) -> None:
        """End it; what waits is on disk."""
        await self._owner.cancel()
        await self.off_loop(lambda: None)
        self._thread.shutdown(wait=False)

    async def put(self, item: Item) -> None:
        """Send a message, from now on until it is taken or given up."""
        try:
            await self.off_loop(self._outbox.put, item)
        except OSError as error:  # then it is sent all the same, but does not outlive us
            log.warning("a message is not on disk", extra={"reason": str(error)})
        await self._make_room(item.target)
        self._start(item)

    async def record(self, delivery: Delivery) -> None:
        """Remember what became of a message."""
        if delivery.problem is not None:
            about = {"target": delivery.target, "reason": delivery.problem}
            log.warning("a notice was not told", extra=about)
        await self.off_loop(self._outbox.record, delivery)

    async def off_loop(self, work: Callable[..., T], *values: object) -> T:
        """Do what waits for the disk, one after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)

    # Inside

    def _start(self, item: Item) -> None:
        task = self._owner.start(self._send(item), name=f"notice-to-{item.target}")
        self._tasks[item.id] = (item, task)
        task.add_done_callback(lambda _: self._tasks.pop(item.id, None))

    async def _make_room(self, name: str) -> None:
        waiting = [one for one in self._tasks.values() if one[0].target == name]
        for item, task in waiting[: len(waiting) + 1 - MAX_WAITING]:
            task.cancel()
            await self._over(item, "failed", "too many messages wait for this target")

    async def _send(self, item: Item) -> None:
        while True:
            await asyncio.sleep(max(0.0, item.next_at - time.time()))
            if item.attempts and not self._holds(item):
                await self._over(item, "overtaken")
                return
            target = self._targets().get(item.target)
            if target is None or not isinstance(target.channel, Ntfy | Webhook):
                if time.time() - item.made_at > MISSING_SECS * 12:
                    await self._over(item, "failed", "this target is not configured any more")
                    return
                item.next_at = time.time() + MISSING_SECS
                continue
            if await self._tried(item, target, target.channel.give_up_secs):
                return

    async def _tried(self, item: Item, target: Target, give_up_secs: float) -> bool:
        """Try once; whether that is the end of it."""
        slots = self._slots.setdefault(item.target, asyncio.Semaphore(MAX_AT_ONCE))
        async with slots:
            outcome = await self._attempt(item, target)
        item.attempts += 1
        if outcome.reply is not None:
            await self._taken(item, target, outcome.reply)
            return True
        pause = max(pause_secs(item.attempts, self._dice()), outcome.wait_secs)
        item.next_at, item.problem = time.time() + pause, outcome.problem
        if not outcome.again or item.next_at > item.made_at + give_up_secs:
            await self._over(item, "failed", outcome.problem)
            return True
        try:
            await self.off_loop(self._outbox.put, item)
        except OSError as error:
            log.warning("a message is not on disk", extra={"reason": str(error)})
        return False

    async def _attempt(self, item: Item, target: Target) -> Outcome:
        body = item.body.encode()
        try:
            headers = await self.off_loop(self._credentials.headers, target, body, item.id)
        except ClawdforgeError as error:
            return Outcome(problem=error.message, again=True)
        return await send_once(target, body, headers)

    async def _taken(self, item: Item, target: Target, reply: Reply) -> None:
        # It is told: whatever happens now, it is not told again.
        await self.off_loop(self._outbox.remove, item)
        result, problem = "sent", None
        channel = target.channel
        if isinstance(channel, Webhook) and channel.may_answer and item.approval_id:
            result, problem = await self._answered(item, target, reply)
        await self.record(_delivery(item, result, problem))

    async def _answered(self, item: Item, target: Target, reply: Reply) -> tuple[str, str | None]:
        try:
            answer = answer_in(reply.body)
            if answer is None or item.approval_id is None:
                return "sent", None
            if not may_be_believed(target, reply):
                return "sent", "its answer was not taken: it came without TLS"
            await self._answer(item, answer, target.name, reply.peer)
        except ValueError as error:
            return "sent", f"its answer was not taken: {error}"
        except ClawdforgeError as error:
            return "sent", f"its answer was not taken: {error.message}"
        return "answered", None

    async def _over(self, item: Item, result: str, problem: str | None = None) -> None:
        await self.off_loop(self._outbox.remove, item)
        await self.record(_delivery(item, result, problem))


def _delivery(item: Item, result: str, problem: str | None) -> Delivery:
    return Delivery(
        at=time.time(),
        target=item.target,
        kind=item.kind,
        session_id=item.session_id,
        result=result,
        attempts=item.attempts,
        problem=problem,
    )
