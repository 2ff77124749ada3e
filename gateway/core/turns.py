"""Who writes next to a SQLite file.

SQLite has one writer and no queue: whoever asks at the right moment gets it, and a busy process, which asks again as
soon as it is done, gets it nearly always. Here one at a time asks, and a process that has just got it lets others come
before it asks again: a till waits for one transaction of the worker's, not for several. Of several threads of one
process the order is the system's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

#: What no other process can open.
IN_MEMORY = ("", ":memory:")
#: Seconds between two looks whether the place is free; until who stands there asks without it: a process may hang.
LOOK_AGAIN, STAND = 0.001, 5.0


class Turns:
    """The queue of one database file. Threads of a process stand at a lock; one of them, with other processes, at the
    file `<database>-turn`, which stays empty and is left by whoever dies. Where that cannot be, everybody asks for the
    writer as before: SQLite itself lets only one write."""

    def __init__(self, database: str) -> None:
        self._database = None if database in IN_MEMORY else database
        self._threads = threading.Lock()
        self._file: int | None = None
        self._closing: weakref.finalize[[int], Turns] | None = None
        self._left = 0.0

    @contextmanager
    def mine(self, deadline: float) -> Iterator[None]:
        """Inside, hardly anybody else asks for the writer. TimeoutError when other threads of this process stand there
        until `deadline` (monotonic seconds)."""
        if not self._threads.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            stands = self._stand(min(deadline, time.monotonic() + STAND))
            try:
                yield
            finally:
                if stands and self._file is not None:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
                    self._left = time.monotonic()
        finally:
            self._threads.release()

    def close(self) -> None:
        """Closes the file; the next turn opens it again."""
        if self._threads.acquire(timeout=1):
            self._forget()
            self._threads.release()

    def _stand(self, until: float) -> bool:
        """Whether this process stands at the file now."""
        # Another process looks once in LOOK_AGAIN; without this the next thread of this one would always be sooner.
        if (pause := self._left + 2 * LOOK_AGAIN - time.monotonic()) > 0:
            time.sleep(pause)
        try:
            file = self._open()
            while file is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return True
                except BlockingIOError:
                    if time.monotonic() >= until:
                        return False
                time.sleep(LOOK_AGAIN)
        except OSError as error:
            log.warning("turns.no_queue", error=type(error).__name__)
            self._forget()
            self._database = None
        return False

    def _open(self) -> int | None:
        if self._file is None and self._database is not None:
            # As SQLite does with the files beside its own: who may open the database may stand in its queue.
            of = os.stat(self._database)
            flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(f"{self._database}-turn", flags, stat.S_IMODE(of.st_mode))
            self._closing = weakref.finalize(self, os.close, self._file)
            if os.geteuid() == 0:
                os.fchown(self._file, of.st_uid, of.st_gid)
        return self._file

    def _forget(self) -> None:
        if self._closing is not None:
            self._closing()
        self._file = self._closing = None
