"""Hands changes on to whoever follows them, each view encoded once.

Changes that come close together go out together. As long as more comes in, the pause between two
rounds grows with what a round costs, so that there is time left for taking in; when nothing more
comes, they go out at once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from clawdforge.core.observed.registry import Changes, Registry
from clawdforge.core.observed.signals import Moment
from clawdforge.wire import atm

MAX_PAUSE_SECS = 0.02
SHARE = 0.5
"""A round that took t is followed by a pause of this many times t, while more comes in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What changed: the lines to send, in order, and which session each is about."""

    lines: dict[str, bytes] = field(repr=False)
    """By session id: its newest view, or that it is gone. A rename is two entries."""
    joined: bytes = field(repr=False)


class Follower(Protocol):
    """Somebody who follows changes."""

    def publish(self, made: Round) -> None:
        """Something changed; must not wait."""
        ...


class Publisher:
    """Knows the followers, and when to tell them.

    Args:
        registry: Whose changes they are.
        now: The time, by both clocks.
        seen: Called with all changes, before anybody is told.
    """

    def __init__(
        self,
        registry: Registry,
        now: Callable[[], Moment],
        seen: Callable[[Changes], None] = lambda _: None,
    ) -> None:
        self._registry = registry
        self._now = now
        self._seen = seen
        self._followers: set[Follower] = set()
        self._timer: asyncio.Handle | None = None
        self._look: asyncio.Handle | None = None
        self._not_before = 0.0
        self._heard = 0
        """How often something may have changed."""

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    def add(self, follower: Follower) -> None:
        """Tell this one, too, of what changes from now on."""
        self.flush()
        self._followers.add(follower)

    def remove(self, follower: Follower) -> None:
        """Tell this one no longer."""
        self._followers.discard(follower)

    def is_following(self, follower: Follower) -> bool:
        """Whether it is told."""
        return follower in self._followers

    def changed(self) -> None:
        """The registry may have changed: tell of it soon."""
        self._heard += 1
        if self._timer is not None or not self._registry.has_changes:
            return
        loop = asyncio.get_running_loop()
        if self._not_before <= loop.time():
            self._timer = loop.call_soon(self.flush)
        else:
            self._timer = loop.call_at(self._not_before, self.flush)
            self._look = loop.call_soon(self._look_again, -1)

    def flush(self) -> None:
        """Tell of it now."""
        self._cancel()
        if not self._registry.has_changes:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        changes = self._registry.take_changes()
        self._seen(changes)
        if self._followers:
            made = self._round(changes)
            for follower in list(self._followers):
                follower.publish(made)
        took = loop.time() - began
        self._not_before = began + took + min(SHARE * took, MAX_PAUSE_SECS)

    def close(self) -> None:
        """Tell nobody any more."""
        self._cancel()
        self._followers.clear()

    def _look_again(self, heard: int) -> None:
        """Called in each turn of the event loop; in one without news there is no need to wait."""
        if heard == self._heard:
            self.flush()
        else:
            loop = asyncio.get_running_loop()
            self._look = loop.call_soon(self._look_again, self._heard)

    def _cancel(self) -> None:
        for handle in (self._timer, self._look):
            if handle is not None:
                handle.cancel()
        self._timer = self._look = None

    def _round(self, changes: Changes) -> Round:
        moment = self._now()
        lines: dict[str, bytes] = {}
        for session_id in changes.removed:
            reason = changes.reasons.get(session_id)
            lines[session_id] = atm.encode_session_removed(session_id, reason)
        for entry in changes.updated:
            view = self._registry.view(entry, moment)
            lines[view.id] = atm.encode_session_updated(view)
        return Round(lines=lines, joined=b"".join(lines.values()))
