"""The pipeline that carries transactions to the chain, each exactly once, whatever dies when.

Nonce, gas and signed bytes are committed before anything is sent. There is one sending rule: whatever the chain's nonce
has not passed is sent again, byte for byte, or at the same nonce with a higher fee. A transaction never gets a second
nonce. What became of it is decided when the chain has passed its nonce at depth, and is looked at again when the chain
goes back. Success of the business is not decided here, but by the indexed events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy.orm import Session

from gateway.chain.deployment import Deployment
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.lane import Lane
from gateway.chain.relayer.models import Purpose
from gateway.chain.relayer.queue import Queue
from gateway.chain.relayer.signing import Signer
from gateway.chain.relayer.store import Store, View
from gateway.chain.relayer.turn import Turn
from gateway.chain.relayer.waiting import Waiting, Wanted
from gateway.chain.rpc import Rpc
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs

log = structlog.get_logger(__name__)


class Relayer:
    """All keys of the gateway and the queue that they share. Several relayers, also with the same keys, may run at
    once."""

    def __init__(
        self,
        db: Database,
        rpc: Rpc,
        clock: Clock,
        jobs: Jobs,
        keys: Sequence[bytes],
        deployment: Deployment,
        settings: RelayerSettings,
    ) -> None:
        """`keys` are private keys, 32 bytes each, at least one."""
        self._clock, self._settings = clock, settings
        self._waiting = Waiting(db, clock, jobs)
        signers = [Signer(key, deployment.chain_id) for key in keys]
        stores = [Store(db, clock, jobs, signer) for signer in signers]
        self._lanes = [Lane(rpc, clock, store, deployment, settings) for store in stores]
        self._queue = Queue(clock, tuple(signer.address for signer in signers))
        self._next_look = 0

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """See `Queue.addresses`."""
        return self._queue.addresses

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int:
        """See `Queue.enqueue`."""
        return self._queue.enqueue(session, purpose, ref, to, data)

    def step(self) -> int:
        """One turn: looks at the chain, settles, replaces, signs and sends. Returns how many transactions moved on.

        Raises ChainErrors when the node cannot be asked; nothing is lost then.
        """
        views, now = self._views(), self._clock.now()
        # A clock that was ahead is put right: no pause is longer than this.
        rests = 0 < self._next_look - now <= self._settings.resend_after
        if rests and not any(view.queued and not view.out_of_gas for view in views):
            return 0
        turns = [(lane, lane.tend(view)) for lane, view in zip(self._lanes, views, strict=True)]
        self._hand_out(turns)
        for lane, turn in turns:
            lane.send(turn)
        busy = any(turn.view.flights for _, turn in turns)
        self._next_look = now + (self._settings.look_every if busy else self._settings.resend_after)
        return sum(turn.moved for _, turn in turns)

    def _views(self) -> list[View]:
        views = [lane.view() for lane in self._lanes]
        # One view is older than the next: what another worker queued in between must not go to a busy key alone.
        queued = any(view.queued for view in views)
        return [replace(view, queued=queued) for view in views]

    def _hand_out(self, turns: Sequence[tuple[Lane, Turn]]) -> None:
        """Gives what waits to the keys that have room, in even parts; what one key may not send, another tries."""
        free = sorted(((lane.room(turn), n) for n, (lane, turn) in enumerate(turns)), reverse=True)
        free = [(room, n) for room, n in free if room]
        if not free:
            return
        nonces = {lane.address: turn.chain.nonce for lane, turn in turns}
        # What waits for a key without room must not stand before what the others may send.
        nobodys = set.intersection(*(turns[n][0].not_mine() for _, n in free))
        room = sum(room for room, _ in free)
        rest = self._waiting.wanted(room, nonces, self._settings.in_flight * len(turns), nobodys)
        for keys_left, (room, n) in zip(range(len(free), 0, -1), free, strict=True):
            part = min(room, -(-len(rest) // keys_left))
            rest = self._offer(*turns[n], rest, part, nonces)
        for item in rest:
            if not any(lane.may_send(item.id) for lane in self._lanes):
                self._refuse(item, nonces, "no key of ours may send it")

    def _offer(
        self, lane: Lane, turn: Turn, rest: Sequence[Wanted], part: int, nonces: dict[bytes, int]
    ) -> list[Wanted]:
        """Lets a key decide about `part` of these, passing over what is not for it; returns what is left of them."""
        offered: set[int] = set()
        left = list(rest)
        while part > 0:
            these = [item for item in left if item.id not in offered and lane.may_send(item.id)][:part]
            if not these:
                break
            offered |= {item.id for item in these}
            tried = lane.sign(turn, these)
            for item, error in tried.refused:
                self._refuse(item, nonces, str(error))
            done = tried.decided | {item.id for item, _ in tried.refused}
            left = [item for item in left if item.id not in done]
            part -= len(done)
        return left

    def _refuse(self, item: Wanted, nonces: dict[bytes, int], error: str) -> None:
        for lane in self._lanes:
            lane.forget(item.id)
        self._waiting.refused(item.id, nonces)
        log.info("relayer.refused", tx=item.id, looks=item.looks + 1, error=error)
