"""The client for asyncio: the same requests, the same retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from gateway.client.core import Json, Request, attempts, headers_of
from gateway.core import tls

Answer = TypeVar("Answer")


class AsyncClient:
    """As `Client`: one gateway, one merchant's API key or none. `send` takes requests of `gateway.client.calls`."""

    def __init__(
        self, url: str, key: str | None = None, timeout: float = 60, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url, self.key = url.rstrip("/"), key
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, transport=transport, verify=tls.context())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, request: Request[Answer]) -> Answer:
        """The answer; raises ProblemAnswer for a refusal, Unreachable when there is none after all attempts."""
        sent, trying = headers_of(request, self.key), attempts(self.url)
        wait = next(trying)
        while True:
            if wait is not None:
                await asyncio.sleep(wait)
            came: httpx.Response | httpx.TransportError
            try:
                came = await self._http.request(
                    request.method, request.path, params=request.query, headers=sent, content=request.content
                )
            except httpx.TransportError as error:
                came = error
            try:
                wait = trying.send(came)
            except StopIteration as done:
                return cast(Answer, done.value)

    async def items(self, page: Callable[[Any], Request[Any]]) -> AsyncIterator[Json]:
        """Every item of a list, page after page: `client.items(lambda cursor: calls.get_offers(cursor=cursor))`."""
        cursor: str | int | None = None
        while True:
            found = await self.send(page(cursor))
            for item in found["items"]:
                yield item
            cursor = found.get("next")
            if cursor is None:
                return
