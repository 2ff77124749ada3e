"""Outermost layer of the HTTP process: what is at work at once, how long a body may be, and the short way of tills."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core import logs
from gateway.core.problems import INTERNAL, TOO_LARGE, TOO_SLOW
from gateway.loyalty.earning.counter.routes import Quick
from gateway.web.errors import answer, refusal
from gateway.web.pressure import OVERLOADED, RETRY_AFTER, Pressure, announced

log = structlog.get_logger(__name__)

#: Seconds. Who sends a body that never ends would else keep a place for ever.
PATIENCE = 60.0


class Guard:
    """Caps the body and what is at work at once, turns whatever nobody caught into `internal-error`, and gives what
    has a way of its own to that."""

    def __init__(
        self,
        app: ASGIApp,
        max_body: int,
        max_requests: int = 1_000,
        max_bytes: int = 2**28,
        ways: Mapping[tuple[str, str], Quick] | None = None,
        knows: Callable[[bytes], bool] = lambda _: False,
        patience: float = PATIENCE,
    ) -> None:
        """`ways`: by method and path. FastAPI's layers took a third of a report's time: docs/performance.md. `knows`:
        whether an API key works. `patience`: seconds in which a body must have come."""
        self.app, self.max_body, self.ways, self.patience = app, max_body, ways or {}, patience
        self.pressure = Pressure(max_requests, max_bytes, knows)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        owner = self.pressure.owner(scope)
        # What is announced is held from here on: many who come at once would else all find room for it.
        size = min(announced(scope), self.max_body)
        if not self.pressure.admits(owner, size):
            await answer(OVERLOADED.at(retry_after=RETRY_AFTER))(scope, receive, send)
            return
        started = False
        self.pressure.add(owner, 1, size)
        body = _Body(self, receive, owner, size)

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._pass(scope, body.read, watched)
        except Exception as error:
            log.error("request.failed", error=type(error).__name__, where=logs.where(error))
            if not started:
                await answer(INTERNAL.at())(scope, receive, send)
        finally:
            self.pressure.add(owner, -1, -body.held)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = self.ways.get((scope["method"], scope["path"]))
        if way is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
            told = await way(request)
        except ClientDisconnect:  # nobody waits for an answer
            return
        except Exception as error:
            told = refusal(error)
        await (told(scope, receive, send) if told else self.app(scope, _again(body, receive), send))


class _Body:
    """What comes of one request's body. HTTPException is the one kind of error that FastAPI passes on from here."""

    def __init__(self, guard: Guard, receive: Receive, owner: bytes, held: int) -> None:
        self._guard, self._receive, self._owner, self.held = guard, receive, owner, held
        self._until = asyncio.get_running_loop().time() + guard.patience
        self._received, self._whole = 0, False

    async def read(self) -> Message:
        try:
            async with asyncio.timeout_at(None if self._whole else self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(TOO_SLOW.status) from None
        self._whole = not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > self._guard.max_body:
            raise HTTPException(TOO_LARGE.status)
        more, pressure = self._received - self.held, self._guard.pressure
        if more > 0:
            if not pressure.holds(self._owner, more):
                raise HTTPException(OVERLOADED.status)
            pressure.add(self._owner, 0, more)
            self.held += more
        return message


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives a body once more that was read already."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read
