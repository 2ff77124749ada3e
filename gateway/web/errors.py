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

from gateway.core import logs
from gateway.core.problems import (
    BUSY,
    INTERNAL,
    INVALID_REQUEST,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    TOO_SLOW,
    Problem,
    reason,
)
from gateway.web.pressure import OVERLOADED, REFUSALS, RETRY_AFTER

log = structlog.get_logger(__name__)

COLLISIONS = (OperationalError, IntegrityError, StaleDataError)
#: What reading the body ends with (guard.py), by status.
OF_BODIES = {
    TOO_SLOW.status: TOO_SLOW.at(),
    TOO_LARGE.status: TOO_LARGE.at(),
    OVERLOADED.status: OVERLOADED.at(retry_after=RETRY_AFTER),
}


def answer(problem: Problem) -> JSONResponse:
    """The HTTP answer of one problem."""
    REFUSALS.labels(problem.refusal.code).inc()
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return JSONResponse(problem.body(), problem.refusal.status, headers=headers, media_type="application/problem+json")


def refusal(error: Exception) -> JSONResponse:
    """The answer to what a room raised. Raises what no refusal is."""
    if isinstance(error, Problem):
        return answer(error)
    if isinstance(error, COLLISIONS):
        # Two requests met: one of them committed, this one left nothing behind and may be sent again.
        log.warning("request.collided", error=type(error).__name__, where=logs.where(error))
        return answer(BUSY.at(retry_after=1))
    if isinstance(error, HTTPException) and error.status_code in OF_BODIES:
        return answer(OF_BODIES[error.status_code])
    raise error


def field_path(location: tuple[int | str, ...]) -> str:
    """`("body", "lines", 3, "amount")` → `lines[3].amount`."""
    path = ""
    for part in location[1:] if location and location[0] in ("body", "query", "path", "header") else location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "body"


def install(app: FastAPI) -> None:
    """Adds the handlers to `app`."""
    for kind in (Problem, *COLLISIONS):
        app.add_exception_handler(kind, lambda _, error: refusal(error))

    @app.exception_handler(Exception)
    def _failed(_request: Request, _error: Exception) -> JSONResponse:
        return answer(INTERNAL.at())

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
        known = {404: NOT_FOUND.at(), 405: METHOD_NOT_ALLOWED.at(), **OF_BODIES}
        told = answer(known.get(error.status_code) or INVALID_REQUEST.at())
        if error.status_code == METHOD_NOT_ALLOWED.status:
            told.headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        return told


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What may be done with the path: each route knows only its own method."""
    fitting = (route for route in app.routes if route.matches(request.scope)[0] != Match.NONE)
    return {method for route in fitting for method in getattr(route, "methods", None) or ()}
