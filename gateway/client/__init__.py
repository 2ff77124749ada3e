"""The gateway's API for Python programs: typed requests (`calls`), sent by `Client` or `AsyncClient`. Knows the API and
nothing else.

    from gateway.client import Client, calls

    with Client("http://127.0.0.1:8000", "loy_…") as client:
        answer = client.send(calls.post_actions({"campaign": 1, "kind": "visit", "occurred_at": 1_767_225_600, …}))
"""

from __future__ import annotations

from typing import Any

from gateway.client.core import Document, Json, ProblemAnswer, Request, Unreachable
from gateway.client.sync import Client

__all__ = ["AsyncClient", "Client", "Document", "Json", "ProblemAnswer", "Request", "Unreachable"]


def __getattr__(name: str) -> Any:
    """`AsyncClient` brings asyncio, which a till's script does not need."""
    if name != "AsyncClient":
        raise AttributeError(name)
    from gateway.client.aio import AsyncClient

    return AsyncClient
