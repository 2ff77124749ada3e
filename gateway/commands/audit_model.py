"""What the audit rebuilds: campaigns, accounts, batches, redemptions. Pure.

Written apart from the ledger on purpose: it is the check. Points are hundredths, times Unix seconds, addresses 20
bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from gateway.core.durations import DAY

GRACE = 7 * DAY


@dataclass(frozen=True, slots=True)
class Log:
    """One log: `contract` is "token", "hub" or "badges", `args` by the names of the interface (bytes, int or bool)."""

    contract: str
    name: str
    args: dict[str, Any]
    block: int
    time: int
    index: int
    tx: bytes


@dataclass(frozen=True)
class Difference:
    """Two sources that should say the same and do not. `code` is stable, `where` names what it is about."""

    code: str
    where: str
    expected: int | str
    found: int | str


def short(address: bytes) -> str:
    """Enough of an address for its owner to recognise it, not enough to look it up."""
    return f"0x{address[:3].hex()}…{address[-2:].hex()}"


@dataclass
class Account:
    """One holder in one campaign. `lots`: points under hold by the period in which they were awarded."""

    matured: int = 0
    lots: dict[int, int] = field(default_factory=dict)
    nonce: int = 0
    stay: bool = False

    def mature(self, hold: int, time: int) -> None:
        """Frees what was awarded two periods ago or earlier."""
        for period in [period for period in self.lots if (period + 2) * hold <= time]:
            self.matured += self.lots.pop(period)

    def award(self, hold: int, time: int, points: int) -> None:
        if hold == 0:
            self.matured += points
        else:
            self.lots[time // hold] = self.lots.get(time // hold, 0) + points

    def claw(self, points: int) -> int:
        """Takes held points, the youngest first; returns how many there were."""
        left = points
        for period in sorted(self.lots, reverse=True):
            taken = min(left, self.lots[period])
            left -= taken
            self.lots[period] -= taken
            if not self.lots[period]:
                del self.lots[period]
        return points - left

    @property
    def pending(self) -> int:
        return sum(self.lots.values())

    @property
    def total(self) -> int:
        return self.matured + self.pending

    def next_maturity(self, hold: int) -> int:
        return (min(self.lots) + 2) * hold if self.lots else 0


@dataclass
class Landed:
    """One batch that landed: "award" or "clawback", with the net of each wallet."""

    kind: str
    total: int
    entries: Counter[bytes]
    block: int


@dataclass
class Campaign:
    owner: bytes
    end: int
    hold: int
    closed: bool
    expiry: int
    bonus: int
    terms: bytes
    budget: int = 0
    pot: int = 0
    #: (kind, value, effective at) of an announced change.
    change: tuple[int, int, int] | None = None
    operators: dict[bytes, int] = field(default_factory=dict)
    #: Everybody ever invited; True: accepted and not put off.
    merchants: dict[bytes, bool] = field(default_factory=dict)
    landed: dict[int, Landed] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=lambda: defaultdict(Account))
    #: Points awarded and clawed back per UTC day: the use of all operators' caps together.
    moved: Counter[int] = field(default_factory=Counter)

    def settle(self, time: int) -> None:
        """Applies an announced change that is due at `time`."""
        if self.change is None or time < self.change[2]:
            return
        kind, value, _ = self.change
        if kind == 1:
            self.end = value
        elif kind == 2:
            self.bonus = value
        else:
            self.merchants[value.to_bytes(20, "big")] = False
        self.change = None


@dataclass(slots=True)
class Badge:
    """One badge that landed in a block and, where it is given, was renounced in another."""

    block: int
    renounced: int | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """One redemption; `source` 0 is the wallet, else a campaign's account."""

    source: int
    holder: bytes
    merchant: bytes
    amount: int
    nonce: int
    offer: bytes
    commitment: bytes
    block: int
