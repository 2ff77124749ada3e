"""The one source of time."""

from __future__ import annotations

import time

#: Seconds that this machine's clock may differ from the newest block's time.
MAX_SKEW = 60


class Clock:
    """Unix seconds UTC, shifted by `offset` seconds when a test or a local chain needs another time."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def now(self) -> int:
        """Current time in whole Unix seconds."""
        return int(time.time()) + self.offset
