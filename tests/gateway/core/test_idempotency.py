"""A write under an Idempotency-Key, told twice at the same moment."""

from __future__ import annotations

import pytest

from gateway.core.db import Database
from gateway.core.idempotency import once
from gateway.core.problems import NOT_FOUND, Problem
from tests.support.races import on_postgresql

ABOUT = ("key", "POST /things", b"body", 1_800_000_000)


@on_postgresql
def test_who_is_refused_for_what_the_same_request_did_gets_its_answer(db: Database) -> None:
    def meets_its_twin() -> str:
        with db.begin() as session:
            once(session, 1, *ABOUT, lambda: "done")
        raise NOT_FOUND.at("what it needs is used up")

    with db.begin() as session:
        assert once(session, 1, *ABOUT, meets_its_twin) == "done"


def test_a_refusal_is_no_answer_and_leaves_nothing(db: Database) -> None:
    def refuse() -> str:
        raise NOT_FOUND.at()

    for _ in range(2):
        with pytest.raises(Problem, match="not-found"), db.begin() as session:
            once(session, 1, *ABOUT, refuse)
    with db.begin() as session:
        assert once(session, 1, *ABOUT, lambda: "done") == "done"
