"""A document made ready for judging: compiled once for each version and kept. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.loyalty.rules import expressions
from gateway.loyalty.rules.amounts import Ratio, Rounding
from gateway.loyalty.rules.calculators.anniversary import Anniversary
from gateway.loyalty.rules.calculators.base import Calculator, OfPurchases
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.caps import Cap, Per
from gateway.loyalty.rules.circumstances import Gate, gate
from gateway.loyalty.rules.document import Mode, Multiplier, RulesDocument, parse
from gateway.loyalty.rules.expressions import Conditions, compiled
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.selecting import Seen, Selector

#: What the parts of a line do not tell about the line.
OF_WHOLE_LINE = frozenset({"quantity", "amount", "price"})


@dataclass(frozen=True, slots=True)
class Ready:
    """One rule made ready. `number` is its place in the document, `multipliers` the places of its multipliers;
    `measure` and `worth` are the rule's own."""

    number: int
    name: str
    rule: Calculator
    measure: Callable[[Seen, Facts], int]
    worth: Callable[[int], Ratio]
    selection: int
    gate: Gate | None
    rounding: Rounding
    group: str | None
    multipliers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """One multiplier made ready."""

    source: Multiplier
    gate: Gate | None


@dataclass(frozen=True, slots=True)
class Limit:
    """One cap made ready; `rules` are the numbers of those that it counts."""

    cap: Cap
    rules: frozenset[int]


@dataclass(frozen=True)
class Programme:
    """`by_occasion`: the rules that may fire. `factored`: each set of multipliers that some rule has. `actions`: custom
    ones that earn. `needs_receipt`: a return in part cannot be judged by what comes back alone. `looks_back`: it asks
    when the wallet did something for the first time. `ladders`: their names. `followed`: bonuses may hang on what is
    done."""

    document: RulesDocument
    ladders: tuple[str, ...]
    rules: tuple[Ready, ...]
    by_occasion: dict[Occasion, tuple[Ready, ...]]
    selector: Selector
    conditions: Conditions | None
    factors: tuple[Factor, ...]
    factored: frozenset[tuple[int, ...]]
    modes: dict[str, Mode]
    limits: tuple[Limit, ...]
    needs_receipt: bool
    actions: frozenset[str]
    looks_back: bool
    followed: bool


@lru_cache(maxsize=256)
def programme(document: str) -> Programme:
    """The programme of a stored document."""
    return prepare(parse(document))


def prepare(document: RulesDocument) -> Programme:
    """Compiles a document."""
    selector = Selector([rule for rule in document.rules if isinstance(rule, OfPurchases)])
    texts: list[str] = []
    factors = tuple(Factor(m, gate(m, document.zone, texts)) for m in document.multipliers)
    rules = tuple(_ready(document, number, rule, selector, texts) for number, rule in enumerate(document.rules))
    limits = tuple(_limits(document, rules))
    return Programme(
        document=document,
        ladders=tuple(ladder.id for ladder in document.ladders),
        rules=rules,
        by_occasion={
            occasion: tuple(ready for ready in rules if occasion in ready.rule.occasions) for occasion in Occasion
        },
        selector=selector,
        conditions=compiled(texts),
        factors=factors,
        factored=frozenset(ready.multipliers for ready in rules if ready.multipliers),
        modes={group.id: group.mode for group in document.groups},
        limits=limits,
        needs_receipt=_needs_receipt(document, texts),
        actions=document.custom_actions(),
        looks_back=any(rule.historic for rule in document.rules)
        or any(limit.cap.period == Period.MEMBERSHIP for limit in limits),
        followed=document.referral is not None or bool(document.goals),
    )


def _ready(document: RulesDocument, number: int, rule: Calculator, selector: Selector, texts: list[str]) -> Ready:
    multipliers = tuple(place for place, m in enumerate(document.multipliers) if _covers(m.rules, m.groups, rule))
    return Ready(
        number=number,
        name=rule.id or f"rule {number}",
        rule=rule,
        measure=rule.measure,
        worth=rule.worth,
        selection=selector.number(rule) if isinstance(rule, OfPurchases) else 0,
        gate=gate(rule, document.zone, texts),
        rounding=rule.rounding or document.rounding,
        group=rule.group,
        multipliers=multipliers,
    )


def _covers(rules: Sequence[str] | None, groups: Sequence[str] | None, rule: Calculator) -> bool:
    """Whether what names these rules and groups (neither: all) is about `rule`."""
    if rules is None and groups is None:
        return True
    return rule.id in (rules or ()) or rule.group in (groups or ())


def _limits(document: RulesDocument, rules: Sequence[Ready]) -> list[Limit]:
    once = [
        Limit(Cap(id=_once(ready), per=Per.WALLET, period=Period.MEMBERSHIP, times=1), frozenset({ready.number}))
        for ready in rules
        if isinstance(ready.rule, Anniversary)
    ]
    return once + [
        Limit(cap, frozenset(r.number for r in rules if _covers(cap.rules, cap.groups, r.rule)))
        for cap in document.caps
    ]


def _once(ready: Ready) -> str:
    return f"once_a_year_{ready.rule.id or ready.number}"[:40]


def _needs_receipt(document: RulesDocument, texts: Sequence[str]) -> bool:
    if any(expressions.names(text) & expressions.OF_BASKET for text in texts):
        return True
    purchases = [rule for rule in document.rules if isinstance(rule, OfPurchases)]
    return any(
        not rule.summable or (rule.where is not None and expressions.names(rule.where) & OF_WHOLE_LINE)
        for rule in purchases
    )
