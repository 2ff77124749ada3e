"""A Saturday: every till of a chain of shops reports at the same moment, all with one API key."""

from __future__ import annotations

import json

from tests.bench import load
from tests.functional.house import House
from tests.functional.people import Holder, Merchant

TILLS = 400


def test_hundreds_of_tills_at_once_are_all_heard(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    requests = [
        load.report(merchant.token, merchant.purchase(campaign, 1_000, wallet=holder.name)) for _ in range(TILLS)
    ]
    answers = load.closed(house.url, requests, TILLS, keep=True)
    assert answers.statuses == {202: TILLS}
    assert len({json.loads(body)["id"] for body in answers.bodies}) == TILLS
    holder.until_points(TILLS * 1_000)
