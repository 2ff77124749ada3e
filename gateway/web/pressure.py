"""Says `overloaded` before memory grows, and counts what one process does."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from starlette.types import Scope

from gateway.core.problems import Refusal

OVERLOADED = Refusal("overloaded", 429, "Too much is at work; the same request may be sent again")
#: Seconds after which to come back.
RETRY_AFTER = 1
#: What tells whether the process lives must be heard at any time.
ALWAYS = frozenset({"/health", "/ready", "/metrics"})

#: Of this process alone; what all of them tell alike is asked of the database (metrics.py).
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
REFUSALS = Counter("loyalty_refusals", "Refusals by their code", ["code"], registry=REGISTRY)
AT_WORK = Gauge("loyalty_requests_at_work", "Requests that are being answered", registry=REGISTRY)
HELD = Gauge("loyalty_body_bytes", "Bytes of the bodies of requests at work", registry=REGISTRY)


class Pressure:
    """What is at work in one app, all of it in one event loop."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        """`max_bytes`: of all bodies that are being read or worked on, together."""
        self.max_requests, self.max_bytes = max_requests, max_bytes
        self.requests = self.bytes = 0

    def admits(self, scope: Scope) -> bool:
        """Whether there is room for one more request, as long as it says that it is."""
        if scope["path"] in ALWAYS:
            return True
        return self.requests < self.max_requests and self.bytes + announced(scope) <= self.max_bytes

    def add(self, requests: int, size: int) -> None:
        """Counts requests and bytes that come, or go (negative)."""
        self.requests += requests
        self.bytes += size
        AT_WORK.inc(requests)
        HELD.inc(size)


def announced(scope: Scope) -> int:
    """The body's length by its header, 0 without one."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 16:
            return int(value)
    return 0
