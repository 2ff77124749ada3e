"""Rows that go past the ORM arrive as they would through it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gateway.core.bulk import add_rows, among, listed, reserve_ids, upsert
from gateway.core.db import Database
from gateway.core.jobs import Job
from gateway.core.limits import FIRST_SECOND
from gateway.loyalty.ledger.models import Holding, LedgerTotal, Measure
from tests.support.plans import plan


def job(ref: int, **more: int) -> dict[str, object]:
    return {"kind": "test.bulk", "ref": ref, "run_at": FIRST_SECOND, **more}


def test_rows_arrive_with_defaults_and_types(db: Database) -> None:
    with db.begin() as session:
        add_rows(session, Job, [job(ref) for ref in range(3)])
        add_rows(session, Job, [])
        place = {"campaign": 1, "measure": Measure.AWARDED, "party": bytes(20)}
        add_rows(session, LedgerTotal, [{**place, "events": 2, "points": 2**100}])
        held = {"holder": b"h" * 20, "campaign": 0, "matured": 7, "stay": True, "release_from": None}
        add_rows(session, Holding, [held])
    with db.read() as session:
        rows = session.execute(sa.select(Job.ref, Job.count, Job.attempts).order_by(Job.ref)).all()
        assert [tuple(row) for row in rows] == [(0, 1, 0), (1, 1, 0), (2, 1, 0)]
        total = session.scalars(sa.select(LedgerTotal)).one()
        assert (total.measure, total.points) == (Measure.AWARDED, 2**100)
        holding = session.scalars(sa.select(Holding)).one()
        assert (holding.matured, holding.old, holding.stay, holding.release_from) == (7, 0, True, None)


def test_what_a_column_refuses_is_refused_here_too(db: Database) -> None:
    for rows in ([job(-1)], [job(1), {**job(2), "kind": "Not a kind"}]):
        with pytest.raises(IntegrityError), db.begin() as session:
            add_rows(session, Job, rows)
    with db.begin() as session:
        with pytest.raises(IntegrityError), session.begin_nested():
            add_rows(session, Job, [job(1, id=5), job(1, id=5)])
        add_rows(session, Job, [job(7)])
    with db.read() as session:
        assert list(session.scalars(sa.select(Job.ref))) == [7], "a failure within a savepoint spoils nothing"


def test_ids_are_reserved_once(db: Database) -> None:
    with db.begin() as session:
        first = reserve_ids(session, Job, 3)
        add_rows(session, Job, [job(id, id=id) for id in first])
        session.add(Job(**job(100)))  # the database goes on counting after them
        session.flush()
        second = reserve_ids(session, Job, 2)
    assert len({*first, *second}) == 5
    assert sorted([*first, *second]) == [*first, *second]


def test_among_is_in(db: Database) -> None:
    with db.begin() as session:
        add_rows(session, Job, [job(ref) for ref in range(10)])
    for wanted in ([], [3], [3, 4, 5, 6], [3, 5, 6], [6, 5, 4], [2, 2, 3, 4]):
        with db.read() as session:
            found = set(session.scalars(sa.select(Job.ref).where(among(Job.ref, wanted))))
        assert found == set(wanted)


def test_one_statement_takes_lists_of_any_length(db: Database) -> None:
    query = sa.select(Job.ref).where(listed(Job.id, "ids"), Job.kind == "test.a").order_by(Job.id)
    with db.begin() as session:
        session.add_all([Job(kind="test.a", ref=n, run_at=FIRST_SECOND) for n in range(1, 4)])
        session.flush()
        ids = list(session.scalars(sa.select(Job.id).order_by(Job.id)))
        for some, found in (
            ([], []),
            (ids[1:2], [2]),
            (ids[::-2], [1, 3]),
            ([*range(10**6, 10**6 + 40_000), *ids], [1, 2, 3]),
        ):
            assert list(session.scalars(query, {"ids": some})) == found


def test_rows_that_are_there_are_replaced_or_added_to(db: Database) -> None:
    key = ["campaign", "measure", "party"]
    place = {"measure": Measure.LEFT, "party": bytes(20)}
    with db.begin() as session:
        for points in (7, 8, 9):
            rows = [{"campaign": n, **place, "events": 2, "points": points * n} for n in (1, 2)]
            upsert(session, LedgerTotal, key, rows, {"events": 5})
        upsert(session, LedgerTotal, key, [])
        upsert(session, LedgerTotal, key, [{"campaign": 3, **place, "events": 6, "points": 2**200}])
    with db.read() as session:
        query = sa.select(LedgerTotal.campaign, LedgerTotal.events, LedgerTotal.points).order_by(LedgerTotal.campaign)
        assert [tuple(row) for row in session.execute(query)] == [(1, 5, 9), (2, 5, 18), (3, 6, 2**200)]
    with pytest.raises(IntegrityError), db.begin() as session:
        upsert(session, LedgerTotal, key, [{"campaign": 1, **place, "events": -1, "points": 1}])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_list_as_one_parameter_is_looked_up_by_the_key(db: Database) -> None:
    assert "SEARCH jobs USING INTEGER PRIMARY KEY" in plan(db, sa.select(Job.ref).where(listed(Job.id, "ids")))
