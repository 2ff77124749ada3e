"""Errors that no weather explains: a wheel, a job or a request failed by a mistake of ours, if only for a moment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

#: `KeyError: 'week'`, `sqlalchemy.orm.exc.StaleDataError: …`. Who starts while the disk is full ends so, too.
END_OF_TRACEBACK = re.compile(r"(?:\w+\.)*(\w+)(?::|$)")
FAILED = ("wheel.failed", "job.failed", "jobs.bulk_failed", "request.failed", "settlement.refused")
#: Two transactions that met, or code that is wrong. Chain and database may fail in their own ways, and requests that
#: meet are told to come again.
OURS = frozenset(
    {
        *("IntegrityError", "StaleDataError", "NoResultFound", "MultipleResultsFound", "ObjectDeletedError"),
        *("InvalidRequestError", "AssertionError", "AttributeError", "IndexError", "KeyError", "LookupError"),
        *("OverflowError", "RuntimeError", "TypeError", "UnboundLocalError", "ValueError", "ZeroDivisionError"),
    }
)


class Mistakes:
    """Reads logs on from where it was."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}

    def found(self, logs: Iterable[Path]) -> list[str]:
        """What has been added."""
        lines: list[str] = []
        for path in logs:
            if path.exists():
                text = path.read_bytes()
                added = text[self._read.get(path, 0) :].decode(errors="replace")
                self._read[path] = len(text)
                lines += [f"{path.stem}: {line}" for line in added.splitlines() if _is_ours(line)]
        return lines


def _is_ours(line: str) -> bool:
    if end := END_OF_TRACEBACK.match(line):
        return end[1] in OURS
    if not any(sign in line for sign in FAILED):
        return False
    try:
        told = json.loads(line)
    except ValueError:  # cut off by a kill
        return False
    return told.get("event") in FAILED and told.get("error") in OURS
