"""Settles campaigns: what waits becomes batches with numbers, on their way to the chain, in one transaction.

Whatever dies between any two lines: before the commit nothing has happened; after it the batch has its number and its
content for ever, and the relayer has it. The number lands once, whoever sends it and however often.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.relayer.models import Purpose
from gateway.core import crashes
from gateway.core.bulk import add_rows, any_of, listed, parts, table_of
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.limits import MAX_HUNDREDTHS
from gateway.loyalty.campaigns import promises, schedule, versions
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.earning import counting, due, settlement
from gateway.loyalty.earning.apart import settle_each
from gateway.loyalty.earning.forgotten import HAPPENED
from gateway.loyalty.earning.models import (
    Action,
    ActionState,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
)
from gateway.loyalty.earning.settlement import MAX_ENTRIES, Before, Entry, Net, Waiting
from gateway.loyalty.earning.standing import NoLadders, Standing
from gateway.loyalty.rules.document import Refunds, parse
from gateway.loyalty.rules.programme import programme

log = structlog.get_logger(__name__)

#: Batches of one campaign at most that wait for a key: a large campaign must not stand before a small one for hours.
MAX_BATCHES = 40
#: Seconds until a campaign is looked at again that cannot be settled (the chain does not know it, say), one of which
#: nothing could be settled, and one that has enough batches waiting.
PUT_OFF, STALLED, ENOUGH = 600, 5, 1

# Built once: to build a statement costs as much as to execute it, and tills wait meanwhile.
_CAMPAIGN = sa.bindparam("campaign", type_=sa.BigInteger)
_TERMS = sa.select(Campaign.end, Campaign.next_number).where(Campaign.id == _CAMPAIGN)
_WALLETS = sa.select(sa.func.count(Action.wallet.distinct())).where(*due.waiting(_CAMPAIGN))
_CARRIERS = sa.select(sa.func.count()).where(Carry.campaign_id == _CAMPAIGN, Carry.points > 0)
_WAITING = sa.select(Action.id, Action.wallet, Action.points, Action.refers_to, Action.withheld, HAPPENED).where(
    *due.waiting(_CAMPAIGN), Action.wallet.is_not(None)
)
_CARRIES = sa.select(Carry.wallet, Carry.points, Carry.owed).where(
    Carry.campaign_id == _CAMPAIGN, sa.or_(Carry.points > 0, Carry.owed > 0)
)
_A = table_of(Action)
# The state repeats what the lock already ensures: no action is settled twice, whatever else is wrong.
_SETTLED = (
    sa.update(_A)
    .where(listed(_A.c.id, "ids"), _A.c.state == ActionState.ACCEPTED)
    .values(state=ActionState.SETTLED, batch_id=sa.bindparam("batch"))
)


class Enqueues(Protocol):
    """What of the relayer is needed here."""

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int: ...


class LandedReads(Protocol):
    """What of the chain's reads is needed here."""

    def landed(self, campaign: int, number: int) -> bool: ...


