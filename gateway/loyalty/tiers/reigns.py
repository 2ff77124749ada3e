"""Which ladders were in force when, read out of the versions of a campaign's rules. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.loyalty.rules.calendar import Local
from gateway.loyalty.rules.document import parse
from gateway.loyalty.rules.ladders import Ladder, Window
from gateway.loyalty.tiers.standing import Reign, reach

#: When a version began to be valid (Unix seconds), and its document.
Version = tuple[int, str]


@dataclass(frozen=True)
class Terms:
    """The ladders of one version, each with all that reigned before it. `reach`: so many days back may matter;
    `anniversaries`: whether a wallet's first day does."""

    zone: str
    ladders: tuple[Ladder, ...]
    reigns: dict[str, tuple[Reign, ...]]
    reach: int
    anniversaries: bool

    def day(self, at: int) -> int:
        """The local day of a moment."""
        return Local(at, self.zone).day


@lru_cache(maxsize=256)
def terms(versions: tuple[Version, ...]) -> Terms:
    """Of the last of these versions, which come in their order."""
    newest = parse(versions[-1][1])
    reigns = {ladder.id: _reigns(versions, ladder.id) for ladder in newest.ladders}
    every = [reign for found in reigns.values() for reign in found]
    return Terms(
        zone=newest.zone,
        ladders=tuple(newest.ladders),
        reigns=reigns,
        reach=max((reach(reign.ladder) for reign in every), default=0),
        anniversaries=any(reign.ladder.window is Window.ANNIVERSARY for reign in every),
    )


def _reigns(versions: Sequence[Version], ladder: str) -> tuple[Reign, ...]:
    found: list[Reign] = []
    running = False
    for place, (valid_from, text) in enumerate(versions):
        document = parse(text)
        first = 0 if place == 0 else Local(valid_from, document.zone).day
        here = next((other for other in document.ladders if other.id == ladder), None)
        if running and here is not None and found[-1].ladder.same_terms(here):
            continue
        if running:
            found[-1] = found[-1]._replace(last=first - 1)
        running = here is not None
        if here is not None:
            found.append(Reign(first, None, here))
    gone = [reign for reign in found if reign.last is None or reign.first <= reign.last]
    return tuple(gone[:-1]) + ((gone[-1]._replace(ladder=_named(versions[-1][1], ladder)),) if gone else ())


def _named(document: str, ladder: str) -> Ladder:
    """With the newest names, which may change without the terms."""
    return next(other for other in parse(document).ladders if other.id == ladder)
