"""Campaigns as the gateway knows them: terms mirrored from the chain, and what is promised against the budget."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Flag, Hundredths, Int, PrimaryKey, Seconds
from gateway.core.db import Base
from gateway.core.durations import DAY
from gateway.core.limits import MAX_SUM


class Campaign(Base):
    """`id` is the campaign's number on the hub."""

    __tablename__ = "campaigns"
    __table_args__ = ({"info": {"side": "merchant"}},)

    id: Mapped[int] = mapped_column(Int(1), primary_key=True, autoincrement=False)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    #: The published terms document, whose keccak-256 is on chain.
    terms: Mapped[str] = mapped_column(sa.Text())
    terms_hash: Mapped[bytes] = mapped_column(Blob(32))
    starts_at: Mapped[int] = mapped_column(Seconds())
    # Mirrored from the chain: budget, pot and cap from events up to and with `synced_event`, terms by asking again.
    synced_event: Mapped[int] = mapped_column(Int(), default=0)
    refresh_at: Mapped[int] = mapped_column(Seconds(), index=True)
    #: Counts the askings, so that of two workers the one that asked first does not have the last word.
    looks: Mapped[int] = mapped_column(Int(0, 10_000), default=0)
    end: Mapped[int] = mapped_column(Seconds())
    hold: Mapped[int] = mapped_column(Int(0, 90 * DAY))
    closed: Mapped[bool] = mapped_column(Flag())
    expiry: Mapped[int | None] = mapped_column(Seconds())
    bonus: Mapped[int] = mapped_column(Int(0, 10_000))
    budget: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    pot: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    #: What our operator keys may award a UTC day: all together, and the one that may most. Hundredths of a point.
    daily_cap: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    key_cap: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    #: Promised but not yet landed: accepted awards and unclaimed codes.
    reserved: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    # After a restore (loyalty/earning/recovery.py): what our keys paid out for actions that this database forgot and
    # that were not told again, and the latest moment at which such an action can have happened. Empty: never restored.
    ahead: Mapped[int] = mapped_column(Int(0, MAX_SUM), default=0)
    forgotten_until: Mapped[int | None] = mapped_column(Seconds())
    #: Claim codes of that time are taken again although some of what was paid out is not accounted for.
    codes_trusted: Mapped[bool] = mapped_column(Flag(), default=False)
    #: Batches that landed before the campaign was registered here were looked for; it is not settled before that.
    searched: Mapped[bool] = mapped_column(Flag(), default=False)
    #: Next batch number that this gateway will use.
    next_number: Mapped[int] = mapped_column(Int(), default=1)
    #: Number of the newest rules there were: one that was withdrawn is not given again.
    last_version: Mapped[int] = mapped_column(Int(1, 100_000), default=1)
    # Settlement (see privacy.md, 4):
    settle_every: Mapped[int] = mapped_column(Int(0, 7 * DAY))
    min_wallets: Mapped[int] = mapped_column(Int(1, 10_000))
    step: Mapped[int] = mapped_column(Hundredths())
    #: What these three will be, and from when on; empty: nothing is announced (settling.py).
    coming_every: Mapped[int | None] = mapped_column(Int(0, 7 * DAY))
    coming_wallets: Mapped[int | None] = mapped_column(Int(1, 10_000))
    coming_step: Mapped[int | None] = mapped_column(Hundredths())
    coming_from: Mapped[int | None] = mapped_column(Seconds())
    #: When nothing was left waiting for the last time, and when to settle next.
    settled_at: Mapped[int] = mapped_column(Seconds())
    settle_at: Mapped[int] = mapped_column(Seconds(), index=True)
    #: Merchant's switch: no new actions are accepted.
    paused: Mapped[bool] = mapped_column(Flag(), default=False)
    created_at: Mapped[int] = mapped_column(Seconds())


class CampaignMerchant(Base):
    """A merchant inside a campaign, with the most that its actions may earn a UTC day."""

    __tablename__ = "campaign_merchants"
    __table_args__ = ({"info": {"side": "merchant"}},)

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), primary_key=True, autoincrement=False)
    daily_quota: Mapped[int] = mapped_column(Int(0, MAX_SUM))
    #: As the chain says: accepted and not put off.
    accepted: Mapped[bool] = mapped_column(Flag(), default=False)


class QuotaUse(Base):
    """Points promised per campaign, merchant and UTC day (days since 1970)."""

    __tablename__ = "quota_uses"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(Int(0, 30_000), primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(Int(), default=0)


class RuleVersion(Base):
    """The earning rules from `valid_from` on, as a validated JSON document."""

    __tablename__ = "rule_versions"
    __table_args__ = (sa.UniqueConstraint("campaign_id", "version"), {"info": {"side": "merchant"}})

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"))
    version: Mapped[int] = mapped_column(Int(1, 100_000))
    valid_from: Mapped[int] = mapped_column(Seconds())
    document: Mapped[str] = mapped_column(sa.Text())
    created_at: Mapped[int] = mapped_column(Seconds())
