"""Takes reports in: one or a thousand, one transaction, each judged by itself, each counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.core.idempotency import key_hash
from gateway.core.jobs import Jobs
from gateway.core.problems import BUSY, IDEMPOTENCY_CONFLICT, Problem
from gateway.core.secrets import Secrets
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.errors import UNKNOWN_CAMPAIGN
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant, RuleVersion
from gateway.loyalty.campaigns.promises import Allowance
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning import answers, claims, reports
from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine, ActionState
from gateway.loyalty.earning.refunds import Targets
from gateway.loyalty.earning.rules import Count
from gateway.loyalty.earning.schemas import ActionIn


@dataclass(frozen=True)
class Report:
    """One action as a merchant told it, under the merchant's own key."""

    key: str
    action: ActionIn


Result = Answer | Problem


@dataclass
class Draft:
    """A row to be written, and the place of its report."""

    place: int
    kind: ActionKind
    points: int
    counts: tuple[Count, ...]
    key: bytes
    row: dict[str, object]
    claim: tuple[str, int] | None = None

    def answer(self, id: int, campaign: int) -> Answer:
        return Answer(id, campaign, self.kind, self.points, self.counts, self.claim)


@dataclass
class Desk:
    """What one turn needs to know, read at once: campaigns (locked), rules, quotas, earlier answers."""

    merchant: int
    now: int
    campaigns: dict[int, Campaign]
    versions: dict[int, list[RuleVersion]]
    allowances: dict[int, Allowance]
    #: By digest of the key: digest of the body, and the place or the row it was answered from.
    known: dict[bytes, tuple[bytes, int | Answer]]
    freed: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class Intake:
    """`refused` are the addresses that can be nobody's wallet."""

    def __init__(self, campaigns: Campaigns, secrets: Secrets, jobs: Jobs, refused: frozenset[bytes]) -> None:
        self.campaigns, self.secrets, self.jobs, self.refused = campaigns, secrets, jobs, refused

    def take(self, session: Session, merchant_id: int, items: Sequence[Report], now: int) -> list[Result]:
        """The answer or the problem of each report, in their order.

        Purchases and the like are judged before refunds, so that a refund may name another report of the same call.
        """
        promises.lock(session, {item.action.campaign for item in items})
        try:
            with session.begin_nested():
                return self._turn(session, merchant_id, items, now)
        except IntegrityError:  # a key that another transaction wrote meanwhile: find out which
            return [self._alone(session, merchant_id, item, now) for item in items]

    def _alone(self, session: Session, merchant_id: int, item: Report, now: int) -> Result:
        for _ in range(2):
            try:
                with session.begin_nested():
                    return self._turn(session, merchant_id, [item], now)[0]
            except IntegrityError:
                continue
        return BUSY.at(retry_after=1)

    def _turn(self, session: Session, merchant_id: int, items: Sequence[Report], now: int) -> list[Result]:
        desk = self._desk(session, merchant_id, items, now)
        results: dict[int, Result] = {}
        places = range(len(items))
        for refunds in (False, True):
            part = [place for place in places if (items[place].action.kind == "refund") == refunds]
            self._pass(session, desk, items, part, results, refunds)
        for campaign, points in desk.freed.items():
            promises.release(session, campaign, points)
        return [results[place] for place in places]

    def _pass(
        self,
        session: Session,
        desk: Desk,
        items: Sequence[Report],
        part: Sequence[int],
        results: dict[int, Result],
        refunds: bool,
    ) -> None:
        judge = self._refunds(session, desk, items, part) if refunds and part else self._award
        drafts: list[Draft] = []
        again: list[tuple[int, int]] = []
        for place in part:
            try:
                found = self._judge(desk, place, items[place], judge)
            except Problem as problem:
                results[place] = problem
                continue
            if isinstance(found, Draft):
                drafts.append(found)
            elif isinstance(found, int):
                again.append((place, found))
            else:
                results[place] = found
        for allowance in desk.allowances.values():
            promises.keep(session, allowance)
            allowance.taken = 0
        results.update(self._write(session, drafts, items))
        for place, first in again:
            results[place] = replace(cast(Answer, results[first]), repeated=True)

    # --------------------------------------------------------------- reading

    def _desk(self, session: Session, merchant_id: int, items: Sequence[Report], now: int) -> Desk:
        wanted = {item.action.campaign for item in items}
        shared = sa.select(CampaignMerchant).where(
            CampaignMerchant.merchant_id == merchant_id, CampaignMerchant.campaign_id.in_(wanted)
        )
        quotas = {row.campaign_id: row.daily_quota for row in session.scalars(shared)}
        rows = session.scalars(sa.select(Campaign).where(Campaign.id.in_(wanted)))
        mine = {row.id: row for row in rows if row.merchant_id == merchant_id or row.id in quotas}
        for campaign in mine.values():
            if campaign.merchant_id == merchant_id:
                quotas.pop(campaign.id, None)
        return Desk(
            merchant=merchant_id,
            now=now,
            campaigns=mine,
            versions=self.campaigns.rule_versions(session, list(mine)),
            allowances={
                id: promises.allowance(session, row, merchant_id, quotas.get(id), now) for id, row in mine.items()
            },
            known=self._known(session, merchant_id, items),
        )

    def _known(
        self, session: Session, merchant_id: int, items: Sequence[Report]
    ) -> dict[bytes, tuple[bytes, int | Answer]]:
        hashes = {key_hash(item.key) for item in items}
        query = sa.select(Action).where(Action.merchant_id == merchant_id, Action.key_hash.in_(hashes))
        rows = list(session.scalars(query))
        counts = answers.counts_of(session, [row.id for row in rows]) if rows else {}
        return {
            row.key_hash: (row.body_hash, answers.of(self.secrets, row, counts.get(row.id, []), True)) for row in rows
        }

    # --------------------------------------------------------------- judging

    def _judge(
        self, desk: Desk, place: int, item: Report, judge: Callable[[Desk, int, ActionIn, bytes], Draft]
    ) -> Draft | Answer | int:
        """A new row, the stored answer, or the place of the report in this call that has the same key and body."""
        digest = key_hash(item.key)
        body = self.secrets.mac("action-body", item.action.canonical())
        known = desk.known.get(digest)
        if known is not None:
            if known[0] != body:
                raise IDEMPOTENCY_CONFLICT.at("key")
            return known[1]
        if item.action.campaign not in desk.campaigns:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        draft = judge(desk, place, item.action, digest)
        draft.row |= {
            "merchant_id": desk.merchant,
            "campaign_id": item.action.campaign,
            "key_hash": draft.key,
            "body_hash": body,
            "kind": draft.kind,
            "points": draft.points,
            "occurred_at": item.action.occurred_at,
            "created_at": desk.now,
        }
        desk.known[digest] = (body, place)
        return draft

    def _award(self, desk: Desk, place: int, report: ActionIn, digest: bytes) -> Draft:
        kind = reports.check_shape(report, self.refused)
        campaign = desk.campaigns[report.campaign]
        reports.check_window(report, campaign, desk.now)
        earned = reports.earn(report, kind, desk.versions[campaign.id])
        desk.allowances[campaign.id].take(earned.points)
        claim = None
        state = ActionState.ACCEPTED if earned.points else ActionState.SETTLED  # nothing is never put into a batch
        if report.claim and earned.points:
            state = ActionState.UNCLAIMED
            code = claims.code_of(self.secrets, desk.merchant, digest)
            claim = (code, schedule.code_lapses_at(desk.now, campaign.end))
        row: dict[str, object] = {
            "refers_to": None,
            "rule_version_id": earned.version.id,
            "amount": earned.amount,
            "wallet": report.wallet,
            "claim_hash": claims.hash_of(claim[0]) if claim else None,
            "claim_expires": claim[1] if claim else None,
            "state": state,
        }
        return Draft(place, kind, earned.points, earned.counts, digest, row, claim)

    def _refunds(
        self, session: Session, desk: Desk, items: Sequence[Report], part: Sequence[int]
    ) -> Callable[[Desk, int, ActionIn, bytes], Draft]:
        targets = Targets(session, desk.merchant, [items[place].action for place in part])

        def judge(desk: Desk, place: int, report: ActionIn, digest: bytes) -> Draft:
            reports.check_shape(report, self.refused)
            reports.check_moment(report, desk.now)
            target, taken = targets.take(report)
            if target.is_reserved:
                desk.freed[report.campaign] += taken.points
            row: dict[str, object] = {
                "refers_to": target.action.id,
                "rule_version_id": target.action.rule_version_id,
                "amount": taken.amount,
                "wallet": target.action.wallet,
                "claim_hash": None,
                "claim_expires": None,
                "state": target.state_of_refund if taken.points else ActionState.SETTLED,
            }
            return Draft(place, ActionKind.REFUND, taken.points, taken.counts, digest, row)

        return judge

    # --------------------------------------------------------------- writing

    def _write(self, session: Session, drafts: Sequence[Draft], items: Sequence[Report]) -> dict[int, Result]:
        if not drafts:
            return {}
        # Asking for the rows' order would send them one by one on SQLite, and leaving NULLs out in many small groups.
        insert = sa.insert(Action).returning(Action.key_hash, Action.id).execution_options(render_nulls=True)
        by_key = dict(session.execute(insert, [draft.row for draft in drafts]).tuples().all())
        ids = [by_key[draft.key] for draft in drafts]
        lines = [
            {"action_id": id, "rule": count.rule, "eligible": count.eligible, "points": count.points}
            for id, draft in zip(ids, drafts, strict=True)
            for count in draft.counts
        ]
        if lines:
            session.execute(sa.insert(ActionLine), lines)
        self.jobs.publish(session, "action.accepted", *ids)
        return {
            draft.place: draft.answer(id, items[draft.place].action.campaign)
            for id, draft in zip(ids, drafts, strict=True)
        }
