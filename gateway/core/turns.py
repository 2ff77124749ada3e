"""Who writes next to a SQLite file.

SQLite has one writer and no queue: whoever asks at the right moment gets it, and a busy process, which asks again as
soon as it is done, gets it nearly always. Here one at a time asks, so that who has just written stands behind who has
been waiting: a till waits for one transaction of the worker's, not for several.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: What no other process can open.
IN_MEMORY = ("", ":memory:")


class Turns:
    """The queue of one database file. Threads of a process stand at a lock; one of them, with other processes, at the
    file `<database>-turn`, which stays empty, may be deleted, and is left by whoever dies."""

    def __init__(self, database: str, pause: float) -> None:
        self._place, self._pause = f"{database}-turn" if database not in IN_MEMORY else None, pause
        self._threads = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def mine(self, deadline: float) -> Iterator[None]:
        """Inside, nobody else asks for the writer. TimeoutError at `deadline` (monotonic seconds)."""
        if not self._threads.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            self._stand(deadline)
            yield
        finally:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            self._threads.release()

    def close(self) -> None:
        """Closes the file; the next turn opens it again."""
        with self._threads:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _stand(self, deadline: float) -> None:
        if self._file is None and self._place is not None:
            with suppress(OSError):  # a full disk: then without, SQLite itself lets only one write
                self._file = os.open(self._place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while self._file is not None:
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() >= deadline:
                raise TimeoutError
            time.sleep(self._pause)
