"""Open signed orders of each wallet and account: which nonce comes next, what is promised, and when one is dead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.chain.errors import Permanent, Reverted
from gateway.chain.indexer.models import IndexedBlock
from gateway.chain.indexer.stream import cursor_of, newest_event
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.identity.wallets.errors import (
    INSUFFICIENT_POINTS,
    NONCE_GAP,
    ORDER_EXPIRED,
    ORDERS_USED_UP,
    STALE_NONCE,
    TOO_MANY_ORDERS,
)
from gateway.identity.wallets.models import OpenOrder, OrderKind
from gateway.identity.wallets.shared import SharedBudget

log = structlog.get_logger(__name__)

#: A deadline lies this many seconds ahead: enough to land, and not for ever.
SHORTEST, LONGEST = 60, 7 * DAY
#: Open orders of one wallet, over its wallet points and all its accounts.
MAX_OPEN = 16
#: An order that has not landed after this many seconds is looked up on the chain, and then again as often.
LOOK_EVERY = 30


class HasNonce(Protocol):
    @property
    def nonce(self) -> int: ...


class HasHash(Protocol):
    @property
    def hash(self) -> bytes: ...


class NonceReads(Protocol):
    """What of the chain's reads is needed here."""

    def nonce(self, holder: bytes, block: int | str = "latest") -> int: ...

    def account(self, campaign: int, holder: bytes, block: int | str = "latest") -> HasNonce: ...

    def head(self, block: int | str = "latest") -> HasHash: ...


@dataclass(frozen=True)
class Claim:
    """What one order takes: `amount` hundredths from `holder`'s wallet (`campaign` 0) or account, under `nonce`."""

    holder: bytes
    campaign: int
    nonce: int
    amount: int
    deadline: int


@dataclass(frozen=True)
class Horizon:
    """A block at depth up to which a stream's reader has applied every event; `newest` is the last one's id."""

    block: int
    hash: bytes
    time: int
    newest: int


class Fate(Enum):
    """What the chain says of an open order."""

    OPEN = 1  # it may still land
    DEAD = 2  # it can land no more, and did not
    UNEXPLAINED = 3  # its nonce has passed, and it is not certain that it did not land
    UNKNOWN = 4  # cannot be told at this moment


#: Whether it is certain that an order whose nonce has passed did not land; None: ask again.
Explain = Callable[[OpenOrder, Horizon], bool | None]


