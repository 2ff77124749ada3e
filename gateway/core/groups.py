"""Many requests, one transaction: what a disk takes for one commit it takes for a hundred.

A thread takes whatever waits, does it in one transaction and answers all of it after the commit. While it commits, the
next group gathers, so the groups are as large as the load makes them. Who comes alone waits for nobody; after a group
of several the thread waits five thousandths of a second, because those who were just answered send again at once, and
without the pause every second group had one of them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from gateway.core.db import Database

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Seconds, and from how many on.
PAUSE, SEVERAL = 0.005, 4
Waiting = tuple[Item, "asyncio.AbstractEventLoop", "asyncio.Future[Any]"]


class Groups(Generic[Item, Result]):
    """`work` does a group in a session and gives the results in order; `size` tells how much an item weighs, and no
    more is added to a group that weighs `most`."""

    def __init__(
        self,
        db: Database,
        work: Callable[[Session, Sequence[Item]], Sequence[Result]],
        size: Callable[[Item], int] = lambda _: 1,
        most: int = 1_000,
        name: str = "groups",
    ) -> None:
        self.db, self.work, self.size, self.most, self.name = db, work, size, most, name
        self._queue: SimpleQueue[Waiting[Item]] = SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    async def take(self, item: Item) -> Result:
        """The item's result, once it is committed; raises what `work` raised for it."""
        if self._thread is None:
            self._begin()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put((item, loop, future))
        return await future

    def _begin(self) -> None:
        with self._start:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        group: list[Waiting[Item]] = []
        while True:
            several = len(group) >= SEVERAL
            group = [self._queue.get()]
            if several:
                time.sleep(PAUSE)
            weight = self.size(group[0][0])
            while weight < self.most:
                try:
                    group.append(self._queue.get_nowait())
                except Empty:
                    break
                weight += self.size(group[-1][0])
            _answer(group, self._do([item for item, _, _ in group]))

    def _do(self, items: Sequence[Item]) -> Sequence[Result | BaseException]:
        """All of them in one transaction; when that fails, each half in its own, so that only the bad ones fail. Where
        none can begin, all of them fail: each would wait for the database anew."""
        begun = False
        try:
            with self.db.begin() as session:
                session.connection()
                begun = True
                return self.work(session, items)
        except Exception as error:
            if len(items) == 1 or not begun:
                return [error] * len(items)
        half = len(items) // 2
        return [*self._do(items[:half]), *self._do(items[half:])]


def _answer(group: Sequence[Waiting[Item]], results: Sequence[Any]) -> None:
    """Wakes each event loop once for all its answers: waking it costs more than answering."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
    for (_, loop, future), result in zip(group, results, strict=True):
        by_loop[loop].append((future, result))
    for loop, answers in by_loop.items():
        with suppress(RuntimeError):  # it is closed: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, answers)


def _resolve(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in answers:
        if future.done():  # whoever asked has gone; what was done is done
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
