"""What other rules would have awarded for what happened already: shown before they are published.

Of stored actions no lines are known, only how much of each counted for each rule. A new rule that measures as an old
one did is answered from that; an action for which some new rule cannot be answered is counted as unknown, and judged
when the merchant shows it again with its lines. Ladders are reckoned from what the merchant itself told of wallets
that it named (trial.py), and no caps are applied: more would tell it what others reported. Only its own actions are
looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import parts
from gateway.core.problems import INVALID_REQUEST
from gateway.loyalty.campaigns.errors import UNKNOWN_CAMPAIGN
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.campaigns.versions import check_badges, rules_of
from gateway.loyalty.earning import answers, reports
from gateway.loyalty.earning.models import EARNED, Action, ActionKind
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.trial import Trial
from gateway.loyalty.rules.calculators.base import Calculator, OfPurchases
from gateway.loyalty.rules.calculators.per_action import PerAction
from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.rules.expressions import OF_BASKET
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.judging import Measures, measure, resolve
from gateway.loyalty.rules.programme import Programme, prepare, programme
from gateway.loyalty.rules.selecting import Seen, key_of

#: The newest stored actions that are looked at.
MAX_PAST = 10_000
CHUNK = 2_000


@dataclass
class WhatIf:
    """Totals in hundredths. `awarded`: what was told then; `before` and `after`: by the rules in force then and by the
    new ones, both without caps. `unknown` actions are in neither. `rungs`: by new ladder and rung, how many of the
    wallets that were named stand there on the day after the last action."""

    actions: int = 0
    unknown: int = 0
    awarded: int = 0
    before: int = 0
    after: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    rungs: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, before: Mapping[int, int], after: Mapping[int, int], new: Programme) -> None:
        """Counts one action that could be judged."""
        self.before += sum(before.values())
        self.after += sum(after.values())
        for number, points in after.items():
            self.by_rule[new.rules[number].name] += points


def of_past(
    session: Session,
    campaigns: Campaigns,
    campaign: int,
    merchant: int,
    document: RulesDocument,
    since: int,
    until: int,
) -> WhatIf:
    """What the merchant's stored actions from `since` until `until` (Unix seconds) would have earned."""
    _own(session, campaigns, campaign, merchant)
    check_badges(rules_of(session, [campaign])[campaign], document)
    new, found = prepare(document), WhatIf()
    trials, last = (Trial(), Trial()), 0
    for action, old, eligible in sorted(_stored(session, campaign, merchant, since, until), key=_moment):
        found.actions += 1
        found.awarded += action.points
        measures = _carried_over(new, old, eligible, reports.OCCASIONS[action.kind], action)
        if measures is None:
            found.unknown += 1
            continue
        wallet = action.wallet if action.claim_hash is None else None
        sums = [
            _tried(trial, rules, wallet, action.kind, _facts(action, rules), counted)
            for trial, rules, counted in zip(trials, (old, new), (eligible, measures), strict=True)
        ]
        found.add(sums[0], sums[1], new)
        last = max(last, _facts(action, new).local.day)
    found.rungs = trials[1].rungs(new, last + 1)
    return found


def _moment(stored: tuple[Action, Programme, Measures]) -> tuple[int, int]:
    return stored[0].occurred_at, stored[0].id


def _tried(
    trial: Trial, rules: Programme, wallet: bytes | None, kind: ActionKind, facts: Facts, measures: Measures
) -> Mapping[int, int]:
    """What an action earns where its wallet stands, which counts from then on."""
    facts.tiers = trial.ranks(rules, wallet, facts.local.day)
    earned = resolve(rules, facts, measures)
    trial.count(wallet, kind, facts, sum(earned.values()))
    return earned


def of_reported(
    session: Session,
    campaigns: Campaigns,
    campaign: int,
    merchant: int,
    document: RulesDocument,
    reported: Sequence[ActionIn],
) -> WhatIf:
    """What these actions would earn; nothing is stored."""
    _own(session, campaigns, campaign, merchant)
    versions = rules_of(session, [campaign])[campaign]
    new, found = prepare(document), WhatIf()
    trials, last = (Trial(), Trial()), 0
    for report in sorted(reported, key=lambda report: report.occurred_at):
        kind = reports.KINDS[report.kind]
        if kind == ActionKind.REFUND:
            raise INVALID_REQUEST.at("actions", "no refunds")
        version = next((v for v in versions if v.valid_from <= report.occurred_at), versions[-1])
        sums: list[Mapping[int, int]] = []
        for trial, rules in zip(trials, (programme(version.document), new), strict=True):
            if kind == ActionKind.CUSTOM and report.action not in rules.actions:
                sums.append({})
                continue
            facts = reports.facts_of(report, kind, merchant, rules, {}, None)
            sums.append(_tried(trial, rules, report.wallet, kind, facts, measure(rules, facts)))
            last = max(last, facts.local.day)
        found.actions += 1
        found.add(sums[0], sums[1], new)
    found.awarded = found.before
    found.rungs = trials[1].rungs(new, last + 1)
    return found


def _own(session: Session, campaigns: Campaigns, campaign: int, merchant: int) -> Campaign:
    row = campaigns.get(session, campaign)
    if row.merchant_id != merchant:
        raise UNKNOWN_CAMPAIGN.at("campaign")
    return row


def _stored(
    session: Session, campaign: int, merchant: int, since: int, until: int
) -> Iterator[tuple[Action, Programme, Measures]]:
    query = (
        sa.select(Action, RuleVersion.document)
        .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
        .where(Action.campaign_id == campaign, Action.merchant_id == merchant, Action.kind.in_(EARNED))
        .where(Action.occurred_at >= since, Action.occurred_at <= until)
        .order_by(Action.id.desc())
        .limit(MAX_PAST)
    )
    rows = list(session.execute(query).tuples())
    for part in parts(rows, CHUNK):
        counts = answers.counts_of(session, [action.id for action, _ in part])
        for action, document in part:
            yield action, programme(document), {count.rule: count.eligible for count in counts.get(action.id, [])}


def _facts(action: Action, rules: Programme) -> Facts:
    facts = reports.facts_again(action, rules)
    facts.tiers = {}
    return facts


def _carried_over(new: Programme, old: Programme, eligible: Measures, occasion: str, action: Action) -> Measures | None:
    """How much counts for each new rule; None where only the lines could tell."""
    asked = new.conditions.variables if new.conditions else frozenset()
    if asked & OF_BASKET and action.kind == ActionKind.PURCHASE:
        return None
    if "action" in asked and action.kind == ActionKind.CUSTOM:
        return None
    same = {_way(ready.rule): eligible.get(ready.number, 0) for ready in old.rules if occasion in ready.rule.occasions}
    found: Measures = {}
    for ready in new.rules:
        rule = ready.rule
        if occasion not in rule.occasions:
            continue
        way = _way(rule)
        if way in same:
            value = same[way]
        elif isinstance(rule, OfPurchases) and rule.in_money and rule.summable and not rule.conditional:
            value = action.amount
        elif action.kind == ActionKind.VISIT and not rule.historic:
            value = rule.measure(Seen(0, 0, [], 0), _facts(action, new))
        else:
            return None
        if value:
            found[ready.number] = value
    return found


def _way(rule: Calculator) -> tuple[object, ...]:
    """What two rules have in common that measure the same."""
    if isinstance(rule, OfPurchases):
        kind = "money" if rule.in_money and rule.summable else type(rule).measure.__qualname__
        return (kind, key_of(rule))
    if isinstance(rule, PerAction):
        return (type(rule).__name__, rule.action, rule.per is None)
    return (type(rule).__name__,)
