"""More than fits is told to come back before anything of it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web import errors
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


KEYS = {b"loy_1", b"loy_2"}


def guarding(app: ASGIApp, max_requests: int, max_bytes: int = 10_000, **more: Any) -> Guard:
    return Guard(app, max_body=1_000, max_requests=max_requests, max_bytes=max_bytes, knows=KEYS.__contains__, **more)


async def ask(
    guard: Guard, size: int = 0, path: str = "/v1/actions", key: str = "", announced: int | None = None
) -> tuple[int, dict[bytes, bytes]]:
    """`announced`: the length that the header tells, instead of `size`; -1: none."""
    answers: list[Message] = []
    announced = size if announced is None else announced

    async def receive() -> Any:
        if announced > size:  # the rest never comes
            await asyncio.Event().wait()
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"content-length", str(announced).encode())] if announced >= 0 else []
    headers += [(b"authorization", key.encode("latin-1"))] if key else []
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    await guard(scope, receive, send)
    return answers[0]["status"], dict(answers[0]["headers"])


def test_too_many_requests_at_once_are_told_to_come_back() -> None:
    async def walk() -> None:
        app = Slow()
        guard = guarding(app, 2)
        at_work = [asyncio.create_task(ask(guard, key=f"Bearer {key.decode()}")) for key in KEYS]
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
        guard = guarding(app, 10, 1_500)
        at_work = [asyncio.create_task(ask(guard, 900))]
        await asyncio.sleep(0)
        assert (await ask(guard, 700, key="Bearer loy_1"))[0] == 429
        at_work.append(asyncio.create_task(ask(guard, 600, key="Bearer loy_1")))
        await asyncio.sleep(0)
        assert guard.pressure.bytes == 1_500
        app.go_on.set()
        assert [status for status, _ in await asyncio.gather(*at_work)] == [200, 200]
        assert guard.pressure.bytes == 0

    asyncio.run(walk())


def test_one_key_has_half_of_the_places() -> None:
    async def walk() -> None:
        app = Slow()
        guard = guarding(app, 4)
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
        assert (guard.pressure.requests, dict(guard.pressure.at_work)) == (0, {})

    asyncio.run(walk())


def test_those_without_a_key_that_works_have_half_of_the_places_together() -> None:
    async def walk() -> None:
        app = Slow()
        guard = guarding(app, 4)
        at_work = [asyncio.create_task(ask(guard, key=key)) for key in ("", "Bearer made-up")]
        await asyncio.sleep(0)
        for key in ("", "Bearer made-up", "Bearer another"):
            assert (await ask(guard, key=key))[0] == 429
        at_work.append(asyncio.create_task(ask(guard, key="Bearer loy_1")))
        await asyncio.sleep(0)
        app.go_on.set()
        assert [status for status, _ in await asyncio.gather(*at_work)] == [200] * 3

    asyncio.run(walk())


def test_probes_take_nobodys_place() -> None:
    async def walk() -> None:
        app = Slow()
        guard = guarding(app, 2)
        probes = [asyncio.create_task(ask(guard, path="/ready", announced=1_000)) for _ in range(20)]
        await asyncio.sleep(0)
        app.go_on.set()
        assert (await ask(guard, 900))[0] == 200
        for probe in probes:
            probe.cancel()

    asyncio.run(walk())


def test_what_is_announced_is_held_before_it_comes() -> None:
    async def walk() -> None:
        guard = guarding(Slow(), 100, 4_000)
        stalled = [asyncio.create_task(ask(guard, 0, announced=1_000)) for _ in range(50)]
        await asyncio.sleep(0)
        assert guard.pressure.bytes == 2_000, "half of the bytes"
        assert (await ask(guard, 1_000))[0] == 429
        tills = [asyncio.create_task(ask(guard, 1_000, key="Bearer loy_1")) for _ in range(2)]
        await asyncio.sleep(0)
        assert guard.pressure.bytes == 4_000
        assert not any(till.done() for till in tills)
        for task in (*stalled, *tills):
            task.cancel()
        await asyncio.gather(*stalled, *tills, return_exceptions=True)
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())


def test_what_is_not_announced_is_counted_as_it_comes() -> None:
    async def walk() -> None:
        app = FastAPI()
        errors.install(app)
        going_on = asyncio.Event()

        @app.post("/v1/claims")
        async def claim(request: Request) -> None:
            await request.body()
            await going_on.wait()

        guard = guarding(app, 10, 2_000)
        at_work = [asyncio.create_task(ask(guard, 900, "/v1/claims", announced=-1))]
        while guard.pressure.bytes < 900:
            await asyncio.sleep(0)
        status, headers = await ask(guard, 900, "/v1/claims", announced=-1)
        assert (status, headers[b"retry-after"]) == (429, b"1")
        going_on.set()
        assert (await at_work[0])[0] == 200
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())


def test_a_body_that_never_ends_leaves_its_room() -> None:
    async def walk() -> None:
        app = FastAPI()
        errors.install(app)

        @app.post("/v1/claims")
        async def claim(body: dict[str, int]) -> None: ...

        async def way(request: Request) -> None:
            await request.body()

        guard = guarding(app, 2, patience=0.05, ways={("POST", "/v1/actions"): way})
        for path in ("/v1/claims", "/v1/actions"):
            assert (await asyncio.wait_for(ask(guard, 0, path, announced=1_000), 60))[0] == 408
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())


def test_a_request_that_fails_leaves_its_room() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError

    async def walk() -> None:
        guard = guarding(broken, 1, 1_000)
        for _ in range(3):
            assert (await ask(guard, 800))[0] == 500
        assert (guard.pressure.requests, guard.pressure.bytes) == (0, 0)

    asyncio.run(walk())
