"""Which badges a wallet has earned: found anew from its deeds and its days whenever it is asked for; kept nowhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.loyalty.campaigns.versions import rules_of
from gateway.loyalty.earning.play.service import Play
from gateway.loyalty.rules.badges import Badge, in_words
from gateway.loyalty.rules.document import RulesDocument, parse
from gateway.loyalty.tiers.service import Tiers


class Progress(NamedTuple):
    """How often a goal was reached, or the highest rank on a ladder, and how much of it is needed."""

    counted: int
    needed: int

    @property
    def earned(self) -> bool:
        return self.counted >= self.needed


class Defined(NamedTuple):
    """A badge as the newest version that has it says. `offered`: the rules of now have it."""

    badge: Badge
    words: str
    offered: bool


class Earned:
    """Looks at what challenges, streaks and ladders look at."""

    def __init__(self, play: Play, tiers: Tiers, clock: Clock) -> None:
        self.play, self.tiers, self.clock = play, tiers, clock

    def running(self, session: Session, campaign: int) -> RulesDocument | None:
        """The campaign's rules of now, None before it begins."""
        return next(iter(self._begun(session, campaign)), None)

    def defined(self, session: Session, campaign: int) -> list[Defined]:
        """Every badge that the campaign has or had, by number."""
        found: dict[int, Defined] = {}
        for age, rules in enumerate(self._begun(session, campaign)):
            for badge in rules.badges:
                words = in_words(badge, rules.goals, rules.ladders)
                found.setdefault(badge.number, Defined(badge, words, age == 0))
        return [found[number] for number in sorted(found)]

    def progress(
        self, session: Session, campaign: int, rules: RulesDocument, badges: Sequence[Badge], wallets: Collection[bytes]
    ) -> Mapping[tuple[bytes, int], Progress]:
        """By wallet and badge how far it is; `rules` are those of now."""
        found: dict[tuple[bytes, int], Progress] = {}
        goals = [badge for badge in badges if badge.goal is not None]
        for wallet, course in (self.play.courses(session, campaign, wallets) if goals else {}).items():
            reached = [reward.goal for reward in course.reached]
            for badge in goals:
                found[wallet, badge.number] = Progress(min(reached.count(badge.goal or ""), badge.times), badge.times)
        ranks = {(ladder.id, rung.id): rank for ladder in rules.ladders for rank, rung in enumerate(ladder.rungs)}
        rungs = [(badge, ranks[badge.ladder, badge.rung]) for badge in badges if badge.ladder and badge.rung]
        for wallet in wallets if rungs else ():
            highest = self.tiers.highest(session, campaign, wallet)
            for badge, needed in rungs:
                found[wallet, badge.number] = Progress(min(highest.get(badge.ladder or "", 0), needed), needed)
        return found

    def _begun(self, session: Session, campaign: int) -> list[RulesDocument]:
        """All rules that are or were in force, the newest first."""
        now, versions = self.clock.now(), rules_of(session, [campaign])[campaign]
        return [parse(version.document) for version in versions if version.valid_from <= now]
