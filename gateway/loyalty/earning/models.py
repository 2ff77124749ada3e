"""Actions, and the batches that carry their points to the chain."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Hundredths, Int, PrimaryKey, Seconds, Uint96
from gateway.core.db import Base
from gateway.core.limits import MAX_HUNDREDTHS


class ActionKind(IntEnum):
    PURCHASE = 1
    VISIT = 2
    CUSTOM = 3
    REFUND = 4
    BONUS = 5  # for a referral, a challenge or a streak; made by the gateway


#: What a merchant reports and may refund.
EARNED = frozenset({ActionKind.PURCHASE, ActionKind.VISIT, ActionKind.CUSTOM})


class ActionState(IntEnum):
    UNCLAIMED = 1  # a claim code is out; nobody's yet
    ACCEPTED = 2  # belongs to a wallet, waits for its settlement window
    SETTLED = 3  # folded into the wallet's net of a window (batch_id: its batch, empty when the net was nothing)
    LAPSED = 4  # the claim code was not used in time


#: Whose claim code is out, in the words of the index on when codes lapse.
OUT = sa.text("state = 1")


class Action(Base):
    """One thing a customer did, or the refund of one. No product, price list or text is kept: only sums and points."""

    __tablename__ = "actions"
    __table_args__ = (
        sa.UniqueConstraint("merchant_id", "key_hash"),
        sa.Index("ix_actions_settlement", "campaign_id", "state"),
        sa.Index("ix_actions_wallet", "wallet", "id"),
        # Empty in most rows, in which they would cost as much as the others; PostgreSQL writes all of a row's indexes
        # anew when one changes.
        *(
            sa.Index(
                f"ix_actions_{name}",
                name,
                sqlite_where=sa.text(f"{name} IS NOT NULL"),
                postgresql_where=sa.text(f"{name} IS NOT NULL"),
            )
            for name in ("refers_to", "batch_id")
        ),
        sa.Index("ix_actions_out", "campaign_id", "claim_expires", sqlite_where=OUT, postgresql_where=OUT),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"))
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"))
    key_hash: Mapped[bytes] = mapped_column(Blob(32))
    body_hash: Mapped[bytes] = mapped_column(Blob(32))
    kind: Mapped[ActionKind] = mapped_column(Choice(ActionKind))
    #: Refunds: the action that is taken back, wholly or in part.
    refers_to: Mapped[int | None] = mapped_column(sa.ForeignKey("actions.id"))
    rule_version_id: Mapped[int] = mapped_column(sa.ForeignKey("rule_versions.id"))
    occurred_at: Mapped[int] = mapped_column(Seconds())
    #: Value in hundredths of the campaign's currency; 0 where there is none.
    amount: Mapped[int] = mapped_column(Hundredths())
    #: Hundredths of a point earned, or for a refund taken back.
    points: Mapped[int] = mapped_column(Hundredths())
    wallet: Mapped[bytes | None] = mapped_column(Blob(20))
    #: Of `points`, what the wallet's own caps kept back when a code was claimed. Told to nobody but the wallet.
    withheld: Mapped[int] = mapped_column(Hundredths(), default=0)
    #: The wallet's ranks on the version's ladders when it was judged, two decimal digits each.
    standing: Mapped[int] = mapped_column(Int(0, 99_999_999), default=0)
    #: Keyed digest of the lines (refunds: of those that are left), so that a receipt shown again can be trusted.
    receipt: Mapped[bytes | None] = mapped_column(Blob(32))
    claim_hash: Mapped[bytes | None] = mapped_column(Blob(32), unique=True)
    claim_expires: Mapped[int | None] = mapped_column(Seconds())
    state: Mapped[ActionState] = mapped_column(Choice(ActionState))
    batch_id: Mapped[int | None] = mapped_column(sa.ForeignKey("batches.id"))
    created_at: Mapped[int] = mapped_column(Seconds())


#: What counts for goals and referrals: a code only from its settlement on (decision 0060).
COUNTS = sa.or_(Action.claim_hash.is_(None), Action.state == ActionState.SETTLED)


class ActionLine(Base):
    """What one rule counted in one action, so that a refund takes back exactly what the rule gave. Of a refund: by how
    much that fell (below 0: another rule counts for the rest)."""

    __tablename__ = "action_lines"

    action_id: Mapped[int] = mapped_column(sa.ForeignKey("actions.id"), primary_key=True)
    rule: Mapped[int] = mapped_column(Int(0, 999), primary_key=True, autoincrement=False)
    eligible: Mapped[int] = mapped_column(Int(-MAX_HUNDREDTHS, MAX_HUNDREDTHS))
    points: Mapped[int] = mapped_column(Int(-MAX_HUNDREDTHS, MAX_HUNDREDTHS))


class CapUse(Base):
    """How much of a cap is used up in one of its periods. `holder`: the wallet, the merchant's number, or zeros for the
    campaign; `cap`: see Cap.key."""

    __tablename__ = "cap_uses"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    holder: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    cap: Mapped[bytes] = mapped_column(Blob(8), primary_key=True)
    period: Mapped[int] = mapped_column(Int(0, 100_000), primary_key=True, autoincrement=False)
    used: Mapped[int] = mapped_column(Uint96())


class BatchKind(IntEnum):
    AWARD = 1
    CLAWBACK = 2


class BatchState(IntEnum):
    QUEUED = 1  # has its number and content for ever; the relayer has it
    LANDED = 2  # seen at depth


class Batch(Base):
    __tablename__ = "batches"
    __table_args__ = (sa.UniqueConstraint("campaign_id", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"))
    kind: Mapped[BatchKind] = mapped_column(Choice(BatchKind))
    number: Mapped[int] = mapped_column(Int(1))
    state: Mapped[BatchState] = mapped_column(Choice(BatchState), default=BatchState.QUEUED, index=True)
    total: Mapped[int] = mapped_column(Uint96())
    created_at: Mapped[int] = mapped_column(Seconds())
    #: How often the chain refused it, and when to hand the same batch to the relayer again (empty: the relayer has it).
    refusals: Mapped[int] = mapped_column(Int(0, 10_000), default=0)
    retry_at: Mapped[int | None] = mapped_column(Seconds(), index=True)
    landed_block: Mapped[int | None] = mapped_column(Int(), index=True)


class BatchEntry(Base):
    """One wallet's net of one window."""

    __tablename__ = "batch_entries"

    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("batches.id"), primary_key=True)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    amount: Mapped[int] = mapped_column(Hundredths())
    #: Clawbacks: what was really pending and taken, as the chain said.
    taken: Mapped[int | None] = mapped_column(Hundredths())


