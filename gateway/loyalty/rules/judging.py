"""What an action earns by a programme. Pure.

Two steps: how much of the action counts for each rule (`measure`), and what that gives (`resolve`). Only the first
sees the lines; what it found is kept, so that the second can be asked again when something comes back. Given the
programme, points depend on what counts, the amount, and the facts that are kept, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from gateway.loyalty.rules.amounts import Ratio, rounded
from gateway.loyalty.rules.document import Combine, Mode
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.programme import Factor, Limit, Programme, Ready

#: How much counts, by the rule's number; rules for which nothing counts are left out.
Measures = dict[int, int]


@dataclass(frozen=True, slots=True)
class Count:
    """What counted for one rule, what it wanted to give and what it gave or, for a refund, takes back. Hundredths."""

    rule: int
    eligible: int
    points: int
    wanted: int = 0


def measure(programme: Programme, facts: Facts) -> Measures:
    """How much of the action counts for each rule."""
    seen = programme.selector.see(facts.amount, facts.lines)
    found = {}
    for ready in programme.by_occasion[facts.occasion]:
        taken = seen.get(ready.selection)
        if taken is not None and (eligible := ready.measure(taken, facts)):
            found[ready.number] = eligible
    return found


def answers(programme: Programme, facts: Facts) -> Sequence[bool]:
    """Of the programme's conditions, in their order."""
    conditions = programme.conditions
    if conditions is None:
        return ()
    return conditions.hold(facts.values(conditions.variables, programme.ladders))


def resolve(programme: Programme, facts: Facts, measures: Mapping[int, int]) -> dict[int, int]:
    """What each rule for which something counts wants to give, in hundredths, caps aside."""
    if not measures:
        return {}
    held = answers(programme, facts)
    ratios = _ratios(programme, facts, held)
    wanted: dict[int, int] = {}
    rules, step = programme.rules, programme.document.round_to
    for number, eligible in measures.items():
        ready = rules[number]
        if ready.gate is not None and not ready.gate.is_open(facts, held):
            wanted[number] = 0
            continue
        over, under = ready.worth(eligible)
        if ready.multipliers:
            percent, hundred = ratios[ready.multipliers]
            over, under = over * percent, under * hundred
        wanted[number] = rounded((over, under), ready.rounding, step)
    if programme.modes:
        _choose(programme, wanted)
    return wanted


def _ratios(programme: Programme, facts: Facts, held: Sequence[bool]) -> dict[tuple[int, ...], Ratio]:
    """For each set of multipliers that some rule has, what they come to just now."""
    percents = [_percent(factor, facts, held) for factor in programme.factors]
    return {
        places: _combined([p for place in places if (p := percents[place]) is not None], programme.document.combine)
        for places in programme.factored
    }


def _percent(factor: Factor, facts: Facts, held: Sequence[bool]) -> int | None:
    if factor.gate is not None and not factor.gate.is_open(facts, held):
        return None
    by_tier = factor.source.by_tier
    if by_tier is None:
        return factor.source.percent
    return by_tier.percents[min(facts.tiers.get(by_tier.ladder, 0), len(by_tier.percents) - 1)]


def _combined(percents: Sequence[int], combine: Combine) -> Ratio:
    if not percents:
        return 1, 1
    if combine is Combine.BEST:
        return max(percents), 100
    return prod(percents), 100 ** len(percents)


def _choose(programme: Programme, wanted: dict[int, int]) -> None:
    """In groups where only one rule counts, takes from the others."""
    grouped: dict[str, list[Ready]] = {}
    for number, points in wanted.items():
        group = programme.rules[number].group
        if points and group is not None and programme.modes[group] != Mode.ALL:
            grouped.setdefault(group, []).append(programme.rules[number])
    for group, members in grouped.items():
        best = programme.modes[group] == Mode.BEST
        winner = max(
            members, key=lambda ready: (wanted[ready.number] if best else 0, ready.rule.priority, -ready.number)
        )
        for ready in members:
            if ready is not winner:
                wanted[ready.number] = 0


def limit(limits: Sequence[Limit], wanted: Mapping[int, int], rooms: Sequence[int | None]) -> dict[int, int]:
    """What is given of what is wanted when each limit leaves so much room (None: unlimited). Of the rules that a cap
    counts, the last ones of the document are cut first."""
    given = dict(wanted)
    for limited, room in zip(limits, rooms, strict=True):
        if room is None:
            continue
        times = limited.cap.times is not None
        left = room
        for number in sorted(limited.rules & given.keys()):
            if times:
                if given[number] and left <= 0:
                    given[number] = 0
                left -= given[number] > 0
            else:
                given[number] = min(given[number], max(left, 0))
                left -= given[number]
    return given


def uses(limits: Sequence[Limit], given: Mapping[int, int]) -> list[int]:
    """How much of each cap these points use up: hundredths, or times."""
    found = []
    for limited in limits:
        points = [given[number] for number in limited.rules & given.keys()]
        found.append(sum(points) if limited.cap.times is None else sum(1 for value in points if value))
    return found
