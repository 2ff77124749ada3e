"""Referrals: named by the newcomer, rewarded apart from the action that counts, taken back with it.

The till learns of none of this: bonuses are made later, under the campaign's owner, and no merchant can look at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.secrets import Secrets
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.addresses import NOBODY
from gateway.identity.wallets.errors import BAD_SIGNATURE
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.campaigns.versions import in_force_or_first, rules_of
from gateway.loyalty.earning import bonuses, reports
from gateway.loyalty.earning.models import COUNTS, EARNED, Action, ActionKind, ActionState
from gateway.loyalty.earning.referrals.errors import (
    NO_REFERRALS,
    NOT_A_NEWCOMER,
    REFERRAL_EXISTS,
    REFERRAL_REFUSED,
)
from gateway.loyalty.earning.referrals.messages import message
from gateway.loyalty.earning.referrals.models import Referral
from gateway.loyalty.earning.refunds import after_refunds, what_is_left
from gateway.loyalty.rules import referral as rules
from gateway.loyalty.rules.circumstances import gate
from gateway.loyalty.rules.expressions import compiled
from gateway.loyalty.rules.programme import Programme, programme

#: A ring is looked for so far up.
MAX_CHAIN = 1_000


class Referrals:
    """`refused` are the addresses that can be nobody's wallet."""

    def __init__(
        self,
        db: Database,
        campaigns: Campaigns,
        secrets: Secrets,
        clock: Clock,
        chain_id: int,
        refused: frozenset[bytes],
    ) -> None:
        self.db, self.campaigns, self.secrets, self.clock, self.chain_id = db, campaigns, secrets, clock, chain_id
        self.refused = refused | {NOBODY}

    # ---------------------------------------------------------------- naming

    def name(self, session: Session, campaign: int, wallet: bytes, referrer: bytes, signature: bytes) -> None:
        """Writes down who brought `wallet`; the same again changes nothing.

        `bad-signature`, `unknown-campaign`, `no-referrals`, `referral-refused` (itself, a ring, a contract of ours),
        `referral-exists`, `not-a-newcomer`.
        """
        digest = signatures.personal(message(wallet, referrer, campaign, self.chain_id).encode())
        if signatures.recover(digest, signature) != wallet:
            raise BAD_SIGNATURE.at("signature")
        self.campaigns.get(session, campaign)
        promises.lock(session, [campaign])
        known = session.get(Referral, (campaign, wallet))
        if known is not None:
            if known.referrer != referrer:
                raise REFERRAL_EXISTS.at("referrer")
            return
        now = self.clock.now()
        version = in_force_or_first(rules_of(session, [campaign])[campaign], now)
        if programme(version.document).document.referral is None:
            raise NO_REFERRALS.at("campaign")
        if referrer in self.refused or wallet in self._chain(session, campaign, referrer, MAX_CHAIN):
            raise REFERRAL_REFUSED.at("referrer")
        if self._has_earned(session, campaign, wallet):
            raise NOT_A_NEWCOMER.at("wallet")
        session.add(Referral(campaign_id=campaign, wallet=wallet, referrer=referrer, named_at=now, action_id=None))
        session.flush()

    def _chain(self, session: Session, campaign: int, wallet: bytes, most: int) -> list[bytes]:
        """The wallet, who brought it, who brought that one, and so on."""
        found = [wallet]
        while len(found) < most:
            above = session.get(Referral, (campaign, found[-1]))
            if above is None:
                break
            found.append(above.referrer)
        return found

    def _has_earned(self, session: Session, campaign: int, wallet: bytes, *what: sa.ColumnElement[bool]) -> bool:
        query = sa.select(Action.id).where(
            Action.campaign_id == campaign, Action.wallet == wallet, Action.kind.in_(EARNED), *what
        )
        return session.scalar(query.limit(1)) is not None

    # ------------------------------------------------------------- rewarding

    def follow(self, session: Session, action_ids: Sequence[int]) -> None:
        """Bulk job handler of accepted actions and settled codes: rewards referrals that they complete, and takes
        back what a refund has undone. Doing it again changes nothing. Raises when the budget does not cover it; then it
        is tried again later."""
        actions = session.scalars(sa.select(Action).where(Action.id.in_(action_ids)).order_by(Action.id)).all()
        named = self._named(session, actions)
        promises.lock(session, {action.campaign_id for action in actions if self._concerns(action, named)})
        for action in actions:
            if action.kind == ActionKind.REFUND:
                self._undo(session, action)
            elif action.kind in EARNED and (action.campaign_id, action.wallet) in named:
                self._reward(session, action)

    def _named(self, session: Session, actions: Sequence[Action]) -> set[tuple[int, bytes | None]]:
        wallets = {action.wallet for action in actions if action.wallet is not None}
        campaigns = {action.campaign_id for action in actions}
        both = (Referral.campaign_id.in_(campaigns), Referral.wallet.in_(wallets))
        query = sa.select(Referral.campaign_id, Referral.wallet).where(*both)
        return {(campaign, wallet) for campaign, wallet in session.execute(query).tuples()}

    def _concerns(self, action: Action, named: set[tuple[int, bytes | None]]) -> bool:
        return action.kind == ActionKind.REFUND or (action.campaign_id, action.wallet) in named

    def _reward(self, session: Session, action: Action) -> None:
        row = session.get(Referral, (action.campaign_id, action.wallet), populate_existing=True, with_for_update=True)
        campaign = session.get_one(Campaign, action.campaign_id)
        if row is None or row.action_id is not None or self.clock.now() >= schedule.last_bonus(campaign.end):
            return
        if action.claim_hash is not None and action.state != ActionState.SETTLED:
            return
        due = self._due(session, action, row)
        if due is None:
            return
        terms, newcomer, above = due
        given = [(row.wallet, newcomer)]
        for referrer, points in above:
            earned = self._has_earned(session, campaign.id, referrer, COUNTS)
            if earned and not self._is_full(session, row, referrer, terms):
                given.append((referrer, points))
        self._award(session, campaign, action, [(wallet, points) for wallet, points in given if points])
        row.action_id = action.id
        session.flush()

    def _due(
        self, session: Session, action: Action, row: Referral
    ) -> tuple[rules.Referral, int, list[tuple[bytes, int]]] | None:
        """By which terms, what the newcomer gets for what is left of an action, and what each wallet above it; None:
        nothing for anybody."""
        ready = programme(session.get_one(RuleVersion, action.rule_version_id).document)
        terms = ready.document.referral
        left = what_is_left(session, [action])[action.id]
        if terms is None or left.nothing or not _qualifies(ready, terms, action, left.amount):
            return None
        newcomer, levels = terms.given(after_refunds(session, [action])[0][action.id])
        if not newcomer and not any(levels):
            return None
        uplines = self._chain(session, action.campaign_id, row.referrer, len(levels)) if levels else []
        return terms, newcomer, list(zip(uplines, levels, strict=False))

    def _is_full(self, session: Session, row: Referral, referrer: bytes, terms: rules.Referral) -> bool:
        """Whether a wallet has bonuses for `most` newcomers, whom it brought itself or through others."""
        bonus = (Action.campaign_id == row.campaign_id, Action.wallet == referrer, Action.kind == ActionKind.BONUS)
        theirs = set(session.scalars(sa.select(Action.key_hash).where(*bonus)))
        if len(theirs) < terms.most:
            return False
        rewarded = session.scalars(_below(row.campaign_id, referrer))
        return sum(1 for action in rewarded if theirs.intersection(self._digests(action))) >= terms.most

    def _award(self, session: Session, campaign: Campaign, action: Action, given: Sequence[tuple[bytes, int]]) -> None:
        rows = [
            (self._digest("referral", action.id, level), wallet, points) for level, (wallet, points) in enumerate(given)
        ]
        bonuses.give(session, campaign, action, rows, self.clock.now())

    def _digest(self, purpose: str, action: int, level: int = 0) -> bytes:
        return self.secrets.mac(purpose, action.to_bytes(8, "big") + bytes([level]))

    def _digests(self, action: int) -> list[bytes]:
        """The keys that the bonuses for an action can have."""
        return [self._digest("referral", action, level) for level in range(rules.MAX_LEVELS + 1)]

    def _undo(self, session: Session, refund: Action) -> None:
        """Takes bonuses back when too little is left of what they were given for, and shares with what is gone."""
        row = session.scalar(sa.select(Referral).where(Referral.action_id == refund.refers_to).with_for_update())
        if row is None:
            return
        action = session.get_one(Action, refund.refers_to)
        due = self._due(session, action, row)
        stay = {} if due is None else {row.wallet: due[1], **dict(due[2])}
        policy = programme(session.get_one(RuleVersion, action.rule_version_id).document).document.refunds
        # They are of whoever owned the campaign then.
        given = (Action.merchant_id.in_(sa.select(Merchant.id)), Action.key_hash.in_(self._digests(action.id)))
        query = sa.select(Action).where(*given, Action.kind == ActionKind.BONUS)
        theirs = session.scalars(query.execution_options(populate_existing=True)).all()
        taken = sa.select(Action.refers_to, sa.func.sum(Action.points)).group_by(Action.refers_to)
        gone = dict(session.execute(taken.where(Action.refers_to.in_([bonus.id for bonus in theirs]))).tuples().all())
        for bonus in theirs:
            more = bonus.points - int(gone.get(bonus.id, 0)) - stay.get(bonus.wallet or b"", 0)
            if more > 0:
                ids = bonus.id.to_bytes(8, "big") + refund.id.to_bytes(8, "big")
                digest = self.secrets.mac("referral-undone", ids)
                bonuses.take_back(session, bonus, policy, digest, self.clock.now(), more)
        if due is None:
            row.action_id = None
        session.flush()

    # ------------------------------------------------------------ forgetting

    def forget_due(self) -> int:
        """Deletes who brought whom in campaigns that take no more awards; returns how many."""
        closed = sa.select(Campaign.id).where(Campaign.end <= self.clock.now() - schedule.GRACE)
        with self.db.read() as session:
            found = session.scalar(sa.select(Referral.wallet).where(Referral.campaign_id.in_(closed)).limit(1))
        if found is None:
            return 0
        with self.db.begin() as session:
            return session.connection().execute(sa.delete(Referral).where(Referral.campaign_id.in_(closed))).rowcount


def _below(campaign: int, referrer: bytes) -> sa.Select[tuple[int]]:
    """The actions for which newcomers were rewarded whom a wallet brought, itself or through so many others."""
    columns = (Referral.wallet, Referral.action_id)
    first = sa.select(*columns, sa.literal(1).label("depth"))
    walk = first.where(Referral.campaign_id == campaign, Referral.referrer == referrer).cte(recursive=True)
    deeper = sa.select(*columns, walk.c.depth + 1).join(walk, Referral.referrer == walk.c.wallet)
    walk = walk.union_all(deeper.where(Referral.campaign_id == campaign, walk.c.depth < rules.MAX_LEVELS))
    return sa.select(walk.c.action_id).where(walk.c.action_id.is_not(None))


def _qualifies(ready: Programme, terms: rules.Referral, action: Action, amount: int) -> bool:
    if amount < (terms.min_amount or 0):
        return False
    texts: list[str] = []
    open_when = gate(terms, ready.document.zone, texts)
    if open_when is None:
        return True
    facts = replace(reports.facts_again(action, ready), amount=amount)
    conditions = compiled(texts)
    held = conditions.hold(facts.values(conditions.variables, ready.ladders)) if conditions else ()
    return open_when.is_open(facts, held)
