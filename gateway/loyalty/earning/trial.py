"""Where wallets would stand on ladders that are only tried: reckoned from the very actions that are looked at, as if
there had never been other ladders. Pure.

These are actions of one merchant that named its wallets itself; what others reported, and what was claimed with a code,
does not count. So nothing is told that the merchant could not reckon from its own tills.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from gateway.loyalty.earning.models import ActionKind
from gateway.loyalty.earning.standing import Ranks
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.ladders import By, Ladder
from gateway.loyalty.rules.programme import Programme
from gateway.loyalty.tiers.standing import Progress, Reign, rank

VISITED = frozenset({ActionKind.PURCHASE, ActionKind.VISIT})


class Trial:
    """Actions must come in the order of their times."""

    def __init__(self) -> None:
        #: By wallet and what is counted: the amount of each day.
        self._counted: dict[tuple[bytes, By], dict[int, int]] = defaultdict(dict)

    def ranks(self, rules: Programme, wallet: bytes | None, day: int) -> Ranks:
        """By ladder the wallet's rank on a local day."""
        if wallet is None or not rules.ladders:
            return {}
        return {ladder.id: self._rank(ladder, wallet, day) for ladder in rules.document.ladders}

    def count(self, wallet: bytes | None, kind: ActionKind, facts: Facts, points: int) -> None:
        """What an action adds to its day."""
        if wallet is None:
            return
        day = facts.local.day
        spend = facts.amount if kind == ActionKind.PURCHASE else 0
        for by, amount in ((By.POINTS, points), (By.SPEND, spend), (By.VISITS, int(kind in VISITED))):
            days = self._counted[wallet, by]
            days[day] = 1 if by is By.VISITS and amount else days.get(day, 0) + amount

    def rungs(self, rules: Programme, day: int) -> dict[str, dict[str, int]]:
        """By ladder and rung, how many wallets stand there on a local day; a rung without any is left out."""
        wallets = {wallet for wallet, _ in self._counted}
        found: dict[str, dict[str, int]] = {}
        for ladder in rules.document.ladders:
            on = Counter(self._rank(ladder, wallet, day) for wallet in wallets)
            found[ladder.id] = {rung.id: on[number] for number, rung in enumerate(ladder.rungs) if on[number]}
        return found

    def _rank(self, ladder: Ladder, wallet: bytes, day: int) -> int:
        days = self._counted.get((wallet, ladder.by), {})
        return rank([Reign(0, None, ladder)], Progress(list(days.items())), day)
