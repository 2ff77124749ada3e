"""Outermost layer of the HTTP process: what is at work at once, how long a body may be, and the short way of tills."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core import logs
from gateway.core.problems import INTERNAL, TOO_LARGE
from gateway.loyalty.earning.counter.routes import Quick
from gateway.web.errors import answer, refusal
from gateway.web.pressure import OVERLOADED, RETRY_AFTER, Pressure, key_of

log = structlog.get_logger(__name__)


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
    ) -> None:
        """`ways`: by method and path. FastAPI's layers took a third of a report's time: docs/performance.md."""
        self.app, self.max_body, self.ways = app, max_body, ways or {}
        self.pressure = Pressure(max_requests, max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        key = key_of(scope)
        if not self.pressure.admits(scope, key):
            await answer(OVERLOADED.at(retry_after=RETRY_AFTER))(scope, receive, send)
            return
        started = False
        received = 0
        self.pressure.add(1, 0, key)

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.pressure.add(0, size)
            if received > self.max_body:
                raise HTTPException(TOO_LARGE.status)  # the one kind of error that FastAPI passes on from here
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._pass(scope, counted, watched)
        except Exception as error:
            log.error("request.failed", error=type(error).__name__, where=logs.where(error))
            if not started:
                await answer(INTERNAL.at())(scope, receive, send)
        finally:
            self.pressure.add(-1, -received, key)

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
