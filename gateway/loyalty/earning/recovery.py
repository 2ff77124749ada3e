"""Takes back in what a restored database forgot of its batches. The chain keeps their calldata.

A number that landed with a batch unknown here is a stray. One that a key of ours sent becomes a batch again, with its
content; what it paid to a wallet is `ahead` of what this database knows that the wallet earned, what it took back is
`back`. Tills tell the forgotten actions again under the same keys, and these are first counted against it
(settlement.py). Until every stray is looked up nothing is settled, so that no number and no action is used twice.
Docs: docs/decisions/0120-after-a-restore-the-chain-is-asked-first.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain import sent
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.relayer import fence
from gateway.chain.relayer.models import KeyState
from gateway.chain.rpc import Rpc
from gateway.chain.sent import Sent, SentBatch
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import LAST_SECOND
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.forgotten import HAPPENED
from gateway.loyalty.earning.landing import KINDS, MOVED, Landing, stray
from gateway.loyalty.earning.models import (
    Action,
    ActionKind,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
    StrayBatch,
    StrayState,
)
from gateway.loyalty.earning.reports import CLOCK_SKEW

log = structlog.get_logger(__name__)


class Recovery:
    """`addresses`: our keys of today; those of the past are in the relayer's table."""

    def __init__(
        self, db: Database, rpc: Rpc, clock: Clock, landing: Landing, addresses: Sequence[bytes], hub: bytes
    ) -> None:
        self.db, self.rpc, self.clock, self.landing = db, rpc, clock, landing
        self.addresses, self.hub = frozenset(addresses), hub

    def unread(self, session: Session) -> int:
        """Strays that were not looked up yet."""
        seen = sa.select(sa.func.count()).select_from(StrayBatch).where(StrayBatch.state == StrayState.SEEN)
        return session.scalar(seen) or 0

    def take_back_due(self, limit: int = 50) -> int:
        """Looks strays up on the chain and takes in those that are ours; returns how many were decided. Raises the
        ChainErrors of a node that cannot be asked."""
        self._search_new_campaigns()
        with self.db.read() as session:
            query = (
                sa.select(StrayBatch, ChainEvent.tx_hash)
                .join(ChainEvent, ChainEvent.id == StrayBatch.event_id)
                .where(StrayBatch.state == StrayState.SEEN)
                .order_by(StrayBatch.event_id)
                .limit(limit)
            )
            strays = list(session.execute(query).tuples())
            keys = self.addresses | set(session.scalars(sa.select(KeyState.sender)))
        found = sent.fetch(self.rpc, [tx_hash for _, tx_hash in strays])
        return sum(self._decide(row, tx, keys) for (row, _), tx in zip(strays, found, strict=True) if tx is not None)

    def _search_new_campaigns(self) -> None:
        """What landed in a campaign before it was registered, or registered again, passed its reader by."""
        with self.db.read() as session:
            new = list(session.scalars(sa.select(Campaign.id).where(Campaign.searched == 0)))
        for id in new:
            with self.db.begin() as session:
                campaign = promises.lock(session, [id])[id]
                known = set(session.scalars(sa.select(Batch.number).where(Batch.campaign_id == id)))
                known |= set(session.scalars(sa.select(StrayBatch.number).where(StrayBatch.campaign_id == id)))
                landed = sa.select(ChainEvent).where(
                    ChainEvent.campaign == id, ChainEvent.kind.in_(KINDS), ChainEvent.orphaned == 0
                )
                for event in session.scalars(landed.order_by(ChainEvent.id)).all():
                    number = int.from_bytes(event.number or b"", "big")
                    if number not in known:
                        stray(session, campaign, number, event)
                campaign.searched = True

    def _decide(self, seen: StrayBatch, tx: Sent, keys: frozenset[bytes]) -> bool:
        with self.db.begin() as session:
            campaign = promises.lock(session, [seen.campaign_id])[seen.campaign_id]
            row = session.get(StrayBatch, (seen.campaign_id, seen.number), populate_existing=True)
            event = session.get(ChainEvent, seen.event_id)
            if row is None or row.state != StrayState.SEEN or row.event_id != seen.event_id or event is None:
                return False
            content = self._content(row, event, tx) if tx.sender in keys else None
            batch = session.scalar(sa.select(Batch).where(Batch.campaign_id == campaign.id, Batch.number == row.number))
            row.state = StrayState.FOREIGN if content is None else StrayState.TAKEN_BACK
            if content is not None and batch is not None and _same(session, batch, content):
                self.landing.land(session, batch, event)
                return True
            if batch is not None:
                self._move(session, campaign, batch)
            if content is None:
                log.warning("batch.foreign", campaign=campaign.id, number=row.number)
                return True
            self._take_back(session, campaign, event, content)
            if tx.sender in self.addresses:
                fence.ask(session, tx.sender)
            log.error("batch.taken_back", campaign=campaign.id, number=row.number, wallets=len(content.entries))
            return True

    def _content(self, row: StrayBatch, event: ChainEvent, tx: Sent) -> SentBatch | None:
        content = sent.batch(tx.data) if tx.to == self.hub else None
        if content is None or (content.campaign, content.number) != (row.campaign_id, row.number):
            return None
        return content if content.award == (event.kind == EventKind.AWARD_LANDED) else None

    def _take_back(self, session: Session, campaign: Campaign, event: ChainEvent, content: SentBatch) -> None:
        batch = Batch(
            campaign_id=campaign.id,
            kind=KINDS[event.kind],
            number=content.number,
            state=BatchState.LANDED,
            total=sum(amount for _, amount in content.entries),
            created_at=event.block_time,
            landed_block=event.block,
        )
        session.add(batch)
        session.flush()
        entries = [{"batch_id": batch.id, "wallet": wallet, "amount": amount} for wallet, amount in content.entries]
        session.execute(sa.insert(BatchEntry), entries)
        if not content.award:
            self.landing.count_taken(session, batch, event)
        until = min(event.block_time + CLOCK_SKEW, LAST_SECOND)
        campaign.forgotten_until = max(campaign.forgotten_until or 0, until)
        campaign.codes_trusted = False
        carries = _carries(session, campaign.id, [wallet for wallet, _ in content.entries])
        freed = 0
        for wallet, amount in content.entries:
            carry = carries[wallet]
            carry.until = max(carry.until or 0, until)
            if content.award:
                # What was carried on went out with the first batch that this database forgot.
                carried = min(carry.points, amount)
                carry.points -= carried
                carry.ahead += amount - carried
                campaign.ahead += amount - carried
                freed += carried
            else:
                carry.back += amount
        session.flush()
        promises.release(session, campaign.id, freed)

    # ------------------------------------------------------- numbers taken twice

    def _move(self, session: Session, campaign: Campaign, batch: Batch) -> None:
        """The batch's number landed with another content, so the batch never can: it waits under a new number."""
        log.error("batch.moved", batch=batch.id, campaign=campaign.id, number=batch.number)
        batch.number, batch.refusals, batch.retry_at = campaign.next_number, MOVED, self.clock.now()
        campaign.next_number += 1
        session.flush()

    def send_moved_due(self, whole: Callable[[], bool]) -> int:
        """Cuts off moved batches what strays have paid meanwhile and lets them be sent; returns how many. `whole`: the
        database knows everything that our keys have sent; before, nothing is done."""
        with self.db.read() as session:
            moved = sa.select(Batch.id, Batch.campaign_id).where(
                Batch.state == BatchState.QUEUED, Batch.refusals == MOVED
            )
            batches = list(session.execute(moved).tuples())
        if not batches or not whole():
            return 0
        for batch_id, campaign_id in batches:
            with self.db.begin() as session:
                campaign = promises.lock(session, [campaign_id])[campaign_id]
                batch = session.get(Batch, batch_id, populate_existing=True)
                if batch is not None and batch.refusals == MOVED:
                    self._cut(session, campaign, batch)
        return len(batches)

    def _cut(self, session: Session, campaign: Campaign, batch: Batch) -> None:
        entries = list(session.scalars(sa.select(BatchEntry).where(BatchEntry.batch_id == batch.id)))
        carries = _carries(session, campaign.id, [entry.wallet for entry in entries])
        award = batch.kind == BatchKind.AWARD
        freed = 0
        for entry in entries:
            carry = carries[entry.wallet]
            done = min(carry.ahead if award else carry.back, entry.amount, _old(session, batch, carry))
            entry.amount -= done
            freed += done
            if award:
                carry.ahead -= done
                campaign.ahead -= done
            else:
                carry.back -= done
            if not entry.amount:
                session.delete(entry)
        batch.total -= freed
        batch.refusals, batch.retry_at = 0, self.clock.now()
        session.flush()
        if award:
            promises.release(session, campaign.id, freed)
        if not batch.total:
            session.execute(sa.update(Action).where(Action.batch_id == batch.id).values(batch_id=None))
            session.delete(batch)
        session.flush()


