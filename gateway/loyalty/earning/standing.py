"""On which rungs wallets stand, as the rules ask for it, and what counts for that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.tiers.tallies import Tally

#: A wallet, and the moment (Unix seconds) of what it did.
Asked = tuple[bytes, int]
Ranks = Mapping[str, int]


class Standing(Protocol):
    """What of the ladders' room is needed here."""

    def ranks(
        self, session: Session, campaign: int, asked: Collection[Asked], versions: Sequence[RuleVersion]
    ) -> Mapping[Asked, Ranks]:
        """By ladder the rank (0 to 99, 0 is the lowest) that each wallet had at its moment; who is left out has 0.
        `versions`: all of the campaign's, newest first."""
        ...

    def count(self, session: Session, counted: Collection[Tally]) -> None:
        """Counts what actions and refunds add up to, by wallet and day. Their campaigns must be locked."""
        ...


class NoLadders:
    """Everybody stands at the bottom."""

    def ranks(
        self, session: Session, campaign: int, asked: Collection[Asked], versions: Sequence[RuleVersion]
    ) -> Mapping[Asked, Ranks]:
        return {}

    def count(self, session: Session, counted: Collection[Tally]) -> None:
        return None


def packed(ranks: Ranks, ladders: Sequence[str]) -> int:
    """The ranks on these ladders as one number, two decimal digits each."""
    return sum(min(ranks.get(ladder, 0), 99) * 100**place for place, ladder in enumerate(ladders))


def unpacked(standing: int, ladders: Sequence[str]) -> dict[str, int]:
    """The ranks again."""
    return {ladder: standing // 100**place % 100 for place, ladder in enumerate(ladders)}
