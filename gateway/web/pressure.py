"""Says `overloaded` before memory grows, and counts what one process does."""

from __future__ import annotations

from collections import Counter as Tally
from weakref import WeakSet

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
        """`max_bytes`: of all bodies that are being read or worked on, together. One API key has half of the places,
        so that nobody's key, looping or stolen, takes all of them."""
        self.max_requests, self.max_bytes = max_requests, max_bytes
        self.share = max(1, max_requests // 2)
        self.requests = self.bytes = 0
        self.keys: Tally[bytes] = Tally()

        _ALL.add(self)

    def admits(self, scope: Scope, key: bytes) -> bool:
        """Whether there is room for one more request of this key, as long as it says that it is."""
        if scope["path"] in ALWAYS:
            return True
        if key and self.keys[key] >= self.share:
            return False
        return self.requests < self.max_requests and self.bytes + announced(scope) <= self.max_bytes

    def add(self, requests: int, size: int, key: bytes = b"") -> None:
        """Counts requests, of which key, and bytes that come, or go (negative)."""
        self.requests += requests
        self.bytes += size
        if key:
            self.keys[key] += requests
            if not self.keys[key]:
                del self.keys[key]


_ALL: WeakSet[Pressure] = WeakSet()
# Asked for when somebody scrapes: counted at each request they took a twentieth of its time.
AT_WORK.set_function(lambda: sum(app.requests for app in _ALL))
HELD.set_function(lambda: sum(app.bytes for app in _ALL))


def key_of(scope: Scope) -> bytes:
    """The whole API key that a request bears, checked or not: who does not know it takes no place of its owner's.
    Empty without one."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            # However the scheme before it is written; FastAPI takes more for spaces than bytes.split does.
            return "".join(value.decode("latin-1").split()[-1:]).encode()
    return b""


def announced(scope: Scope) -> int:
    """The body's length by its header, 0 without one."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 16:
            return int(value)
    return 0