def _old(session: Session, batch: Batch, carry: Carry) -> int:
    """How much of a wallet's part of this batch is for what happened in the time that was forgotten."""
    if carry.until is None:
        return 0
    refund = Action.kind == ActionKind.REFUND
    query = sa.select(sa.func.coalesce(sa.func.sum(Action.points - Action.withheld), 0)).where(
        Action.batch_id == batch.id,
        Action.wallet == carry.wallet,
        carry.until >= HAPPENED,
        sa.not_(refund) if batch.kind == BatchKind.AWARD else refund,
    )
    return int(session.scalar(query) or 0)


def _same(session: Session, batch: Batch, content: SentBatch) -> bool:
    """Whether what landed is this very batch, in a form that was signed after the backup."""
    entries = sa.select(BatchEntry.wallet, BatchEntry.amount).where(BatchEntry.batch_id == batch.id)
    kept = dict(session.execute(entries).tuples().all())
    return content.award == (batch.kind == BatchKind.AWARD) and kept == dict(content.entries)


def _carries(session: Session, campaign: int, wallets: Sequence[bytes]) -> dict[bytes, Carry]:
    query = sa.select(Carry).where(Carry.campaign_id == campaign, Carry.wallet.in_(wallets))
    found = {row.wallet: row for row in session.scalars(query)}
    for wallet in wallets:
        if wallet not in found:
            found[wallet] = Carry(campaign_id=campaign, wallet=wallet, points=0, owed=0, ahead=0, back=0)
            session.add(found[wallet])
    session.flush()
    return found
