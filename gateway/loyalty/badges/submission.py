"""From wishes to transactions: after settlements, many of one badge together, in random order. A settlement that waits
for more wallets keeps the wishes waiting as well.

A badge's number on the chain is made of campaign, badge and holder, so that it lands at most once, however often it is
sent; what is sent twice wastes gas.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls, signatures
from gateway.chain.calls import WishData
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core import bulk, crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.badges.earned import Earned
from gateway.loyalty.badges.models import BadgeWish
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.ledger import badges as ledger

#: In one transaction: about 12 million gas when all of them are their holders' first.
MAX_BATCH = 200
#: Transactions under way at once: a badge can wait, and holders' orders go through the same queue.
AT_ONCE = 4
MAX_BACKOFF = 3_600
#: Seconds after a transaction is through until a wish without its event is sent again.
SETTLES = 60
Group = tuple[int, int]  # campaign, badge


class Enqueues(Protocol):
    """What of the relayer is needed here."""

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int: ...


class Submission:
    """`contract`: the badges', None where the deployment has none. `whole`: whether the database knows everything that
    our keys have sent."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        earned: Earned,
        relayer: Enqueues,
        contract: bytes | None,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self.db, self.clock, self.earned, self.relayer = db, clock, earned, relayer
        self.contract, self.whole = contract, whole

    def submit_due(self, limit: int = 1_000) -> int:
        """Hands due wishes to the relayer; returns how many. What is no longer earned (a refund, say) is dropped."""
        now = self.clock.now()
        with self.db.read() as session:
            batches = self._batches(session, now, limit)
            room = AT_ONCE - self._under_way(session) if batches else 0
        if room <= 0 or self.contract is None or not self.whole():
            return 0
        return sum(self._submit(group, wallets, self.contract, now) for group, wallets in batches[:room])

    def _batches(self, session: Session, now: int, limit: int) -> list[tuple[Group, Sequence[bytes]]]:
        groups: defaultdict[Group, list[bytes]] = defaultdict(list)
        waiting = sa.select(BadgeWish.campaign_id).where(BadgeWish.retry_at <= now)
        ready = [
            sa.and_(
                BadgeWish.campaign_id == row.id,
                BadgeWish.created_at < schedule.settled_until(now, row.settle_every, row.settled_at, row.end),
            )
            for row in session.scalars(sa.select(Campaign).where(Campaign.id.in_(waiting)))
        ]
        due = sa.select(BadgeWish.campaign_id, BadgeWish.badge, BadgeWish.wallet)
        due = due.where(BadgeWish.retry_at <= now, sa.or_(sa.false(), *ready))
        for campaign, badge, wallet in session.execute(due.order_by(BadgeWish.retry_at).limit(limit)).tuples():
            groups[campaign, badge].append(wallet)
        return [(group, part) for group, wallets in groups.items() for part in bulk.parts(wallets, MAX_BATCH)]

    def _under_way(self, session: Session) -> int:
        open_ = (ChainTx.purpose == Purpose.BADGE, ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED)))
        return session.scalar(sa.select(sa.func.count()).where(*open_)) or 0

    def _submit(self, group: Group, wallets: Sequence[bytes], contract: bytes, now: int) -> int:
        campaign, badge = group
        earned = self._earned(group, wallets)
        with self.db.begin() as session:
            held = ledger.of_holders(session, campaign, badge, wallets)
            ready: list[BadgeWish] = []
            for row in self._still_due(session, group, wallets, now):
                if row.wallet in held or row.deadline <= now:
                    row.retry_at = None
                elif row.wallet in earned:
                    ready.append(row)
                else:
                    session.delete(row)
            if ready:
                secrets.SystemRandom().shuffle(ready)
                data = calls.award_badges(campaign, badge, [_entry(row) for row in ready])
                tx_id = self.relayer.enqueue(session, Purpose.BADGE, campaign, contract, data)
                for row in ready:
                    row.tx_id, row.retry_at = tx_id, None
        if ready:
            crashes.reach("submitted", ("badge",))
        return len(ready)

    def _earned(self, group: Group, wallets: Sequence[bytes]) -> set[bytes]:
        campaign, number = group
        with self.db.read() as session:
            rules = self.earned.running(session, campaign)
            badges = [badge for badge in rules.badges if badge.number == number] if rules else []
            if rules is None or not badges:
                return set()
            found = self.earned.progress(session, campaign, rules, badges, wallets)
            return {wallet for (wallet, _), progress in found.items() if progress.earned}

    def _still_due(self, session: Session, group: Group, wallets: Sequence[bytes], now: int) -> Sequence[BadgeWish]:
        campaign, badge = group
        query = sa.select(BadgeWish).where(
            BadgeWish.campaign_id == campaign,
            BadgeWish.badge == badge,
            BadgeWish.wallet.in_(wallets),
            BadgeWish.retry_at <= now,
            BadgeWish.landed_block.is_(None),
        )
        return session.scalars(query.order_by(BadgeWish.wallet).with_for_update(skip_locked=True)).all()

    # ------------------------------------------------- what the relayer tells

    def tx_failed(self, session: Session, tx_id: int) -> None:
        """Handler of tx.refused and tx.reverted: no key of ours is the campaign's operator just now, say."""
        for row in self._of(session, tx_id):
            row.attempts = min(row.attempts + 1, 10_000)
            row.retry_at = self.clock.now() + min(MAX_BACKOFF, 2 ** min(row.attempts, 12))

    def tx_done(self, session: Session, tx_id: int) -> None:
        """Handler of tx.done: a wish without its event after a while was skipped."""
        for row in self._of(session, tx_id):
            row.retry_at = self.clock.now() + SETTLES

    def _of(self, session: Session, tx_id: int) -> Sequence[BadgeWish]:
        query = sa.select(BadgeWish).where(BadgeWish.tx_id == tx_id, BadgeWish.landed_block.is_(None))
        return session.scalars(query.order_by(BadgeWish.wallet).with_for_update()).all()


def _entry(row: BadgeWish) -> WishData:
    r, vs = signatures.compact(row.signature)
    return WishData(row.wallet, row.deadline, r, vs)
