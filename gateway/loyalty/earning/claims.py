"""Bearer codes for points that nobody's wallet was named for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.identity.wallets.addresses import NOBODY
from gateway.identity.wallets.asking import asking
from gateway.identity.wallets.errors import RECOVERING
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning import codes, forgotten
from gateway.loyalty.earning.errors import CLAIM_IN_DOUBT, CLAIM_LAPSED, CLAIM_UNKNOWN, CLAIM_USED, WALLET_REFUSED
from gateway.loyalty.earning.models import OUT, Action, ActionKind, ActionState
from gateway.loyalty.earning.withholding import withhold


@dataclass(frozen=True)
class Claimed:
    """What the holder is told, in hundredths: what the code is worth, and what it was without the wallet's caps."""

    campaign: int
    points: int
    wanted: int


#: Gives what a welcome's code is worth to a wallet; None when it is none.
Welcome = Callable[[Session, str, bytes], Claimed | None]


class Claims:
    """`refused` are the addresses that can be nobody's wallet. `welcome` is asked about codes that no receipt bears.
    `whole`: whether the database knows everything that our keys have sent."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        refused: frozenset[bytes],
        welcome: Welcome | None = None,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self.db, self.clock, self.jobs, self.refused = db, clock, jobs, refused | {NOBODY}
        self.welcome, self.whole = welcome, whole

    def check_whole(self) -> None:
        """Raises `recovering` or `chain-unreachable` while it is not sure which codes were claimed. To be called before
        the claim's transaction, because the chain may be asked."""
        with asking():
            if not self.whole():
                raise RECOVERING.at(retry_after=10)

    def claim(self, session: Session, code: str, wallet: bytes) -> Claimed:
        """Gives an unclaimed code's points to `wallet`; the same again gives the same answer.

        `wallet-refused`, `claim-unknown`, `claim-used`, `claim-lapsed`, `claim-in-doubt`; of a welcome's code also
        `already-welcomed`.
        """
        if wallet in self.refused:
            raise WALLET_REFUSED.at("wallet")
        by_code = sa.select(Action).where(Action.claim_hash == codes.hash_of(code))
        found = session.scalar(by_code)
        if found is None:
            welcomed = self.welcome(session, code, wallet) if self.welcome else None
            if welcomed is None:
                raise CLAIM_UNKNOWN.at("code")
            return welcomed
        campaign = promises.lock(session, [found.campaign_id])[found.campaign_id]
        action = session.execute(by_code.execution_options(populate_existing=True)).scalar_one()
        if action.wallet is not None:
            if action.wallet != wallet:
                raise CLAIM_USED.at("code")
            return self._claimed(session, action)
        if action.state != ActionState.UNCLAIMED or self._is_late(action, campaign):
            raise CLAIM_LAPSED.at("code")
        withhold(session, action, wallet)
        self._check_doubt(session, campaign, action, wallet)
        # Refunds made meanwhile go with what they refund, so that both are folded together.
        session.execute(
            sa.update(Action)
            .where(sa.or_(Action.id == action.id, Action.refers_to == action.id))
            .where(Action.state == ActionState.UNCLAIMED)
            .values(wallet=wallet, state=ActionState.ACCEPTED)
        )
        self.jobs.publish(session, "action.claimed", action.id)
        session.refresh(action)
        return self._claimed(session, action)

    def _check_doubt(self, session: Session, campaign: Campaign, action: Action, wallet: bytes) -> None:
        """After a restore: a code of the time that was forgotten may have been claimed and paid. A wallet that was paid
        may claim again, and is paid the difference; another only once it is clear what all that was paid was for."""
        if campaign.codes_trusted or action.occurred_at > (campaign.forgotten_until or 0):
            return
        left = forgotten.outstanding(session, campaign.id)
        if left and wallet not in left:
            raise CLAIM_IN_DOUBT.at("code", retry_after=600)

    def lapse_due(self, limit: int = 1_000) -> int:
        """Ends codes that were not claimed in time and frees what was reserved for them, with the settlement that
        follows, so that no single code's hour shows; returns how many."""
        now = self.clock.now()
        last_end = now - schedule.GRACE + schedule.LAST_CALL
        with self.db.read() as session:
            out = sa.exists().where(Action.campaign_id == Campaign.id, OUT, Action.claim_expires.is_not(None))
            late = sa.or_(out.where(Action.claim_expires <= now), sa.and_(Campaign.end <= last_end, out))
            campaigns = list(session.scalars(sa.select(Campaign.id).where(late)))
        return sum(self._lapse(campaign, now, limit) for campaign in campaigns)

    def _lapse(self, campaign_id: int, now: int, limit: int) -> int:
        with self.db.begin() as session:
            campaign = promises.lock(session, [campaign_id])[campaign_id]
            query = sa.select(Action.id, Action.points).where(
                Action.campaign_id == campaign_id, OUT, Action.claim_hash.is_not(None)
            )
            if now < schedule.last_call(campaign.end):
                settled = schedule.settled_until(now, campaign.settle_every, campaign.settled_at, campaign.end)
                query = query.where(Action.claim_expires < settled)
            lapsed = dict(session.execute(query.limit(limit)).tuples().all())
            if not lapsed:
                return 0
            promises.release(session, campaign_id, sum(lapsed.values()))
            session.execute(
                sa.update(Action)
                .where(sa.or_(Action.id.in_(lapsed), Action.refers_to.in_(lapsed)))
                .where(Action.state == ActionState.UNCLAIMED)
                .values(state=ActionState.LAPSED)
            )
            return len(lapsed)

    def _claimed(self, session: Session, action: Action) -> Claimed:
        told, real = self._refunded(session, action.id)
        return Claimed(action.campaign_id, action.points - action.withheld - real, action.points - told)

    def _is_late(self, action: Action, campaign: Campaign) -> bool:
        now = self.clock.now()
        return now >= (action.claim_expires or 0) or now >= schedule.last_call(campaign.end)

    def _refunded(self, session: Session, action_id: int) -> tuple[int, int]:
        """What refunds took off the code before it was claimed, or since: as the till was told, and off the wallet."""
        told, real = (
            sa.func.coalesce(sa.func.sum(part), 0) for part in (Action.points, Action.points - Action.withheld)
        )
        query = sa.select(told, real).where(Action.refers_to == action_id, Action.kind == ActionKind.REFUND)
        sums = session.execute(query).one()
        return int(sums[0]), int(sums[1])
