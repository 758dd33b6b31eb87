"""Views made of plain facts."""

import inspect
from typing import Any

from clawdforge.core.observed.views import SessionView, steady_view, with_figures

_FIGURES = set(inspect.signature(with_figures).parameters) - {"view"}


def made_view(*, now: float, **told: Any) -> SessionView:
    """A view as it is at a time."""
    told["age"] = now - told["started_at"]
    told["silent"] = now - told["last_activity"]
    steady = steady_view(**{name: fact for name, fact in told.items() if name not in _FIGURES})
    return with_figures(steady, **{name: told[name] for name in _FIGURES & told.keys()})