class Settler:
    """`hub` is the contract's address. `whole`: whether the database knows everything that our keys have sent."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        reads: LandedReads,
        relayer: Enqueues,
        hub: bytes,
        jobs: Jobs,
        standing: Standing | None = None,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self.db, self.clock, self.reads, self.relayer, self.hub = db, clock, reads, relayer, hub
        self.jobs, self.standing, self.whole = jobs, standing or NoLadders(), whole

    def settle_due(self, limit: int = 20) -> int:
        """Settles campaigns whose time has come; returns how many batches were made.

        Raises Temporary when the node does not answer; then everything waits where it is.
        """
        now = self.clock.now()
        with self.db.read() as session:
            ids = list(session.scalars(due.CAMPAIGNS, {"now": now, "limit": limit}))
        if not ids or not self.whole():
            return 0
        return settle_each(ids, lambda id: self._settle(id, now), lambda id: self._put_off(id, now + PUT_OFF))

    def _put_off(self, campaign: int, until: int) -> None:
        with self.db.begin() as session:
            promises.lock(session, [campaign])[campaign].settle_at = until

    def _settle(self, campaign: int, now: int) -> int:
        with self.db.read() as session:
            this = {"campaign": campaign}
            end, _ = session.execute(_TERMS, this).tuples().one()
            most = session.scalar(_WALLETS, this) or 0
            if now >= schedule.last_call(end):  # the last one pays out what any wallet carries
                most += session.scalar(_CARRIERS, this) or 0
        numbers = self.numbers(campaign, most // MAX_ENTRIES + 2) if most else []
        if most and not numbers:
            self._put_off(campaign, now + ENOUGH)
            return 0
        with self.db.begin() as session:
            promises.lock_settlements(session, [campaign])
            row = session.get_one(Campaign, campaign)
            if row.settle_at > now:  # another worker was first
                return 0
            settling = Settlement(self, session, row, now, numbers)
            made = settling.run()
            crashes.reach("folded", settling.kinds)
        crashes.reach("batched", settling.kinds)
        return made

    def numbers(self, campaign: int, batches: int) -> list[int]:
        """Numbers for at most so many batches, as long as few enough wait for a key, that none has used on the chain.

        The contract is asked outside of any transaction: nobody must wait for a node that is slow. A number that is
        taken shows that this database knows less than the chain (it was restored, or another gateway serves the
        campaign): it is skipped.
        """
        with self.db.read() as session:
            _, first = session.execute(_TERMS, {"campaign": campaign}).tuples().one()
            count = min(batches, MAX_BATCHES - due.queued(session, campaign))
        numbers: list[int] = []
        while len(numbers) < count:
            if self.reads.landed(campaign, first):
                log.error("batch.number_taken", campaign=campaign, number=first)
            else:
                numbers.append(first)
            first += 1
        return numbers


class Settlement:
    """One campaign's settlement, inside one transaction that holds the settlement's lock. Promises are locked, and the
    campaign is changed, only once all that takes long is written: tills wait for that lock. `asked`: for these wallets
    alone."""

    def __init__(
        self,
        settler: Settler,
        session: Session,
        campaign: Campaign,
        now: int,
        numbers: list[int],
        asked: Collection[bytes] | None = None,
    ) -> None:
        self.settler, self.session, self.campaign, self.now = settler, session, campaign, now
        self.numbers = [number for number in numbers if number >= campaign.next_number]
        self.asked = asked
        self.open = now < schedule.closes_at(campaign.end)
        self.final = asked is None and self.open and now >= schedule.last_call(campaign.end)
        self.carries: dict[bytes, int] = {}
        #: What kinds of batches were made.
        self.kinds: set[str] = set()

    def run(self) -> int:
        """Makes the batches; returns how many."""
        campaign = self.campaign
        nets = self._nets()
        crowd = sum(1 for net in nets if net.award or net.shortfall)
        few = 0 < crowd < campaign.min_wallets and campaign.settle_every > 0
        if few and schedule.may_wait(self.now, campaign.settled_at, campaign.end):
            return self._wait(True)
        if not campaign.key_cap:  # no key of ours is authorised, or no longer: nothing could land
            return self._wait(bool(nets))
        made, left = self._write(nets)
        if left:
            return made  # settle_at stays: the rest follows in the next turn
        self._next_time(waiting=False, made=made)
        return made

    def run_early(self) -> tuple[int, set[bytes]]:
        """Makes batches for those who asked; how many, and who must wait. Window and crowd of the others stay."""
        return self._write(self._nets())

    def _wait(self, waiting: bool) -> int:
        self._lock()
        self._next_time(waiting)
        return 0

    def _lock(self) -> None:
        """Locks the promises too, and reads the campaign anew: awards have passed meanwhile."""
        promises.lock_promises(self.session, [self.campaign.id])

    def _next_time(self, waiting: bool, made: int = 0) -> None:
        campaign = self.campaign
        campaign.settle_at = schedule.next_settlement(self.now, campaign.settle_every, campaign.end)
        if not made and not campaign.settle_every:
            campaign.settle_at += STALLED
        if not waiting:
            campaign.settled_at = schedule.window_start(self.now, campaign.settle_every)

    # --------------------------------------------------------------- reading

    def _nets(self) -> list[Net]:
        campaign = self.campaign
        awards, refunds = self._read()
        if not self.open:  # the chain takes no awards after that
            awards = []
        if refunds:
            refunds = self._due(refunds, {award.id for award in awards})
        # What rounding leaves over stays with us until the campaign's end; then it is paid out to the last hundredth.
        step = 1 if self.now >= campaign.end else campaign.step
        limit = min(MAX_HUNDREDTHS, campaign.key_cap)
        wallets = {action.wallet for action in awards} | {action.wallet for action in refunds}
        owing: dict[bytes, int] = {}
        if self.open:
            self.carries, owing = self._read_carries(wallets if self.asked is None else self.asked)
        return settlement.fold([*awards, *refunds], self.carries, owing, step, limit, self._before(wallets))

    def _read(self) -> tuple[list[Waiting], list[Waiting]]:
        """Awards and refunds that wait."""
        query = _WAITING if self.asked is None else _WAITING.where(Action.wallet.in_(self.asked))
        waiting = [Waiting._make(row) for row in self.session.execute(query, {"campaign": self.campaign.id})]
        refunds = [action for action in waiting if action.refers_to is not None]
        return [action for action in waiting if action.refers_to is None] if refunds else waiting, refunds

    def _due(self, refunds: Sequence[Waiting], awards: set[int]) -> list[Waiting]:
        """Refunds whose award is in this fold, or was settled before.

        Then only once its batch has landed, because points can be taken back only where they are.
        """
        query = sa.select(Action.id, Batch.state).join(Batch, Batch.id == Action.batch_id, isouter=True)
        settled: set[int] = set()
        for part in parts([refund.refers_to for refund in refunds]):
            found = self.session.execute(query.where(Action.id.in_(part), Action.state == ActionState.SETTLED))
            settled |= {id for id, batch in found.tuples() if batch != BatchState.QUEUED}
        return [refund for refund in refunds if refund.refers_to in awards or refund.refers_to in settled]

    def _before(self, wallets: Collection[bytes]) -> dict[bytes, Before]:
        """What of a restored database's forgotten past these wallets' actions are counted against."""
        if self.campaign.forgotten_until is None:
            return {}
        query = sa.select(Carry).where(Carry.campaign_id == self.campaign.id, Carry.until.is_not(None))
        rows = [row for row in self.session.scalars(query) if row.wallet in wallets and (row.ahead or row.back)]
        return {row.wallet: Before(row.ahead, row.back, row.until or 0) for row in rows}

    def _read_carries(self, wallets: Collection[bytes]) -> tuple[dict[bytes, int], dict[bytes, int]]:
        """What these wallets carry (in the last settlement: what any wallet does), and what earlier refunds could not
        reach, where the programme lets later awards repay it. Never read more than is settled: in a campaign with a
        step nearly every wallet there ever was carries something."""
        these = (any_of(self.session, Carry.wallet, part) for part in parts(sorted(wallets)))
        some = [_CARRIES] if self.final else [_CARRIES.where(mine) for mine in these]
        this = {"campaign": self.campaign.id}
        rows = [row for each in some for row in self.session.execute(each, this).tuples()]
        repays = any(owed for _, _, owed in rows) and self._repays()
        owing = {wallet: owed for wallet, _, owed in rows if owed} if repays else {}
        return {wallet: points for wallet, points, _ in rows if points}, owing

    @cached_property
    def _versions(self) -> Sequence[RuleVersion]:
        return versions.rules_of(self.session, [self.campaign.id])[self.campaign.id]

    def _repays(self) -> bool:
        version = versions.in_force(self._versions, self.now)
        return version is not None and parse(version.document).refunds == Refunds.LATER_AWARDS

    # --------------------------------------------------------------- writing

    def _write(self, nets: list[Net]) -> tuple[int, set[bytes]]:
        """Writes as many batches as there are free numbers; how many, and who is left for the next turn."""
        nets = shuffled(nets)
        limit = self.campaign.key_cap
        awards = settlement.cut([(net.wallet, net.award) for net in nets if net.award], limit)
        owing = [(net.wallet, net.shortfall) for net in nets if net.shortfall]
        clawbacks = settlement.cut(owing, limit) if self.campaign.hold else []
        planned = [(BatchKind.AWARD, entries) for entries in awards]
        planned += [(BatchKind.CLAWBACK, entries) for entries in clawbacks]
        room = len(self.numbers)
        left_out = {wallet for _, entries in planned[room:] for wallet, _ in entries}
        kept = [net for net in nets if net.wallet not in left_out]
        batch_of: dict[bytes, int] = {}
        for number, (kind, entries) in zip(self.numbers, planned, strict=False):
            batch_id = self._batch(kind, number, entries)
            self.kinds.add(kind.name.lower())
            batch_of |= dict.fromkeys((wallet for wallet, _ in entries), batch_id)
        self._settle_actions(kept, batch_of)
        self._write_carries(kept)
        self._lock()
        self._count_codes([id for net in kept for id in net.actions])
        promises.release(self.session, self.campaign.id, sum(net.released for net in kept))
        self.campaign.ahead -= sum(net.ahead for net in kept)
        made = min(room, len(planned))
        if made:
            self.campaign.next_number = self.numbers[made - 1] + 1
        return made, left_out

    def _batch(self, kind: BatchKind, number: int, entries: Sequence[Entry]) -> int:
        campaign = self.campaign
        batch = Batch(
            campaign_id=campaign.id,
            kind=kind,
            number=number,
            total=sum(amount for _, amount in entries),
            created_at=self.now,
        )
        self.session.add(batch)
        self.session.flush()
        rows = [{"batch_id": batch.id, "wallet": wallet, "amount": amount} for wallet, amount in entries]
        add_rows(self.session, BatchEntry, rows)
        send(self.session, self.settler.relayer, self.settler.hub, batch, entries)
        return batch.id

    def _settle_actions(self, nets: Sequence[Net], batch_of: dict[bytes, int]) -> None:
        groups: dict[int | None, list[int]] = {}
        for net in nets:
            groups.setdefault(batch_of.get(net.wallet), []).extend(net.actions)
        connection = self.session.connection()
        for batch_id, ids in groups.items():
            if connection.execute(_SETTLED, {"ids": ids, "batch": batch_id}).rowcount != len(ids):
                raise RuntimeError(f"campaign {self.campaign.id}: an action to be settled does not wait")

    def _count_codes(self, ids: Sequence[int]) -> None:
        """Codes count for ladders, goals and referrals from here on."""
        if any(parse(version.document).ladders for version in self._versions):
            self.settler.standing.count(self.session, counting.codes_settled(self.session, ids))
        followed = [version.id for version in self._versions if programme(version.document).followed]
        for part in parts(sorted(ids)) if followed else ():
            codes = sa.select(Action.id).where(Action.id.in_(part), Action.claim_hash.is_not(None))
            found = self.session.scalars(codes.where(Action.rule_version_id.in_(followed)).order_by(Action.id))
            self.settler.jobs.publish(self.session, "action.qualifies", *found)

    def _write_carries(self, nets: Sequence[Net]) -> None:
        rows: dict[bytes, Carry] = {}
        nets = [net for net in nets if self._changes_carry(net)]
        for part in parts([net.wallet for net in nets]):
            query = sa.select(Carry).where(Carry.campaign_id == self.campaign.id, Carry.wallet.in_(part))
            rows |= {row.wallet: row for row in self.session.scalars(query)}
        for net in nets:
            owed = 0 if self.campaign.hold else net.shortfall
            change = net.carry - self.carries.get(net.wallet, 0)
            row = rows.get(net.wallet)
            if row is None and (change or owed):
                row = Carry(campaign_id=self.campaign.id, wallet=net.wallet, points=0, owed=0)
                self.session.add(row)
            if row is not None:
                row.points += change
                row.owed += owed - net.repaid
            if row is not None and (net.ahead or net.back):
                row.ahead -= net.ahead
                row.back -= net.back
        self.session.flush()

    def _changes_carry(self, net: Net) -> bool:
        before = self.carries.get(net.wallet, 0)
        return bool(net.carry != before or net.shortfall or net.repaid or net.ahead or net.back)


def shuffled(nets: Sequence[Net]) -> list[Net]:
    """In an order that nobody foresees. The system's randomness is asked once, not for each."""
    chance = secrets.token_bytes(16 * len(nets))
    keys = (chance[start : start + 16] for start in range(0, len(chance), 16))
    return [net for _, net in sorted(zip(keys, nets, strict=True), key=itemgetter(0))]


def send(session: Session, relayer: Enqueues, hub: bytes, batch: Batch, entries: Sequence[Entry]) -> None:
    """Hands a batch to the relayer: always the same number and content."""
    pack = calls.award_batch if batch.kind == BatchKind.AWARD else calls.clawback_batch
    purpose = Purpose.AWARD if batch.kind == BatchKind.AWARD else Purpose.CLAWBACK
    relayer.enqueue(session, purpose, batch.id, hub, pack(batch.campaign_id, batch.number, entries))
