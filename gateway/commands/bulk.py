"""Many actions through the bulk call, however one of them spoils it. What was sent may be sent again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from gateway.client import Client, Json, ProblemAnswer

#: The most that one call takes.
BULK = 1_000
#: How often items that were answered with `busy` are sent again, and after how many seconds.
BUSY_ATTEMPTS, BUSY_PAUSE = 5, 1.0
#: A call is refused as a whole for what stands in one of its items: not JSON, or too large together.
SPOILED = frozenset({400, 413, 422})


def report_all(client: Client, actions: Sequence[Json]) -> list[Json]:
    """One result for each of up to BULK actions, in their order; items that met somebody else's are sent again."""
    results = _report(client, actions)
    for _ in range(BUSY_ATTEMPTS):
        busy = [n for n, result in enumerate(results) if (result.get("problem") or {}).get("code") == "busy"]
        if not busy:
            break
        time.sleep(BUSY_PAUSE)
        for place, result in zip(busy, _report(client, [actions[n] for n in busy]), strict=True):
            results[place] = result
    return results


def _report(client: Client, actions: Sequence[Json]) -> list[Json]:
    """A call that is refused as a whole is cut in half until only the item that spoils it is refused."""
    try:
        return client.report_bulk(actions)
    except ProblemAnswer as problem:
        if problem.status not in SPOILED:
            raise
        if len(actions) == 1:
            return [{"key": actions[0].get("key"), "status": problem.status, "action": None, "problem": problem.body}]
    half = len(actions) // 2
    return _report(client, actions[:half]) + _report(client, actions[half:])
