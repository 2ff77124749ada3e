"""Transactions that have no nonce yet: the queue that all keys share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.relayer import decisions
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs

EVENTS = {TxState.DONE: "tx.done", TxState.REVERTED: "tx.reverted", TxState.REFUSED: "tx.refused"}
#: Everybody's points depend on awards, so they go first; holders' orders keep a quarter of the air all the same.
URGENT = (Purpose.AWARD, Purpose.CLAWBACK)
OTHERS = 4


@dataclass(frozen=True)
class Wanted:
    """A transaction that has no nonce yet. `looks`: how often it was refused."""

    id: int
    purpose: Purpose
    to: bytes
    data: bytes
    looks: int


class Waiting:
    """The queue. Each method is one transaction; what it read before may have changed, so it looks again."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs) -> None:
        self._db, self._clock, self._jobs = db, clock, jobs

    def wanted(
        self, limit: int, nonces: Mapping[bytes, int], in_flight: int, without: Collection[int] = ()
    ) -> list[Wanted]:
        """At most `limit` due transactions, awards first, then as they came. `nonces`: by key, the chain's next one;
        `in_flight`: how many may be in the air altogether; `without`: ids that are left out."""
        urgent = ChainTx.purpose.in_(URGENT)
        waiting = due(self._clock.now())
        if without:
            waiting = waiting.where(ChainTx.id.not_in(sorted(without)))
        with self._db.read() as session:
            in_air = sa.select(sa.func.count()).where(sa.not_(urgent), _in_air(nonces))
            kept = in_flight // OTHERS - (session.scalar(in_air) or 0)
            first, others = (
                list(session.scalars(waiting.where(these).order_by(ChainTx.id).limit(limit)))
                for these in (urgent, sa.not_(urgent))
            )
        others = others[: max(0, kept, limit - len(first))]
        rows = [*first[: limit - len(others)], *others]
        return [Wanted(row.id, row.purpose, row.recipient, row.data, row.attempts) for row in rows]

    def put_off(self, tx_id: int, delay: int) -> None:
        """Tries again in `delay` seconds; not a refusal."""
        self._change(tx_id, lambda session, row: self._later(row, delay))

    def refused(self, tx_id: int, nonces: Mapping[bytes, int]) -> None:
        """The node says that it must fail: tries again later, or gives up and tells who listens."""

        def change(session: Session, row: ChainTx) -> None:
            row.attempts += 1
            delay = decisions.look_again(row.attempts, self._earlier_under_way(session, row.id, nonces))
            if delay is not None:
                self._later(row, delay)
            else:
                row.state = TxState.REFUSED
                publish(self._jobs, session, row)

        self._change(tx_id, change)

    def _change(self, tx_id: int, change: Callable[[Session, ChainTx], None]) -> None:
        with self._db.begin() as session:
            row = session.get(ChainTx, tx_id, with_for_update={"skip_locked": True})
            if row is not None and row.state == TxState.QUEUED:
                change(session, row)

    def _later(self, row: ChainTx, delay: int) -> None:
        row.retry_at = self._clock.now() + delay

    def _earlier_under_way(self, session: Session, tx_id: int, nonces: Mapping[bytes, int]) -> bool:
        under_way = sa.or_(ChainTx.state == TxState.QUEUED, _in_air(nonces))
        return session.scalar(sa.select(ChainTx.id).where(ChainTx.id < tx_id, under_way).limit(1)) is not None


def due(now: int) -> sa.Select[tuple[ChainTx]]:
    """What waits for a nonce and is not put off."""
    return sa.select(ChainTx).where(ChainTx.state == TxState.QUEUED, ChainTx.retry_at <= now)


def publish(jobs: Jobs, session: Session, row: ChainTx) -> None:
    """Tells who listens what became of a transaction."""
    if row.purpose is not Purpose.FILL:
        jobs.publish(session, EVENTS[row.state], row.id)


def _in_air(nonces: Mapping[bytes, int]) -> sa.ColumnElement[bool]:
    """Signed and, by these nonces, not mined."""
    ahead = [sa.and_(ChainTx.sender == sender, ChainTx.nonce >= nonce) for sender, nonce in nonces.items()]
    return sa.and_(ChainTx.state == TxState.SIGNED, sa.or_(*ahead))
