"""The gateway's own client, over an application in this process."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.client import Client


class _Inside(httpx.BaseTransport):
    """Hands requests to Starlette's test client, which speaks another library's dialect."""

    def __init__(self, http: Any) -> None:
        self.http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = [(name, value) for name, value in request.headers.items() if name != "host"]
        answer = self.http.request(
            request.method, str(request.url.raw_path.decode()), content=request.read(), headers=headers
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


def client_over(http: Any, key: str | None = None) -> Client:
    """A client of the application behind `http`, a TestClient."""
    return Client("http://testserver", key, transport=_Inside(http))
