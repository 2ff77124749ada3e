"""Moves: quoted, accepted, handed to the relayer when their nonce comes up, done when the chain says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.errors import Permanent, Reverted
from gateway.chain.hexes import checksum
from gateway.chain.reads import Campaign, Reads
from gateway.chain.relayer.models import Purpose
from gateway.chain.typed_data import Domains
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import RELAY_MINIMUM
from gateway.core.problems import NOT_FOUND, Problem
from gateway.identity.wallets.addresses import refuse_recipient
from gateway.identity.wallets.asking import asking
from gateway.identity.wallets.errors import BAD_SIGNATURE, BELOW_RELAY_MINIMUM, INSUFFICIENT_POINTS
from gateway.identity.wallets.models import OrderKind
from gateway.identity.wallets.orders import OpenOrders
from gateway.loyalty.campaigns.errors import UNKNOWN_CAMPAIGN
from gateway.loyalty.ledger.service import Ledger
from gateway.loyalty.moves import orders as kinds
from gateway.loyalty.moves import pricing
from gateway.loyalty.moves.errors import (
    BELOW_MINIMUM,
    CLOSED_LOOP,
    ENTRY_CLOSED,
    SAME_CAMPAIGN,
    SAME_WALLET,
    STAY_UNCHANGED,
)
from gateway.loyalty.moves.models import Move, MoveKind, MoveState
from gateway.loyalty.moves.orders import MoveOrder

#: Kinds that leave an account for somewhere else: open loop only.
LEAVING = (MoveKind.LEAVE, MoveKind.MOVE)
ENTERING = (MoveKind.ENTER, MoveKind.MOVE)
PAYING = (MoveKind.SEND, MoveKind.CASH_OUT)


class Relays(Protocol):
    """What of the relayer is needed here."""

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int: ...


class Moves:
    """Takes holders' orders. The gateway changes nothing about them: the signature covers every field."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        domains: Domains,
        reads: Reads,
        relayer: Relays,
        orders: OpenOrders,
        ledger: Ledger,
        contracts: Collection[bytes],
    ) -> None:
        """`contracts`: token, hub and asset, to which nothing may be sent."""
        self.db, self.clock, self.domains, self.reads, self.relayer = db, clock, domains, reads, relayer
        self.orders, self.ledger, self.contracts = orders, ledger, contracts

    # ------------------------------------------------------------------ quote

    def quote(self, kind: MoveKind, amount: int, source: int = 0, target: int = 0) -> pricing.Quote:
        """What `amount` would become now; asks the chain, so not to be called inside a transaction.

        `unknown-campaign`, `closed-loop`, `entry-closed`, `same-campaign`, `chain-unreachable`.
        """
        if kind == MoveKind.MOVE and source == target:
            raise SAME_CAMPAIGN.at("target")
        with asking():
            if kind in LEAVING and self._campaign(source, "source").closed:
                raise CLOSED_LOOP.at("source")
            if kind not in ENTERING:
                return pricing.quote(amount)
            terms = self._campaign(target, "target")
        if terms.end <= self.clock.now():
            raise ENTRY_CLOSED.at("target", f"at {terms.end}")
        return pricing.quote(amount, terms.closed, terms.bonus, terms.pot)

    def _campaign(self, campaign: int, field: str) -> Campaign:
        try:
            return self.reads.campaign(campaign)
        except Reverted:
            raise UNKNOWN_CAMPAIGN.at(field) from None

    # ----------------------------------------------------------------- accept

    def accept(self, order: MoveOrder) -> Move:
        """Verifies an order and keeps it for the relayer. The same order again gives the first answer.

        Opens its own transactions, because the chain is asked between them and not inside. Raises what `quote` raises
        and `bad-signature`, `recipient-refused`, `same-wallet`, `below-relay-minimum`, `below-minimum`,
        `order-expired`, `stale-nonce`, `nonce-gap`, `too-many-orders`, `orders-used-up`, `shared-orders-used-up`,
        `insufficient-points`, `stay-unchanged`.
        """
        digest = order.digest(self.domains)
        if signatures.recover(digest, order.signature) != order.holder:
            contract = checksum(order.signed_for(self.domains))
            raise BAD_SIGNATURE.at(
                "signature", f"expected EIP-712 on chain {self.domains.chain_id}, contract {contract}"
            )
        with self.db.read() as session:
            first = self._by_digest(session, digest)
        if first is not None:
            return first
        self._check_terms(order)
        with asking():
            chain_nonce, stays = self._on_chain(order)
        try:
            move = self._take(order, digest, chain_nonce, stays)
        except Problem:  # the very same order may have been taken at this moment, and its nonce with it
            with self.db.read() as session:
                first = self._by_digest(session, digest)
            if first is None:
                raise
            return first
        crashes.reach("accepted", ("move",))
        return move

    def _take(self, order: MoveOrder, digest: bytes, chain_nonce: int, stays: bool) -> Move:
        with self.db.begin() as session:
            first = self._by_digest(session, digest)
            if first is not None:
                return first
            self._check_points(session, order)
            held = self.ledger.holding(session, order.holder, order.source, self.clock.now())
            self.orders.admit(session, order.claim, chain_nonce, held.matured)
            self._check_choice(session, order, stays)
            move = self._write(session, order, digest, is_next=order.nonce == chain_nonce)
            crashes.reach("taken", ("move",))
        return move

    def _by_digest(self, session: Session, digest: bytes) -> Move | None:
        return session.scalar(sa.select(Move).where(Move.digest == digest))

    def _check_terms(self, order: MoveOrder) -> None:
        self.orders.check_deadline(order.deadline)
        if order.kind in PAYING:
            refuse_recipient(order.recipient, self.contracts, "recipient")
        # Cashing out to oneself is the rule; sending to oneself is a mistake.
        if order.kind == MoveKind.SEND and order.recipient == order.holder:
            raise SAME_WALLET.at("recipient")
        if order.kind == MoveKind.STAY:
            return
        if order.amount < RELAY_MINIMUM:
            raise BELOW_RELAY_MINIMUM.at("amount", f"at least {RELAY_MINIMUM} hundredths")
        quote = self.quote(order.kind, order.amount, order.source, order.target)
        if quote.received < order.min_received:
            raise BELOW_MINIMUM.at("min_received", f"{quote.received} hundredths now")

    def _on_chain(self, order: MoveOrder) -> tuple[int, bool]:
        """The nonce that the chain expects next, and whether the account stays: of one moment."""
        try:
            if order.kind != MoveKind.STAY:
                return self.orders.chain_nonce(order.holder, order.source), False
            account = self.reads.account(order.source, order.holder)
        except Reverted:
            raise UNKNOWN_CAMPAIGN.at("source") from None
        return account.nonce, account.stay

    def _check_points(self, session: Session, order: MoveOrder) -> None:
        # A choice costs us gas and its holder nothing: it is for those who have something there.
        if order.kind == MoveKind.STAY:
            held = self.ledger.holding(session, order.holder, order.source, self.clock.now())
            if held.matured + held.pending == 0:
                raise INSUFFICIENT_POINTS.at("source", "the account is empty")
            if held.matured + held.pending < RELAY_MINIMUM:
                raise BELOW_RELAY_MINIMUM.at("source", f"at least {RELAY_MINIMUM} hundredths in the account")

    def _check_choice(self, session: Session, order: MoveOrder, stays: bool) -> None:
        """Refuses what the chain, or the last choice that is on its way, says already. After the nonces: `stays` is of
        the same moment as the nonce that fitted."""
        if order.kind != MoveKind.STAY:
            return
        waiting = sa.select(Move.stay).where(
            Move.holder == order.holder,
            Move.source == order.source,
            Move.kind == MoveKind.STAY,
            Move.state == MoveState.ACCEPTED,
        )
        last = session.scalar(waiting.order_by(Move.nonce.desc()).limit(1))
        if order.stay == (stays if last is None else last):
            raise STAY_UNCHANGED.at("stay")

    def _write(self, session: Session, order: MoveOrder, digest: bytes, is_next: bool) -> Move:
        now = self.clock.now()
        move = Move(
            kind=order.kind,
            holder=order.holder,
            source=order.source,
            target=order.target,
            amount=order.amount,
            min_received=order.min_received,
            recipient=order.recipient or None,
            stay=order.stay,
            nonce=order.nonce,
            deadline=order.deadline,
            signature=order.signature,
            digest=digest,
            state=MoveState.ACCEPTED,
            retry_at=now,
            created_at=now,
        )
        session.add(move)
        session.flush()
        self.orders.add(session, OrderKind.MOVE, move.id, order.claim)
        if is_next:
            self._enqueue(session, move)
        return move

    def _enqueue(self, session: Session, move: Move) -> None:
        contract, data = kinds.call(move, self.domains)
        move.tx_id = self.relayer.enqueue(session, Purpose.MOVE, move.id, contract, data)
        move.retry_at = None

    def get(self, session: Session, move_id: int) -> Move:
        """One move; `not-found`."""
        move = session.get(Move, move_id)
        if move is None:
            raise NOT_FOUND.at("move")
        return move

    def open(self, session: Session, holder: bytes) -> Sequence[Move]:
        """The holder's moves that are on their way, oldest first."""
        query = sa.select(Move).where(Move.holder == holder, Move.state == MoveState.ACCEPTED)
        return session.scalars(query.order_by(Move.id)).all()

    # ----------------------------------------------------------------- submit

    def submit_due(self, limit: int = 200) -> int:
        """Hands over orders whose turn has come: the order with the nonce before has landed. Returns how many."""
        now = self.clock.now()
        with self.db.read() as session:
            query = sa.select(Move).where(Move.retry_at <= now, Move.state == MoveState.ACCEPTED)
            waiting = session.scalars(query.order_by(Move.id).limit(limit)).all()
        return sum(self._submit(move, now) for move in waiting)

    def _submit(self, seen: Move, now: int) -> bool:
        try:
            is_next = self.orders.chain_nonce(seen.holder, seen.source) == seen.nonce
        except Permanent:  # a reorganisation took its campaign away: it waits, and stops no other
            is_next = False
        with self.db.begin() as session:
            move = session.get(Move, seen.id, with_for_update={"skip_locked": True})
            if move is None or move.state != MoveState.ACCEPTED or move.retry_at is None:
                return False
            if is_next:
                self._enqueue(session, move)
            else:
                move.retry_at = now + max(1, min(60, (now - move.created_at) // 8))
                # Taken back by a reorganisation while its nonce was promised anew: once that order has ended, the sweep
                # must find this one.
                self.orders.reopen(session, OrderKind.MOVE, move.id, kinds.claim(move))
        if is_next:
            crashes.reach("submitted", ("move",))
        return is_next
