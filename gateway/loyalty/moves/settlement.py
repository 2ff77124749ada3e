"""What relayer and chain say about moves."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import NONCED, STANDS, ChainEvent, EventKind
from gateway.core.clock import Clock
from gateway.identity.wallets.models import OrderKind
from gateway.identity.wallets.orders import OpenOrders
from gateway.loyalty.moves import orders as kinds
from gateway.loyalty.moves.models import Move, MoveState

#: This room's cursor in the stream of chain events.
STREAM = "moves"


class Settlement:
    """Ends moves: done, dead or refused. What we gave up somebody else may still relay; then it is done."""

    def __init__(self, clock: Clock, orders: OpenOrders) -> None:
        self.clock, self.orders = clock, orders

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Applies events at depth, in stream order."""
        for event in events:
            if event.kind == EventKind.REWIND:
                self._rewind(session, event.block)
            elif event.kind in (EventKind.TOKEN_ORDER, EventKind.ACCOUNT_ORDER):
                self._landed(session, event)

    def _landed(self, session: Session, event: ChainEvent) -> None:
        """`event` says that a nonce was used by a single order; which, its effect in the same transaction shows."""
        query = sa.select(Move).where(
            Move.holder == event.holder,
            Move.nonce == event.nonce,
            Move.state != MoveState.DONE,
            Move.source == event.campaign if event.kind == EventKind.ACCOUNT_ORDER else Move.source == 0,
        )
        # Open ones first: an order that was refused may differ from the one signed in its place by its minimum alone.
        for move in session.scalars(query.order_by(Move.state != MoveState.ACCEPTED, Move.id)).all():
            effect = self._effect(session, move, event)
            if effect is not None:
                # First the open order, then its row, as the sweep does: two workers must not wait for each other.
                self.orders.close(session, OrderKind.MOVE, move.id)
                session.refresh(move, with_for_update=True)
                move.state, move.received = MoveState.DONE, kinds.received(move, effect)
                move.done_block, move.retry_at = event.block, None
                return

    def _effect(self, session: Session, move: Move, used: ChainEvent) -> ChainEvent | None:
        found = [event for event in session.scalars(self._effects(move, used)) if kinds.is_effect(move, event)]
        return min(found, key=lambda event: abs(event.log_index - used.log_index), default=None)

    def _effects(self, move: Move, used: ChainEvent) -> sa.Select[tuple[ChainEvent]]:
        query = sa.select(ChainEvent).where(ChainEvent.block == used.block, ChainEvent.tx_hash == used.tx_hash, STANDS)
        return query.where(ChainEvent.kind == kinds.EFFECTS[move.kind])

    def _rewind(self, session: Session, fork: int) -> None:
        """What was done in blocks above `fork` is open again and sent again."""
        for move in session.scalars(sa.select(Move).where(Move.done_block > fork).with_for_update()):
            move.state, move.retry_at = MoveState.ACCEPTED, self.clock.now()
            move.received = move.done_block = move.tx_id = None
            self.orders.reopen(session, OrderKind.MOVE, move.id, kinds.claim(move))

    def sweep_dead(self) -> int:
        """Gives up orders whose nonce or deadline has passed at depth without their event; returns how many."""
        return self.orders.sweep(OrderKind.MOVE, STREAM, self._bury)

    def _bury(self, session: Session, move_id: int) -> None:
        move = session.get_one(Move, move_id, with_for_update=True)
        if move.state != MoveState.ACCEPTED:
            return
        # Relayed by somebody else while it was being accepted, it landed before its row could be seen.
        for event in session.scalars(self._used(move)):
            self._landed(session, event)
        if move.state == MoveState.ACCEPTED:
            move.state, move.retry_at = MoveState.DEAD, None

    def _used(self, move: Move) -> sa.Select[tuple[ChainEvent]]:
        """The events that say that the move's nonce was used by a single order."""
        mine = (ChainEvent.holder == move.holder, ChainEvent.nonce == move.nonce)
        same = (*mine, NONCED, ChainEvent.orphaned == 0)
        if move.source == 0:
            return sa.select(ChainEvent).where(*same, ChainEvent.kind == EventKind.TOKEN_ORDER)
        account = (ChainEvent.kind == EventKind.ACCOUNT_ORDER, ChainEvent.campaign == move.source)
        return sa.select(ChainEvent).where(*same, *account)

    # ------------------------------------------------- what the relayer tells

    def tx_refused(self, session: Session, tx_id: int) -> None:
        """Handler of tx.refused: the contracts would not execute it; nothing was sent."""
        ids = session.scalars(sa.select(Move.id).where(Move.tx_id == tx_id)).all()
        self.orders.hold(session, OrderKind.MOVE, ids)  # before the rows, as the sweep does
        for move in self._of(session, tx_id):
            move.state = MoveState.REFUSED
            self.orders.close(session, OrderKind.MOVE, move.id)

    def tx_reverted(self, session: Session, tx_id: int) -> None:
        """Handler of tx.reverted: something came in between. It is tried again, until landed, dead or refused."""
        for move in self._of(session, tx_id):
            move.tx_id, move.retry_at = None, self.clock.now()

    def _of(self, session: Session, tx_id: int) -> Sequence[Move]:
        query = sa.select(Move).where(Move.tx_id == tx_id, Move.state == MoveState.ACCEPTED)
        return session.scalars(query.with_for_update()).all()
