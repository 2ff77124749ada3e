"""Actions: taken in, looked at, and what of them is still under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.jobs import Jobs
from gateway.core.problems import IDEMPOTENCY_CONFLICT, NOT_FOUND, Problem
from gateway.core.secrets import Secrets
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning import answers
from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.backlog import Backlog
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.errors import TOO_FEW_WALLETS
from gateway.loyalty.earning.intake import Intake, Result
from gateway.loyalty.earning.models import (
    Action,
    ActionKind,
    ActionState,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
)
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.standing import NoLadders, Standing


@dataclass(frozen=True)
class Detail:
    """One action as its merchant may see it. Points in hundredths. `version`: of the rules that judged it."""

    answer: Answer
    version: int
    state: str
    occurred_at: int
    refunded: int
    owed: int | None


@dataclass(frozen=True)
class Underway:
    """What a wallet earned in a campaign and does not have yet: `waiting` for the settlement at `settle_at` (Unix
    seconds), of which `carried` from earlier ones, and `sent` to the chain. Hundredths."""

    campaign: int
    waiting: int
    carried: int
    sent: int
    settle_at: int


class Earning:
    """`refused` are the addresses that can be nobody's wallet: token, hub and asset. `standing` knows who stands on
    which rung of the campaigns' ladders."""

    def __init__(
        self,
        campaigns: Campaigns,
        secrets: Secrets,
        jobs: Jobs,
        clock: Clock,
        refused: frozenset[bytes],
        standing: Standing | None = None,
        max_backlog: int = 21_600,
    ) -> None:
        """`max_backlog` in seconds: see Backlog."""
        self.campaigns, self.secrets, self.clock = campaigns, secrets, clock
        backlog = Backlog(max_backlog)
        self.intake = Intake(standing or NoLadders(), secrets, jobs, refused | {NOBODY}, backlog)

    def accept(self, session: Session, merchant_id: int, key: str, action: ActionIn) -> Answer:
        """Takes one action in; raises the Problem that speaks against it. The same key and body: the first answer."""
        result = self.accept_bulk(session, merchant_id, [Report(key, action)])[0]
        if isinstance(result, Problem):
            raise result if result.refusal is not IDEMPOTENCY_CONFLICT else result.refusal.at("Idempotency-Key")
        return result

    def accept_bulk(self, session: Session, merchant_id: int, items: Sequence[Report]) -> list[Result]:
        """Takes many in; an answer or a problem for each, in their order."""
        return self.intake.take(session, merchant_id, items, self.clock.now())

    def accept_groups(self, session: Session, groups: Sequence[tuple[int, Sequence[Report]]]) -> list[list[Result]]:
        """Takes in what several calls bring, each (merchant, reports), in one transaction."""
        return self.intake.take_groups(session, groups, self.clock.now())

    def preview(self, session: Session, merchant_id: int, action: ActionIn) -> Answer:
        """What `accept` would answer now; writes nothing."""
        return self.intake.look(session, merchant_id, action, self.clock.now())

    # ------------------------------------------------------------------ read

    def get(self, session: Session, merchant_id: int, action_id: int) -> Detail:
        """One of the merchant's own actions; else `not-found`.

        Of points that went out as a code nothing is told that would show whether, when or by which wallet it was
        claimed.
        """
        action = session.get(Action, action_id)
        if action is None or action.merchant_id != merchant_id:
            raise NOT_FOUND.at("id")
        root = action if action.refers_to is None else session.get_one(Action, action.refers_to)
        if root.kind == ActionKind.BONUS:  # would tell who was brought by somebody, and when
            raise NOT_FOUND.at("id")
        refunded = sa.select(sa.func.coalesce(sa.func.sum(Action.points), 0)).where(Action.refers_to == action.id)
        by_code = root.claim_hash is not None
        counts = answers.counts_of(session, [action.id])
        return Detail(
            answer=answers.of(self.secrets, action, counts.get(action.id, []), repeated=True),
            version=session.get_one(RuleVersion, action.rule_version_id).version,
            state="accepted" if by_code else self._state(session, action),
            occurred_at=action.occurred_at,
            refunded=int(session.scalar(refunded) or 0),
            owed=None if by_code or action.kind != ActionKind.REFUND else self._owed(session, action),
        )

    def _state(self, session: Session, action: Action) -> str:
        batch = session.get(Batch, action.batch_id) if action.batch_id else None
        if batch is not None and batch.state == BatchState.LANDED:
            return "landed"
        return "settled" if action.state == ActionState.SETTLED else "accepted"

    def _owed(self, session: Session, refund: Action) -> int:
        row = session.get(Carry, (refund.campaign_id, refund.wallet)) if refund.wallet else None
        return min(refund.points - refund.withheld, row.owed) if row and refund.state == ActionState.SETTLED else 0

    def has_paid(self, session: Session, wallet: bytes) -> bool:
        """Whether any points that the wallet earned were settled here."""
        settled = sa.select(Action.id).where(
            Action.wallet == wallet,
            Action.state == ActionState.SETTLED,
            Action.kind != ActionKind.REFUND,
            Action.points > Action.withheld,
        )
        return session.scalar(settled.limit(1)) is not None

    def underway(self, session: Session, wallet: bytes) -> list[Underway]:
        """What the wallet earned and does not have yet, by campaign."""
        waiting = self._sums(session, wallet)
        # By campaign, because that is what the key begins with.
        mine = (Carry.campaign_id.in_(sa.select(Campaign.id)), Carry.wallet == wallet)
        carries = sa.select(Carry.campaign_id, Carry.points).where(*mine, Carry.points > 0)
        carried = dict(session.execute(carries).tuples().all())
        entries = (
            sa.select(Batch.campaign_id, sa.func.sum(BatchEntry.amount))
            .join(BatchEntry, BatchEntry.batch_id == Batch.id)
            .where(Batch.state == BatchState.QUEUED, Batch.kind == BatchKind.AWARD, BatchEntry.wallet == wallet)
            .group_by(Batch.campaign_id)
        )
        sent = {campaign: int(points) for campaign, points in session.execute(entries).tuples()}
        ids = sorted(waiting.keys() | carried.keys() | sent.keys())
        times = sa.select(Campaign.id, Campaign.settle_at).where(Campaign.id.in_(ids))
        settle = dict(session.execute(times).tuples().all())
        return [
            Underway(
                id, max(0, waiting.get(id, 0) + carried.get(id, 0)), carried.get(id, 0), sent.get(id, 0), settle[id]
            )
            for id in ids
        ]

    def _sums(self, session: Session, wallet: bytes) -> dict[int, int]:
        sums: dict[int, int] = {}
        query = sa.select(Action.campaign_id, Action.kind, sa.func.sum(Action.points - Action.withheld)).where(
            Action.wallet == wallet, Action.state == ActionState.ACCEPTED
        )
        for campaign, kind, points in session.execute(query.group_by(Action.campaign_id, Action.kind)).tuples():
            sums[campaign] = sums.get(campaign, 0) + int(-points if kind == ActionKind.REFUND else points)
        return sums

    # ---------------------------------------------------------------- settle

    def settle_now(self, session: Session, campaign: int, merchant_id: int) -> tuple[int, int]:
        """Lets the campaign settle in the next turn instead of at its fixed time; returns when it would have, and when
        it does.

        `too-few-wallets` when that would be a smaller crowd than the campaign promised.
        """
        row = self.campaigns.owned(session, campaign, merchant_id)
        if row.settle_every:
            waiting = sa.select(sa.func.count(Action.wallet.distinct())).where(
                Action.campaign_id == campaign, Action.state == ActionState.ACCEPTED, Action.points > 0
            )
            if (session.scalar(waiting) or 0) < row.min_wallets:
                raise TOO_FEW_WALLETS.at("campaign", f"fewer than {row.min_wallets}")
        before = row.settle_at
        row.settle_at = min(before, self.clock.now())
        return before, row.settle_at
