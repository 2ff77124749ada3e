"""Merchants: a name and the wallet that is theirs."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.identity.merchants.errors import MERCHANT_EXISTS, UNKNOWN_MERCHANT
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.addresses import refuse_recipient


class Merchants:
    """Creates and finds merchants. `contracts` are addresses that can be nobody's wallet."""

    def __init__(self, contracts: Collection[bytes] = ()) -> None:
        self.contracts = contracts

    def create(self, session: Session, name: str, address: bytes, now: int) -> Merchant:
        """A new merchant. `recipient-refused` for an address that is no wallet, `merchant-exists` for a used one."""
        refuse_recipient(address, self.contracts, "address")
        if self.by_address(session, address) is not None:
            raise MERCHANT_EXISTS.at("address")
        merchant = Merchant(name=name, address=address, created_at=now)
        session.add(merchant)
        session.flush()
        return merchant

    def get(self, session: Session, merchant_id: int, field: str = "merchant_id") -> Merchant:
        """One merchant; `unknown-merchant` naming `field`."""
        merchant = session.get(Merchant, merchant_id)
        if merchant is None:
            raise UNKNOWN_MERCHANT.at(field)
        return merchant

    def by_address(self, session: Session, address: bytes) -> Merchant | None:
        """The merchant whose wallet this is."""
        return session.scalar(sa.select(Merchant).where(Merchant.address == address))

    def page(self, session: Session, cursor: int, limit: int) -> list[Merchant]:
        """At most `limit` merchants with an id above `cursor`."""
        return list(session.scalars(sa.select(Merchant).where(Merchant.id > cursor).order_by(Merchant.id).limit(limit)))
