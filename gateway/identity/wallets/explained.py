"""Why the chain's nonce has passed an order's: what the stream of events shows, and where it is silent, the money.

Docs: docs/decisions/0141-an-order-is-buried-when-an-event-explains-it.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import NONCED, ChainEvent, EventKind
from gateway.chain.indexer.stream import cursor_of, newest_event
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.identity.wallets.models import UNEXPLAINED, OpenOrder
from gateway.identity.wallets.orders import LONGEST, Horizon

#: A cancel raises the nonce by so much: those that it passes over are void. What is below them was used before.
CANCEL_STEP = 2**16
#: Which kinds of events tell that one order used a nonce.
USED = {
    True: (EventKind.ACCOUNT_ORDER, EventKind.SPENT),
    False: (EventKind.TOKEN_ORDER, EventKind.REDEEMED),
}


class Purse(Protocol):
    @property
    def matured(self) -> int: ...


class Wallets(Protocol):
    """What of the ledger is needed here."""

    def holding(self, session: Session, holder: bytes, campaign: int, now: int) -> Purse: ...

    def paid(self, session: Session, holder: bytes, amount: int, since: int, until: int) -> Sequence[bytes]: ...


class Balances(Protocol):
    """What of the chain's reads is needed here."""

    def balance(self, holder: bytes, block: int | str = "latest") -> int: ...


class Whole(Protocol):
    """What of the receipts is needed here."""

    def whole(self, transactions: Collection[bytes]) -> bool: ...


class Explanations:
    """Tells an order whose nonce something else used from one that landed while the node left out its event. `stream`
    names the ledger's cursor."""

    def __init__(self, db: Database, reads: Balances, receipts: Whole, wallets: Wallets, stream: str) -> None:
        self.db, self.reads, self.receipts, self.wallets, self.stream = db, reads, receipts, wallets, stream

    def of(self, order: OpenOrder, horizon: Horizon) -> bool | None:
        """Whether it is certain that `order`, whose nonce has passed at `horizon`, did not land; None: ask again, the
        ledger is elsewhere in the stream. Asks the node: raises ChainErrors, and not to be called inside a transaction.

        A cancel tells it by itself. An order that used the nonce tells it when all its transaction's logs are known:
        else ours may be the one whose last log is missing. Two things use a wallet's nonce without a word of it, a
        permit and a batch of a payee other than the hub. Then what left the wallet tells: by the stream it has what it
        has on the chain, and each time that the order's amount left it, all logs of that transaction are known.
        """
        with self.db.snapshot() as session:
            if self._cancelled(session, order):
                return True
            transactions = self._used(session, order)
            if transactions or order.campaign:
                silent = None
            elif self._behind(session, horizon):
                return None
            else:
                silent = self.wallets.holding(session, order.holder, 0, horizon.time).matured
                window = (order.deadline - LONGEST - DAY, order.deadline)
                transactions = self.wallets.paid(session, order.holder, order.amount, *window)
        if silent is None:
            return bool(transactions) and self.receipts.whole(transactions)
        return self.reads.balance(order.holder, horizon.block) == silent and self.receipts.whole(transactions)

    def _cancelled(self, session: Session, order: OpenOrder) -> bool:
        kind = EventKind.ACCOUNT_CANCELLED if order.campaign else EventKind.TOKEN_CANCELLED
        void = ChainEvent.nonce.between(order.nonce + 1, order.nonce + CANCEL_STEP)
        return session.scalar(_events(order, [kind]).where(void).limit(1)) is not None

    def _used(self, session: Session, order: OpenOrder) -> Sequence[bytes]:
        query = _events(order, USED[order.campaign != 0]).where(ChainEvent.nonce == order.nonce)
        return list(set(session.scalars(query)))

    def _behind(self, session: Session, horizon: Horizon) -> bool:
        return not newest_event(session) == cursor_of(session, self.stream) == horizon.newest


def count(session: Session) -> int:
    """Open orders whose nonce has passed without an event that says by what."""
    return session.scalar(sa.select(sa.func.count()).select_from(OpenOrder).where(UNEXPLAINED)) or 0


def _events(order: OpenOrder, kinds: Collection[EventKind]) -> sa.Select[tuple[bytes]]:
    """The transactions of such events on the order's nonces that stand."""
    e = ChainEvent
    query = sa.select(e.tx_hash).where(e.holder == order.holder, NONCED, e.kind.in_(kinds), e.orphaned == 0)
    return query.where(e.campaign == order.campaign) if order.campaign else query
