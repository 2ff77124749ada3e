"""What holds for every programme and every basket: more spent is never less earned, explanations add up, and what is
given back takes back what was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.loyalty.earning.returns import Left, Returned, take_back
from gateway.loyalty.rules.calculators import Rule
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.judging import Count, limit
from gateway.loyalty.rules.programme import Programme
from gateway.loyalty.rules.words import explain
from tests.gateway.rules.support import NOON, Item, counts, points, programme, purchase

CATEGORIES = st.sampled_from([None, "wine", "bread"])
ITEMS = st.builds(
    Item, st.sampled_from(["p", "q", "r"]), st.integers(1, 20_000), st.integers(1, 12), CATEGORIES, st.just(None)
)
SELECTED = st.fixed_dictionaries({}, optional={"categories": st.sampled_from([["wine"], ["wine", "bread"]])})
RATES = st.integers(1, 500)
#: Kinds whose points follow from what the lines add up to.
SUMS = {
    "per_currency": st.builds(lambda rate, per, chosen: {"points": rate, "per": per} | chosen, RATES, RATES, SELECTED),
    "per_item": st.builds(
        lambda rate, every, chosen: {"points": rate, "every": every} | chosen, RATES, st.integers(1, 6), SELECTED
    ),
    "per_purchase": st.builds(
        lambda rate, least, chosen: {"points": rate, "min_amount": least} | chosen,
        RATES,
        st.integers(1, 9_000),
        SELECTED,
    ),
}
#: Kinds that look at the basket as a whole: more lines may earn less, more money never does.
WHOLE = dict.fromkeys(("every_item", "cheapest_item", "dearest_item"), SUMS["per_currency"]) | {
    "any_item": st.builds(lambda rate, least: {"points": rate, "min_quantity": least}, RATES, st.integers(1, 9))
}
#: Kinds that do not look at baskets (test_calculators.py has their examples).
WITHOUT_BASKET = {"per_visit", "per_action", "anniversary"}


@st.composite
def of_kind(draw: st.DrawFn, kinds: dict[str, st.SearchStrategy[dict[str, Any]]]) -> dict[str, Any]:
    """A rule of one of these kinds."""
    kind = draw(st.sampled_from(sorted(kinds)))
    return {"kind": kind} | draw(kinds[kind])


MORE = st.fixed_dictionaries(
    {
        "rounding": st.sampled_from(["down", "up", "half_up", "half_even"]),
        "round_to": st.sampled_from([1, 50, 100]),
        "multipliers": st.lists(st.builds(lambda p: {"id": f"m{p}", "percent": p}, st.integers(50, 400)), max_size=1),
    }
)


@st.composite
def programmes(draw: st.DrawFn, kinds: st.SearchStrategy[dict[str, Any]]) -> Programme:
    """Up to six rules, some of them in a group of which the best counts, under a cap."""
    rules: list[dict[str, Any]] = draw(st.lists(kinds, min_size=1, max_size=6))
    for number, rule in enumerate(rules):
        rule["id"] = f"r{number}"
        if draw(st.booleans()):
            rule["group"] = "g"
    mode = draw(st.sampled_from(["all", "best"]))
    cap = {"id": "cap", "per": "wallet", "period": "day", "points": 10**6}
    return programme(*rules, groups=[{"id": "g", "mode": mode}], caps=[cap], **draw(MORE))


EVERY = programmes(of_kind(SUMS | WHOLE))
#: What the cap leaves; None: more than is wanted.
ROOMS = st.none() | st.integers(0, 3_000)


def awarded(rules: Programme, facts: Facts, room: int | None) -> dict[int, Count]:
    """What is given, cap included."""
    wanted = counts(rules, facts)
    given = limit(rules.limits, {number: count.points for number, count in wanted.items()}, [room])
    return {n: Count(n, count.eligible, given[n], count.points) for n, count in wanted.items()}


BASKETS = st.lists(ITEMS, min_size=1, max_size=6)


def test_no_kind_is_left_out() -> None:
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Rule)[0])}
    drawn = SUMS.keys() | WHOLE.keys() | WITHOUT_BASKET
    assert kinds == drawn, f"into SUMS, WHOLE or WITHOUT_BASKET: {kinds ^ drawn} (docs/howto/add-an-earning-rule.md)"


@settings(max_examples=150, deadline=None)
@given(programmes(of_kind(SUMS)), BASKETS, st.data())
def test_who_spends_more_earns_no_less(rules: Programme, basket: list[Item], data: st.DataObject) -> None:
    more = list(basket)
    place = data.draw(st.integers(0, len(more) - 1))
    more[place] = replace(more[place], amount=more[place].amount + data.draw(st.integers(0, 5_000)))
    more += data.draw(st.lists(ITEMS, max_size=2))
    assert points(rules, purchase(*more)) >= points(rules, purchase(*basket))


@settings(max_examples=100, deadline=None)
@given(EVERY, BASKETS, st.data())
def test_the_same_things_dearer_earn_no_less(rules: Programme, basket: list[Item], data: st.DataObject) -> None:
    dearer = [replace(item, amount=item.amount + data.draw(st.integers(0, 500))) for item in basket]
    assert points(rules, purchase(*dearer)) >= points(rules, purchase(*basket))


def test_an_order_of_rules_and_a_condition_on_the_amount_may_give_less_for_more() -> None:
    """As docs/walks/earn.md says: the merchant wrote so."""
    large = {"kind": "per_purchase", "points": 10, "min_amount": 1_000, "group": "g"}
    each = {"kind": "per_currency", "points": 1, "per": 1, "group": "g"}
    first = programme(large, each, groups=[{"id": "g", "mode": "first"}])
    best = programme(large, each, groups=[{"id": "g", "mode": "best"}])
    small = programme({"kind": "per_currency", "points": 1, "per": 1, "when": "amount < 1000"})
    less, more = purchase(Item(amount=999)), purchase(Item(amount=1_000))
    assert [points(rules, less) for rules in (first, best, small)] == [999, 999, 999]
    assert [points(rules, more) for rules in (first, best, small)] == [10, 1_000, 0]


@settings(max_examples=100, deadline=None)
@given(EVERY, BASKETS, ROOMS)
def test_the_explanation_adds_up_to_the_award(rules: Programme, basket: list[Item], room: int | None) -> None:
    facts = purchase(*basket)
    award = awarded(rules, facts, room)
    told = explain(rules, facts, award)
    assert len(told) == len(rules.rules)
    assert sum(verdict.points for verdict in told) == sum(count.points for count in award.values()) <= (room or 10**9)
    assert all(verdict.why for verdict in told)
    assert all(("wanted" in verdict.why) == (verdict.points < verdict.wanted) for verdict in told)


def back(rules: Programme, facts: Facts, left: Left, returned: Returned) -> int:
    """What one refund takes; what it takes and what it leaves are what there was."""
    before = left.points
    taken = take_back(rules, facts, left, returned)
    assert 0 <= taken.points <= before
    assert left.points == before - taken.points
    return taken.points


def test_what_a_cap_cut_of_one_rule_stays_cut_and_others_lose_their_part() -> None:
    one, half = ({"id": id, "kind": "per_currency", "points": 1, "per": per} for id, per in (("one", 1), ("half", 2)))
    cap = {"id": "cap", "per": "wallet", "period": "day", "points": 10**6, "rules": ["one"]}
    rules, kept, returned = programme(one, half, caps=[cap]), Item(amount=600), Item(amount=300)
    facts = purchase(kept, returned)
    left = Left(facts.amount, awarded(rules, facts, 200), True)
    assert [count.points for count in left.counts.values()] == [200, 450]
    assert back(rules, facts, left, Returned(lines=[returned])) == 150
    assert [count.points for count in left.counts.values()] == [200, 300]


@settings(max_examples=150, deadline=None)
@given(EVERY, BASKETS, ROOMS, st.data())
def test_an_award_less_all_its_refunds_is_nothing(
    rules: Programme, basket: list[Item], room: int | None, data: st.DataObject
) -> None:
    """Line by line in any order, or some lines and then the rest at once; with the receipt where it is needed."""
    facts = purchase(*basket, at=NOON)
    award = awarded(rules, facts, room)
    left = Left(facts.amount, dict(award), True)
    total = left.points
    order = data.draw(st.permutations(basket))
    alone = data.draw(st.integers(0, len(order)))
    taken = 0
    for place in range(alone):
        receipt = order[place:] if rules.needs_receipt else None
        taken += back(rules, facts, left, Returned(lines=[order[place]], receipt=receipt))
    if not left.nothing:
        taken += back(rules, facts, left, Returned())
    assert taken == total
    assert left.nothing
    assert left.points == 0
