"""Prometheus metrics of one server; no globals, so that two servers fit into a process."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

from clawdforge.core.run import RunOutcome
from clawdforge.core.session_effects import TurnOutcome
from clawdforge.core.usage import Usage

_REQUEST_SECS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 120)
_RUN_SECS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """Counts requests, runs, tokens and money."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter(
            "clawdforge_http_requests", "Requests answered.", "method", "route", "status"
        )
        self._request_secs = Histogram(
            "clawdforge_http_request_seconds",
            "Time from the first byte in to the last byte out.",
            ("route",),
            buckets=_REQUEST_SECS,
            registry=self._registry,
        )
        self._runs = self._counter("clawdforge_runs", "Runs that ended.", "agent", "state")
        self._run_secs = Histogram(
            "clawdforge_run_seconds",
            "Duration of runs, without the wait in line.",
            ("agent",),
            buckets=_RUN_SECS,
            registry=self._registry,
        )
        self._turns = self._counter(
            "clawdforge_turns", "Turns of sessions that ended.", "agent", "state"
        )
        self._turn_secs = Histogram(
            "clawdforge_turn_seconds",
            "Duration of turns, without the wait in line.",
            ("agent",),
            buckets=_RUN_SECS,
            registry=self._registry,
        )
        self._tokens = self._counter("clawdforge_tokens", "Tokens used.", "agent", "kind")
        self._cost = self._counter("clawdforge_cost_microusd", "Cost, in micro-dollars.", "agent")

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Show a value that is read when asked for."""
        Gauge(name, about, registry=self._registry).set_function(read)

    def request(self, method: str, route: str, status: int, secs: float) -> None:
        """Count an answered request. `route` is the pattern, never a path from outside."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_secs.labels(route).observe(secs)

    def run(self, agent: str, outcome: RunOutcome) -> None:
        """Count a run that ended."""
        self._runs.labels(agent, outcome.state.value).inc()
        self._run_secs.labels(agent).observe(outcome.duration_ms / 1000)
        self._use(agent, outcome.usage)

    def _use(self, agent: str, usage: Usage) -> None:
        for kind, count in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", usage.cache_write_tokens),
        ):
            self._tokens.labels(agent, kind).inc(count or 0)
        self._cost.labels(agent).inc(usage.cost_microusd or 0)

    def turn(self, agent: str, outcome: TurnOutcome) -> None:
        """Count a turn of a session that ended."""
        self._turns.labels(agent, outcome.state.value).inc()
        self._turn_secs.labels(agent).observe(outcome.duration_ms / 1000)
        self._use(agent, outcome.usage)

    def exposition(self) -> tuple[bytes, str]:
        """All metrics in the text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_1_0_0

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self._registry)
