"""Clocks for tests."""

from __future__ import annotations

from gateway.core.clock import Clock


class StoppedClock(Clock):
    """Time passes only when a test turns `offset`, so that a slow machine changes no figure."""

    def __init__(self) -> None:
        super().__init__()
        self.start = super().now()

    def now(self) -> int:
        return self.start + self.offset
