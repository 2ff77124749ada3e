"""Grants: points that a merchant gives on its own word."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Int, PrimaryKey, Seconds
from gateway.core.db import Base
from gateway.core.limits import MAX_ID


class Reason(IntEnum):
    """The closed list: a free text could name a person."""

    GOODWILL = 1  # something went wrong, and it was ours
    UNREPORTED = 2  # a purchase that no till reported
    CORRECTION = 3  # an award that was too small
    PRIZE = 4
    OPENING = 5  # balances of an older programme, many wallets
    WELCOME = 6  # a code for newcomers


class GrantState(IntEnum):
    WAITING = 1  # for a second key; lapses at `expires_at`
    GIVEN = 2
    WITHDRAWN = 3


class Grant(Base):
    """`wallet`: of an adjustment, whose points they are; openings and welcomes name their wallets in actions."""

    __tablename__ = "grants"

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), index=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), index=True)
    reason: Mapped[Reason] = mapped_column(Choice(Reason))
    state: Mapped[GrantState] = mapped_column(Choice(GrantState))
    wallet: Mapped[bytes | None] = mapped_column(Blob(20))
    #: Hundredths of a point: of a welcome for each wallet, of an opening all together.
    points: Mapped[int] = mapped_column(Int(1, MAX_ID))
    #: How many wallets a welcome is for.
    uses: Mapped[int] = mapped_column(Int(1, 100_000))
    #: Of a welcome: how many have had it; of an opening: hundredths given.
    used: Mapped[int] = mapped_column(Int(0, MAX_ID), default=0)
    #: What a welcome's code is derived from, and how it is found.
    seed: Mapped[bytes | None] = mapped_column(Blob(32))
    code_hash: Mapped[bytes | None] = mapped_column(Blob(32), unique=True)
    valid_until: Mapped[int | None] = mapped_column(Seconds())
    asked_by: Mapped[int] = mapped_column(sa.ForeignKey("api_keys.id"))
    asked_at: Mapped[int] = mapped_column(Seconds())
    expires_at: Mapped[int] = mapped_column(Seconds())
    #: The second key, where one was needed, or the one that withdrew what waited.
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("api_keys.id"))
    action_id: Mapped[int | None] = mapped_column(sa.ForeignKey("actions.id"), index=True)

    @property
    def total(self) -> int:
        """All that it may give, hundredths."""
        return self.points * self.uses
