"""Slow work on a thread of its own: a turn of the worker never waits for somebody else's server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Aside:
    """Calls `work` again and again, one call at a time."""

    def __init__(self, work: Callable[[], int]) -> None:
        self.work = work
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")
        self._running: Future[int] | None = None

    def turn(self) -> int:
        """Starts a call when none is running, and returns at once: 0, or what a call that just ended returned. Raises
        what that call raised."""
        if self._running is None:
            self._running = self._thread.submit(self.work)
        if not self._running.done():
            return 0
        ended, self._running = self._running, None
        return ended.result()
