"""Challenges and streaks: rewarded when they are reached, once; taken back when a refund undoes them.

For each wallet that did something, what is due is found anew from its deeds and compared with what was given. So
nothing is given twice, whatever is told twice or late or at the same time. The till learns of none of this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import parts
from gateway.core.clock import Clock
from gateway.core.jobs import Unfinished
from gateway.core.problems import Problem
from gateway.core.secrets import Secrets
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.campaigns.versions import in_force, rules_of
from gateway.loyalty.earning import bonuses, reports
from gateway.loyalty.earning.models import COUNTS, EARNED, Action, ActionKind
from gateway.loyalty.earning.play.goals import Course, Deed, Reached, course, goals_of
from gateway.loyalty.earning.play.models import PlayReward
from gateway.loyalty.earning.refunds import after_refunds, what_is_left
from gateway.loyalty.rules.calendar import Local, period_of
from gateway.loyalty.rules.document import Refunds
from gateway.loyalty.rules.parts import name_key
from gateway.loyalty.rules.play import Challenge, Streak
from gateway.loyalty.rules.programme import programme

#: Actions read at once.
CHUNK = 2_000

Place = tuple[bytes, int, int]


@dataclass(frozen=True)
class Progress:
    """How far a wallet is with a goal. `counted` in the period that runs; `row`: periods in a row (streaks); `times`:
    how often it was reached, in this period or (streaks) in all."""

    campaign: int
    goal: Challenge | Streak
    counted: int
    row: int
    times: int


class Play:
    """Follows what wallets do."""

    def __init__(self, secrets: Secrets, clock: Clock) -> None:
        self.secrets, self.clock = secrets, clock

    # -------------------------------------------------------------- rewarding

    def follow(self, session: Session, action_ids: Sequence[int]) -> None:
        """Bulk job handler of accepted actions, settled codes and their refunds. Doing it again changes nothing. Raises
        `Unfinished` when budget or cap do not cover a reward: it alone waits."""
        query = (
            sa.select(Action.campaign_id, Action.wallet, RuleVersion.document)
            .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
            .where(Action.id.in_(action_ids), Action.wallet.is_not(None))
        )
        wallets: dict[int, set[bytes]] = defaultdict(set)
        for campaign, wallet, document in session.execute(query).tuples():
            if wallet is not None and goals_of(document):
                wallets[campaign].add(wallet)
        rows = promises.lock(session, wallets.keys()).items()
        if sum(self._reconcile(session, row, wallets[campaign]) for campaign, row in rows):
            raise Unfinished

    def _reconcile(self, session: Session, campaign: Campaign, wallets: Collection[bytes]) -> int:
        """Takes back and gives; how many rewards have to wait."""
        waiting = 0
        deeds = self._deeds(session, campaign.id, wallets)
        query = sa.select(PlayReward).where(PlayReward.campaign_id == campaign.id, PlayReward.wallet.in_(wallets))
        known: dict[bytes, dict[Place, PlayReward]] = defaultdict(dict)
        for row in session.scalars(query.execution_options(populate_existing=True)):
            known[row.wallet][row.goal, row.period, row.place] = row
        for wallet in sorted(wallets):
            reached = course(deeds[wallet]).reached
            due = {(name_key(r.goal), r.period, r.place): r for r in reached if r.points}
            for place, row in known[wallet].items():
                if place not in due and row.action_id is not None:
                    self._take_back(session, row)
            for place, reward in due.items():
                try:
                    with session.begin_nested():
                        self._give(session, campaign, wallet, place, reward, known[wallet].get(place))
                except Problem:
                    waiting += 1
        return waiting

    def _give(
        self,
        session: Session,
        campaign: Campaign,
        wallet: bytes,
        place: Place,
        reward: Reached,
        row: PlayReward | None,
    ) -> None:
        now = self.clock.now()
        if (row is not None and row.action_id is not None) or now >= schedule.last_bonus(campaign.end):
            return
        if row is None:
            goal, period, number = place
            row = PlayReward(
                campaign_id=campaign.id, wallet=wallet, goal=goal, period=period, place=number, action_id=None, given=0
            )
            session.add(row)
        like = session.get_one(Action, reward.deed)
        row.given += 1
        digest = self._digest("play", row)
        row.action_id = bonuses.give(session, campaign, like, [(digest, wallet, reward.points)], now)[0].id
        session.flush()

    def _take_back(self, session: Session, row: PlayReward) -> None:
        bonus = session.get_one(Action, row.action_id, populate_existing=True)
        policy: Refunds = programme(session.get_one(RuleVersion, bonus.rule_version_id).document).document.refunds
        bonuses.take_back(session, bonus, policy, self._digest("play-undone", row), self.clock.now())
        row.action_id = None
        session.flush()

    def _digest(self, purpose: str, row: PlayReward) -> bytes:
        numbers = (row.campaign_id, row.period, row.place, row.given)
        return self.secrets.mac(purpose, row.wallet + row.goal + b"".join(n.to_bytes(8, "big") for n in numbers))

    # ---------------------------------------------------------------- looking

    def courses(self, session: Session, campaign: int, wallets: Collection[bytes]) -> dict[bytes, Course]:
        """What these wallets' deeds in a campaign amount to."""
        deeds = self._deeds(session, campaign, wallets)
        return {wallet: course(deeds[wallet]) for wallet in wallets}

    def progress(self, session: Session, wallet: bytes, after: tuple[int, str], limit: int) -> list[Progress]:
        """How far the wallet is with the goals of the campaigns in which it did something, by campaign and id: at most
        `limit` of those after a campaign's goal."""
        done = sa.select(Action.campaign_id).where(Action.wallet == wallet, Action.kind.in_(EARNED)).distinct()
        now = self.clock.now()
        found: list[Progress] = []
        campaigns = sorted(session.scalars(done.where(Action.campaign_id >= after[0])))
        for campaign, versions in rules_of(session, campaigns).items():
            running = in_force(versions, now)
            goals = [ready.goal for ready in goals_of(running.document)] if running else []
            goals = sorted((goal for goal in goals if (campaign, goal.id) > after), key=lambda goal: goal.id)
            if goals and running is not None:
                so_far = course(self._deeds(session, campaign, [wallet])[wallet])
                local = Local(now, programme(running.document).document.zone)
                found += [_progress(campaign, goal, so_far, local) for goal in goals[: limit - len(found)]]
            if len(found) == limit:
                break
        return found

    # ----------------------------------------------------------------- reading

    def _deeds(self, session: Session, campaign: int, wallets: Collection[bytes]) -> dict[bytes, list[Deed]]:
        query = (
            sa.select(Action, RuleVersion.document)
            .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
            .where(Action.campaign_id == campaign, Action.wallet.in_(wallets), Action.kind.in_(EARNED), COUNTS)
            .order_by(Action.id)
        )
        rows = [(action, document) for action, document in session.execute(query).tuples() if goals_of(document)]
        found: dict[bytes, list[Deed]] = defaultdict(list)
        for part in parts(rows, CHUNK):
            for wallet, deed in _read(session, part):
                found[wallet].append(deed)
        return found


