"""What the chain says about batches, and what follows. The indexed event alone makes a batch landed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain.errors import Permanent
from gateway.chain.indexer.models import STANDS, ChainEvent, EventKind
from gateway.chain.relayer.models import ChainTx, Purpose, SignedTx, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database, get_or_add
from gateway.core.jobs import Jobs
from gateway.core.limits import MAX_ID
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning.batches import Enqueues, LandedReads, send
from gateway.loyalty.earning.models import (
    Action,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
    LandingTime,
    StrayBatch,
    StrayState,
)

log = structlog.get_logger(__name__)

KINDS = {EventKind.AWARD_LANDED: BatchKind.AWARD, EventKind.CLAWBACK_LANDED: BatchKind.CLAWBACK}
SENT_AS = (Purpose.AWARD, Purpose.CLAWBACK)
#: Seconds until a refused batch is sent again, doubling.
FIRST_RETRY, LAST_RETRY = 15, 3_600
#: Seconds to wait for the indexer once the contract says that a number has landed.
WAIT_FOR_INDEXER = 600
#: A batch refused so often needs a human (cap revoked, budget taken, campaign over): shown by web/checks.py.
STUCK_AFTER = 5
#: Marks a batch whose number the chain gave to another: it has a new one, and what the other paid is to be cut off it.
MOVED = 10_000
#: Numbers beyond it are nobody's who counts. Followed, they would let an owner's key use a campaign's numbers up.
FAR = MAX_ID // 2


class Landing:
    """Follows batches to their end; `hub` is the contract's address."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        campaigns: Campaigns,
        reads: LandedReads,
        relayer: Enqueues,
        hub: bytes,
    ) -> None:
        self.db, self.clock, self.jobs, self.campaigns = db, clock, jobs, campaigns
        self.reads, self.relayer, self.hub = reads, relayer, hub

    # ---------------------------------------------------------------- events

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Follows the stream for campaigns and batches together: what lands leaves the budget and what is promised
        against it in one transaction, so that no moment shows more left than there is."""
        self.campaigns.apply_events(session, events)
        for event in events:
            if event.kind == EventKind.REWIND:
                self._rewind(session, event.block)
            elif event.kind in KINDS:
                self._landed(session, event)

    def _landed(self, session: Session, event: ChainEvent) -> None:
        campaign = session.get(Campaign, event.campaign)
        if campaign is None:
            return
        number = int.from_bytes(event.number or b"", "big")
        mine = sa.select(Batch).where(Batch.campaign_id == campaign.id, Batch.number == number)
        batch = session.scalar(mine) if number <= MAX_ID else None
        if batch is None or (batch.state == BatchState.QUEUED and not self._is_ours(session, batch, event)):
            stray(session, campaign, number, event)
        elif batch.state == BatchState.QUEUED:
            self.land(session, batch, event)

    def land(self, session: Session, batch: Batch, event: ChainEvent) -> None:
        """`event` says that this batch, on its way until now, has landed."""
        batch.state, batch.landed_block, batch.retry_at = BatchState.LANDED, event.block, None
        if batch.kind == BatchKind.AWARD:
            promises.release(session, batch.campaign_id, batch.total)
        else:
            self.count_taken(session, batch, event)
        self.jobs.publish(session, "batch.landed", batch.id)
        self._note_time(session, batch)

    def _note_time(self, session: Session, batch: Batch) -> None:
        """For metrics."""
        first = session.scalar(sa.select(sa.func.min(Action.created_at)).where(Action.batch_id == batch.id))
        if first is None:
            return
        took = max(0, self.clock.now() - first)
        upto = next((bound for bound in LandingTime.UPTO if took <= bound), LandingTime.MORE)
        row = get_or_add(session, LandingTime, upto, lambda: LandingTime(upto=upto, batches=0, seconds=0))
        row.batches += 1
        row.seconds += took

    def _is_ours(self, session: Session, batch: Batch, event: ChainEvent) -> bool:
        """Whether the transaction is one that we signed for this batch: another may have the same number and sum."""
        form = session.get(SignedTx, event.tx_hash)
        tx = session.get(ChainTx, form.tx_id) if form else None
        return tx is not None and tx.purpose in SENT_AS and tx.ref == batch.id

    def count_taken(self, session: Session, batch: Batch, event: ChainEvent) -> None:
        """What is pending is the most that can be taken: the events before this one in its transaction say how much."""
        query = sa.select(ChainEvent.holder, ChainEvent.amount).where(
            ChainEvent.kind == EventKind.ACCOUNT_CLAWED_BACK,
            ChainEvent.block == event.block,
            ChainEvent.tx_hash == event.tx_hash,
            ChainEvent.log_index < event.log_index,
            ChainEvent.campaign == event.campaign,
            STANDS,
        )
        taken = {holder: amount or 0 for holder, amount in session.execute(query).tuples()}
        for entry in session.scalars(sa.select(BatchEntry).where(BatchEntry.batch_id == batch.id)):
            entry.taken = taken.get(entry.wallet, 0)
            self._owe(session, batch.campaign_id, entry.wallet, entry.amount - entry.taken)

    def _owe(self, session: Session, campaign: int, wallet: bytes, points: int) -> None:
        """Changes what a wallet owes. After a reorganisation more may have been repaid than is owed: then it is carried
        to the next settlement."""
        if points == 0:
            return
        row = session.get(Carry, (campaign, wallet))
        if row is None:
            row = Carry(campaign_id=campaign, wallet=wallet, points=0, owed=0)
            session.add(row)
        too_much = max(0, -(row.owed + points))
        row.owed += points + too_much
        if too_much:
            row.points += too_much
            promises.restore(session, campaign, too_much)

    def _rewind(self, session: Session, block: int) -> None:
        """Batches above `block` are on their way again.

        The relayer sends what vanished. Should it not know any more, every batch that is on its way is looked at again
        after a while: also one that landed and vanished before this room had read of it.
        """
        later = self.clock.now() + FIRST_RETRY
        for batch in session.scalars(sa.select(Batch).where(Batch.landed_block > block)):
            batch.state, batch.landed_block = BatchState.QUEUED, None
            if batch.kind == BatchKind.AWARD:
                promises.restore(session, batch.campaign_id, batch.total)
                continue
            for entry in session.scalars(sa.select(BatchEntry).where(BatchEntry.batch_id == batch.id)):
                self._owe(session, batch.campaign_id, entry.wallet, (entry.taken or 0) - entry.amount)
                entry.taken = None
        session.flush()
        lost = sa.exists().where(ChainEvent.id == StrayBatch.event_id, ChainEvent.orphaned == 1)
        session.execute(sa.delete(StrayBatch).where(lost))
        on_its_way = sa.update(Batch).where(Batch.state == BatchState.QUEUED, Batch.retry_at.is_(None))
        session.execute(on_its_way.values(retry_at=later))

    # -------------------------------------------------------------- refusals

    def on_tx_failed(self, session: Session, tx_id: int) -> None:
        """Handler of tx.refused and tx.reverted; may be called more than once for one transaction.

        The batch is looked at again in `resend_due`, where the chain can be asked without holding up anybody.
        """
        tx = session.get(ChainTx, tx_id)
        if tx is None or tx.purpose not in SENT_AS:
            return
        batch = session.get(Batch, tx.ref, with_for_update=True)
        if batch is None or batch.state != BatchState.QUEUED or batch.retry_at is not None or _open(session, batch):
            return
        batch.refusals = min(batch.refusals + 1, MOVED - 1)
        batch.retry_at = self.clock.now() + min(LAST_RETRY, FIRST_RETRY << min(batch.refusals - 1, 10))

    def resend_due(self, limit: int = 50) -> int:
        """Hands batches that were refused to the relayer again, unless they landed after all; returns how many."""
        now = self.clock.now()
        # Through by the relayer's word, and its event has not come: it was missed, or what the relayer told was.
        unheard = sa.and_(Batch.retry_at.is_(None), Batch.created_at <= now - WAIT_FOR_INDEXER, sa.not_(_UNDER_WAY))
        with self.db.read() as session:
            due = sa.select(Batch).where(
                Batch.state == BatchState.QUEUED, sa.or_(Batch.retry_at <= now, unheard), Batch.refusals != MOVED
            )
            batches = list(session.scalars(due.order_by(Batch.retry_at).limit(limit)))
        return sum(self._resend(batch, self._may_have_landed(batch), now) for batch in batches)

    def _may_have_landed(self, batch: Batch) -> bool:
        try:
            return self.reads.landed(batch.campaign_id, batch.number)
        except Permanent as error:  # a reorganisation took the campaign away: it may come back, and stops no other
            log.error("batch.not_to_be_asked_for", batch=batch.id, campaign=batch.campaign_id, error=str(error))
            return True

    def _resend(self, seen: Batch, landed: bool, now: int) -> bool:
        with self.db.begin() as session:
            batch = session.get(Batch, seen.id, with_for_update=True)
            if batch is None or batch.state != BatchState.QUEUED or batch.retry_at != seen.retry_at:
                return False
            if landed:  # told like a refusal: an event that does not come needs a human, too
                batch.retry_at, batch.refusals = now + WAIT_FOR_INDEXER, min(batch.refusals + 1, MOVED - 1)
                return False
            if batch.kind == BatchKind.CLAWBACK and _awards_before(session, batch):
                batch.retry_at = now + FIRST_RETRY
                return False
            batch.retry_at = None
            if _open(session, batch):
                return False
            entries = sa.select(BatchEntry.wallet, BatchEntry.amount).where(BatchEntry.batch_id == batch.id)
            send(session, self.relayer, self.hub, batch, list(session.execute(entries).tuples()))
            log.info("batch.sent_again", batch=batch.id, refusals=batch.refusals)
            return True


#: The relayer still works on a batch.
_UNDER_WAY = sa.exists().where(
    ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED)), ChainTx.purpose.in_(SENT_AS), ChainTx.ref == Batch.id
)


def stray(session: Session, campaign: Campaign, number: int, event: ChainEvent) -> None:
    """Somebody else's batch, or one that this database forgot when it was restored: its number is used up, and
    recovery.py finds out whose it is."""
    log.warning("batch.unknown", campaign=campaign.id, number=min(number, MAX_ID))
    if not 0 < number < MAX_ID:
        return
    if number <= FAR:
        campaign.next_number = max(campaign.next_number, number + 1)
    row = session.get(StrayBatch, (campaign.id, number))
    if row is None:
        row = StrayBatch(campaign_id=campaign.id, number=number)
        session.add(row)
    row.event_id, row.state = event.id, StrayState.SEEN


def _open(session: Session, batch: Batch) -> bool:
    """Whether the relayer still works on it."""
    return session.scalar(sa.select(Batch.id).where(Batch.id == batch.id, _UNDER_WAY)) is not None


def _awards_before(session: Session, clawback: Batch) -> bool:
    """Whether awards made before it are on their way again: what has not landed cannot be taken back."""
    query = sa.select(Batch.id).where(
        Batch.campaign_id == clawback.campaign_id,
        Batch.kind == BatchKind.AWARD,
        Batch.state == BatchState.QUEUED,
        Batch.id < clawback.id,
        Batch.refusals < MOVED,
    )
    return session.scalar(query.limit(1)) is not None
