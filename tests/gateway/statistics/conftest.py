from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.earning.models import Action, ActionKind, ActionState
from gateway.statistics.facts import ACCEPTED, CLAIMED, Facts
from gateway.statistics.models import Metric, Release
from gateway.statistics.release import Closing
from tests.support.rows import add

#: Monday 2026-01-12 00:00 UTC, ISO week 2026-W03.
MONDAY = 1_768_176_000
WEEK = 7 * 86_400
QUIET = 3_600


@dataclass
class Scene:
    """Two merchants whose actions reach the statistics as jobs, as they do in the house."""

    db: Database
    clock: Clock
    jobs: Jobs
    closing: Closing
    facts: Facts
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add_merchants(self) -> None:
        with self.db.begin() as session:
            for number in (1, 2):
                add(session, Merchant, id=number, address=bytes([number]) * 20)
            add(session, Campaign, id=1, merchant_id=1)
            add(session, RuleVersion, id=1, campaign_id=1)

    def set_now(self, moment: int) -> None:
        self.clock.offset += moment - self.clock.now()

    def act(
        self,
        wallet: int,
        kind: ActionKind = ActionKind.PURCHASE,
        amount: int = 1_000,
        at: int = MONDAY + 100,
        merchant: int = 1,
        claim: bool = False,
        reported: bool = True,
    ) -> int:
        """Accepts one action, with a claim code that is not yet used if `claim`; its id. What is not `reported`, the
        gateway made, as it makes opening balances: no event tells of it."""
        number = next(self.numbers)
        digest = number.to_bytes(32, "big")
        with self.db.begin() as session:
            action = Action(
                merchant_id=merchant,
                campaign_id=1,
                key_hash=digest,
                body_hash=digest,
                kind=kind,
                rule_version_id=1,
                occurred_at=at,
                amount=amount,
                points=0,
                wallet=None if claim else wallet.to_bytes(20, "big"),
                claim_hash=digest if claim else None,
                state=ActionState.UNCLAIMED if claim else ActionState.ACCEPTED,
                created_at=at,
            )
            session.add(action)
            session.flush()
            if reported:
                self.jobs.publish(session, "action.accepted", action.id)
            return action.id

    def claim(self, action: int, wallet: int) -> None:
        with self.db.begin() as session:
            row = session.get_one(Action, action)
            row.wallet, row.state = wallet.to_bytes(20, "big"), ActionState.ACCEPTED
            self.jobs.publish(session, "action.claimed", action)

    def crowd(self, count: int, first: int = 1, **values: object) -> None:
        for wallet in range(first, first + count):
            self.act(wallet, **values)  # type: ignore[arg-type]

    def run_jobs(self) -> None:
        while self.jobs.run_due(self.db):
            pass

    def close(self) -> int:
        """Lets the week and the silence pass."""
        self.run_jobs()
        self.set_now(max(self.clock.now(), MONDAY + WEEK) + QUIET)
        return self.closing.close_due()

    def released(self, merchant: int = 1) -> dict[Metric, int | None]:
        with self.db.read() as session:
            rows = session.scalars(sa.select(Release).where(Release.merchant_id == merchant)).all()
        assert len(rows) == len({row.metric for row in rows})
        return {row.metric: row.value for row in rows}


@pytest.fixture
def scene(db: Database, clock: Clock, jobs: Jobs) -> Scene:
    facts = Facts(clock)
    jobs.registry = Registry(
        {"seen.closed": lambda session, ref: None},
        {"action.accepted": [ACCEPTED], "action.claimed": [CLAIMED], "week.closed": ["seen.closed"]},
        {ACCEPTED: facts.accepted, CLAIMED: facts.claimed},
    )
    closing = Closing(db, clock, jobs, QUIET, random.Random(5).randrange)
    scene = Scene(db, clock, jobs, closing, facts)
    scene.set_now(MONDAY + 200)
    scene.add_merchants()
    return scene