def _read(session: Session, rows: Sequence[tuple[Action, str]]) -> Iterable[tuple[bytes, Deed]]:
    actions = [action for action, _ in rows]
    left = what_is_left(session, actions)
    worth, _ = after_refunds(session, actions)
    touched = set(session.scalars(sa.select(Action.refers_to).where(Action.refers_to.in_(left))))
    for action, document in rows:
        rest = left[action.id]
        if action.wallet is None or (rest.nothing and action.id in touched):
            continue
        rules = programme(document)
        facts = replace(reports.facts_again(action, rules), amount=rest.amount)
        counted = {number: count.eligible for number, count in rest.counts.items()}
        goals = tuple(r.goal for r in goals_of(document) if r.takes(facts, counted, rules.ladders))
        spend = rest.amount if action.kind == ActionKind.PURCHASE else 0
        if goals:
            points = min(rest.points, worth[action.id])  # less what the wallet's caps kept back of a code
            yield action.wallet, Deed(action.id, action.occurred_at, facts.local, spend, points, goals)


def _progress(campaign: int, goal: Challenge | Streak, so_far: Course, local: Local) -> Progress:
    period = period_of(goal.period, local)
    tally = so_far.tallies.get((goal.id, period))
    streak = isinstance(goal, Streak)
    return Progress(
        campaign=campaign,
        goal=goal,
        counted=tally.total(goal) if tally else 0,
        row=so_far.row(goal.id, period) if streak else 0,
        times=so_far.times(goal.id, 0 if streak else period),
    )
