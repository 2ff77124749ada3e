"""Whether a reported action makes sense, and what of it the rules may know. No database, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.limits import LAST_SECOND
from gateway.core.problems import INVALID_REQUEST, Refusal
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.earning.errors import (
    CAMPAIGN_ENDED,
    CAMPAIGN_NOT_STARTED,
    CAMPAIGN_PAUSED,
    OCCURRED_IN_FUTURE,
    REFUND_WITHOUT_PURCHASE,
    UNKNOWN_ACTION,
    WALLET_REFUSED,
)
from gateway.loyalty.earning.models import Action, ActionKind
from gateway.loyalty.earning.returns import sum_of
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.standing import Ranks, unpacked
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.programme import Programme

KINDS = {kind.name.lower(): kind for kind in ActionKind}
#: Tills' clocks may run ahead by so many seconds.
CLOCK_SKEW = 300
#: Fields that may stand beside campaign, kind and occurred_at.
ALLOWED = {
    ActionKind.PURCHASE: {"wallet", "claim", "lines", "amount"},
    ActionKind.VISIT: {"wallet", "claim"},
    ActionKind.CUSTOM: {"wallet", "claim", "action", "amount"},
    ActionKind.REFUND: {"lines", "amount", "receipt", "refers_to", "refers_to_key"},
}
OPTIONAL = ("wallet", "claim", "lines", "amount", "receipt", "action", "refers_to", "refers_to_key")
OCCASIONS = {
    ActionKind.PURCHASE: Occasion.PURCHASE,
    ActionKind.VISIT: Occasion.VISIT,
    ActionKind.CUSTOM: Occasion.CUSTOM,
}


def check_shape(report: ActionIn, refused: frozenset[bytes]) -> ActionKind:
    """Which kind it is, when its fields belong to that kind; else `invalid-request`, `wallet-refused` (for one of the
    addresses `refused`) or, for a refund of nothing, `refund-without-purchase`."""
    kind = KINDS[report.kind]
    given = {name for name in OPTIONAL if getattr(report, name) not in (None, False)}
    for name in OPTIONAL:
        if name in given - ALLOWED[kind]:
            raise INVALID_REQUEST.at(name, f"not for the kind {report.kind}")
    if kind == ActionKind.REFUND:
        _one_of(given, "refers_to", "refers_to_key", REFUND_WITHOUT_PURCHASE)
        if {"lines", "amount"} <= given:
            raise INVALID_REQUEST.at("amount", "not together with lines")
        if "receipt" in given and "lines" not in given:
            raise INVALID_REQUEST.at("receipt", "only together with lines")
        if report.amount == 0:
            raise INVALID_REQUEST.at("amount", "nothing to refund")
        return kind
    _one_of(given, "wallet", "claim", INVALID_REQUEST)
    if report.wallet in refused:
        raise WALLET_REFUSED.at("wallet")
    if kind == ActionKind.PURCHASE:
        _one_of(given, "lines", "amount", INVALID_REQUEST)
    if kind == ActionKind.CUSTOM and report.action is None:
        raise INVALID_REQUEST.at("action", "missing")
    return kind


def _one_of(given: set[str], first: str, second: str, when_missing: Refusal) -> None:
    if {first, second} <= given:
        raise INVALID_REQUEST.at(second, f"not together with {first}")
    if not given & {first, second}:
        raise when_missing.at(first, f"{first} or {second}")


def check_moment(report: ActionIn, now: int) -> None:
    """`occurred-in-future` for what is more than five minutes ahead."""
    if report.occurred_at > min(now + CLOCK_SKEW, LAST_SECOND):
        raise OCCURRED_IN_FUTURE.at("occurred_at")


def check_window(report: ActionIn, campaign: Campaign, now: int) -> None:
    """`campaign-paused`, `campaign-not-started`, `campaign-ended`. What happened in time may be told until the last
    call, a day before the chain takes no more awards."""
    check_moment(report, now)
    if campaign.paused:
        raise CAMPAIGN_PAUSED.at("campaign")
    if now < campaign.starts_at or report.occurred_at < campaign.starts_at:
        raise CAMPAIGN_NOT_STARTED.at("occurred_at")
    if report.occurred_at > campaign.end or now >= schedule.last_call(campaign.end):
        raise CAMPAIGN_ENDED.at("occurred_at")


def version_of(versions: Sequence[RuleVersion], at: int) -> RuleVersion:
    """The rules in force at a moment. They come newest first, the oldest from the campaign's start."""
    return next(version for version in versions if version.valid_from <= at)


def facts_of(
    report: ActionIn, kind: ActionKind, merchant: int, programme: Programme, ranks: Ranks, since: int | None
) -> Facts:
    """What the rules may know of a report. `unknown-action`, `invalid-request` for a sum that is too large."""
    if kind == ActionKind.CUSTOM and report.action not in programme.actions:
        raise UNKNOWN_ACTION.at("action")
    return Facts(
        occasion=OCCASIONS[kind],
        at=report.occurred_at,
        merchant=merchant,
        amount=sum_of(report.lines) if report.lines else report.amount or 0,
        action=report.action or "",
        lines=report.lines,
        tiers=ranks,
        member_since=since,
        zone=programme.document.zone,
    )


def facts_again(action: Action, programme: Programme, report: ActionIn | None = None) -> Facts:
    """What is still known of an action that was judged; with its own report, all that there was."""
    return Facts(
        occasion=OCCASIONS[action.kind],
        at=action.occurred_at,
        merchant=action.merchant_id,
        amount=action.amount,
        action=(report.action if report else None) or "",
        lines=report.lines if report else None,
        tiers=unpacked(action.standing, programme.ladders),
        zone=programme.document.zone,
    )
