"""The document that says what earns how many points: parsed and checked, not yet applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from gateway.loyalty.rules import expressions
from gateway.loyalty.rules.amounts import Rounding
from gateway.loyalty.rules.badges import MAX_BADGES, Badge
from gateway.loyalty.rules.calculators import Rule
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.calculators.per_action import PerAction
from gateway.loyalty.rules.calendar import Zone
from gateway.loyalty.rules.caps import Cap
from gateway.loyalty.rules.ladders import By, Ladder
from gateway.loyalty.rules.parts import Circumstances, Part, Slug, Slugs, unique
from gateway.loyalty.rules.play import MAX_GOALS, Challenge, Leaderboard, Streak
from gateway.loyalty.rules.referral import Referral

MAX_RULES = 100
MAX_LADDERS = 4

#: 50 is half, 1000 is ten times.
Percent = Annotated[int, Field(strict=True, ge=0, le=10_000)]


class Mode(StrEnum):
    ALL = "all"
    BEST = "best"
    FIRST = "first"


class Group(Part):
    """What happens when several rules of a group give something: `all` add up, the `best` alone counts, or the `first`
    by priority (then by its place) does."""

    id: Slug
    mode: Mode


class ByTier(Part):
    """A percentage for each rank of a ladder, from rank 0 on; higher ranks have the last."""

    ladder: Slug
    percents: Annotated[list[Percent], Field(min_length=1, max_length=100)]


class Multiplier(Circumstances):
    """Makes the named rules and groups (default: all) give `percent` of their points, under its circumstances: a happy
    hour, a special event, a tier's accelerator (`by_tier` instead of `percent`)."""

    id: Slug
    percent: Percent | None = None
    by_tier: ByTier | None = None
    rules: Slugs | None = None
    groups: Slugs | None = None

    @model_validator(mode="after")
    def _one_factor(self) -> Self:
        if (self.percent is None) == (self.by_tier is None):
            raise ValueError("either percent or by_tier")
        return self


class Combine(StrEnum):
    BEST = "best"
    PRODUCT = "product"


class Refunds(StrEnum):
    """What happens with points of a refund that the chain holds already. Those under hold are clawed back unless it is
    `nothing`; what has matured is free and stays untouched, and under `later_awards` the shortfall is taken from what
    the wallet earns in this campaign later."""

    LATER_AWARDS = "later_awards"
    PENDING_ONLY = "pending_only"
    NOTHING = "nothing"


EXAMPLE: JsonDict = {
    "rules": [
        {"kind": "per_currency", "points": 100, "per": 100, "except_categories": ["tobacco"]},
        {"kind": "per_visit", "points": 500},
        {"kind": "per_action", "action": "review", "points": 200},
    ]
}


class RulesDocument(Part):
    """A programme: rules, what multiplies them, what limits them.

    Every rule that fires adds its points, unless its group says otherwise; each is rounded by itself, to multiples of
    `round_to` hundredths. `zone` is where days begin and happy hours are. `ladders` are the tiers that rules may ask
    for. Multipliers that hold at once: the `best` alone or their `product`.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    rules: list[Rule] = Field(min_length=1, max_length=MAX_RULES)
    groups: list[Group] = Field(default_factory=list, max_length=50)
    multipliers: list[Multiplier] = Field(default_factory=list, max_length=50)
    combine: Combine = Combine.BEST
    caps: list[Cap] = Field(default_factory=list, max_length=20)
    zone: Zone = "UTC"
    rounding: Rounding = Rounding.DOWN
    round_to: int = Field(1, strict=True, ge=1, le=1_000_000)
    referral: Referral | None = None
    ladders: list[Ladder] = Field(default_factory=list, max_length=MAX_LADDERS)
    challenges: list[Challenge] = Field(default_factory=list, max_length=MAX_GOALS)
    streaks: list[Streak] = Field(default_factory=list, max_length=MAX_GOALS)
    badges: list[Badge] = Field(default_factory=list, max_length=MAX_BADGES)
    leaderboard: Leaderboard | None = None
    refunds: Refunds = Refunds.LATER_AWARDS

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        rules = [rule.id for rule in self.rules if rule.id]
        groups = [group.id for group in self.groups]
        ladders = [ladder.id for ladder in self.ladders]
        goals = [goal.id for goal in self.goals]
        for listed in (rules, groups, ladders, goals, [c.id for c in self.caps], [m.id for m in self.multipliers]):
            unique(listed)
        _known((rule.group for rule in self.rules if rule.group), groups, "group")
        for names in (part.rules for part in (*self.multipliers, *self.caps, *self.goals)):
            _known(names or (), rules, "rule")
        for names in (*(m.groups for m in self.multipliers), *(cap.groups for cap in self.caps)):
            _known(names or (), groups, "group")
        _known((m.by_tier.ladder for m in self.multipliers if m.by_tier), ladders, "ladder")
        for part in self._circumstances():
            _known(part.tiers or (), ladders, "ladder")
            if part.when is not None:
                expressions.check(part.when, {**expressions.ACTION, "tiers": dict.fromkeys(ladders, 0)})
        for part in (*self.goals, *([self.referral] if self.referral else ())):
            if part.when and expressions.names(part.when) & expressions.NOT_KEPT:
                raise ValueError("judged later: what is in the basket, and which action it was, is not kept")
        for rule in self.rules:
            if isinstance(rule, OfPurchases) and rule.where is not None:
                expressions.check(rule.where, expressions.LINE)
        self._check_badges()
        return self

    def _check_badges(self) -> None:
        unique([badge.number for badge in self.badges])
        _known((badge.goal for badge in self.badges if badge.goal), [goal.id for goal in self.goals], "goal")
        rungs = {(ladder.id, rung.id) for ladder in self.ladders for rung in ladder.rungs[1:]}
        if {(badge.ladder, badge.rung) for badge in self.badges if badge.ladder} - rungs:
            raise ValueError("names a rung that is not there, or on which everybody stands")
        if {goal.id for goal in self.goals if not goal.points} - {badge.goal for badge in self.badges}:
            raise ValueError("a goal earns points or a badge")

    def _circumstances(self) -> Iterator[Circumstances]:
        yield from self.rules
        yield from self.multipliers
        yield from self.goals
        if self.referral is not None:
            yield self.referral

    @property
    def shareable(self) -> bool:
        """Whether other merchants may see its ranks: what a wallet spent elsewhere is not theirs to know."""
        return all(ladder.by is By.POINTS for ladder in self.ladders)

    @property
    def goals(self) -> tuple[Challenge | Streak, ...]:
        """Challenges and streaks."""
        return (*self.challenges, *self.streaks)

    def custom_actions(self) -> frozenset[str]:
        """Names of the custom actions that may be reported."""
        return frozenset(rule.action for rule in self.rules if isinstance(rule, PerAction))

    def dump(self) -> str:
        """The same document always as the same text."""
        return self.model_dump_json(exclude_none=True)


def _known(named: Iterable[str], known: Sequence[str], what: str) -> None:
    if set(named) - set(known):
        raise ValueError(f"names a {what} that is not there")


@lru_cache(maxsize=256)
def parse(document: str) -> RulesDocument:
    """A stored document; it was valid when it was stored."""
    return RulesDocument.model_validate_json(document)
