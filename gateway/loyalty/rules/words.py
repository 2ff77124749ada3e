"""Why each rule fired or did not, in words made of our own and the merchant's published ones. Pure.

Nothing of it is kept: it is made from the report, what counted and what was given, whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.loyalty.rules.amounts import decimal
from gateway.loyalty.rules.document import Mode
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.judging import Count, answers, resolve, uses
from gateway.loyalty.rules.programme import Programme, Ready


@dataclass(frozen=True)
class Verdict:
    """One rule's part: the sum of `points` over all rules is what the action earns. Hundredths."""

    rule: int
    name: str
    points: int
    wanted: int
    why: str


def explain(programme: Programme, facts: Facts, counts: Mapping[int, Count]) -> list[Verdict]:
    """A verdict for every rule of the programme, in its order."""
    measures = {number: count.eligible for number, count in counts.items()}
    wanted = resolve(programme, facts, measures)
    given = {number: count.points for number, count in counts.items()}
    held = answers(programme, facts)
    return [
        Verdict(
            ready.number,
            ready.name,
            given.get(ready.number, 0),
            wanted.get(ready.number, 0),
            _why(programme, ready, facts, held, measures, wanted, given),
        )
        for ready in programme.rules
    ]


def _why(
    programme: Programme,
    ready: Ready,
    facts: Facts,
    held: Sequence[bool],
    measures: Mapping[int, int],
    wanted: Mapping[int, int],
    given: Mapping[int, int],
) -> str:
    number = ready.number
    if facts.occasion not in ready.rule.occasions:
        return f"for {' and '.join(_OCCASIONS[occasion] for occasion in sorted(ready.rule.occasions))} only"
    if ready.gate is not None and not ready.gate.is_open(facts, held):
        return ready.gate.why_not(facts, held)
    eligible = measures.get(number, 0)
    if not eligible:
        return "nothing here counts for it"
    said = ready.rule.say(eligible)
    if not wanted[number]:
        return _why_nothing(programme, ready, measures, wanted, said)
    if percent := _percents(programme, ready, facts, held):
        said = f"{said}, {percent}"
    if given[number] < wanted[number]:
        cut = "; ".join(_cutting(programme, number, wanted, given))
        said = f"{said}: {decimal(wanted[number])} wanted, {decimal(given[number])} given, because {cut}"
    return said


_OCCASIONS = {Occasion.PURCHASE: "purchases", Occasion.VISIT: "visits", Occasion.CUSTOM: "custom actions"}


def _why_nothing(
    programme: Programme, ready: Ready, measures: Mapping[int, int], wanted: Mapping[int, int], said: str
) -> str:
    mode = programme.modes.get(ready.group or "", Mode.ALL)
    rivals = [r for r in programme.rules if r.group == ready.group and wanted.get(r.number)]
    if mode != Mode.ALL and rivals and ready.rule.worth(measures[ready.number])[0]:
        return f"{rivals[0].name} comes before it in the group {ready.group}"
    return f"{said}: less than is counted"


def _percents(programme: Programme, ready: Ready, facts: Facts, held: Sequence[bool]) -> str:
    found = []
    for place in ready.multipliers:
        factor = programme.factors[place]
        if factor.gate is None or factor.gate.is_open(facts, held):
            tier = factor.source.by_tier
            rank = facts.tiers.get(tier.ladder, 0) if tier else 0
            percent = tier.percents[min(rank, len(tier.percents) - 1)] if tier else factor.source.percent
            found.append(f"{factor.source.id} {percent} %")
    how = "together" if programme.document.combine == "product" else "the best"
    return found[0] if len(found) == 1 else f"{how} of {', '.join(found)}" if found else ""


def _cutting(programme: Programme, number: int, wanted: Mapping[int, int], given: Mapping[int, int]) -> list[str]:
    """The caps that may have cut it: what was given is all that they had left."""
    used = uses(programme.limits, given)
    return [
        limit.cap.say(left)
        for limit, left in zip(programme.limits, used, strict=True)
        if number in limit.rules and any(given.get(n, 0) < wanted.get(n, 0) for n in limit.rules)
    ] or ["a cap of the wallet was reached"]
