"""Points at once, for wallets that ask: folded like any others, but alone.

A settlement hides a wallet among at least so many others. Who asks gives that up, for itself: neither the window nor
the crowd of the others is touched, and for them it is as if the wallet had not been there.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.core.problems import INVALID_REQUEST
from gateway.identity.wallets.errors import BAD_SIGNATURE
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning.apart import settle_each
from gateway.loyalty.earning.batches import Settlement, Settler
from gateway.loyalty.earning.early.errors import NOTHING_TO_SETTLE
from gateway.loyalty.earning.early.messages import message
from gateway.loyalty.earning.early.models import EarlyAsk
from gateway.loyalty.earning.errors import CAMPAIGN_ENDED
from gateway.loyalty.earning.service import Earning
from gateway.loyalty.earning.settlement import MAX_ENTRIES

#: Seconds that a wallet's word is good for, before and after its own time.
FRESH = 300


class Early:
    """Takes wallets at their word, and settles for them. `check_pace` refuses a wallet that has ordered too much."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        campaigns: Campaigns,
        earning: Earning,
        settler: Settler,
        check_pace: Callable[[Session, bytes], None],
        chain_id: int,
    ) -> None:
        self.db, self.clock, self.campaigns, self.earning, self.settler = db, clock, campaigns, earning, settler
        self.check_pace, self.chain_id = check_pace, chain_id

    def ask(self, session: Session, campaign: int, wallet: bytes, at: int, signature: bytes) -> EarlyAsk:
        """Keeps a wallet's wish until the next turn; the same again, or another while one is open, changes nothing.

        `invalid-request` (not fresh, or an older word than the last), `bad-signature`, `unknown-campaign`,
        `campaign-ended`, `nothing-to-settle`, `orders-used-up`.
        """
        now = self.clock.now()
        if abs(now - at) > FRESH:
            raise INVALID_REQUEST.at("at", f"not older than {FRESH} seconds")
        digest = signatures.personal(message(wallet, campaign, self.chain_id, at).encode())
        if signatures.recover(digest, signature) != wallet:
            raise BAD_SIGNATURE.at("signature", f"expected EIP-191 over the text for chain {self.chain_id}")
        self.campaigns.get(session, campaign)
        row = promises.lock(session, [campaign])[campaign]
        last = self._last(session, campaign, wallet)
        if last is not None and (last.open or at == last.said_at):
            return last
        if last is not None and at < last.said_at:
            raise INVALID_REQUEST.at("at", "a later word was said")
        if now >= schedule.closes_at(row.end):
            raise CAMPAIGN_ENDED.at("campaign")
        points = self._waiting(session, row, wallet, now)
        self.check_pace(session, wallet)
        ask = EarlyAsk(campaign_id=campaign, holder=wallet, said_at=at, points=points, open=True, created_at=now)
        session.add(ask)
        session.flush()
        crashes.reach("taken", ("early",))
        return ask

    def _last(self, session: Session, campaign: int, wallet: bytes) -> EarlyAsk | None:
        query = sa.select(EarlyAsk).where(EarlyAsk.holder == wallet, EarlyAsk.campaign_id == campaign)
        return session.scalar(query.order_by(EarlyAsk.id.desc()).limit(1))

    def _waiting(self, session: Session, campaign: Campaign, wallet: bytes, now: int) -> int:
        step = 1 if now >= campaign.end else campaign.step
        points = {each.campaign: each.waiting for each in self.earning.underway(session, wallet)}.get(campaign.id, 0)
        if points < step:
            raise NOTHING_TO_SETTLE.at("campaign", f"{points} hundredths wait; sent are multiples of {step} hundredths")
        return points

    # ---------------------------------------------------------------- settle

    def settle_due(self, limit: int = 20) -> int:
        """Settles for those who asked; returns how many batches were made. Wishes of a day ago are forgotten.

        Raises Temporary when the node does not answer; then they wait where they are.
        """
        with self.db.read() as session:
            old = session.scalar(sa.select(EarlyAsk.id).where(self._is_old()).limit(1))
            able = sa.and_(Campaign.searched == 1, Campaign.key_cap > 0)
            due = sa.select(Campaign.id).where(able, Campaign.id.in_(sa.select(EarlyAsk.campaign_id).where(_OPEN)))
            ids = list(session.scalars(due.order_by(Campaign.id).limit(limit)))
        if old is not None:
            with self.db.begin() as session:
                session.execute(sa.delete(EarlyAsk).where(self._is_old()))
        if not ids or not self.settler.whole():
            return 0
        return settle_each(ids, self._settle)

    def _is_old(self) -> sa.ColumnElement[bool]:
        return EarlyAsk.created_at <= self.clock.now() - DAY

    def _settle(self, campaign: int) -> int:
        numbers = self.settler.numbers(campaign, batches=2)  # of awards and of clawbacks
        with self.db.begin() as session:
            promises.lock_settlements(session, [campaign])
            row = session.get_one(Campaign, campaign)
            mine = sa.select(EarlyAsk).where(_OPEN, EarlyAsk.campaign_id == campaign).limit(MAX_ENTRIES)
            asks = session.scalars(mine.with_for_update())
            of = {ask.holder: ask for ask in asks}
            settling = Settlement(self.settler, session, row, self.clock.now(), numbers, of.keys())
            made, left_out = settling.run_early()
            for holder in of.keys() - left_out:
                of[holder].open = False
            crashes.reach("folded", ("early",))
        crashes.reach("batched", ("early",))
        return made


_OPEN = EarlyAsk.open == 1
