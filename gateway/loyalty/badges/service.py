"""Wishes for badges: taken from wallets that have earned them, withdrawn, looked at.

Nothing of a badge is on the chain, or known to anybody but the wallet, before the wallet has signed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import checksum
from gateway.chain.indexer.stream import cursor_of, hold
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database, get_or_add
from gateway.core.durations import DAY
from gateway.core.problems import BUSY, NOT_FOUND
from gateway.identity.wallets.errors import BAD_SIGNATURE, ORDER_EXPIRED
from gateway.loyalty.badges.earned import Defined, Earned, Progress
from gateway.loyalty.badges.errors import (
    BADGE_NOT_EARNED,
    BADGE_ON_ITS_WAY,
    BADGE_RENOUNCED,
    NO_BADGES,
    UNKNOWN_BADGE,
)
from gateway.loyalty.badges.models import STREAM, BadgeWish
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning.errors import CAMPAIGN_ENDED
from gateway.loyalty.earning.models import EARNED, Action
from gateway.loyalty.ledger import badges as ledger
from gateway.loyalty.ledger.models import STREAM as LEDGER_STREAM
from gateway.loyalty.ledger.models import ChainBadge
from gateway.loyalty.rules.badges import Badge

#: A wish is good for so many seconds after it is due to be sent at least, and from now on at most.
SHORTEST, LONGEST = 3_600, 90 * DAY


class State(StrEnum):
    OPEN = "open"
    EARNED = "earned"
    ASKED = "asked"
    SENT = "sent"
    HELD = "held"
    RENOUNCED = "renounced"


@dataclass(frozen=True)
class Wish:
    """What a wallet signed: that it wants badge number `badge`, if it lands until `deadline` (Unix seconds)."""

    campaign: int
    badge: int
    wallet: bytes
    deadline: int
    signature: bytes


@dataclass(frozen=True)
class Status:
    """Where a wallet is with a badge. `sends_at`: when its wish is sent at the earliest."""

    campaign: int
    badge: Badge
    words: str
    progress: Progress
    state: State
    sends_at: int | None


class Badges:
    """Takes wallets at their word."""

    def __init__(
        self, db: Database, campaigns: Campaigns, earned: Earned, clock: Clock, deployment: Deployment
    ) -> None:
        self.db, self.campaigns, self.earned, self.clock = db, campaigns, earned, clock
        self.contract, self.domains = deployment.badges, deployment.domains

    # ---------------------------------------------------------------- asking

    def ask(self, wish: Wish) -> Status:
        """Keeps a wish until the campaign's next settlement is made; the same again, or a later one, changes nothing
        but its deadline.

        Opens its own transactions. `busy`, `no-badges`, `bad-signature`, `unknown-campaign`, `unknown-badge`,
        `badge-renounced`, `badge-not-earned`, `campaign-ended`, `order-expired`.
        """
        if self.contract is None:
            raise NO_BADGES.at("badge")
        digest = self.domains.badge(wish.wallet, wish.campaign, wish.badge, wish.deadline)
        if signatures.recover(digest, wish.signature) != wish.wallet:
            expected = f"expected EIP-712 on chain {self.domains.chain_id}, contract {checksum(self.contract)}"
            raise BAD_SIGNATURE.at("signature", expected)
        with self.db.read() as session:  # the long part, which others need not wait for
            self.campaigns.get(session, wish.campaign, "id")
            known = self._status(session, wish)
        if known.state == State.OPEN:
            needed, counted = known.progress.needed, known.progress.counted
            raise BADGE_NOT_EARNED.at("badge", f"{counted} of {needed}")
        with self.db.begin() as session:
            self._keep(session, wish)
            status = self._status(session, wish, known.progress)
            crashes.reach("taken", ("badge",))
        crashes.reach("accepted", ("badge",))
        return status

    def _keep(self, session: Session, wish: Wish) -> None:
        self._wait_for_the_ledger(session)
        if wish.badge in ledger.of_member(session, wish.campaign, wish.wallet):
            return
        campaign, now = self.campaigns.get(session, wish.campaign, "id"), self.clock.now()
        key = (wish.campaign, wish.badge, wish.wallet)
        row = session.get(BadgeWish, key, with_for_update=True)
        if row is not None and (row.deadline >= wish.deadline or row.landed_block is not None):
            return
        if now >= schedule.last_call(campaign.end):
            raise CAMPAIGN_ENDED.at("id")
        due = schedule.next_settlement(now, campaign.settle_every, campaign.end)
        least = schedule.settles_by(now, campaign.settle_every, campaign.min_wallets, campaign.end) - now + SHORTEST
        if not now + least <= wish.deadline <= now + LONGEST:
            told = f"{least} seconds to {LONGEST // DAY} days ahead"
            raise ORDER_EXPIRED.at("deadline", told)
        row = get_or_add(session, BadgeWish, key, lambda: _new(wish, due, now))
        if row.deadline < now:  # sent too late or not at all, and not yet forgotten
            row.tx_id, row.retry_at, row.attempts, row.created_at = None, due, 0, now
        if row.deadline < wish.deadline:
            row.deadline, row.signature = wish.deadline, wish.signature
        session.flush()

    def _wait_for_the_ledger(self, session: Session) -> None:
        """What this room's reader has passed, the ledger must know: else a badge that landed could be waited for."""
        passed = hold(session, STREAM).last_event
        if cursor_of(session, LEDGER_STREAM) < passed:
            raise BUSY.at(retry_after=1)

    def withdraw(self, session: Session, campaign: int, badge: int, wallet: bytes) -> None:
        """Takes a wish back that has not been sent; the wallet has proved itself. `not-found`, `badge-on-its-way`."""
        row = session.get(BadgeWish, (campaign, badge, wallet), with_for_update=True)
        if row is None:
            raise NOT_FOUND.at("badge")
        if row.tx_id is not None or row.landed_block is not None:
            raise BADGE_ON_ITS_WAY.at("badge")
        session.delete(row)

    # --------------------------------------------------------------- looking

    def defined(self, session: Session, campaign: int, cursor: int, limit: int) -> list[tuple[Defined, int]]:
        """At most `limit` badges of a campaign with a number above `cursor`, and how many hold each by the chain;
        `unknown-campaign`."""
        self.campaigns.get(session, campaign, "id")
        held = ledger.held(session, campaign)
        found = [defined for defined in self.earned.defined(session, campaign) if defined.badge.number > cursor]
        return [(defined, held.get(defined.badge.number, 0)) for defined in found[:limit]]

    def held(self, session: Session, wallet: bytes, cursor: int, limit: int) -> list[tuple[ChainBadge, Badge | None]]:
        """At most `limit` badges that the wallet has or had, with an id above `cursor`, and what they stand for where
        the campaign is known here."""
        rows = ledger.of_holder(session, wallet, cursor, limit)
        known = set(session.scalars(sa.select(Campaign.id).where(Campaign.id.in_({row.campaign for row in rows}))))
        names = {
            (campaign, defined.badge.number): defined.badge
            for campaign in known
            for defined in self.earned.defined(session, campaign)
        }
        return [(row, names.get((row.campaign, row.badge))) for row in rows]

    def statuses(self, session: Session, wallet: bytes, after: tuple[int, int], limit: int) -> list[Status]:
        """How far the wallet is with the badges offered in the campaigns in which it did something, by campaign and
        number: at most `limit` of those after a campaign's badge."""
        done = sa.select(Action.campaign_id).where(Action.wallet == wallet, Action.kind.in_(EARNED)).distinct()
        found: list[Status] = []
        for campaign in sorted(session.scalars(done.where(Action.campaign_id >= after[0]))):
            defined = self.earned.defined(session, campaign)
            offered = [one for one in defined if one.offered and (campaign, one.badge.number) > after]
            found += self._statuses(session, campaign, offered[: limit - len(found)], wallet)
            if len(found) == limit:
                break
        return found

    def _status(self, session: Session, wish: Wish, progress: Progress | None = None) -> Status:
        for defined in self.earned.defined(session, wish.campaign):
            if defined.badge.number == wish.badge and defined.offered:
                (found,) = self._statuses(session, wish.campaign, [defined], wish.wallet, progress)
                if found.state == State.RENOUNCED:
                    raise BADGE_RENOUNCED.at("badge")
                return found
        raise UNKNOWN_BADGE.at("badge")

    def _statuses(
        self,
        session: Session,
        campaign: int,
        offered: Sequence[Defined],
        wallet: bytes,
        progress: Progress | None = None,
    ) -> list[Status]:
        rules = self.earned.running(session, campaign)
        if rules is None or not offered:
            return []
        badges = [defined.badge for defined in offered]
        if progress is None:
            far = self.earned.progress(session, campaign, rules, badges, [wallet])
        else:
            far = {(wallet, badge.number): progress for badge in badges}
        mine = (BadgeWish.campaign_id == campaign, BadgeWish.wallet == wallet)
        wishes = {row.badge: row for row in session.scalars(sa.select(BadgeWish).where(*mine))}
        landed = ledger.of_member(session, campaign, wallet)
        found = []
        for defined in offered:
            number = defined.badge.number
            state = _state(landed.get(number), wishes.get(number), far[wallet, number])
            sends_at = wishes[number].retry_at if state == State.ASKED else None
            found.append(Status(campaign, defined.badge, defined.words, far[wallet, number], state, sends_at))
        return found


def _new(wish: Wish, due: int, now: int) -> BadgeWish:
    return BadgeWish(
        campaign_id=wish.campaign,
        badge=wish.badge,
        wallet=wish.wallet,
        signature=wish.signature,
        deadline=wish.deadline,
        retry_at=due,
        attempts=0,
        created_at=now,
    )


def _state(row: ChainBadge | None, wish: BadgeWish | None, progress: Progress) -> State:
    if row is not None:
        return State.HELD if row.renounced_block is None else State.RENOUNCED
    if wish is not None:
        return State.ASKED if wish.tx_id is None else State.SENT
    return State.EARNED if progress.earned else State.OPEN
