"""Many items through a bulk call, however one of them spoils it. What was sent may be sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from gateway.client import Client, Document, Json, ProblemAnswer

Item = TypeVar("Item")
#: The most that one call takes.
BULK = 1_000
#: How often items that were answered with `busy` are sent again, and after how many seconds.
BUSY_ATTEMPTS, BUSY_PAUSE = 5, 1.0
#: A call is refused as a whole for what stands in one of its items: not JSON, or too large together.
SPOILED = frozenset({400, 413, 422})


def halving(
    send: Callable[[Sequence[Item]], Sequence[Document]], items: Sequence[Item], key_of: Callable[[Item], Any]
) -> list[Document]:
    """One result for each item; a call that is refused as a whole is cut in half until only the item that spoils it is
    refused."""
    try:
        return list(send(items))
    except ProblemAnswer as problem:
        if problem.status not in SPOILED:
            raise
        if len(items) == 1:
            return [{"key": key_of(items[0]), "status": problem.status, "action": None, "problem": problem.body}]
    half = len(items) // 2
    return halving(send, items[:half], key_of) + halving(send, items[half:], key_of)


def report_all(client: Client, actions: Sequence[Json], explain: bool = False) -> list[Document]:
    """One result for each of up to BULK actions, in their order; items that met somebody else's are sent again.
    `explain`: with verdicts."""

    def report(part: Sequence[Json]) -> list[Document]:
        return halving(partial(client.report_bulk, explain=explain), part, lambda action: action.get("key"))

    results = report(actions)
    for _ in range(BUSY_ATTEMPTS):
        busy = [n for n, result in enumerate(results) if (result.get("problem") or {}).get("code") == "busy"]
        if not busy:
            break
        time.sleep(BUSY_PAUSE)
        for place, result in zip(busy, report([actions[n] for n in busy]), strict=True):
            results[place] = result
    return results
