"""Rungs that the campaign's owner gives a wallet, at the wallet's own signed wish."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.core.bulk import parts
from gateway.core.clock import Clock
from gateway.core.problems import INVALID_REQUEST
from gateway.identity.wallets.errors import BAD_SIGNATURE
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.campaigns.versions import rules_of
from gateway.loyalty.rules.calendar import EPOCH
from gateway.loyalty.rules.ladders import Ladder
from gateway.loyalty.rules.parts import name_key
from gateway.loyalty.tiers import reigns
from gateway.loyalty.tiers.errors import BEYOND_WISH, UNKNOWN_RUNG
from gateway.loyalty.tiers.messages import message
from gateway.loyalty.tiers.models import LAST_DAY, Vip


def rank_of(vip: Vip, ladder: Ladder, day: int) -> int:
    """The rank that is given on a day; 0 when the rung is gone."""
    if not vip.first_day <= day <= vip.last_day:
        return 0
    return next((rank for rank, rung in enumerate(ladder.rungs) if name_key(rung.id) == vip.rung), 0)


def given(session: Session, campaign: int, wallets: Collection[bytes]) -> dict[tuple[bytes, bytes], Vip]:
    """What these wallets were given, by wallet and ladder."""
    found: dict[tuple[bytes, bytes], Vip] = {}
    for part in parts(sorted(wallets)):
        query = sa.select(Vip).where(Vip.campaign_id == campaign, Vip.wallet.in_(part))
        found |= {(row.wallet, row.ladder): row for row in session.scalars(query)}
    return found


class Vips:
    """Gives rungs and takes them back."""

    def __init__(self, campaigns: Campaigns, clock: Clock, chain_id: int) -> None:
        self.campaigns, self.clock, self.chain_id = campaigns, clock, chain_id

    def give(
        self,
        session: Session,
        merchant_id: int,
        campaign: int,
        wallet: bytes,
        ladder: str,
        rung: str,
        last: date,
        until: date,
        signature: bytes,
    ) -> tuple[str | None, date] | None:
        """Lets `wallet` stand on `rung` at least, from today through `last` (local days); again: until another day, or
        on another rung, at most until the day that the wallet named. A day that is over ends it. Returns which rung was
        given before (None: one that is gone) and its last day. `unknown-campaign`, `unknown-rung`, `bad-signature`,
        `beyond-wish`, `invalid-request`."""
        self.campaigns.owned(session, campaign, merchant_id)
        now = self.clock.now()
        versions = rules_of(session, [campaign])[campaign]
        running = [(v.valid_from, v.document) for v in reversed(versions) if v.valid_from <= now] or [
            (versions[-1].valid_from, versions[-1].document)
        ]
        terms = reigns.terms(tuple(running))
        known = next((other for other in terms.ladders if other.id == ladder), None)
        if known is None or rung not in {other.id for other in known.rungs}:
            raise UNKNOWN_RUNG.at("ladder" if known is None else "rung")
        digest = signatures.personal(message(wallet, campaign, self.chain_id, ladder, rung, until).encode())
        if signatures.recover(digest, signature) != wallet:
            raise BAD_SIGNATURE.at("signature")
        if last > until:
            raise BEYOND_WISH.at("last", f"{until.isoformat()} at the latest")
        last_day = last.toordinal() - EPOCH
        if not 0 <= last_day <= LAST_DAY:
            raise INVALID_REQUEST.at("last", "2079 at the latest")
        row = session.get(Vip, (campaign, wallet, name_key(ladder)))
        before = None
        if row is not None:
            named = next((other.id for other in known.rungs if name_key(other.id) == row.rung), None)
            before = named, date.fromordinal(EPOCH + row.last_day)
        else:
            row = Vip(campaign_id=campaign, wallet=wallet, ladder=name_key(ladder))
            session.add(row)
        if row.rung != name_key(rung):  # what the earlier one gave is over
            row.rung, row.first_day = name_key(rung), terms.day(now)
        row.last_day = last_day
        session.flush()
        return before
