"""CampaignHub: what a closed campaign's accounts come to after its end."""

import pytest

from tests.contracts.support import DAY, GRACE, PAR, ZERO, events, refused

HOLD = 14 * DAY


@pytest.fixture(autouse=True)
def points(token, people):
    token.mint(people.alice, 1_000, sender=people.alice)


def test_expire(hub, token, asset, people, make, clock):
    make.period_start(HOLD)
    campaign = make.campaign(closed=True, hold=HOLD, budget=1_000)
    hub.enter(campaign, 100, 0, sender=people.alice)
    make.award(campaign, 1, (people.alice, 7), (people.bob, 20))
    hub.cancel(campaign, sender=people.alice)
    clock.next_at(hub.campaign(campaign).expiry + GRACE)
    before = asset.balanceOf(hub)
    holders = [people.alice, people.carol, people.alice, people.bob]
    receipt = hub.expire(campaign, holders, sender=people.stranger)
    assert events(receipt, hub.Expired, token.Transfer) == [
        ("Expired", campaign, people.alice.address, 107),
        ("Expired", campaign, people.bob.address, 20),
        ("Transfer", hub.address, ZERO, 127),
    ]
    assert asset.balanceOf(hub) - before == 127 * PAR
    assert (hub.campaign(campaign).budget, token.balanceOf(hub)) == (973 + 127, 0)
    state = hub.account(campaign, people.alice)
    assert (state.matured, state.pending, state.nonce) == (0, 0, 65_536)
    receipt = hub.expire(campaign, holders, sender=people.stranger)
    assert events(receipt, hub.Expired, token.Transfer) == []


def test_expire_refuses(hub, people, make, clock):
    open_, closed = make.campaign(), make.campaign(closed=True)
    with refused("OpenLoop", open_):
        hub.expire(open_, [people.alice], sender=people.owner)
    until = hub.campaign(closed).expiry + GRACE
    clock.next_at(until - 1)
    with refused("NotYet", until):
        hub.expire(closed, [people.alice], sender=people.owner)


def test_every_award_can_be_spent_before_it_expires(hub, people, make, clock):
    """The last second of awards, the longest hold: 83 days are left between maturity and expiry."""
    hold = 90 * DAY
    campaign = make.campaign(closed=True, hold=hold)
    state = hub.campaign(campaign)
    clock.next_at(state.end + GRACE - 1)
    make.award(campaign, 1, (people.bob, 5))
    matures = hub.account(campaign, people.bob).nextMaturity
    assert matures <= state.end + GRACE - 1 + 2 * hold
    assert state.expiry - matures >= 83 * DAY
