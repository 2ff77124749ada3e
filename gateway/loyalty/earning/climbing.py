"""The ranks that one turn of the intake judges by, and what the turn itself adds to them.

A day counts from the next one on. Where one call tells of several days of a wallet, what was judged of the earlier ones
is counted before the later ones are judged, so that many at once are judged as one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning.standing import Asked, Ranks, Standing
from gateway.loyalty.rules.calendar import Local
from gateway.loyalty.rules.programme import Programme, programme
from gateway.loyalty.tiers.tallies import Tally

NOWHERE: Ranks = {}


class Climb:
    """`asked`: by campaign the wallets and moments that will be judged. Campaigns must be locked where something is
    counted."""

    def __init__(
        self,
        session: Session,
        standing: Standing,
        versions: Mapping[int, Sequence[RuleVersion]],
        asked: Mapping[int, set[Asked]],
    ) -> None:
        self.session, self.standing, self.versions, self.asked = session, standing, versions, asked
        #: Campaigns of which any version has ladders: what is done there counts.
        self.counting = {
            campaign for campaign, rows in versions.items() if any(programme(row.document).ladders for row in rows)
        }
        self.tallies: list[Tally] = []
        self._earliest: dict[tuple[int, bytes], int] = {}
        self._ranks: dict[int, Mapping[Asked, Ranks]] = {}
        self._ask()

    def ranks(self, campaign: int, rules: Programme, wallet: bytes | None, at: int) -> Ranks:
        """By ladder the wallet's rank at a moment; `rules` are those of the moment."""
        if wallet is None or not rules.ladders:
            return NOWHERE
        earliest = self._earliest.get((campaign, wallet))
        if earliest is not None and earliest < Local(at, rules.document.zone).day:
            self.save()
            self._ask()
        return self._ranks.get(campaign, {}).get((wallet, at), NOWHERE)

    def count(self, tally: Tally) -> None:
        """What counts from the next day on."""
        self.tallies.append(tally)
        member = (tally.campaign, tally.wallet)
        self._earliest[member] = min(tally.day, self._earliest.get(member, tally.day))

    def save(self) -> None:
        """Writes what was counted."""
        self.standing.count(self.session, self.tallies)
        self.tallies = []
        self._earliest.clear()

    def _ask(self) -> None:
        for campaign, asked in self.asked.items():
            self._ranks[campaign] = self.standing.ranks(self.session, campaign, asked, self.versions[campaign])


def moments(reported: Sequence[tuple[int, bytes | None, int, Programme]]) -> dict[int, set[Asked]]:
    """Of campaign, wallet, moment and rules those that stand somewhere."""
    found: dict[int, set[Asked]] = defaultdict(set)
    for campaign, wallet, at, rules in reported:
        if wallet is not None and rules.ladders:
            found[campaign].add((wallet, at))
    return found
