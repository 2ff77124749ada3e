"""A bad line between gateway and node: a JSON-RPC proxy that delays, loses, repeats, cuts and lies, by its weather.

It knows what is single and what a batch, and whether a request reached the node before its answer went wrong. What goes
wrong when is drawn from the seed, in the order in which requests arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

#: What real nodes say of a transaction: geth's words, and anvil's where they differ.
SENDING_ERRORS = (
    (-32000, "nonce too low: next nonce 7, tx nonce 6"),
    (-32003, "nonce too low"),
    (-32000, "already known"),
    (-32003, "transaction already imported"),
    (-32000, "replacement transaction underpriced"),
    (-32000, "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1"),
    (-32003, "Insufficient funds for gas * price + value"),
)
#: What they say of anything while they are not well.
ANY_ERRORS = (
    (-32005, "daily request count exceeded, request rate limited"),
    (-32000, "header not found"),
    (-32603, "Internal error"),
    (-32001, "resource not found, try again"),
)
#: What they say of a block that they have without its state, when that is asked for.
STATELESS = (
    (-32000, "missing trie node 5d6ac0 (path ) state 0x5d6ac0 is not available"),
    (-32000, "required historical state unavailable (reexec=128): state not found"),
)
STATE = ("eth_call", "eth_estimateGas", "eth_getBalance", "eth_getCode", "eth_getTransactionCount")
#: HTTP answers of what stands in front of a node.
BUSY = (429, 502, 503)
SEND = "eth_sendRawTransaction"
#: Answers that may be given again, and for how many seconds: a node that lags further behind is taken out of service.
MAX_REMEMBERED, LAG = 500, 5.0


@dataclass(frozen=True)
class Weather:
    """How likely each fault is, 0 to 1, for each HTTP request (`refuse`, `deny`: for each transaction sent; `fail`: for
    each single question in it). All 0: fair."""

    delay: float = 0
    #: Seconds, at most.
    longest: float = 1.0
    #: The connection is closed before the node has heard of it.
    lose: float = 0
    #: The node has done it, the connection is closed without an answer.
    forget: float = 0
    #: Half an answer, with or without the length that was announced.
    cut: float = 0
    #: The node hears it twice; of a batch's answers one stands there twice.
    twice: float = 0
    #: A batch's answers come in another order.
    shuffle: float = 0
    #: One of a batch's answers is missing.
    gap: float = 0
    #: A transaction is not passed on and answered with one of a node's own errors.
    refuse: float = 0
    #: A transaction is passed on and answered with an error all the same.
    deny: float = 0
    #: A question is answered with an error.
    fail: float = 0
    #: A question for the state of a block is answered as by a node that has the block alone.
    stateless: float = 0
    #: 429, 502 or 503.
    busy: float = 0
    #: An earlier answer to the very same request, as from a node that lags behind.
    stale: float = 0

    def scaled(self, factor: float) -> Weather:
        """Every fault so many times as likely."""
        chances = {name: value * factor for name, value in vars(self).items() if name != "longest"}
        return Weather(**chances, longest=self.longest)


FAIR = Weather()
ROUGH = Weather(
    delay=0.1,
    lose=0.04,
    forget=0.04,
    cut=0.03,
    twice=0.04,
    shuffle=0.1,
    gap=0.03,
    refuse=0.15,
    deny=0.15,
    fail=0.02,
    stateless=0.04,
    busy=0.03,
    stale=0.03,
)


class Closed(Exception):
    """The connection to whoever asks is to be closed now."""


class FaultProxy:
    """Listens on a port of its own from `start` to `stop`, in a thread of its own; `weather` may change at any time."""

    def __init__(self, node_url: str) -> None:
        self.node_url, self.weather = node_url, FAIR
        #: Fault → how often.
        self.done: Counter[str] = Counter()
        self._random = random.Random()
        self._earlier: dict[bytes, tuple[float, bytes]] = {}
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        self._listening.wait()

    def begin(self, seed: int) -> None:
        """From now on this seed decides what goes wrong."""
        self._random.seed(seed)
        self.done.clear()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._node = httpx.AsyncClient(timeout=30)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._node.aclose())
        self._loop.close()

    # -------------------------------------------------------------- connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Closed, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                status, body = await self._answer(await reader.readexactly(length))
                await self._write(writer, status, body)
        writer.close()

    async def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        announced = len(body)
        cut = status == 200 and self._happens("cut")
        if cut:
            body = body[: len(body) // 2]
            announced = self._random.choice((announced, len(body)))
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, announced)
        )
        writer.write(body)
        await writer.drain()
        if announced > len(body):
            raise Closed

    def _happens(self, fault: str) -> bool:
        chance = getattr(self.weather, fault)
        happens = bool(chance) and self._random.random() < chance
        if happens:
            self.done[fault] += 1
        return happens

    # ------------------------------------------------------------------ answers

    async def _answer(self, body: bytes) -> tuple[int, bytes]:
        if self._happens("lose"):
            raise Closed
        if self._happens("busy"):
            return self._random.choice(BUSY), b"<html>try again</html>"
        if self._happens("delay"):
            await asyncio.sleep(self._random.uniform(0, self.weather.longest))
        at, earlier = self._earlier.get(body, (0.0, b""))
        if time.monotonic() - at < LAG and self._happens("stale"):
            return 200, earlier
        request = json.loads(body)
        calls = request if isinstance(request, list) else [request]
        kept_back = [call for call in calls if call["method"] == SEND and self._happens("refuse")]
        passed = [call for call in calls if call not in kept_back]
        answers = await self._ask(passed, isinstance(request, list)) if passed else []
        if isinstance(answers, tuple):
            return answers
        if self._happens("forget"):
            raise Closed
        answers = [self._bent(call, answer) for call, answer in zip(passed, answers, strict=False)]
        answers += [self._error(call, SENDING_ERRORS) for call in kept_back]
        if not isinstance(request, list):
            return self._remember(body, answers[0])
        return self._remember(body, self._jumbled(answers))

    async def _ask(self, calls: list[Any], batch: bool) -> list[Any] | tuple[int, bytes]:
        """The node's answers in the order of the calls; (status, body) when it does not answer as nodes do."""
        content = json.dumps(calls if batch else calls[0]).encode()
        try:
            for _ in range(1 + self._happens("twice")):
                response = await self._node.post(
                    self.node_url, content=content, headers={"Content-Type": "application/json"}
                )
            answers = response.json()
        except (httpx.HTTPError, ValueError):
            return 502, b"<html>no node</html>"
        if not batch:
            return [answers]
        if not isinstance(answers, list):
            return response.status_code, response.content
        by_id = {answer.get("id"): answer for answer in answers}
        return [by_id.get(call["id"]) for call in calls]

    def _bent(self, call: Mapping[str, Any], answer: Any) -> Any:
        if call["method"] == SEND and self._happens("deny"):
            return self._error(call, SENDING_ERRORS)
        if call["method"] in STATE and self._happens("stateless"):
            return self._error(call, STATELESS)
        return self._error(call, ANY_ERRORS) if self._happens("fail") else answer

    def _error(self, call: Mapping[str, Any], errors: tuple[tuple[int, str], ...]) -> Any:
        code, message = self._random.choice(errors)
        return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}

    def _jumbled(self, answers: list[Any]) -> list[Any]:
        if len(answers) > 1 and self._happens("gap"):
            answers.pop(self._random.randrange(len(answers)))
        if self.weather.twice and self._random.random() < self.weather.twice:
            answers.append(self._random.choice(answers))
        if self._happens("shuffle"):
            self._random.shuffle(answers)
        return answers

    def _remember(self, body: bytes, answer: Any) -> tuple[int, bytes]:
        told = json.dumps(answer).encode()
        if SEND.encode() not in body:
            self._earlier.pop(body, None)
            self._earlier[body] = time.monotonic(), told
            if len(self._earlier) > MAX_REMEMBERED:
                del self._earlier[next(iter(self._earlier))]
        return 200, told
