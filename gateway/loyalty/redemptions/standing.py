"""On which rungs a wallet stands, as prices ask for it. `Tiers` answers as `Ladders`: bootstrap hands it in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from sqlalchemy.orm import Session

from gateway.loyalty.offers.prices import Standing

#: A wallet, and a moment in Unix seconds.
Asked = tuple[bytes, int]


class Ladders(Protocol):
    """What of the ladders' room is needed here."""

    def ranks(self, session: Session, campaign: int, asked: Collection[Asked]) -> Mapping[Asked, Mapping[str, int]]:
        """By ladder the rank that each wallet had at its moment; who is left out stands at the bottom."""
        ...


def of(ladders: Ladders, session: Session, campaigns: Iterable[int], holder: bytes, now: int) -> Standing:
    """Where this wallet stands now, in these campaigns."""
    asked = (holder, now)
    return {
        (campaign, ladder): rank
        for campaign in campaigns
        for ladder, rank in ladders.ranks(session, campaign, [asked]).get(asked, {}).items()
    }
