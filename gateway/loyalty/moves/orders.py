"""The six kinds of moves: what each needs, signs, sends and leaves on the chain. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.chain import calls
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.typed_data import Domains
from gateway.core.problems import INVALID_REQUEST
from gateway.identity.wallets.orders import Claim
from gateway.loyalty.moves.models import Move, MoveKind

#: What each kind names besides holder, nonce, deadline and signature. What is not named must be left out.
SHAPES: dict[MoveKind, frozenset[str]] = {
    MoveKind.ENTER: frozenset({"target", "amount", "min_received"}),
    MoveKind.LEAVE: frozenset({"source", "amount"}),
    MoveKind.MOVE: frozenset({"source", "target", "amount", "min_received"}),
    MoveKind.SEND: frozenset({"recipient", "amount"}),
    MoveKind.CASH_OUT: frozenset({"recipient", "amount"}),
    MoveKind.STAY: frozenset({"source", "stay"}),
}
#: By which event of the same transaction each kind shows.
EFFECTS = {
    MoveKind.ENTER: EventKind.ENTERED,
    MoveKind.LEAVE: EventKind.LEFT,
    MoveKind.MOVE: EventKind.MOVED,
    MoveKind.SEND: EventKind.TRANSFER,
    MoveKind.CASH_OUT: EventKind.CASHED_OUT,
    MoveKind.STAY: EventKind.STAY_SET,
}


@dataclass(frozen=True)
class MoveOrder:
    """A holder's signed order. Amounts in hundredths of a point; 0 and empty where the kind has no such field."""

    kind: MoveKind
    holder: bytes
    nonce: int
    deadline: int
    signature: bytes
    source: int = 0
    target: int = 0
    amount: int = 0
    min_received: int = 0
    recipient: bytes = b""
    stay: bool = False

    @property
    def claim(self) -> Claim:
        """What it takes, from which purse, under whose nonce."""
        return Claim(self.holder, self.source, self.nonce, self.amount, self.deadline)

    def digest(self, domains: Domains) -> bytes:
        """What the holder signed."""
        end = (self.nonce, self.deadline)
        match self.kind:
            case MoveKind.ENTER:
                return domains.enter(self.holder, self.target, self.amount, self.min_received, *end)
            case MoveKind.LEAVE:
                return domains.leave(self.holder, self.source, self.amount, *end)
            case MoveKind.MOVE:
                return domains.move(self.holder, self.source, self.target, self.amount, self.min_received, *end)
            case MoveKind.SEND:
                return domains.transfer(self.holder, self.recipient, self.amount, *end)
            case MoveKind.CASH_OUT:
                return domains.cash_out(self.holder, self.recipient, self.amount, *end)
            case MoveKind.STAY:
                return domains.stay(self.holder, self.source, self.stay, *end)

    def signed_for(self, domains: Domains) -> bytes:
        """The contract that checks the signature."""
        return domains.token if self.source == 0 else domains.hub


def check_shape(kind: MoveKind, given: dict[str, object]) -> None:
    """Raises `invalid-request` for a field that `kind` lacks or does not know; absent fields are None in `given`."""
    for name, value in given.items():
        if (value is None) == (name in SHAPES[kind]):
            reason = "is needed for" if value is None else "does not belong to"
            raise INVALID_REQUEST.at(name, f"{reason} {kind.name.lower()}")


def claim(move: Move) -> Claim:
    """What an accepted move takes, from which purse, under whose nonce."""
    return Claim(move.holder, move.source, move.nonce, move.amount, move.deadline)


def call(move: Move, domains: Domains) -> tuple[bytes, bytes]:
    """(contract, calldata) that executes a move."""
    token, hub = domains.token, domains.hub
    end = (move.nonce, move.deadline, move.signature)
    recipient = move.recipient or b""
    match move.kind:
        case MoveKind.ENTER:
            return hub, calls.enter_by_sig(move.target, move.holder, move.amount, move.min_received, *end)
        case MoveKind.LEAVE:
            return hub, calls.leave_by_sig(move.source, move.holder, move.amount, *end)
        case MoveKind.MOVE:
            data = calls.move_by_sig(move.source, move.target, move.holder, move.amount, move.min_received, *end)
            return hub, data
        case MoveKind.SEND:
            return token, calls.transfer_by_sig(move.holder, recipient, move.amount, *end)
        case MoveKind.CASH_OUT:
            return token, calls.cash_out_by_sig(move.holder, recipient, move.amount, *end)
        case MoveKind.STAY:
            return hub, calls.stay_by_sig(move.source, move.holder, move.stay, *end)


def is_effect(move: Move, event: ChainEvent) -> bool:
    """Whether `event` is what this very move does: its nonce may have been used by another order of the holder."""
    if event.kind != EFFECTS[move.kind] or event.holder != move.holder:
        return False
    if move.kind == MoveKind.STAY:
        return event.campaign == move.source and bool(event.amount) == move.stay
    if event.amount != move.amount:
        return False
    match move.kind:
        case MoveKind.ENTER:
            return event.campaign == move.target
        case MoveKind.LEAVE:
            return event.campaign == move.source
        case MoveKind.MOVE:
            return event.campaign == move.source and event.other_campaign == move.target
        case _:
            return event.counterparty == move.recipient


def received(move: Move, effect: ChainEvent) -> int:
    """Hundredths that arrived, bonus included."""
    bonus = effect.extra if move.kind in (MoveKind.ENTER, MoveKind.MOVE) else 0
    return move.amount + (bonus or 0)
