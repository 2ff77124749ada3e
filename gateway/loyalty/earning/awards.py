"""The judging of awards: what an action earns by the rules of its moment, under the caps as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning import reports
from gateway.loyalty.earning.answers import Ground
from gateway.loyalty.earning.desk import Desk
from gateway.loyalty.earning.errors import TOO_MANY_POINTS
from gateway.loyalty.earning.limits import Key, keys
from gateway.loyalty.earning.models import ActionKind
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.rules.judging import Count, limit, measure, resolve
from gateway.loyalty.rules.programme import programme


@dataclass(frozen=True)
class Earned:
    """What an action earns, by which rules; hundredths. `keys`: where the caps count it."""

    version: RuleVersion
    ground: Ground
    counts: tuple[Count, ...]
    keys: Sequence[Key | None]

    @property
    def points(self) -> int:
        return sum(count.points for count in self.counts)


def earn(desk: Desk, report: ActionIn, kind: ActionKind) -> Earned:
    """Judges an action; nothing is counted yet. `unknown-action`, `too-many-points`, `invalid-request`."""
    version = desk.version(report.campaign, report.occurred_at)
    rules = programme(version.document)
    wallet = report.wallet
    ranks = desk.climb.ranks(report.campaign, rules, wallet, report.occurred_at)
    since = desk.since.get((report.campaign, wallet)) if wallet else None
    facts = reports.facts_of(report, kind, desk.merchant, rules, ranks, since)
    measures = measure(rules, facts)
    points = resolve(rules, facts, measures)
    counted: Sequence[Key | None] = ()
    rooms: Sequence[int | None] = ()
    if rules.limits:
        counted = keys(rules, facts, report.campaign, wallet)
        rooms = desk.uses.rooms(rules.limits, counted)
        points = limit(rules.limits, points, rooms)
    if sum(points.values()) > MAX_HUNDREDTHS:
        raise TOO_MANY_POINTS.at("amount", f"more than {MAX_HUNDREDTHS} hundredths")
    counts = tuple(Count(number, eligible, points[number]) for number, eligible in measures.items())
    return Earned(version, Ground(rules, facts, rooms), counts, counted)


def count_uses(desk: Desk, earned: Earned) -> None:
    """Counts what was given against the caps."""
    given = {count.rule: count.points for count in earned.counts}
    desk.uses.count(earned.ground.programme.limits, earned.keys, given)
