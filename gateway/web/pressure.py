"""Says `overloaded` before memory grows, and counts what one process does."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
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

#: Whom everybody is counted as who brings no key that is known to work, and who asks for what is in ALWAYS.
STRANGER, PROBE = b"", b"/"


class Pressure:
    """What is at work in one app, all of it in one event loop. One API key has half of the places and of the bytes, so
    that nobody's key, looping or stolen, takes all of them; and so have all together who bring none."""

    def __init__(self, max_requests: int, max_bytes: int, knows: Callable[[bytes], bool]) -> None:
        """`max_bytes`: of all bodies that are being read or worked on, together. `knows`: whether a key works; a
        made-up one has no half of its own."""
        self.max_requests, self.max_bytes, self.knows = max_requests, max_bytes, knows
        self.share = max(1, max_requests // 2)
        self.requests = self.bytes = 0
        self.at_work: Tally[bytes] = Tally()
        self.held: Tally[bytes] = Tally()
        _ALL.add(self)

    def owner(self, scope: Scope) -> bytes:
        """Whose half a request is counted in."""
        if scope["path"] in ALWAYS:
            return PROBE
        key = key_of(scope)
        return key if key and self.knows(key) else STRANGER

    def admits(self, owner: bytes, size: int) -> bool:
        """Whether there is room for one more request of this owner with a body of `size` bytes."""
        if owner == PROBE:
            return True
        return self.at_work[owner] < self.share and self.requests < self.max_requests and self.holds(owner, size)

    def holds(self, owner: bytes, size: int) -> bool:
        """Whether there is room for `size` bytes more. Beside nothing else of its owner's a body may be the largest
        there is."""
        mine = self.held[owner]
        return self.bytes + size <= self.max_bytes and (not size or not mine or mine + size <= self.max_bytes // 2)

    def add(self, owner: bytes, requests: int, size: int) -> None:
        """Counts requests and bytes that come, or go (negative)."""
        if owner == PROBE:
            return
        self.requests += requests
        self.bytes += size
        for tally, change in ((self.at_work, requests), (self.held, size)):
            tally[owner] += change
            if not tally[owner]:
                del tally[owner]


_ALL: WeakSet[Pressure] = WeakSet()
# Asked for when somebody scrapes: counted at each request they took a twentieth of its time.
AT_WORK.set_function(lambda: sum(app.requests for app in _ALL))
HELD.set_function(lambda: sum(app.bytes for app in _ALL))


def key_of(scope: Scope) -> bytes:
    """The whole API key that a request bears: who does not know it takes no place of its owner's. Empty without one."""
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
