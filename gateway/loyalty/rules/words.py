"""Why each rule fired or did not, in words made of our own and the merchant's published ones. Pure.

Nothing of it is kept: it is made from the report, what counted and what was given, whenever it is asked for. What caps
had left is known only while the action is judged; told again, every cap that can have cut it is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.loyalty.rules.amounts import decimal
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.document import Mode
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.judging import Count, answers, limit, resolve, uses
from gateway.loyalty.rules.programme import Limit, Programme, Ready

#: By rule, what cut it.
Cuts = Mapping[int, str]


@dataclass(frozen=True)
class Verdict:
    """One rule's part: the sum of `points` over all rules is what the action earns. Hundredths."""

    rule: int
    name: str
    points: int
    wanted: int
    why: str


def explain(
    programme: Programme, facts: Facts, counts: Mapping[int, Count], rooms: Sequence[int | None] | None = None
) -> list[Verdict]:
    """A verdict for every rule of the programme, in its order. `rooms`: what each limit had left, where that is
    known."""
    measures = {number: count.eligible for number, count in counts.items()}
    wanted = resolve(programme, facts, measures)
    given = {number: count.points for number, count in counts.items()}
    held = answers(programme, facts)
    limits = programme.limits
    cuts = _possible_cuts(limits, wanted, given) if rooms is None else _cuts(limits, wanted, rooms)
    return [
        Verdict(
            ready.number,
            ready.name,
            given.get(ready.number, 0),
            wanted.get(ready.number, 0),
            _why(programme, ready, facts, held, measures, wanted, given, cuts),
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
    cuts: Cuts,
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
        said = f"{said}: {decimal(wanted[number])} wanted, {decimal(given[number])} given, because {cuts[number]}"
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


def _cuts(limits: Sequence[Limit], wanted: Mapping[int, int], rooms: Sequence[int | None]) -> Cuts:
    """The caps, one after the other as they were applied."""
    found: dict[int, str] = {}
    given = wanted
    for each, room in zip(limits, rooms, strict=True):
        after = limit([each], given, [room])
        said = each.cap.say(max(room or 0, 0))
        found |= {n: f"{found[n]}; {said}" if n in found else said for n in after if after[n] < given[n]}
        given = after
    return found


def _possible_cuts(limits: Sequence[Limit], wanted: Mapping[int, int], given: Mapping[int, int]) -> Cuts:
    """The caps of which each alone would have given that of its rules; where none would, all that can have cut. A cap
    that has cut has given all that it had left."""
    found: dict[int, str] = {}
    used = list(zip(limits, uses(limits, given), strict=True))
    for number in (n for n in wanted if given.get(n, 0) < wanted[n]):
        here = [(each, left) for each, left in used if number in each.rules]
        likely = [(each, left) for each, left in here if _may_be_all(each, left)]
        alone = [(each, left) for each, left in likely if limit([each], wanted, [left]) == _of(each, given, wanted)]
        found[number] = " or ".join(each.cap.say(left) for each, left in alone or likely or here)
    return found


def _may_be_all(each: Limit, left: int) -> bool:
    """Whether a cap can have had so much left and no more: all of it, where it counts one action alone."""
    return left == each.cap.most if each.cap.period == Period.ACTION else left <= each.cap.most


def _of(each: Limit, given: Mapping[int, int], wanted: Mapping[int, int]) -> dict[int, int]:
    """What was given by the rules that a cap counts, and what others wanted."""
    return {n: given.get(n, 0) if n in each.rules else points for n, points in wanted.items()}
