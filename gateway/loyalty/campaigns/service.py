"""Campaigns: registered from the chain, ruled by their owner, followed through the chain's events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain import reads as chain
from gateway.chain.errors import ChainError, Reverted, Temporary
from gateway.chain.hexes import keccak256
from gateway.chain.indexer.models import MONEY, ChainEvent, EventKind
from gateway.chain.indexer.stream import hold, newest_event
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import FIRST_SECOND, LAST_SECOND, MAX_SUM
from gateway.core.problems import INVALID_REQUEST
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.campaigns import mirror, promises, schedule, settling, versions
from gateway.loyalty.campaigns.errors import (
    CAMPAIGN_EXISTS,
    LADDER_NOT_SHARED,
    SETTLEMENT_TOO_EXPOSED,
    TERMS_MISMATCH,
    UNKNOWN_CAMPAIGN,
)
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant, RuleVersion
from gateway.loyalty.rules.document import RulesDocument, parse

log = structlog.get_logger(__name__)

#: The stream in which the chain's events come here: with the earning room's, which passes them on.
STREAM = "earning"
#: Terms and merchants are asked for again so often; the contract announces every change of them 7 days ahead.
REFRESH_EVERY = 300
REFRESH_AFTER_REFUSAL = 3_600
MAX_LOOKS = 10_000


class CampaignReads(Protocol):
    """What of the chain's reads is needed here."""

    def campaign(self, campaign: int) -> chain.Campaign: ...

    def is_merchant(self, campaign: int, merchant: bytes) -> bool: ...


@dataclass(frozen=True)
class NewCampaign:
    """What its owner tells about a campaign beside the chain's terms. Units as in the table."""

    id: int
    name: str
    terms: str
    starts_at: int
    settle_every: int
    min_wallets: int
    step: int
    rules: RulesDocument


