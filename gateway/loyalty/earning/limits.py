"""How much of each cap is used up, read and written in the transaction that gives the points.

The campaign's row is locked, so that what is read here stays true until the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import parts
from gateway.loyalty.earning.models import CapUse
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.caps import Per
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.judging import uses
from gateway.loyalty.rules.programme import Limit, Programme

#: Campaign, holder, cap, period.
Key = tuple[int, bytes, bytes, int]
EVERYBODY = bytes(20)


def keys(
    programme: Programme, facts: Facts, campaign: int, wallet: bytes | None, only: Per | None = None
) -> list[Key | None]:
    """For each limit of the programme where its use is counted; None where this action stands alone: at once, or
    without a wallet as yet. `only`: the limits of this kind, the others are None."""
    found: list[Key | None] = []
    for limit in programme.limits:
        cap = limit.cap
        holder = {Per.WALLET: wallet, Per.MERCHANT: facts.merchant.to_bytes(20, "big"), Per.CAMPAIGN: EVERYBODY}[
            cap.per
        ]
        alone = cap.period == Period.ACTION or holder is None or (only is not None and cap.per != only)
        found.append(None if alone else (campaign, holder or b"", cap.key, cap.period_number(facts)))
    return found


class Uses:
    """The uses that one turn reads and changes."""

    def __init__(self, session: Session, wanted: Iterable[Key | None]) -> None:
        self.session = session
        self.used: dict[Key, int] = dict.fromkeys((key for key in wanted if key is not None), 0)
        self.stored: set[Key] = set()
        self.changed: set[Key] = set()
        holders = sorted({key[1] for key in self.used})
        for part in parts(holders):
            self._read(part)

    def _read(self, holders: Sequence[bytes]) -> None:
        campaigns, caps, periods = ({key[place] for key in self.used} for place in (0, 2, 3))
        query = sa.select(CapUse.campaign_id, CapUse.holder, CapUse.cap, CapUse.period, CapUse.used).where(
            CapUse.campaign_id.in_(campaigns),
            CapUse.holder.in_(holders),
            CapUse.cap.in_(caps),
            CapUse.period.between(min(periods), max(periods)),
        )
        for *key, used in self.session.execute(query):
            if tuple(key) in self.used:
                self.used[(key[0], key[1], key[2], key[3])] = used
                self.stored.add((key[0], key[1], key[2], key[3]))

    def rooms(self, limits: Sequence[Limit], keys: Sequence[Key | None]) -> list[int | None]:
        """What each limit leaves."""
        return [
            limit.cap.most - (0 if key is None else self.used[key]) for limit, key in zip(limits, keys, strict=True)
        ]

    def count(self, limits: Sequence[Limit], keys: Sequence[Key | None], given: Mapping[int, int]) -> None:
        """Counts what was given."""
        self._change(keys, uses(limits, given))

    def free(
        self, limits: Sequence[Limit], keys: Sequence[Key | None], before: Mapping[int, int], after: Mapping[int, int]
    ) -> None:
        """Counts what was taken back of an award: never below nothing."""
        pairs = zip(uses(limits, after), uses(limits, before), strict=True)
        self._change(keys, [new - old for new, old in pairs])

    def _change(self, keys: Sequence[Key | None], amounts: Sequence[int]) -> None:
        for key, amount in zip(keys, amounts, strict=True):
            if key is not None and amount:
                self.used[key] = max(0, self.used[key] + amount)
                self.changed.add(key)

    def save(self) -> None:
        """Writes what was changed."""
        rows = [
            dict(zip(("campaign_id", "holder", "cap", "period"), key, strict=True)) | {"used": self.used[key]}
            for key in sorted(self.changed)
        ]
        new = [row for row, key in zip(rows, sorted(self.changed), strict=True) if key not in self.stored]
        old = [row for row, key in zip(rows, sorted(self.changed), strict=True) if key in self.stored]
        if new:
            self.session.execute(sa.insert(CapUse), new)
        if old:
            self.session.execute(sa.update(CapUse), old)
        self.stored |= self.changed
        self.changed.clear()
