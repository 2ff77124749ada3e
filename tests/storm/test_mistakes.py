"""What of a log tells of a mistake of ours."""

from __future__ import annotations

from pathlib import Path

from tests.storm.mistakes import Mistakes

LINES = (
    ('{"wheel": "jobs", "error": "StaleDataError", "event": "wheel.failed", "level": "warning"}', True),
    ('{"wheel": "jobs", "error": "OperationalError", "event": "wheel.failed", "level": "warning"}', False),
    ('{"wheel": "relayer", "error": "NodeDown", "event": "wheel.failed", "level": "warning"}', False),
    ('{"error": "IntegrityError", "event": "request.collided", "level": "warning"}', False),
    ('{"campaign": 7, "error": "IntegrityError", "event": "settlement.refused", "level": "error"}', True),
    ('{"campaign": 7, "error": "Reverted(UnknownCampaign)", "event": "settlement.refused", "level": "error"}', False),
    ('{"job": 7, "error": "KeyError", "event": "job.failed", "level": "warning"}', True),
    ('{"job": 7, "error": "KeyError", "event": "job.fa', False),
    ("Traceback (most recent call last):", False),
    ("KeyError: 'week'", True),
    ("sqlalchemy.orm.exc.StaleDataError: UPDATE statement on table", True),
    ("sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database or disk is full", False),
)


def test_each_mistake_is_told_once(tmp_path: Path) -> None:
    log, mistakes = tmp_path / "worker 0.log", Mistakes()
    for line, ours in LINES:
        with log.open("a") as file:
            file.write(f"{line}\n")
        assert mistakes.found([log]) == ([f"worker 0: {line}"] if ours else []), line