class Campaigns:
    """`operators` are the addresses of our keys; `least_wallets` and `least_window` (seconds) are the smallest and most
    frequent settlement that an owner may choose."""

    def __init__(
        self,
        db: Database,
        reads: CampaignReads,
        clock: Clock,
        operators: Collection[bytes],
        least_wallets: int = 20,
        least_window: int = 3_600,
    ) -> None:
        self.db, self.reads, self.clock, self.operators = db, reads, clock, operators
        self.least_wallets, self.least_window = least_wallets, least_window
        #: Where settling at once is allowed (local chains), nobody relies on being told before.
        self.notice = schedule.GRACE if least_window else 0

    # -------------------------------------------------------------- register

    def look(self, campaign: int, merchant_id: int) -> tuple[chain.Campaign, bool]:
        """The campaign on the chain, which must be this merchant's (else `unknown-campaign`), and whether the merchant
        is accepted in it.

        Asks the node, so not to be called inside a transaction; raises Temporary when it does not answer.
        """
        with self.db.read() as session:
            address = session.get_one(Merchant, merchant_id).address
        try:
            seen = self.reads.campaign(campaign)
        except Reverted:
            raise UNKNOWN_CAMPAIGN.at("id") from None
        if seen.owner != address:
            raise UNKNOWN_CAMPAIGN.at("id")
        return seen, self.reads.is_merchant(campaign, address)

    def register(
        self, session: Session, merchant_id: int, new: NewCampaign, seen: chain.Campaign, accepted: bool = False
    ) -> Campaign:
        """A new campaign with its first rules; `seen` and `accepted` are what the chain says (`look`).
        `campaign-exists`, `terms-mismatch`, `settlement-too-exposed`."""
        now = self.clock.now()
        self._check(new, seen)
        if session.get(Campaign, new.id) is not None:
            raise CAMPAIGN_EXISTS.at("id")
        end = min(seen.end, LAST_SECOND)
        campaign = Campaign(
            id=new.id,
            merchant_id=merchant_id,
            name=new.name,
            terms=new.terms,
            terms_hash=seen.terms,
            starts_at=new.starts_at,
            end=end,
            hold=seen.hold,
            closed=seen.closed,
            expiry=min(seen.expiry, LAST_SECOND) if seen.closed else None,
            bonus=seen.bonus,
            reserved=0,
            next_number=1,
            refresh_at=now,
            settle_every=new.settle_every,
            min_wallets=new.min_wallets,
            step=new.step,
            settled_at=schedule.window_start(now, new.settle_every),
            settle_at=schedule.next_settlement(now, new.settle_every, end),
            created_at=now,
        )
        hold(session, STREAM)
        session.add(campaign)
        newest = newest_event(session)
        mirror.rebuild(session, campaign, newest, self.operators)
        campaign.searched = not mirror.has_batches(session, new.id, newest)
        session.flush()
        session.add(
            CampaignMerchant(campaign_id=new.id, merchant_id=merchant_id, daily_quota=MAX_SUM, accepted=accepted)
        )
        versions.add(session, new.id, 1, new.starts_at, new.rules, now)
        return campaign

    def _check(self, new: NewCampaign, seen: chain.Campaign) -> None:
        if keccak256(new.terms.encode()) != seen.terms:
            raise TERMS_MISMATCH.at("terms")
        if not FIRST_SECOND <= new.starts_at <= seen.end:
            raise INVALID_REQUEST.at("starts_at", "2010 at the earliest, and before the end")
        self._check_exposure(new.settle_every, new.min_wallets)

    def _check_exposure(self, settle_every: int, min_wallets: int) -> None:
        if settle_every < self.least_window:
            raise SETTLEMENT_TOO_EXPOSED.at("settle_every", f"at least {self.least_window} seconds")
        if min_wallets < self.least_wallets:
            raise SETTLEMENT_TOO_EXPOSED.at("min_wallets", f"at least {self.least_wallets}")

    # ------------------------------------------------------------------ read

    def get(self, session: Session, campaign: int, field: str = "campaign") -> Campaign:
        """One campaign; `unknown-campaign` naming `field`."""
        row = session.get(Campaign, campaign)
        if row is None:
            raise UNKNOWN_CAMPAIGN.at(field)
        return row

    def page(self, session: Session, cursor: int, limit: int) -> list[Campaign]:
        """At most `limit` campaigns with an id above `cursor`."""
        return list(session.scalars(sa.select(Campaign).where(Campaign.id > cursor).order_by(Campaign.id).limit(limit)))

    def merchants(self, session: Session, campaign: int) -> list[CampaignMerchant]:
        """The merchants of a campaign, its owner among them."""
        query = sa.select(CampaignMerchant).where(CampaignMerchant.campaign_id == campaign)
        return list(session.scalars(query.order_by(CampaignMerchant.merchant_id)))

    def guests(self, session: Session, campaign: int, owner_id: int, cursor: int, limit: int) -> list[CampaignMerchant]:
        """At most `limit` merchants of a campaign beside its owner, with an id above `cursor`; `unknown-campaign` for
        anybody but the owner."""
        if self.get(session, campaign, "id").merchant_id != owner_id:
            raise UNKNOWN_CAMPAIGN.at("id")
        query = sa.select(CampaignMerchant).where(
            CampaignMerchant.campaign_id == campaign,
            CampaignMerchant.merchant_id > cursor,
            CampaignMerchant.merchant_id != owner_id,
        )
        return list(session.scalars(query.order_by(CampaignMerchant.merchant_id).limit(limit)))

    # ---------------------------------------------------------------- manage

    def owned(self, session: Session, campaign: int, merchant_id: int) -> Campaign:
        """The campaign, locked, of the merchant that owns it; else `unknown-campaign`."""
        row = promises.lock(session, [campaign]).get(campaign)
        if row is None or row.merchant_id != merchant_id:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        return row

    def add_rules(
        self, session: Session, campaign: int, merchant_id: int, rules: RulesDocument, valid_from: int | None
    ) -> RuleVersion:
        """New rules from `valid_from` (default: now) on, never earlier: what was done is judged by what was known."""
        now = self.clock.now()
        row = self.owned(session, campaign, merchant_id)
        there = versions.rules_of(session, [campaign])[campaign]
        newest = there[0]
        start = now if valid_from is None else valid_from
        if not max(now, newest.valid_from) <= start <= LAST_SECOND:
            raise INVALID_REQUEST.at("valid_from", "not in the past, and not before other rules that are to come")
        others = [m for m in self.merchants(session, campaign) if m.merchant_id != merchant_id and m.daily_quota]
        if others and not rules.shareable:
            raise LADDER_NOT_SHARED.at("ladders")
        versions.check_badges(there, rules)
        row.last_version += 1
        return versions.add(session, campaign, row.last_version, start, rules, now)

    def withdraw_rules(self, session: Session, campaign: int, merchant_id: int, version: int) -> RuleVersion:
        """Takes rules back that are still to come; the row that is gone. `not-found`, `rules-in-force`."""
        self.owned(session, campaign, merchant_id)
        row = versions.to_come(session, campaign, version, self.clock.now())
        session.delete(row)
        session.flush()
        return row

    def set_merchant(
        self, session: Session, campaign: int, owner_id: int, merchant: Merchant, daily_quota: int
    ) -> tuple[int | None, CampaignMerchant]:
        """Lets `merchant`'s actions earn up to `daily_quota` hundredths a UTC day in this campaign; beside it the quota
        until now, None for a merchant that was not in it."""
        row = self.owned(session, campaign, owner_id)
        if merchant.id == owner_id:
            raise INVALID_REQUEST.at("merchant_id", "the owner has no quota")
        there = versions.rules_of(session, [campaign])[campaign]
        if daily_quota and not all(parse(version.document).shareable for version in there):
            raise LADDER_NOT_SHARED.at("merchant_id")
        member = session.get(CampaignMerchant, (campaign, merchant.id))
        before = None if member is None else member.daily_quota
        if member is None:
            member = CampaignMerchant(campaign_id=campaign, merchant_id=merchant.id, daily_quota=daily_quota)
            session.add(member)
            row.refresh_at = self.clock.now()
        member.daily_quota = daily_quota
        session.flush()
        return before, member

    def pause(self, session: Session, campaign: int, merchant_id: int, paused: bool) -> tuple[bool, Campaign]:
        """Stops taking new actions, or goes on; beside the campaign how it was before. What was accepted is settled all
        the same."""
        row = self.owned(session, campaign, merchant_id)
        before, row.paused = row.paused, paused
        return before, row

    def rename(self, session: Session, campaign: int, merchant_id: int, name: str) -> tuple[str, Campaign]:
        """Calls it something else from now on; beside the campaign its name until now."""
        row = self.owned(session, campaign, merchant_id)
        before, row.name = row.name, name
        return before, row

    def resettle(self, session: Session, campaign: int, merchant_id: int, terms: settling.Terms) -> Campaign:
        """Announces other settlements; the terms in force withdraw what was announced. `settlement-too-exposed`."""
        row = self.owned(session, campaign, merchant_id)
        self._check_exposure(terms.settle_every, terms.min_wallets)
        settling.announce(row, terms, self.clock.now() + self.notice)
        settling.begin_due(row, self.clock.now())
        return row

    # -------------------------------------------------------------- promises

    def reserve(self, session: Session, campaign: int, merchant_id: int, points: int, now: int) -> None:
        """Promises points against budget, daily cap and the merchant's quota; see promises.Allowance."""
        row = promises.lock(session, [campaign]).get(campaign)
        if row is None:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        left = promises.allowance(session, row, merchant_id, self.quota(session, row, merchant_id), now)
        left.take(points)
        promises.keep(session, left)

    def quota(self, session: Session, campaign: Campaign, merchant_id: int) -> int | None:
        """The merchant's daily quota, None for the owner; `unknown-campaign` for a merchant that is not in it."""
        if campaign.merchant_id == merchant_id:
            return None
        member = session.get(CampaignMerchant, (campaign.id, merchant_id))
        if member is None:
            raise UNKNOWN_CAMPAIGN.at("campaign")
        return member.daily_quota

    # ---------------------------------------------------------------- follow

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Follows budget, pot and cap; locks each campaign that the events touch until the transaction ends."""
        if any(event.kind == EventKind.REWIND for event in events):
            ids = set(session.scalars(sa.select(Campaign.id)))
        else:
            ids = {mirror.campaign_of(event) or 0 for event in events if event.kind in MONEY | mirror.TERMS}
        rows = promises.lock(session, ids) if ids else {}
        for event in events:
            if event.kind == EventKind.REWIND:
                for row in rows.values():
                    mirror.rebuild(session, row, event.id, self.operators)
                    row.refresh_at = self.clock.now()
                continue
            touched = rows.get(mirror.campaign_of(event) or 0)
            if touched is None:
                continue
            if event.kind in mirror.TERMS:
                touched.refresh_at = self.clock.now()
            elif event.id > touched.synced_event:
                mirror.apply(touched, event)
                if event.kind == EventKind.OPERATOR_SET:
                    mirror.set_caps(session, touched, event.id, self.operators)
                touched.synced_event = event.id
        session.flush()

    def adopt_keys(self) -> None:
        """Counts every campaign's caps by the keys that we have today; to be called when they may have changed."""
        with self.db.begin() as session:
            ids = list(session.scalars(sa.select(Campaign.id)))
            for row in promises.lock(session, ids).values():
                mirror.set_caps(session, row, row.synced_event, self.operators)

    def refresh_due(self, limit: int = 20) -> int:
        """Asks the chain again for terms, owner and merchants of campaigns that are due; returns how many."""
        now = self.clock.now()
        with self.db.read() as session:
            due = sa.select(Campaign.id).where(Campaign.refresh_at <= now).order_by(Campaign.refresh_at).limit(limit)
            ids = list(session.scalars(due))
        for campaign in ids:
            self._refresh(campaign, now)
        return len(ids)

    def look_for_acceptance(self, merchant_id: int, campaigns: Collection[int]) -> None:
        """Asks the chain about those of `campaigns` that the merchant shares and, as far as is known here, has not
        accepted: its own call may be newer than what the indexer has read. Not to be called inside a transaction;
        raises Temporary when the node does not answer."""
        M = CampaignMerchant
        unknown = sa.select(M.campaign_id).where(M.merchant_id == merchant_id, M.accepted == 0)
        with self.db.read() as session:
            ids = list(session.scalars(unknown.where(M.campaign_id.in_(campaigns))))
            address = session.get_one(Merchant, merchant_id).address
        for campaign in ids:
            if self.reads.is_merchant(campaign, address):
                with self.db.begin() as session:
                    row = promises.lock(session, [campaign])[campaign]
                    # Who asked before has not the last word, and what it wanted to know is asked for again.
                    row.looks, row.refresh_at = (row.looks + 1) % MAX_LOOKS, self.clock.now()
                    session.get_one(M, (campaign, merchant_id)).accepted = True

    def _refresh(self, campaign: int, now: int) -> None:
        with self.db.begin() as session:
            row = promises.lock(session, [campaign])[campaign]
            # Put off before the chain is asked: whatever makes another look necessary meanwhile sets it anew.
            row.refresh_at = now + REFRESH_EVERY
            settling.begin_due(row, now)
            row.looks = look = (row.looks + 1) % MAX_LOOKS
            members = sa.select(Merchant.id, Merchant.address).join(
                CampaignMerchant, CampaignMerchant.merchant_id == Merchant.id
            )
            addresses = dict(session.execute(members.where(CampaignMerchant.campaign_id == campaign)).tuples().all())
        try:
            seen = self.reads.campaign(campaign)
            accepted = {id: self.reads.is_merchant(campaign, address) for id, address in addresses.items()}
        except ChainError as error:
            temporary = isinstance(error, Temporary)
            if not temporary:  # a reorganisation took the campaign away, say: leave the others alone
                log.error("campaign.not_on_chain", campaign=campaign, error=str(error))
            with self.db.begin() as session:
                row = promises.lock(session, [campaign])[campaign]
                row.refresh_at = now if temporary else now + REFRESH_AFTER_REFUSAL
            if temporary:
                raise
            return
        with self.db.begin() as session:
            row = promises.lock(session, [campaign])[campaign]
            if row.looks != look:  # another worker asked later than we did: its answer is the newer one
                return
            self._follow_terms(session, row, seen)
            for merchant_id, is_accepted in accepted.items():
                session.get_one(CampaignMerchant, (campaign, merchant_id)).accepted = is_accepted

    def _follow_terms(self, session: Session, row: Campaign, seen: chain.Campaign) -> None:
        end = min(seen.end, LAST_SECOND)
        if end != row.end:
            row.end = end
            row.settle_at = min(row.settle_at, schedule.last_call(end))
        row.bonus = seen.bonus
        if seen.owner == session.get_one(Merchant, row.merchant_id).address:
            return
        owner = session.scalar(sa.select(Merchant).where(Merchant.address == seen.owner))
        if owner is None:
            if not row.paused:
                log.warning("campaign.owner_unknown", campaign=row.id)
            row.paused = True
            return
        # An owner has no quota; a former one has none that nobody gave it.
        former = session.get(CampaignMerchant, (row.id, row.merchant_id))
        if former is not None:
            former.daily_quota = 0
        row.merchant_id = owner.id
        if session.get(CampaignMerchant, (row.id, owner.id)) is None:
            session.add(CampaignMerchant(campaign_id=row.id, merchant_id=owner.id, daily_quota=MAX_SUM))
