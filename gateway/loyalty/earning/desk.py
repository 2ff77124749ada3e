"""What one turn of the intake needs to know, read at once for a thousand reports as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.idempotency import key_hash
from gateway.core.limits import FIRST_SECOND
from gateway.core.secrets import Secrets
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant, RuleVersion
from gateway.loyalty.campaigns.promises import Allowance
from gateway.loyalty.campaigns.versions import in_force, rules_of
from gateway.loyalty.earning import answers, forgotten, reports
from gateway.loyalty.earning.answers import Answer, Ground
from gateway.loyalty.earning.climbing import Climb, moments
from gateway.loyalty.earning.limits import Uses, keys
from gateway.loyalty.earning.models import EARNED, Action, ActionKind
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.standing import Standing
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.programme import Programme, programme

#: Campaign, wallet.
Member = tuple[int, bytes]

# Built once (see promises.py).
_QUOTAS = sa.select(CampaignMerchant.campaign_id, CampaignMerchant.daily_quota).where(
    CampaignMerchant.merchant_id == sa.bindparam("merchant"),
    CampaignMerchant.campaign_id.in_(sa.bindparam("campaigns", expanding=True)),
)
_KNOWN = sa.select(Action).where(
    Action.merchant_id == sa.bindparam("merchant"), Action.key_hash.in_(sa.bindparam("hashes", expanding=True))
)


@dataclass(frozen=True)
class Report:
    """One action as a merchant told it, under the merchant's own key."""

    key: str
    action: ActionIn

    @cached_property
    def digest(self) -> bytes:
        """What is kept of the key."""
        return key_hash(self.key)


@dataclass
class Desk:
    """Campaigns (locked, where something is to be written), rules, quotas, what caps leave, earlier answers."""

    merchant: int
    now: int
    campaigns: dict[int, Campaign]
    versions: dict[int, list[RuleVersion]]
    allowances: dict[int, Allowance]
    uses: Uses
    climb: Climb
    since: dict[Member, int]
    #: By digest of the key: digest of the body, and the place or the row it was answered from.
    known: dict[bytes, tuple[bytes, int | Answer]]
    #: After a restore, by campaign: what its wallets were paid for actions that were forgotten and not told again.
    ahead: dict[int, dict[bytes, int]] = field(default_factory=dict)
    #: Campaigns whose actions wait for too long.
    late: frozenset[int] = frozenset()

    def promise(self, report: ActionIn, points: int) -> None:
        """Takes the points of a report from what may be promised; see Allowance.take."""
        left = self.ahead.get(report.campaign, {})
        is_old = report.occurred_at <= (self.campaigns[report.campaign].forgotten_until or 0)
        covered = min(points, left.get(report.wallet, 0)) if is_old and report.wallet is not None else 0
        self.allowances[report.campaign].take(points, covered)
        if covered and report.wallet is not None:
            left[report.wallet] -= covered

    def version(self, campaign: int, at: int) -> RuleVersion:
        """The rules in force in a campaign at a moment."""
        return reports.version_of(self.versions[campaign], at)


def open_desk(
    session: Session,
    standing: Standing,
    secrets: Secrets,
    merchant: int,
    items: Sequence[Report],
    now: int,
    campaigns: Mapping[int, Campaign],
) -> Desk:
    """Reads it all; `campaigns` were read before, because whoever writes locks them first."""
    wanted = {item.action.campaign for item in items}
    quotas = dict(session.execute(_QUOTAS, {"merchant": merchant, "campaigns": list(wanted)}).tuples().all())
    rows = [campaigns[id] for id in sorted(wanted) if id in campaigns]
    mine = {row.id: row for row in rows if row.merchant_id == merchant or row.id in quotas}
    for campaign in mine.values():
        if campaign.merchant_id == merchant:
            quotas.pop(campaign.id, None)
    versions = rules_of(session, list(mine))
    judged = [_Judged(item.action, found) for item in items if (found := _programme(item.action, versions)) is not None]
    since = first_actions(session, {j.member for j in judged if j.programme.looks_back and j.report.wallet})
    for j in judged:  # of two actions in one call the earlier is the first, whichever comes first in it
        if j.programme.looks_back and j.report.wallet is not None:
            since[j.member] = min(since.get(j.member, j.report.occurred_at), j.report.occurred_at)
    return Desk(
        merchant=merchant,
        now=now,
        campaigns=mine,
        versions=versions,
        allowances={id: promises.allowance(session, row, merchant, quotas.get(id), now) for id, row in mine.items()},
        uses=Uses(session, [key for j in judged if j.programme.limits for key in j.keys(merchant, since)]),
        climb=Climb(
            session,
            standing,
            versions,
            moments([(j.report.campaign, j.report.wallet, j.report.occurred_at, j.programme) for j in judged]),
        ),
        since=since,
        known=_known(session, secrets, merchant, items),
        ahead={id: forgotten.outstanding(session, id) for id, row in mine.items() if row.forgotten_until is not None},
    )


@dataclass(frozen=True)
class _Judged:
    report: ActionIn
    programme: Programme

    @property
    def member(self) -> Member:
        return self.report.campaign, self.report.wallet or b""

    def keys(self, merchant: int, since: dict[Member, int]) -> list[tuple[int, bytes, bytes, int] | None]:
        """Where caps may be counted for it."""
        facts = Facts(
            Occasion.VISIT,
            self.report.occurred_at,
            merchant,
            member_since=since.get(self.member),
            zone=self.programme.document.zone,
        )
        return keys(self.programme, facts, self.report.campaign, self.report.wallet)


def _programme(report: ActionIn, versions: dict[int, list[RuleVersion]]) -> Programme | None:
    """The rules of a report's moment; None for refunds, and where there are none."""
    if report.kind == "refund":
        return None
    found = in_force(versions.get(report.campaign, []), report.occurred_at)
    return None if found is None else programme(found.document)


def first_actions(session: Session, members: Iterable[Member]) -> dict[Member, int]:
    """When each wallet did something in the campaign for the first time, where it ever did."""
    by_campaign: dict[int, list[bytes]] = defaultdict(list)
    for campaign, wallet in members:
        by_campaign[campaign].append(wallet)
    found: dict[Member, int] = {}
    for campaign, wallets in by_campaign.items():
        query = (
            sa.select(Action.wallet, sa.func.min(Action.occurred_at))
            .where(Action.campaign_id == campaign, Action.kind.in_(EARNED), Action.wallet.in_(wallets))
            .group_by(Action.wallet)
        )
        for wallet, first in session.execute(query):
            found[campaign, wallet] = max(int(first), FIRST_SECOND)
    return found


def _known(
    session: Session, secrets: Secrets, merchant: int, items: Sequence[Report]
) -> dict[bytes, tuple[bytes, int | Answer]]:
    hashes = list({item.digest for item in items})
    rows = list(session.scalars(_KNOWN, {"merchant": merchant, "hashes": hashes}))
    counts = answers.counts_of(session, [row.id for row in rows]) if rows else {}
    return {row.key_hash: (row.body_hash, answers.of(secrets, row, counts.get(row.id, []), True)) for row in rows}


def ground_again(session: Session, action_id: int, report: ActionIn) -> Ground | None:
    """What a stored award was judged by, from its row and its report."""
    action = session.get_one(Action, action_id)
    if action.kind == ActionKind.REFUND:
        return None
    version = programme(session.get_one(RuleVersion, action.rule_version_id).document)
    return Ground(version, reports.facts_again(action, version, report))
