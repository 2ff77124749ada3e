"""docs/walks/move.md: points go where their holder wants, through the gateway and without it."""

from __future__ import annotations

from tests.functional.house import House
from tests.functional.people import Holder, Merchant


def test_enter_and_leave(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.rich(house, 10_000)
    entered = holder.wallet.landed(holder.wallet.enter(campaign, 4_000))
    assert entered["received"] == 4_000
    assert holder.points == 6_000
