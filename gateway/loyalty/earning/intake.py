"""Takes reports in: one or a thousand, one transaction, each judged by itself, each counted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.core.bulk import add_rows, reserve_ids
from gateway.core.jobs import Jobs
from gateway.core.problems import BUSY, IDEMPOTENCY_CONFLICT, Problem
from gateway.core.secrets import Secrets
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.errors import UNKNOWN_CAMPAIGN
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning import awards, codes, counting, desk, receipts, reports
from gateway.loyalty.earning.answers import Answer, Ground
from gateway.loyalty.earning.backlog import COME_BACK, Backlog
from gateway.loyalty.earning.desk import Desk, Report, open_desk
from gateway.loyalty.earning.errors import BACKLOG
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine, ActionState
from gateway.loyalty.earning.receipts import Kept
from gateway.loyalty.earning.refunds import Targets, receipt_digest
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.standing import Standing, packed
from gateway.loyalty.rules.judging import Count

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
    ground: Ground | None = None
    left: tuple[Kept, ...] | None = None
    #: Whether a bonus may hang on it.
    qualifies: bool = False

    def answer(self, id: int, campaign: int) -> Answer:
        return Answer(id, campaign, self.kind, self.points, self.counts, self.claim, ground=self.ground, left=self.left)


Judge = Callable[[Desk, int, ActionIn, bytes], Draft]


class Intake:
    """`refused` are the addresses that can be nobody's wallet."""

    def __init__(
        self,
        standing: Standing,
        secrets: Secrets,
        jobs: Jobs,
        refused: frozenset[bytes],
        backlog: Backlog,
    ) -> None:
        self.standing, self.secrets, self.jobs = standing, secrets, jobs
        self.refused, self.backlog = refused, backlog

    def take(self, session: Session, merchant_id: int, items: Sequence[Report], now: int) -> list[Result]:
        """The answer or the problem of each report, in their order.

        Purchases and the like are judged before refunds, so that a refund may name another report of the same call,
        and in the order in which they happened, so that caps do not depend on the order in the call.
        """
        return self._take(session, merchant_id, items, now, _lock(session, items))

    def take_groups(
        self, session: Session, groups: Sequence[tuple[int, Sequence[Report]]], now: int
    ) -> list[list[Result]]:
        """As `take`, for several calls: those of one merchant are judged as if they were one."""
        locked = _lock(session, [item for _, items in groups for item in items])
        by_merchant: dict[int, list[int]] = {}
        for place, (merchant_id, _) in enumerate(groups):
            by_merchant.setdefault(merchant_id, []).append(place)
        results: list[list[Result]] = [[] for _ in groups]
        for merchant_id, places in by_merchant.items():
            mine = [item for place in places for item in groups[place][1]]
            taken = iter(self._take(session, merchant_id, mine, now, locked))
            for place in places:
                results[place] = [next(taken) for _ in groups[place][1]]
        return results

    def look(self, session: Session, merchant_id: int, action: ActionIn, now: int) -> Answer:
        """What `take` would answer (with the number 0); writes nothing. Raises the Problem that speaks against it, but
        says nothing of the campaign's budget and daily cap: to ask costs nothing, and would show what claims do to
        them."""
        row = session.get(Campaign, action.campaign)
        at = self._desk(session, merchant_id, [Report("preview", action)], now, {} if row is None else {row.id: row})
        for allowance in at.allowances.values():
            allowance.quota_alone()
        if action.campaign not in at.campaigns:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        judge = self._refunds(session, at, [action]) if action.kind == "refund" else self._award
        return judge(at, 0, action, bytes(32)).answer(0, action.campaign)

    def _take(
        self, session: Session, merchant_id: int, items: Sequence[Report], now: int, locked: Mapping[int, Campaign]
    ) -> list[Result]:
        try:
            with session.begin_nested():
                return self._turn(session, merchant_id, items, now, locked)
        except IntegrityError:  # a key that another transaction wrote meanwhile: find out which
            return [self._alone(session, merchant_id, item, now, locked) for item in items]

    def _alone(
        self, session: Session, merchant_id: int, item: Report, now: int, locked: Mapping[int, Campaign]
    ) -> Result:
        for _ in range(2):
            try:
                with session.begin_nested():
                    return self._turn(session, merchant_id, [item], now, locked)[0]
            except IntegrityError:
                continue
        return BUSY.at(retry_after=1)

    def _desk(
        self, session: Session, merchant_id: int, items: Sequence[Report], now: int, campaigns: Mapping[int, Campaign]
    ) -> Desk:
        at = open_desk(session, self.standing, self.secrets, merchant_id, items, now, campaigns)
        at.late = self.backlog.late(session, at.campaigns.values(), now)
        return at

    def _turn(
        self, session: Session, merchant_id: int, items: Sequence[Report], now: int, locked: Mapping[int, Campaign]
    ) -> list[Result]:
        at = self._desk(session, merchant_id, items, now, locked)
        results: dict[int, Result] = {}
        places = sorted(range(len(items)), key=lambda place: items[place].action.occurred_at)
        awarded = [place for place in places if items[place].action.kind != "refund"]
        self._pass(session, at, items, awarded, results, self._award)
        at.uses.save()
        if len(awarded) < len(places):
            back = [place for place in places if items[place].action.kind == "refund"]
            judge = self._refunds(session, at, [items[place].action for place in back])
            self._pass(session, at, items, back, results, judge)
            at.uses.save()
        at.climb.save()
        return [results[place] for place in range(len(items))]

    def _pass(
        self,
        session: Session,
        at: Desk,
        items: Sequence[Report],
        part: Sequence[int],
        results: dict[int, Result],
        judge: Judge,
    ) -> None:
        drafts: list[Draft] = []
        again: list[tuple[int, int]] = []
        for place in part:
            try:
                found = self._judge(at, place, items[place], judge)
            except Problem as problem:
                results[place] = problem
                continue
            if isinstance(found, Draft):
                drafts.append(found)
            elif isinstance(found, int):
                again.append((place, found))
            else:
                results[place] = self._grounded(session, found, items[place].action)
        for allowance in at.allowances.values():
            promises.keep(session, allowance)
            allowance.taken = 0
        results.update(self._write(session, drafts, items))
        for place, first in again:
            results[place] = replace(cast(Answer, results[first]), repeated=True)

    def _grounded(self, session: Session, answer: Answer, report: ActionIn) -> Answer:
        """A stored answer with what its report tells beside it."""
        ground = desk.ground_again(session, answer.id, report)
        left = None
        if report.receipt and report.lines and session.get_one(Action, answer.id).receipt is not None:
            left = receipts.without(report.receipt, report.lines)
        return replace(answer, ground=ground, left=left)

    # --------------------------------------------------------------- judging

    def _judge(self, at: Desk, place: int, item: Report, judge: Judge) -> Draft | Answer | int:
        """A new row, the stored answer, or the place of the report in this call that has the same key and body."""
        digest = item.digest
        body = self.secrets.mac("action-body", item.action.canonical())
        known = at.known.get(digest)
        if known is not None:
            if known[0] != body:
                raise IDEMPOTENCY_CONFLICT.at("key")
            return known[1]
        if item.action.campaign not in at.campaigns:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        draft = judge(at, place, item.action, digest)
        draft.row |= {
            "merchant_id": at.merchant,
            "campaign_id": item.action.campaign,
            "key_hash": draft.key,
            "body_hash": body,
            "kind": draft.kind,
            "points": draft.points,
            "occurred_at": item.action.occurred_at,
            "created_at": at.now,
        }
        at.known[digest] = (body, place)
        return draft

    def _award(self, at: Desk, place: int, report: ActionIn, digest: bytes) -> Draft:
        kind = reports.check_shape(report, self.refused)
        campaign = at.campaigns[report.campaign]
        reports.check_window(report, campaign, at.now)
        if campaign.id in at.late:
            raise BACKLOG.at("campaign", retry_after=COME_BACK)
        earned = awards.earn(at, report, kind)
        at.promise(report, earned.points)
        awards.count_uses(at, earned)
        if report.wallet is not None and campaign.id in at.climb.counting:
            at.climb.count(counting.earned(campaign.id, report.wallet, kind, earned.ground.facts, earned.points))
        claim = None
        state = ActionState.ACCEPTED if earned.points else ActionState.SETTLED  # nothing is never put into a batch
        if report.wallet is None and earned.points:
            state = ActionState.UNCLAIMED
            code = codes.code_of(self.secrets, at.merchant, digest)
            claim = (code, schedule.code_lapses_at(at.now, campaign.end))
        rules, facts = earned.ground.programme, earned.ground.facts
        row: dict[str, object] = {
            "refers_to": None,
            "rule_version_id": earned.version.id,
            "amount": facts.amount,
            "wallet": report.wallet,
            "withheld": 0,
            "standing": packed(facts.tiers, rules.ladders),
            "receipt": (
                receipt_digest(self.secrets, digest, report.lines) if rules.needs_receipt and report.lines else None
            ),
            "claim_hash": codes.hash_of(claim[0]) if claim else None,
            "claim_expires": claim[1] if claim else None,
            "state": state,
        }
        qualifies = rules.followed and report.wallet is not None
        return Draft(place, kind, earned.points, earned.counts, digest, row, claim, earned.ground, qualifies=qualifies)

    def _refunds(self, session: Session, at: Desk, reported: Sequence[ActionIn]) -> Judge:
        targets = Targets(session, self.secrets, at.merchant, reported)
        at.uses = targets.uses

        def judge(at: Desk, place: int, report: ActionIn, digest: bytes) -> Draft:
            reports.check_shape(report, self.refused)
            reports.check_moment(report, at.now)
            target = targets.find(report)
            taken = targets.take(target, report)
            lost = target.fall(taken)
            if target.action.claim_hash is None and report.campaign in at.climb.counting:
                at.climb.count(counting.refunded(target, taken))
            row: dict[str, object] = {
                "refers_to": target.action.id,
                "rule_version_id": target.action.rule_version_id,
                "amount": taken.amount,
                "wallet": target.action.wallet,
                "withheld": taken.points - lost,
                "standing": target.action.standing,
                "receipt": target.receipt,
                "claim_hash": None,
                "claim_expires": None,
                # What takes nothing waits for nothing.
                "state": target.state_of_refund if lost else ActionState.SETTLED,
            }
            left = taken.kept if report.receipt is not None and target.receipt is not None else None
            qualifies = target.programme.followed
            return Draft(
                place, ActionKind.REFUND, taken.points, taken.counts, digest, row, left=left, qualifies=qualifies
            )

        return judge

    # --------------------------------------------------------------- writing

    def _write(self, session: Session, drafts: Sequence[Draft], items: Sequence[Report]) -> dict[int, Result]:
        if not drafts:
            return {}
        ids = reserve_ids(session, Action, len(drafts))
        add_rows(session, Action, [draft.row | {"id": id} for id, draft in zip(ids, drafts, strict=True)])
        lines = [
            {"action_id": id, "rule": count.rule, "eligible": count.eligible, "points": count.points}
            for id, draft in zip(ids, drafts, strict=True)
            for count in draft.counts
        ]
        add_rows(session, ActionLine, lines)
        self.jobs.publish(session, "action.accepted", *ids)
        self.jobs.publish(session, "action.qualifies", *(id for id, d in zip(ids, drafts, strict=True) if d.qualifies))
        return {
            draft.place: draft.answer(id, items[draft.place].action.campaign)
            for id, draft in zip(ids, drafts, strict=True)
        }


def _lock(session: Session, items: Sequence[Report]) -> dict[int, Campaign]:
    """The campaigns, locked for these reports: what a refund takes back must not be settled at that moment."""
    promises.lock_settlements(session, {item.action.campaign for item in items if item.action.kind == "refund"})
    return promises.lock_promises(session, {item.action.campaign for item in items})
