"""What a storm does when: a pure function of seed and length. Times are seconds from its beginning."""

from __future__ import annotations

import random
from dataclasses import dataclass

TILLS, HOLDERS, WORKERS, GATEWAYS, KEYS = 4, 8, 2, 2, 2
#: Offices, one a merchant, and those of the holders who have transactions of their own.
OFFICES, INDEPENDENT = 2, 4

#: Trouble → how often among all.
TROUBLES = {
    "kill-worker": 6,
    "kill-gateway": 4,
    "crash-worker": 10,
    "pause-worker": 6,
    "skew": 4,
    "weather": 20,
    "reorg": 22,
    "rollback": 8,
    "node-killed": 3,
    "node-stopped": 2,
    "base-fee": 6,
    "no-gas": 3,
    "no-blocks": 4,
    "disk-full": 5,
}
#: Where a worker may die; see docs/decisions/0100-places-to-die.md.
PLACES = ("folded", "batched", "submitted", "signed", "saved", "sent", "mined", "settled", "indexed", "applied", "told")
#: What a till and a holder do → how often among all.
AT_TILL = {"purchase": 40, "bulk": 14, "refund": 16, "guest": 14, "use": 16}
BY_HOLDER = {
    "claim": 20,
    "redeem": 18,
    "spend": 10,
    "send": 16,
    "cash_out": 8,
    "enter": 12,
    "leave": 8,
    "move_on": 8,
    "badge": 8,
}
BY_OFFICE = {"history": 24, "figures": 14, "subscribe": 24, "unsubscribe": 18, "replay": 20}
BY_ITSELF = {"transfer": 20, "allowance": 12, "permit": 12, "cash_out": 8, "leave": 12, "redeem": 16, "cancel": 6}
#: How the merchants' servers are, from now on.
MOODS = {"well": 40, "fails": 16, "forgets": 12, "drops": 12, "hangs": 12, "gone": 8}
#: Mean seconds between two troubles, and two deeds of one till, holder, office, holder without gateway, server.
BETWEEN_TROUBLES, BETWEEN_REPORTS, BETWEEN_ORDERS = 2.0, 0.4, 1.2
BETWEEN_ERRANDS, BETWEEN_TRANSACTIONS, BETWEEN_MOODS = 0.6, 1.5, 1.5


@dataclass(frozen=True)
class Step:
    """`size` and `dice` say how much and which; what they mean depends on `what`."""

    at: float
    what: str
    #: 0 to 1: how strong, how many, how long.
    size: float
    #: Chooses among what there is.
    dice: int

    def __str__(self) -> str:
        return f"{self.at:6.2f} s {self.what} (size {self.size:.2f}, dice {self.dice})"


@dataclass(frozen=True)
class Plan:
    """Everything that is done: troubles, and the deeds of everybody."""

    seed: int
    seconds: float
    troubles: tuple[Step, ...]
    tills: tuple[tuple[Step, ...], ...]
    holders: tuple[tuple[Step, ...], ...]
    offices: tuple[tuple[Step, ...], ...]
    independent: tuple[tuple[Step, ...], ...]
    moods: tuple[Step, ...]


def draw(seed: int, seconds: float) -> Plan:
    """The plan of this seed. A longer storm begins as a shorter one of the same seed does."""

    def steps(who: str, weights: dict[str, int], between: float) -> tuple[Step, ...]:
        dice = random.Random(f"{seed} {who}")
        found, at = [], 0.0
        while (at := at + dice.expovariate(1 / between)) < seconds:
            what = dice.choices(list(weights), list(weights.values()))[0]
            found.append(Step(at, what, dice.random(), dice.randrange(2**32)))
        return tuple(found)

    return Plan(
        seed,
        seconds,
        steps("troubles", TROUBLES, BETWEEN_TROUBLES),
        tuple(steps(f"till {n}", AT_TILL, BETWEEN_REPORTS) for n in range(TILLS)),
        tuple(steps(f"holder {n}", BY_HOLDER, BETWEEN_ORDERS) for n in range(HOLDERS)),
        tuple(steps(f"office {n}", BY_OFFICE, BETWEEN_ERRANDS) for n in range(OFFICES)),
        tuple(steps(f"independent {n}", BY_ITSELF, BETWEEN_TRANSACTIONS) for n in range(INDEPENDENT)),
        steps("moods", MOODS, BETWEEN_MOODS),
    )
