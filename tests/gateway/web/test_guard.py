"""The short way of tills answers as the app would, and what it leaves goes to the app whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.core.problems import NOT_FOUND
from gateway.web.guard import Guard

PATH = "/v1/actions"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body."""
    request = Request(scope, receive)
    await PlainTextResponse(b"app:" + await request.body())(scope, receive, send)


async def short(request: Request) -> Response | None:
    """Does what the body says."""
    body = await request.body()
    if body == b"refuse":
        raise NOT_FOUND.at("campaign")
    if body == b"collide":
        raise IntegrityError("", {}, Exception())
    if body == b"fail":
        raise RuntimeError("a secret")
    return None if body == b"leave" else PlainTextResponse(b"short:" + body)


def ask(*parts: bytes, method: str = "POST", path: str = PATH) -> tuple[int, bytes]:
    """The status and the body of what one request with these parts of a body is told; 0 for nothing at all."""
    answers: list[Message] = []
    messages: list[Any] = [{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
    messages += [{"type": "http.request", "body": part, "more_body": False} for part in parts[-1:]]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    guard = Guard(app, max_body=10, ways={("POST", PATH): short})
    asyncio.run(guard({"type": "http", "method": method, "path": path, "headers": []}, receive, send))
    assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)
    return (answers[0]["status"], answers[1]["body"]) if answers else (0, b"")


def test_it_answers_without_the_app() -> None:
    assert ask(b"one", b"two") == (200, b"short:onetwo")


@pytest.mark.parametrize("parts", [(b"leave",), (b"le", b"ave"), (b"l", b"", b"eave")])
def test_what_it_leaves_reaches_the_app_whole(parts: tuple[bytes, ...]) -> None:
    assert ask(*parts) == (200, b"app:leave")


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH + "/"), ("POST", "/v1/actions/1")])
def test_nothing_else_takes_it(method: str, path: str) -> None:
    assert ask(b"one", method=method, path=path) == (200, b"app:one")


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ((b"refuse",), 404, "not-found"),
        ((b"collide",), 503, "busy"),
        ((b"fail",), 500, "internal-error"),
        ((b"far too ", b"long"), 413, "too-large"),
    ],
)
def test_its_refusals_are_the_apps(parts: tuple[bytes, ...], status: int, code: str) -> None:
    told, body = ask(*parts)
    assert (told, json.loads(body)["code"]) == (status, code)
    assert b"secret" not in body


def test_who_has_gone_is_told_nothing() -> None:
    assert ask() == (0, b"")
