"""An HTTP/1.1 client that costs little, so that the server is what is measured: prepared bytes out, lengths in."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answers:
    """What came back. `latencies` in seconds, `done` when (monotonic) each came, both in the order of the answers."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, part: float) -> float:
        """Seconds within which this part (0 to 1) of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def report(token: str, action: Mapping[str, Any]) -> bytes:
    """The bytes of one action as a till with this API key reports it, with a fresh idempotency key."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(12)}
    return request("/v1/actions", json.dumps(action).encode(), headers)


def closed(url: str, requests: Sequence[bytes], connections: int, keep: bool = False) -> Answers:
    """Sends everything, each connection its next request once the last is answered. `keep`: the bodies too."""
    return asyncio.run(_run(url, requests, connections, keep, None))


def opened(url: str, requests: Sequence[bytes], connections: int, rate: float, keep: bool = False) -> Answers:
    """Sends at `rate` a second whether answers come or not; latencies count from when a request was due."""
    return asyncio.run(_run(url, requests, connections, keep, rate))


async def _run(url: str, requests: Sequence[bytes], connections: int, keep: bool, rate: float | None) -> Answers:
    loop, parts, answers = asyncio.get_running_loop(), urlsplit(url), Answers()
    work = _Work(requests, answers, keep, loop.create_future())
    pool = []
    for _ in range(min(connections, len(requests))):
        _, connection = await loop.create_connection(lambda: _Connection(work), parts.hostname or "", parts.port or 80)
        pool.append(connection)
    started = time.monotonic()
    if rate is None:
        for connection in pool:
            connection.next()
    else:
        await _pace(work, pool, rate, started)
    await work.finished
    answers.seconds = time.monotonic() - started
    for connection in pool:
        connection.transport.close()
    return answers


async def _pace(work: _Work, pool: list[_Connection], rate: float, started: float) -> None:
    work.due = deque()
    work.idle.extend(pool)
    for number in range(len(work.requests)):
        moment = started + number / rate
        if (pause := moment - time.monotonic()) > 0.001:
            await asyncio.sleep(pause)
        work.due.append(moment)
        if work.idle:
            work.idle.popleft().next()


class _Work:
    """What all connections share."""

    def __init__(self, requests: Sequence[bytes], answers: Answers, keep: bool, finished: asyncio.Future[None]) -> None:
        self.requests, self.answers, self.keep, self.finished = requests, answers, keep, finished
        self.rest: Iterator[bytes] = iter(requests)
        self.due: deque[float] | None = None
        self.idle: deque[_Connection] = deque()


class _Connection(asyncio.Protocol):
    def __init__(self, work: _Work) -> None:
        self.work = work
        self.buffer = b""
        self.length = -1
        self.status = 0
        self.sent = 0.0
        self.waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def next(self) -> None:
        """Sends what is due, if anything is."""
        due = self.work.due
        if due is not None and not due:
            self.work.idle.append(self)
            return
        content = next(self.work.rest, None)
        if content is not None:
            self.sent = time.monotonic() if due is None else due.popleft()
            self.waits = True
            self.transport.write(content)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.length < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.status = int(self.buffer[9:12])
            at = self.buffer.lower().find(b"content-length:", 0, end)
            self.length = end + 4 + int(self.buffer[at + 15 : self.buffer.find(b"\r", at)])
            self.head = end + 4
        if len(self.buffer) < self.length:
            return
        answers, now = self.work.answers, time.monotonic()
        answers.latencies.append(now - self.sent)
        answers.done.append(now)
        answers.statuses[self.status] += 1
        if self.work.keep:
            answers.bodies.append(self.buffer[self.head : self.length])
        self.buffer, self.length, self.waits = b"", -1, False
        if len(answers.latencies) == len(self.work.requests):
            self.work.finished.set_result(None)
        else:
            self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if self.waits and not self.work.finished.done():  # one that has nothing left to send may be closed
            self.work.finished.set_exception(ConnectionError("the server closed a connection"))
