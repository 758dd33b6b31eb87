"""One session, as far as its notices are concerned: what it needs, what it has worked. Pure."""

from clawdforge.core.observed.attention_values import Reason, Subject

_NEVER = float("-inf")


class Watch:
    """One session: what it needs, what it has worked."""

    __slots__ = (
        "asked",
        "busy_at",
        "cool_until",
        "due",
        "episode",
        "finished_utc",
        "gone",
        "need",
        "need_utc",
        "subject",
        "told",
        "worked",
    )

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.need: Reason | None = None
        self.need_utc = 0.0
        self.told = False
        """The need was told."""
        self.asked = False
        """It was handed out, and is not settled."""
        self.busy_at: float | None = None
        self.worked = 0.0
        self.finished_utc: float | None = None
        """Since when its work is over, until that is told or not worth it."""
        self.due: float | None = None
        """When it has to be looked at (mono)."""
        self.cool_until = _NEVER
        self.episode = 0
        self.gone = False
        """The session has ended, and that is what is to be told."""

    def calm(self) -> None:
        """Nothing is needed any more."""
        self.need = None
        self.told = False
        self._anew()

    def begin_need(self, reason: Reason, utc: float, due: float) -> None:
        """From now on something is needed."""
        self._anew()
        self.need, self.need_utc, self.told, self.due = reason, utc, False, due
        self.finished_utc = None

    def finish(self, utc: float, due: float) -> None:
        """Its work seems to be over."""
        self._anew()
        self.finished_utc, self.due = utc, due

    def forget_work(self) -> None:
        """What was worked is told, or not worth it."""
        self.worked = 0.0
        self.finished_utc = None
        self._anew()

    def _anew(self) -> None:
        self.episode += 1
        self.asked = False
        self.due = None
