"""What readiness and metrics look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from gateway.chain.errors import BlockUnavailable, ChainError
from gateway.chain.hexes import to_hex
from gateway.chain.indexer.models import IndexedBlock, Subscription
from gateway.chain.indexer.stream import newest_event
from gateway.chain.reads import Reads
from gateway.chain.relayer import decisions
from gateway.chain.relayer.fence import Fence
from gateway.chain.relayer.models import ChainTx, TxState
from gateway.chain.relayer.queue import without_key
from gateway.chain.rpc import Rpc
from gateway.core.clock import MAX_SKEW, Clock
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.core.jobs import Job
from gateway.identity.wallets import explained
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.schedule import GRACE
from gateway.loyalty.earning.landing import STUCK_AFTER
from gateway.loyalty.earning.models import Action, ActionState, Batch, BatchState
from gateway.statistics.models import StatWeek
from gateway.web.health import Check, Finding

MONTH = 30 * DAY


class Checks:
    """Each method is one check; figures only, no addresses."""

    def __init__(
        self,
        db: Database,
        rpc: Rpc,
        reads: Reads,
        clock: Clock,
        senders: Sequence[bytes],
        confirmations: int,
        max_age: int,
        fence: Fence,
    ) -> None:
        """`senders`: the relayer's keys. `max_age`: seconds after which the queue counts as stuck."""
        self.db, self.rpc, self.reads, self.clock, self.fence = db, rpc, reads, clock, fence
        self.senders, self.confirmations, self.max_age = senders, confirmations, max_age

    def all(self) -> Mapping[str, Check]:
        """By name."""
        return {
            "database": Check(self.database, vital=True),
            "node": Check(self.node),
            "clock": Check(self.clock_behind, needs="node"),
            "indexer": Check(self.indexer, needs="node"),
            "queue": Check(self.queue),
            "settlement": Check(self.settlement),
            "batches": Check(self.batches),
            "orders": Check(self.orders),
            "restore": Check(self.restore, needs="node"),
            "jobs": Check(self.jobs),
            "gas": Check(self.gas, needs="node"),
            "statistics": Check(self.statistics),
        }

    def database(self) -> Finding:
        with self.db.read() as session:
            session.execute(sa.select(Job.id).limit(1))
        return Finding(True, "answers")

    def node(self) -> Finding:
        try:
            head = self.reads.head()
        except ChainError as error:
            return Finding(False, f"{type(error).__name__}: accepted work waits")
        age = max(0, self.clock.now() - head.time)
        return Finding(True, f"head {head.number}, {age} s old", age)

    def clock_behind(self) -> Finding:
        """Blocks are not made ahead of time. An old head may be a clock that is ahead as well as a quiet chain: its age
        is the value of `node`."""
        behind = max(0, self.reads.head().time - self.clock.now())
        return Finding(behind <= MAX_SKEW, f"{behind} s behind the newest block", behind)

    def indexer(self) -> Finding:
        with self.db.read() as session:
            read = session.scalar(sa.select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1))
            newest = newest_event(session)
            slowest = session.scalar(sa.select(sa.func.min(Subscription.last_event)))
        if read is None:
            return Finding(False, "has not begun: is a worker running?")
        last, head = read.number, self.reads.head().number
        if head < last:
            return Finding(
                False, f"the node is at block {head}, before block {last} that was read: accepted work waits"
            )
        try:
            same = self.reads.head(last).hash == read.hash
        except BlockUnavailable:
            return Finding(
                False, f"the node has lost block {last}, the last one read: accepted work waits until it is back"
            )
        if not same:  # for a moment after a reorganisation, or for good
            return Finding(
                False,
                f"the node has another block {last} than the one that was read: accepted work waits while it does",
            )
        lag = max(0, head - self.confirmations - last)
        unread = newest - (slowest if slowest is not None else newest)
        return Finding(lag < 100 and unread < 100_000, f"{lag} blocks behind, {unread} events unread", lag)

    def queue(self) -> Finding:
        """Transactions that are not mined yet: how many, how long the oldest waits, and whether their keys are here."""
        waiting = ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED))
        with self.db.read() as session:
            count, oldest = session.execute(
                sa.select(sa.func.count(), sa.func.min(ChainTx.created_at)).where(waiting)
            ).one()
            lost = without_key(session, self.senders)
        age = max(0, self.clock.now() - oldest) if oldest else 0
        why = f"; {lost} were signed by keys whose keystores are not here" if lost else ""
        return Finding(age <= self.max_age and not lost, f"{count} transactions wait, the oldest {age} s{why}", age)

    def settlement(self) -> Finding:
        """Campaigns whose actions should have been settled a while ago: no worker, or its settlements fail. For a month
        also those that closed before it was done."""
        before, closed = self.clock.now() - self.max_age, self.clock.now() - GRACE
        waiting = sa.select(Action.id).where(
            Action.campaign_id == Campaign.id,
            Action.state == ActionState.ACCEPTED,
            Action.claim_hash.is_(None),  # what was claimed is as old as its receipt
            Action.created_at <= before,
        )
        overdue = sa.select(sa.func.count()).where(Campaign.settle_at <= before, waiting.exists())
        accepted = (Action.campaign_id == Campaign.id, Action.state == ActionState.ACCEPTED)
        worth = sa.select(Action.id).where(*accepted, Action.refers_to.is_(None), Action.points > Action.withheld)
        missed = sa.select(sa.func.count()).where(Campaign.end.between(closed - MONTH, closed), worth.exists())
        with self.db.read() as session:
            count, late = session.scalar(overdue) or 0, session.scalar(missed) or 0
        why = f"; {late} closed before what they had accepted was settled: it can land no more" if late else ""
        told = f"{count} campaigns should have been settled {self.max_age} s ago{why}"
        return Finding(not count + late, told, count + late)

    def batches(self) -> Finding:
        """Batches that the chain refuses again and again: a revoked key, a budget that somebody else spent."""
        stuck = sa.select(sa.func.count()).where(Batch.state == BatchState.QUEUED, Batch.refusals >= STUCK_AFTER)
        with self.db.read() as session:
            count = session.scalar(stuck) or 0
        return Finding(count == 0, f"{count} batches are refused again and again", count)

    def orders(self) -> Finding:
        """Open orders that were paid or not: the chain has used their nonces, and the events that we know do not say
        for what."""
        with self.db.read() as session:
            count = explained.count(session)
        return Finding(count == 0, f"{count} open orders have nonces that were used, and no event says for what", count)

    def restore(self) -> Finding:
        """Whether the database knows all that our keys have sent; after a restore from a backup it does not at first.
        What was paid for actions that it forgot is told until the tills have told them again."""
        with self.db.read() as session:
            ahead = int(session.scalar(sa.select(sa.func.sum(Campaign.ahead))) or 0)
        if not self.fence.complete():
            return Finding(False, "the database is behind the chain: nothing is settled or sold until it is not", ahead)
        told = f"; {ahead} hundredths were paid for actions that were not told again" if ahead else ""
        return Finding(True, f"the database is whole{told}", ahead)

    def jobs(self) -> Finding:
        with self.db.read() as session:
            count, oldest = session.execute(sa.select(sa.func.count(), sa.func.min(Job.run_at))).one()
        age = max(0, self.clock.now() - oldest) if oldest else 0
        return Finding(age <= self.max_age, f"{count} jobs, the oldest due {age} s ago", age)

    def statistics(self) -> Finding:
        """Actions that merchants reported after their week was published; no trouble, but somebody may wonder."""
        with self.db.read() as session:
            late = int(session.scalar(sa.select(sa.func.sum(StatWeek.late))) or 0)
        return Finding(True, f"{late} actions were reported too late to be counted", late)

    def funds(self) -> list[int]:
        """What each key has, in wei. Raises ChainErrors."""
        calls = [("eth_getBalance", [to_hex(sender), "latest"]) for sender in self.senders]
        return [int(each, 16) for each in self.rpc.strict_batch(calls)]

    def gas(self) -> Finding:
        """What the poorest key can pay for; told before it stops."""
        base_fee = self.reads.head().base_fee
        batches = [decisions.full_batches(each, base_fee) for each in self.funds()]
        low = sum(1 for each in batches if each < decisions.LOW)
        what = "the key can pay" if len(batches) == 1 else f"{low} of {len(batches)} keys are low; the poorest can pay"
        return Finding(not low, f"{what} for {min(batches)} full batches", min(batches))
