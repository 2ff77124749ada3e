"""On which rungs wallets stand. The room that keeps ladders is above this one; until it is there, nobody stands
anywhere. It fills `Standing` and hands itself to `Earning` in bootstrap."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy.orm import Session

#: A wallet, and the moment (Unix seconds) of what it did.
Asked = tuple[bytes, int]
Ranks = Mapping[str, int]


class Standing(Protocol):
    """What of the ladders' room is needed here."""

    def ranks(self, session: Session, campaign: int, asked: Collection[Asked]) -> Mapping[Asked, Ranks]:
        """By ladder the rank (0 to 99, 0 is the lowest) that each wallet had at its moment; who is left out has 0."""
        ...


class NoLadders:
    """Everybody stands at the bottom."""

    def ranks(self, session: Session, campaign: int, asked: Collection[Asked]) -> Mapping[Asked, Ranks]:
        return {}


def packed(ranks: Ranks, ladders: Sequence[str]) -> int:
    """The ranks on these ladders as one number, two decimal digits each."""
    return sum(min(ranks.get(ladder, 0), 99) * 100**place for place, ladder in enumerate(ladders))


def unpacked(standing: int, ladders: Sequence[str]) -> dict[str, int]:
    """The ranks again."""
    return {ladder: standing // 100**place % 100 for place, ladder in enumerate(ladders)}
