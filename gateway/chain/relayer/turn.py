"""One turn of a key: what the node said, what became of what was offered, and what is remembered of what was sent."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.chain.errors import Permanent
from gateway.chain.reads import Head
from gateway.chain.relayer.store import Flight, View
from gateway.chain.relayer.waiting import Wanted


@dataclass(frozen=True)
class Chain:
    """What the node says: `nonce` the next one to be mined, `pooled` the next one after what waits in its pool,
    `deep_nonce` as `nonce` at depth, `balance` in wei."""

    head: Head
    nonce: int
    pooled: int
    deep_nonce: int
    balance: int
    #: False: the block in which the last settled transaction was mined is gone.
    settled_stands: bool


@dataclass
class Turn:
    """One look of a key at the chain, and how many transactions moved on in it."""

    view: View
    chain: Chain
    moved: int
    #: Wei promised to what was signed in this turn.
    promised: int = 0

    @property
    def in_air(self) -> list[Flight]:
        """What the chain's nonce has not passed."""
        return [flight for flight in self.view.flights if flight.nonce >= self.chain.nonce]


@dataclass(frozen=True)
class Tried:
    """What became of transactions that were offered to a key: ids decided one way or the other (signed, put off), and
    those that the contracts refuse whoever sends them."""

    decided: set[int]
    refused: list[tuple[Wanted, Permanent]]


@dataclass
class Sent:
    """When a form was sent first and last, and the head at the first time. `unpaid`: the node did not take it because
    the key has too little gas; a higher fee would not help."""

    first: int
    last: int
    head: int
    unpaid: bool = False