class OpenOrders:
    """The one list of open orders. Redemptions and moves share it because they share the holders' nonces."""

    def __init__(
        self,
        db: Database,
        reads: NonceReads,
        clock: Clock,
        shared: SharedBudget,
        explain: Explain,
        kept: Sequence[sa.FromClause],
        a_day: int = 60,
    ) -> None:
        """`kept`: the tables of accepted orders (`id`, `holder`, `created_at`), which keep those that are over, too; of
        one wallet `a_day` are taken in any 24 hours. `shared`: what wallets have together that earned nothing here."""
        self.db, self.reads, self.clock, self.shared, self.explain = db, reads, clock, shared, explain
        self.a_day, self._newest = a_day, _newest(kept, a_day)

    def chain_nonce(self, holder: bytes, campaign: int, block: int | str = "latest") -> int:
        """The nonce the chain expects next; asks the node. Not to be called inside a transaction."""
        if campaign == 0:
            return self.reads.nonce(holder, block=block)
        return self.reads.account(campaign, holder, block=block).nonce

    def next_nonce(self, session: Session, holder: bytes, campaign: int, chain_nonce: int) -> int:
        """The first nonce from the chain's on that no open order has: what the holder should sign next."""
        query = sa.select(OpenOrder.nonce).where(OpenOrder.holder == holder, OpenOrder.campaign == campaign)
        return _first_free(set(session.scalars(query)), chain_nonce)

    def promised(self, session: Session, holder: bytes, campaign: int) -> int:
        """Hundredths that open orders will take from this wallet or account."""
        query = sa.select(sa.func.coalesce(sa.func.sum(OpenOrder.amount), 0)).where(
            OpenOrder.holder == holder, OpenOrder.campaign == campaign
        )
        return int(session.scalar(query) or 0)

    def holders(self, session: Session, campaign: int) -> set[bytes]:
        """Who has an open order on an account of this campaign."""
        return set(session.scalars(sa.select(OpenOrder.holder).where(OpenOrder.campaign == campaign)))

    def check_deadline(self, deadline: int) -> None:
        """Raises `order-expired` unless `deadline` is 60 seconds to 7 days ahead."""
        left = deadline - self.clock.now()
        if not SHORTEST <= left <= LONGEST:
            raise ORDER_EXPIRED.at("deadline", f"{SHORTEST} seconds to {LONGEST // DAY} days ahead")

    def admit(self, session: Session, claim: Claim, chain_nonce: int, matured: int) -> None:
        """Raises the refusal of a claim that does not fit behind the open ones.

        `matured`: hundredths that the ledger shows as free. `stale-nonce`, `nonce-gap`, `too-many-orders`,
        `orders-used-up`, `insufficient-points`, `shared-orders-used-up`.
        """
        self.check_deadline(claim.deadline)
        query = sa.select(OpenOrder.campaign, OpenOrder.nonce, OpenOrder.amount)
        orders = session.execute(query.where(OpenOrder.holder == claim.holder)).tuples().all()
        there = {nonce: amount for campaign, nonce, amount in orders if campaign == claim.campaign}
        expected = _first_free(there, chain_nonce)
        if claim.nonce != expected:
            raise (STALE_NONCE if claim.nonce < expected else NONCE_GAP).at("nonce", f"expected {expected}")
        if len(orders) >= MAX_OPEN:
            raise TOO_MANY_ORDERS.at("holder", f"at most {MAX_OPEN}", retry_after=LOOK_EVERY)
        self.check_pace(session, claim.holder)
        free = matured - sum(there.values())
        if claim.amount > free:
            raise INSUFFICIENT_POINTS.at("amount", f"{max(free, 0)} hundredths are free")
        self.shared.take(session, claim.holder)

    def check_pace(self, session: Session, holder: bytes) -> None:
        """We pay the gas of every order, and most cost their holder nothing: a wallet may have so many in 24 hours.
        `orders-used-up`."""
        times = session.scalars(self._newest, {"holder": holder}).all()
        if len(times) < self.a_day:
            return
        free_in = sorted(times)[-self.a_day] + DAY - self.clock.now()
        if free_in > 0:
            raise ORDERS_USED_UP.at("holder", f"at most {self.a_day} in 24 hours", retry_after=free_in)

    def add(self, session: Session, kind: OrderKind, ref: int, claim: Claim) -> None:
        """Opens an order; of two at the same time with one nonce the second fails on the primary key."""
        now = self.clock.now()
        session.add(
            OpenOrder(
                holder=claim.holder,
                campaign=claim.campaign,
                nonce=claim.nonce,
                kind=kind,
                ref=ref,
                amount=claim.amount,
                deadline=claim.deadline,
                created_at=now,
                look_at=now + LOOK_EVERY,
            )
        )
        session.flush()

    def reopen(self, session: Session, kind: OrderKind, ref: int, claim: Claim) -> None:
        """Opens an order again that a reorganisation took back, unless its nonce is meanwhile promised anew."""
        if session.get(OpenOrder, (claim.holder, claim.campaign, claim.nonce)) is None:
            with suppress(IntegrityError), session.begin_nested():  # it may be promised anew at this moment
                self.add(session, kind, ref, claim)

    def hold(self, session: Session, kind: OrderKind, refs: Collection[int]) -> None:
        """Locks orders that are on the list, until the transaction ends."""
        mine = sa.select(OpenOrder.ref).where(OpenOrder.kind == kind, OpenOrder.ref.in_(refs)).order_by(OpenOrder.ref)
        session.execute(mine.with_for_update())

    def close(self, session: Session, kind: OrderKind, ref: int) -> None:
        """Takes an order off the list; nothing happens when it is not there."""
        session.execute(sa.delete(OpenOrder).where(OpenOrder.kind == kind, OpenOrder.ref == ref))

    def sweep(self, kind: OrderKind, stream: str, bury: Callable[[Session, int], None], limit: int = 200) -> int:
        """Closes orders that can land no more and calls `bury(session, ref)` for each, one transaction an order.

        Dead is an order whose deadline or nonce has passed, seen from a block at depth whose events the reader of
        `stream` has all applied: had it landed, it would not be open. Where the nonce has passed, some event must tell
        by what, or the node may have left out the order's own: then it stays open and is looked at again. Returns how
        many were dead.
        """
        now = self.clock.now()
        with self.db.read() as session:
            horizon = self._horizon(session, stream)
            if horizon is None:
                return 0
            over = sa.and_(OpenOrder.deadline < horizon.time, OpenOrder.unexplained == 0)
            due = sa.or_(over, OpenOrder.look_at <= now)
            query = sa.select(OpenOrder).where(OpenOrder.kind == kind, due).order_by(OpenOrder.look_at).limit(limit)
            orders = list(session.scalars(query))
        fates = {order.ref: self._fate(order, horizon) for order in orders}
        # Asked after the nonces: they were those of the history whose events were applied, not of another.
        told = {Fate.DEAD, Fate.UNEXPLAINED} & set(fates.values())
        if told and self.reads.head(horizon.block).hash != horizon.hash:
            return 0
        dead = 0
        for order in orders:
            if self._apply(order, fates[order.ref], now, bury):
                dead += 1
                log.info("order.buried", kind=kind.name.lower(), ref=order.ref, block=horizon.block)
        return dead

    def _fate(self, order: OpenOrder, horizon: Horizon) -> Fate:
        try:
            passed = self.chain_nonce(order.holder, order.campaign, horizon.block) > order.nonce
        except Reverted:  # a reorganisation took its campaign away: it dies by its deadline
            passed = False
        except Permanent:  # it waits, and stops no other
            return Fate.UNKNOWN
        if not passed:
            return Fate.DEAD if order.deadline < horizon.time else Fate.OPEN
        try:
            certain = self.explain(order, horizon)
        except Permanent:  # the same: a node may keep no receipts at all
            certain = False
        return {True: Fate.DEAD, False: Fate.UNEXPLAINED, None: Fate.UNKNOWN}[certain]

    def _apply(self, order: OpenOrder, fate: Fate, now: int, bury: Callable[[Session, int], None]) -> bool:
        with self.db.begin() as session:
            key = (order.holder, order.campaign, order.nonce)
            row = session.get(OpenOrder, key, with_for_update=True)
            if row is None or (row.kind, row.ref) != (order.kind, order.ref):
                return False
            if fate is Fate.DEAD:
                session.delete(row)
                bury(session, row.ref)
                return True
            row.look_at = now + LOOK_EVERY
            if fate is not Fate.UNKNOWN:
                first = fate is Fate.UNEXPLAINED and not row.unexplained
                row.unexplained = fate is Fate.UNEXPLAINED
                if first:
                    log.error("order.unexplained", kind=row.kind.name.lower(), ref=row.ref)
        return False

    def _horizon(self, session: Session, stream: str) -> Horizon | None:
        # In this order: what is written between the statements makes the reader look late, never early.
        block = session.scalar(sa.select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1))
        newest = newest_event(session)
        if block is None or cursor_of(session, stream) < newest:
            return None
        return Horizon(block.number, block.hash, block.time, newest)


def _newest(kept: Sequence[sa.FromClause], limit: int) -> sa.CompoundSelect[tuple[int]]:
    """When the newest `limit` orders of each table were accepted, by the parameter `holder`."""
    parts = []
    for table in kept:
        query = sa.select(table.c.created_at).where(table.c.holder == sa.bindparam("holder"))
        parts.append(sa.select(query.order_by(table.c.id.desc()).limit(limit).subquery().c.created_at))
    return sa.union_all(*parts)


def _first_free(taken: Container[int], nonce: int) -> int:
    while nonce in taken:
        nonce += 1
    return nonce
