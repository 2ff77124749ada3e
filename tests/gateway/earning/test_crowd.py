"""Tills of two merchants, two workers, claims and a chain, all at once: the books hold at every moment, nobody waits in
a circle, and in the end everybody has what was earned."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog

from gateway.commands import audit_earning
from gateway.core.problems import Problem
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.earning import counting
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.early.models import EarlyAsk
from gateway.loyalty.earning.errors import CLAIM_LAPSED
from gateway.loyalty.earning.models import Action, ActionKind, Carry
from gateway.loyalty.earning.recount import Recounts
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.tiers.models import TierDay
from tests.gateway.earning.conftest import DAY, Room, address, wallet
from tests.support.races import on_postgresql, together

CAMPAIGNS, WALLETS, TILLS, TURNS, ENOUGH = (1, 2), range(1, 5), 3, 20, 10**8
#: Seconds between two turns of one of them: on few processors those with little to do would keep the others waiting.
PAUSE = 0.02
RULES = [{"kind": "per_currency", "points": 2, "per": 3}]
LADDER = {"id": "l", "by": "points", "window": "ever", "rungs": [{"id": "a", "at": 0}, {"id": "b", "at": 10_000}]}
GOAL = {"id": "often", "counts": "actions", "target": 3, "period": "campaign", "points": 70, "times": 50}
PROGRAMME = {"ladders": [LADDER], "challenges": [GOAL], "refunds": "later_awards"}


class Crowd:
    """Two campaigns, and what was told about them by the keys of awards. `troubles`: what went wrong at the database or
    was put off because of it."""

    def __init__(self, room: Room) -> None:
        self.room, self.over = room, threading.Event()
        self.worth: dict[str, int] = {}
        self.owner: dict[str, tuple[int, bytes | None]] = {}
        self.codes: dict[str, str] = {}
        self.troubles: list[str] = []
        for number, hold, step in ((1, 0, 1), (2, 1_000, 50)):
            room.campaign(number, lasts=400 * DAY, hold=hold, step=step, rules=RULES, programme=PROGRAMME)
        guest, _ = room.new_merchant()
        self.merchants = room.merchant, guest
        with room.db.begin() as session:
            for number in CAMPAIGNS:
                room.campaigns.set_merchant(session, number, room.merchant, session.get_one(Merchant, guest), ENOUGH)
        # Nobody waits for the others, of which there are hundreds.
        followed = {"action.qualifies": room.jobs.registry.events["action.qualifies"]}
        room.jobs.registry = replace(room.jobs.registry, events=followed)
        assert Recounts(room.db, room.tiers).recount_due() == len(CAMPAIGNS)

    def run(self) -> None:
        """Until the tills have told everything."""
        tills = [partial(self.till, number) for number in range(TILLS)]
        others = (self.claim, self.work, self.work, self.chain, self.look)
        loops = [partial(self.until_over, turn, random.Random(seed)) for seed, turn in enumerate(others)]
        sa.event.listen(self.room.db.engine, "handle_error", self.note)
        with structlog.testing.capture_logs() as logs:
            together([partial(self.all_of, tills), *loops])
        failed = ("settlement.refused", "jobs.bulk_failed", "job.failed")
        self.troubles += [str(entry) for entry in logs if entry["event"] in failed]

    def all_of(self, tills: Sequence[Callable[[], None]]) -> None:
        try:
            together(tills)
        finally:
            self.over.set()

    def note(self, context: Any) -> None:
        self.troubles.append(str(context.original_exception))

    def until_over(self, turn: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self.over.wait(PAUSE):
            turn(chance)

    # ------------------------------------------------------------------ turns

    def till(self, number: int) -> None:
        """Tells of awards and refunds, some of them in one transaction with those of another merchant."""
        chance = random.Random(100 + number)
        told: list[list[tuple[str, ActionIn]]] = [[], []]
        for turn in range(TURNS):
            self.room.clock.offset += 2 * DAY if number == 0 else 0
            groups: list[tuple[int, list[Report]]] = []
            for place, merchant in enumerate(self.merchants):
                reports = [
                    self.report(chance, f"t{number}-{turn}-{place}-{n}", told[place])
                    for n in range(chance.randrange(0, 6))
                ]
                groups.append((merchant, reports))
            with self.room.db.begin() as session:
                results = self.room.earning.accept_groups(session, groups)
            for place, ((_, reports), answers) in enumerate(zip(groups, results, strict=True)):
                for report, answer in zip(reports, answers, strict=True):
                    self.remember(report, answer, told[place])

    def report(self, chance: random.Random, key: str, told: list[tuple[str, ActionIn]]) -> Report:
        fields: dict[str, Any] = {"occurred_at": self.room.clock.now()}
        if told and chance.random() < 0.3:
            of, award = chance.choice(told)
            amount = chance.choice([None, 150])
            action = ActionIn(kind="refund", campaign=award.campaign, refers_to_key=of, amount=amount, **fields)
            return Report(key, action)
        fields |= {"claim": True} if chance.random() < 0.3 else {"wallet": wallet(chance.choice(WALLETS))}
        amount = chance.randrange(1, 900)
        return Report(key, ActionIn(kind="purchase", campaign=chance.choice(CAMPAIGNS), amount=amount, **fields))

    def remember(self, report: Report, answer: Any, told: list[tuple[str, ActionIn]]) -> None:
        action = report.action
        if isinstance(answer, Problem):
            assert answer.refusal.code in ("refund-exceeds-purchase", "refund-duplicate"), answer
        elif action.kind == "refund":
            self.worth[action.refers_to_key or ""] -= answer.points
        else:
            self.worth[report.key] = answer.points
            self.owner[report.key] = action.campaign, action.wallet
            told.append((report.key, action))
            if answer.claim:
                self.codes[answer.claim[0]] = report.key

    def claim(self, chance: random.Random) -> None:
        who = address(chance.choice(WALLETS))
        codes = [code for code, key in list(self.codes.items()) if self.owner[key][1] is None]
        if not codes:
            return
        code = chance.choice(codes)
        try:
            with self.room.db.begin() as session:
                campaign = self.room.claims.claim(session, code, who).campaign
        except Problem as problem:
            if problem.refusal is not CLAIM_LAPSED:
                raise
            del self.codes[code]
            return
        self.owner[self.codes[code]] = campaign, who

    def work(self, chance: random.Random) -> None:
        """Something that a worker does."""
        room = self.room
        turns: list[Callable[[], object]] = [room.settler.settle_due, partial(self.ask, chance), room.drain]
        turns += [room.claims.lapse_due, room.landing.resend_due, partial(room.jobs.run_due, room.db)]
        chance.choice(turns)()

    def ask(self, chance: random.Random) -> None:
        """Settles for wallets that want their points at once."""
        asked: dict[str, Any] = {"campaign_id": chance.choice(CAMPAIGNS), "holder": address(chance.choice(WALLETS))}
        now = self.room.clock.now()
        with self.room.db.begin() as session:
            session.add(EarlyAsk(**asked, said_at=now, points=0, open=True, created_at=now))
        self.room.early.settle_due()

    def chain(self, chance: random.Random) -> None:
        hub = self.room.hub
        if hub.mine(limit=chance.randrange(1, 6)):
            if chance.random() < 0.3:
                hub.pending = dict.fromkeys(hub.pending, 0)  # all of it matured
            if chance.random() < 0.1:
                hub.rewind(chance.choice(hub.history[-4:])[0] - 1)
                hub.pending = {key: max(0, points) for key, points in hub.pending.items()}

    def look(self, _: random.Random) -> None:
        with self.room.db.snapshot() as session:
            assert list(audit_earning.against_itself(session)) == []

    # ---------------------------------------------------------------- the end

    def finish(self) -> None:
        """Time passes, and what was promised is on the chain."""
        room = self.room
        for last in (False, True):
            if last:
                room.clock.offset += room.row().end + 6 * DAY - room.clock.now()
            for _ in range(12):
                room.claims.lapse_due()
                room.drain()
                room.landing.resend_due()
                room.settle()
                while room.jobs.run_due(room.db):
                    pass
                room.clock.offset += 900
        room.check()
        for number in CAMPAIGNS:
            assert room.row(number).reserved == 0

    def earned(self) -> dict[tuple[int, bytes], int]:
        """By campaign and wallet: what tills and claims were told, and bonuses by the database's own word."""
        found: dict[tuple[int, bytes], int] = defaultdict(int)
        for key, (campaign, who) in self.owner.items():
            if who is not None:
                found[campaign, who] += self.worth[key]
        bonus = sa.select(Action.id).where(Action.kind == ActionKind.BONUS)
        query = sa.select(Action.campaign_id, Action.wallet, Action.kind, Action.points).where(
            sa.or_(Action.kind == ActionKind.BONUS, Action.refers_to.in_(bonus))
        )
        with self.room.db.read() as session:
            for campaign, who, kind, points in session.execute(query).tuples():
                found[campaign, who or b""] += points if kind == ActionKind.BONUS else -points
        return found

    def given(self) -> dict[tuple[int, bytes], int]:
        """What is on the chain, less what is owed."""
        found = dict(self.room.hub.given)
        with self.room.db.read() as session:
            for row in session.scalars(sa.select(Carry).where(Carry.owed > 0)):
                found[row.campaign_id, row.wallet] -= row.owed
        return found


def counted(room: Room) -> tuple[dict[Any, int], dict[Any, int]]:
    """What counts for ladders by campaign, wallet and day: as it was counted, and counted anew."""
    anew: dict[Any, int] = defaultdict(int)
    with room.db.read() as session:
        rows = session.scalars(sa.select(TierDay))
        there = {(row.campaign_id, row.wallet, row.day): row.points for row in rows if row.points}
        for number in CAMPAIGNS:
            for tally in counting.everything(session, number):
                anew[tally.campaign, tally.wallet, tally.day] += tally.points
    return there, {key: points for key, points in anew.items() if points}


@on_postgresql
def test_many_at_once(room: Room) -> None:
    crowd = Crowd(room)
    crowd.run()
    assert crowd.troubles == []
    crowd.finish()
    earned, given = crowd.earned(), crowd.given()
    assert {key: points for key, points in earned.items() if points} == {k: v for k, v in given.items() if v}
    there, anew = counted(room)
    assert there == anew
