"""More than fits is told to come back before anything of it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from gateway.web.guard import Guard


class Slow:
    """An app that reads the body and answers when it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] != "/health":
            await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(guard: Guard, size: int = 0, path: str = "/v1/actions", key: str = "") -> tuple[int, dict[bytes, bytes]]:
    answers: list[Message] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"content-length", str(size).encode())]
    headers += [(b"authorization", key.encode("latin-1"))] if key else []
    await guard({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return answers[0]["status"], dict(answers[0]["headers"])


def test_too_many_requests_at_once_are_told_to_come_back() -> None:
    async def walk() -> None:
        app = Slow()
        guard = Guard(app, max_body=1_000, max_requests=2, max_bytes=10_000)
        at_work = [asyncio.create_task(ask(guard)) for _ in range(2)]
        await asyncio.sleep(0)
        status, headers = await ask(guard)
        assert (status, headers[b"retry-after"]) == (429, b"1")
        assert (await ask(guard, path="/health"))[0] == 200
        app.go_on.set()
        assert [status for status, _ in await asyncio.gather(*at_work)] == [200, 200]
        assert (await ask(guard))[0] == 200
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())


def test_bodies_together_have_a_limit() -> None:
    async def walk() -> None:
        app = Slow()
        guard = Guard(app, max_body=1_000, max_requests=10, max_bytes=1_500)
        at_work = [asyncio.create_task(ask(guard, 900))]
        await asyncio.sleep(0)
        assert (await ask(guard, 700))[0] == 429
        at_work.append(asyncio.create_task(ask(guard, 600)))
        await asyncio.sleep(0)
        assert guard.pressure.bytes == 1_500
        app.go_on.set()
        assert [status for status, _ in await asyncio.gather(*at_work)] == [200, 200]
        assert guard.pressure.bytes == 0

    asyncio.run(walk())


def test_one_key_has_half_of_the_places() -> None:
    async def walk() -> None:
        app = Slow()
        guard = Guard(app, max_body=1_000, max_requests=4, max_bytes=10_000)
        at_work = [asyncio.create_task(ask(guard, key=f"{scheme} loy_1")) for scheme in ("Bearer", "bearer ")]
        await asyncio.sleep(0)
        for key in ("BEARER loy_1", "Bearer \xa0loy_1", "Bearer loy_1\x85"):  # all that FastAPI takes for spaces
            status, headers = await ask(guard, key=key)
            assert (status, headers[b"retry-after"]) == (429, b"1")
        at_work += [asyncio.create_task(ask(guard, key=key)) for key in ("Bearer loy_2", "")]
        await asyncio.sleep(0)
        assert guard.pressure.requests == 4
        app.go_on.set()
        assert [status for status, _ in await asyncio.gather(*at_work)] == [200] * 4
        assert (await ask(guard, key="Bearer loy_1"))[0] == 200
        assert (guard.pressure.requests, dict(guard.pressure.keys)) == (0, {})

    asyncio.run(walk())


def test_a_request_that_fails_leaves_its_room() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError

    async def walk() -> None:
        guard = Guard(broken, max_body=1_000, max_requests=1, max_bytes=1_000)
        for _ in range(3):
            assert (await ask(guard, 800))[0] == 500
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())
