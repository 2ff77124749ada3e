"""What looks for actions by something that most of them lack finds them by its index, which holds only those that have
it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway.core.db import Database
from gateway.loyalty.earning.models import OUT, Action, Batch
from tests.support.plans import plan

WAYS = {
    "refunds of many": ("refers_to", Action.refers_to.in_([1, 2])),
    "an action and its refunds": ("refers_to", sa.or_(Action.id == 1, Action.refers_to == 1)),
    "codes that lapse": ("out", sa.and_(Action.campaign_id == 1, OUT, Action.claim_expires <= 1)),
    "a batch's actions": ("batch_id", Action.batch_id == 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_index_of_what_is_there_is_used(db: Database, way: str) -> None:
    column, condition = WAYS[way]
    assert f"ix_actions_{column}" in plan(db, sa.select(Action.points).where(condition))


def test_the_actions_of_several_batches_are_found_by_their_index(db: Database) -> None:
    query = sa.select(Action.points).join(Batch, Batch.id == Action.batch_id).where(Batch.id.in_([1, 2]))
    assert "ix_actions_batch_id" in plan(db, query)


def test_what_a_reorganisation_takes_back_is_found_by_its_blocks(db: Database) -> None:
    assert "ix_batches_landed_block" in plan(db, sa.select(Batch).where(Batch.landed_block > 1))