class Carry(Base):
    """What rounding to the campaign's step left over, for the next window; `owed` is what a refund could not reach.

    After a restore: `ahead` is what our keys paid the wallet for actions that this database forgot, `back` what they
    took back for refunds that it forgot, as far as these were not told again; all of them happened by `until`."""

    __tablename__ = "carries"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    points: Mapped[int] = mapped_column(Hundredths(), default=0)
    owed: Mapped[int] = mapped_column(Uint96(), default=0)
    ahead: Mapped[int] = mapped_column(Uint96(), default=0)
    back: Mapped[int] = mapped_column(Uint96(), default=0)
    until: Mapped[int | None] = mapped_column(Seconds())


class LandingTime(Base):
    """How many batches took how long, from the acceptance of their oldest action to their landing at depth: at most
    `upto` seconds, and more than the bound before it."""

    __tablename__ = "landing_times"

    UPTO: ClassVar = (1, 2, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 93_600, 604_800)
    MORE: ClassVar = 999_999_999

    upto: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    batches: Mapped[int] = mapped_column(Int(), default=0)
    seconds: Mapped[int] = mapped_column(Int(), default=0)


class StrayState(IntEnum):
    SEEN = 1  # to be looked up on the chain
    TAKEN_BACK = 2  # ours: it has its row among the batches again
    FOREIGN = 3  # sent by none of our keys


class StrayBatch(Base):
    """A number that landed with a batch which this database does not know, or not like that."""

    __tablename__ = "stray_batches"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Int(1), primary_key=True, autoincrement=False)
    #: Its AWARD_LANDED or CLAWBACK_LANDED.
    event_id: Mapped[int] = mapped_column(Int())
    state: Mapped[StrayState] = mapped_column(Choice(StrayState), default=StrayState.SEEN, index=True)
