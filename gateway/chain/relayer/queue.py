"""The relayer's queue, as rooms use it: a row in their own transaction. Knows no key."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core.bulk import table_of
from gateway.core.clock import Clock

_T = table_of(ChainTx)
# Built once: every batch and every order passes here, while tills wait.
_ADD = sa.insert(_T).returning(_T.c.id)


def without_key(session: Session, addresses: Collection[bytes]) -> int:
    """How many transactions were signed by a key that is none of these. Nobody sends them, and nobody else may in their
    place: each has its one nonce."""
    lost = sa.select(sa.func.count()).where(ChainTx.state == TxState.SIGNED, ChainTx.sender.not_in(addresses))
    return session.scalar(lost) or 0


class Queue:
    """Takes what is to be sent; `addresses` are the keys of which one will send it."""

    def __init__(self, clock: Clock, addresses: tuple[bytes, ...]) -> None:
        self._clock, self.addresses = clock, addresses

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int:
        """Adds a transaction to `to` (20 bytes) with calldata `data`, in the caller's transaction; returns its id.

        It is sent exactly once. The events `tx.done`, `tx.reverted` and `tx.refused` carry the id, possibly more than
        once; after one of the last two, the room asks the contract what is true before it enqueues again. `ref` is the
        room's own row.
        """
        now = self._clock.now()
        row = {"purpose": purpose, "ref": ref, "recipient": to, "data": data, "state": TxState.QUEUED}
        return int(session.connection().execute(_ADD, row | {"created_at": now, "retry_at": now}).scalar_one())
