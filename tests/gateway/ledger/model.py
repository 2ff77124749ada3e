"""A naive chain that makes events and the truth: every award is a lot of its own, every block a copy of the world."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from gateway.chain.indexer.models import ChainEvent, EventKind

START = 1_800_000_000
NOBODY = bytes(20)
HUB = b"\xbb" * 20
#: Campaign → (hold, closed).
CAMPAIGNS = {1: (0, False), 2: (1_000, False), 3: (700, True), 4: (0, True)}


def holder(number: int) -> bytes:
    return bytes([number + 1]) * 20


@dataclass
class Lots:
    """One account: what is free, and each award that is not yet, with the moment from which it is."""

    free: int = 0
    held: list[tuple[int, int]] = field(default_factory=list)
    stay: bool = False

    def ripen(self, now: int) -> None:
        self.free += sum(points for due, points in self.held if due <= now)
        self.held = [(due, points) for due, points in self.held if due > now]

    @property
    def pending(self) -> int:
        return sum(points for _, points in self.held)

    def claw(self, points: int) -> int:
        taken = 0
        for due, lot in sorted(self.held, reverse=True):
            part = min(lot, points - taken)
            self.held.remove((due, lot))
            if lot > part:
                self.held.append((due, lot - part))
            taken += part
        return taken


@dataclass
class World:
    wallets: dict[bytes, int] = field(default_factory=dict)
    accounts: dict[tuple[bytes, int], Lots] = field(default_factory=dict)
    now: int = START
    block: int = 0


class NaiveChain:
    """Runs operations, clamped to what is possible. `events` is the stream that an indexer would write."""

    def __init__(self) -> None:
        self.world = World()
        self.events: list[ChainEvent] = []
        self.history: list[World] = []
        self.next_block(0)
        for campaign, (hold, closed) in CAMPAIGNS.items():
            self.emit(EventKind.CAMPAIGN_CREATED, holder(0), campaign=campaign, amount=hold, extra=int(closed), nonce=0)

    def next_block(self, seconds: int) -> None:
        self.history.append(copy.deepcopy(self.world))
        self.world.block += 1
        self.world.now += seconds + 1

    def reorganise(self, blocks: int) -> None:
        """The last `blocks` never happened (the first block, which creates the campaigns, stays)."""
        blocks = min(blocks, self.world.block - 1)
        if blocks < 1:
            return
        fork = self.world.block - blocks
        del self.history[fork + 1 :]
        later = self.world.now
        for event in self.events:
            event.orphaned = event.orphaned or event.block > fork
        self.world = self.history.pop()
        self.emit(EventKind.REWIND, None, block=fork)
        self.history.append(copy.deepcopy(self.world))
        self.world.block, self.world.now = fork + 1, later

    def emit(self, kind: EventKind, who: bytes | None, block: int | None = None, **columns: object) -> None:
        self.events.append(
            ChainEvent(
                kind=kind,
                block=self.world.block if block is None else block,
                block_time=self.world.now,
                log_index=len(self.events),
                tx_hash=bytes(32),
                orphaned=False,
                holder=who,
                **columns,
            )
        )

    def account(self, who: bytes, campaign: int) -> Lots:
        lots = self.world.accounts.setdefault((who, campaign), Lots())
        lots.ripen(self.world.now)
        return lots

    def transfer(self, source: bytes, target: bytes, points: int) -> None:
        wallets = self.world.wallets
        if source != NOBODY:
            wallets[source] = wallets.get(source, 0) - points
        if target != NOBODY:
            wallets[target] = wallets.get(target, 0) + points
        self.emit(EventKind.TRANSFER, source, counterparty=target, amount=points)

    # ------------------------------------------------------------------------------------------------- operations

    def award(self, who: bytes, campaign: int, points: int) -> None:
        hold, closed = CAMPAIGNS[campaign]
        number = len(self.events).to_bytes(32, "big")
        if hold == 0 and not closed:
            self.transfer(NOBODY, who, points)
        else:
            self.transfer(NOBODY, HUB, points)
            lots = self.account(who, campaign)
            lots.held.append(((self.world.now // hold + 2) * hold if hold else 0, points))
            lots.ripen(self.world.now)
            self.emit(EventKind.ACCOUNT_AWARDED, who, campaign=campaign, amount=points)
        self.emit(EventKind.AWARD_LANDED, None, campaign=campaign, amount=points, number=number)

    def claw(self, who: bytes, campaign: int, points: int) -> None:
        taken = self.account(who, campaign).claw(points)
        if taken:
            self.emit(EventKind.ACCOUNT_CLAWED_BACK, who, campaign=campaign, amount=taken)
            self.transfer(HUB, NOBODY, taken)
        self.emit(EventKind.CLAWBACK_LANDED, None, campaign=campaign, amount=taken, number=bytes(32))

    def enter(self, who: bytes, campaign: int, points: int, bonus: int) -> None:
        points = min(points, self.world.wallets.get(who, 0))
        if not points:
            return
        self.transfer(who, HUB, points)
        bonus = self._arrive(who, campaign, points, bonus)
        self.emit(EventKind.ENTERED, who, campaign=campaign, amount=points, extra=bonus)

    def _arrive(self, who: bytes, campaign: int, points: int, bonus: int) -> int:
        closed = CAMPAIGNS[campaign][1]
        bonus = bonus if closed else 0
        if bonus:
            self.transfer(NOBODY, HUB, bonus)
        lots = self.account(who, campaign)
        lots.free += points + bonus
        if not closed and not lots.stay:
            lots.stay = True
            self.emit(EventKind.STAY_SET, who, campaign=campaign, amount=1)
        return bonus

    def leave(self, who: bytes, campaign: int, points: int, kind: EventKind = EventKind.LEFT) -> None:
        lots = self.account(who, campaign)
        points = min(points, lots.free)
        if points and not CAMPAIGNS[campaign][1]:
            lots.free -= points
            self.transfer(HUB, who, points)
            self.emit(kind, who, campaign=campaign, amount=points)

    def release(self, who: bytes, campaign: int) -> None:
        lots = self.account(who, campaign)
        if not lots.stay:
            self.leave(who, campaign, lots.free, EventKind.RELEASED)

    def move(self, who: bytes, source: int, target: int, points: int, bonus: int) -> None:
        lots = self.account(who, source)
        points = min(points, lots.free)
        if points and source != target and not CAMPAIGNS[source][1]:
            lots.free -= points
            bonus = self._arrive(who, target, points, bonus)
            self.emit(EventKind.MOVED, who, campaign=source, other_campaign=target, amount=points, extra=bonus)

    def stay(self, who: bytes, campaign: int, stay: bool) -> None:
        self.account(who, campaign).stay = stay
        self.emit(EventKind.STAY_SET, who, campaign=campaign, amount=int(stay))

    def spend(self, who: bytes, campaign: int, merchant: bytes, points: int) -> None:
        lots = self.account(who, campaign)
        points = min(points, lots.free)
        if points:
            lots.free -= points
            self.transfer(HUB, merchant, points)
            self.emit(EventKind.SPENT, who, campaign=campaign, counterparty=merchant, amount=points, nonce=0)

    def expire(self, who: bytes, campaign: int) -> None:
        lots = self.account(who, campaign)
        points = lots.free + lots.pending
        if points and CAMPAIGNS[campaign][1]:
            lots.free, lots.held = 0, []
            self.emit(EventKind.EXPIRED, who, campaign=campaign, amount=points)
            self.transfer(HUB, NOBODY, points)

    def send(self, who: bytes, other: bytes, points: int) -> None:
        self.transfer(who, other, min(points, self.world.wallets.get(who, 0)))

    def redeem(self, who: bytes, merchant: bytes, points: int) -> None:
        points = min(points, self.world.wallets.get(who, 0))
        if points:
            self.transfer(who, HUB, points)
            self.transfer(HUB, merchant, points)
            self.emit(EventKind.REDEEMED, who, counterparty=merchant, amount=points, nonce=0)

    def cash_out(self, who: bytes, points: int) -> None:
        points = min(points, self.world.wallets.get(who, 0))
        if points:
            self.transfer(who, NOBODY, points)
            self.emit(EventKind.CASHED_OUT, who, counterparty=who, amount=points)
