"""The wallet's own caps on a code: known only when somebody claims it.

What they keep back is written beside the action's points and never changes those, because the till sees them and must
not learn of the claim. Nor does it change the budget before the settlement: a till that reports more and more would
see (decision 0060).
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning.desk import first_actions
from gateway.loyalty.earning.limits import Uses, keys
from gateway.loyalty.earning.models import Action
from gateway.loyalty.earning.refunds import what_is_left
from gateway.loyalty.earning.reports import facts_again
from gateway.loyalty.rules.caps import Per
from gateway.loyalty.rules.judging import limit
from gateway.loyalty.rules.programme import programme


def withhold(session: Session, action: Action, wallet: bytes) -> None:
    """Counts a claimed action against the wallet's caps and writes down what they keep back. The campaign must be
    locked."""
    rules = programme(session.get_one(RuleVersion, action.rule_version_id).document)
    if not any(limited.cap.per == Per.WALLET for limited in rules.limits):
        return
    member = (action.campaign_id, wallet)
    since = min(first_actions(session, [member]).get(member, action.occurred_at), action.occurred_at)
    facts = replace(facts_again(action, rules), member_since=since)
    counted = keys(rules, facts, action.campaign_id, wallet, Per.WALLET)
    uses = Uses(session, counted)
    wanted = {number: count.points for number, count in what_is_left(session, [action])[action.id].counts.items()}
    rooms = [
        None if key is None else room for key, room in zip(counted, uses.rooms(rules.limits, counted), strict=True)
    ]
    given = limit(rules.limits, wanted, rooms)
    uses.count(rules.limits, counted, given)
    uses.save()
    action.withheld = sum(wanted.values()) - sum(given.values())
    session.flush()
