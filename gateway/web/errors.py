"""Every refusal leaves as problem+json; no stack trace and nothing that was sent comes back."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core import logs
from gateway.core.problems import (
    BUSY,
    INTERNAL,
    INVALID_REQUEST,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    Problem,
    reason,
)
from gateway.web.pressure import OVERLOADED, REFUSALS, RETRY_AFTER, Pressure, key_of

log = structlog.get_logger(__name__)


def answer(problem: Problem) -> JSONResponse:
    """The HTTP answer of one problem."""
    REFUSALS.labels(problem.refusal.code).inc()
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return JSONResponse(problem.body(), problem.refusal.status, headers=headers, media_type="application/problem+json")


def field_path(location: tuple[int | str, ...]) -> str:
    """`("body", "lines", 3, "amount")` → `lines[3].amount`."""
    path = ""
    for part in location[1:] if location and location[0] in ("body", "query", "path", "header") else location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "body"


def install(app: FastAPI) -> None:
    """Adds the handlers to `app`."""

    @app.exception_handler(Problem)
    def _problem(_request: Request, problem: Problem) -> JSONResponse:
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        location = first["loc"]
        # An unexpected field's name was chosen by the caller: point at its parent instead of repeating it.
        if first["type"] == "extra_forbidden":
            return answer(INVALID_REQUEST.at(field_path(location[:-1]), "unexpected field"))
        field = "body" if first["type"] == "json_invalid" else field_path(location)
        return answer(INVALID_REQUEST.at(field, reason(first)))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        known = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE}
        told = answer(known.get(error.status_code, INVALID_REQUEST).at())
        if error.status_code == METHOD_NOT_ALLOWED.status:
            told.headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        return told

    @app.exception_handler(OperationalError)
    @app.exception_handler(IntegrityError)
    @app.exception_handler(StaleDataError)
    def _busy(_request: Request, error: Exception) -> JSONResponse:
        # Two requests met: one of them committed, this one left nothing behind and may be sent again.
        log.warning("request.collided", error=type(error).__name__, where=logs.where(error))
        return answer(BUSY.at(retry_after=1))


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What may be done with the path: each route knows only its own method."""
    fitting = (route for route in app.routes if route.matches(request.scope)[0] != Match.NONE)
    return {method for route in fitting for method in getattr(route, "methods", None) or ()}


class Guard:
    """Outermost layer: caps the body and what is at work at once, and turns whatever nobody caught into
    `internal-error`."""

    def __init__(self, app: ASGIApp, max_body: int, max_requests: int = 1_000, max_bytes: int = 2**28) -> None:
        self.app, self.max_body = app, max_body
        self.pressure = Pressure(max_requests, max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not self.pressure.admits(scope):
            await answer(OVERLOADED.at(retry_after=RETRY_AFTER))(scope, receive, send)
            return
        started = False
        received = 0
        key = key_of(scope)
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
            await self.app(scope, counted, watched)
        except Exception as error:
            log.error("request.failed", error=type(error).__name__, where=logs.where(error))
            if not started:
                await answer(INTERNAL.at())(scope, receive, send)
        finally:
            self.pressure.add(-1, -received, key)
