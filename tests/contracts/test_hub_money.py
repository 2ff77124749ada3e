"""CampaignHub: what goes into a campaign and what is left of it in the end."""

import pytest

from tests.contracts.support import DAY, GRACE, PAR, ZERO, events, overflows, refused


def test_fund_takes_price_and_fee(hub, asset, people, make):
    campaign = make.campaign(closed=True, budget=0)
    before = [asset.balanceOf(who) for who in (people.bob, hub, people.treasury)]
    receipt = hub.fund(campaign, 1_001, 202, sender=people.bob)
    price = 1_203 * PAR
    fee = -(-price * 150 // 10_000)
    assert fee * 10_000 != price * 150  # it was rounded, up
    assert events(receipt, hub.Funded) == [("Funded", campaign, people.bob.address, 1_001, 202, fee)]
    after = [asset.balanceOf(who) for who in (people.bob, hub, people.treasury)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [-price - fee, price, fee]
    state = hub.campaign(campaign)
    assert (state.budget, state.pot) == (1_001, 202)
    hub.fund(campaign, 9, 0, sender=people.owner)
    hub.fund(campaign, 0, 8, sender=people.owner)
    state = hub.campaign(campaign)
    assert (state.budget, state.pot) == (1_010, 210)


def test_without_a_fee_nothing_goes_to_the_treasury(contracts, token, asset, people, clock):
    hub = contracts.CampaignHub.deploy(token, people.treasury, 0, sender=people.owner)
    asset.approve(hub, 500 * PAR, sender=people.bob)
    hub.createCampaign(clock.now + DAY, 0, False, 0, 0, b"\0" * 32, sender=people.owner)
    receipt = hub.fund(1, 500, 0, sender=people.bob)
    assert events(receipt, asset.Transfer) == [("Transfer", people.bob.address, hub.address, 500 * PAR)]


def test_fund_refuses(hub, people, make, clock, asset):
    open_, closed = make.campaign(), make.campaign(closed=True)
    with refused("ZeroAmount"):
        hub.fund(open_, 0, 0, sender=people.bob)
    with refused("TermRefused", "pot"):
        hub.fund(open_, 1, 1, sender=people.bob)
    with refused("SafeCastOverflowedUintDowncast", 96, 100_000 + 2**96 - 1):
        hub.fund(open_, 2**96 - 1, 0, sender=people.bob)
    with refused("SafeCastOverflowedUintDowncast", 96, 2**96):
        hub.fund(closed, 1, 2**96, sender=people.bob)
    with overflows():
        hub.fund(open_, 2**256 - 1, 0, sender=people.bob)
    # The price can be paid, the fee cannot.
    asset.approve(hub, 1_000 * PAR, sender=people.bob)
    with refused("ERC20InsufficientAllowance", hub, 0, 1_500):
        hub.fund(open_, 1_000, 0, sender=people.bob)
    assert hub.campaign(open_).budget == 100_000

    end = hub.campaign(open_).end
    clock.next_at(end + GRACE - 1)
    hub.fund(open_, 1, 0, sender=people.owner)
    for later in (end + GRACE, end + GRACE + DAY):
        clock.next_at(later)
        with refused("CampaignEnded", end + GRACE):
            hub.fund(open_, 1, 0, sender=people.owner)


@pytest.mark.parametrize("closed", [False, True])
def test_sweep(hub, asset, people, make, clock, closed):
    campaign = make.campaign(closed=closed, budget=1_000, pot=50 if closed else 0)
    rest = 1_050 if closed else 1_000
    end = hub.campaign(campaign).end
    clock.next_at(end + GRACE - 1)
    with refused("NotYet", end + GRACE):
        hub.sweep(campaign, sender=people.owner)
    before = asset.balanceOf(people.owner)
    clock.next_at(end + GRACE)
    receipt = hub.sweep(campaign, sender=people.stranger)
    assert events(receipt, hub.Swept) == [("Swept", campaign, people.owner.address, rest)]
    assert asset.balanceOf(people.owner) - before == rest * PAR
    state = hub.campaign(campaign)
    assert (state.budget, state.pot) == (0, 0)
    with refused("ZeroAmount"):
        hub.sweep(campaign, sender=people.stranger)


def test_sweep_again_after_more_came_back(hub, asset, people, make, clock):
    """A clawback in the last period, and expired accounts, return to the budget when it was swept already."""
    hold = 40 * DAY
    make.period_start(hold)
    campaign = make.campaign(closed=True, hold=hold, budget=1_000)
    state = hub.campaign(campaign)
    clock.next_at(state.end + GRACE - 1)
    make.award(campaign, 1, (people.alice, 300), (people.bob, 30))
    clock.next_at(state.end + GRACE)
    hub.sweep(campaign, sender=people.stranger)
    make.clawback(campaign, 2, (people.alice, 100))
    before = asset.balanceOf(people.owner)
    hub.sweep(campaign, sender=people.stranger)
    assert asset.balanceOf(people.owner) - before == 100 * PAR

    clock.next_at(state.expiry + GRACE)
    hub.expire(campaign, [people.alice, people.bob], sender=people.stranger)
    before = asset.balanceOf(people.owner)
    hub.sweep(campaign, sender=people.stranger)
    assert asset.balanceOf(people.owner) - before == 230 * PAR
    assert asset.balanceOf(hub) == 0


def test_sweep_pays_the_owner_of_the_day(hub, asset, people, make, clock):
    campaign = make.campaign(budget=10)
    hub.offerOwnership(campaign, people.carol, sender=people.owner)
    hub.acceptOwnership(campaign, sender=people.carol)
    before = asset.balanceOf(people.carol)
    clock.next_at(hub.campaign(campaign).end + GRACE)
    hub.sweep(campaign, sender=people.stranger)
    assert asset.balanceOf(people.carol) - before == 10 * PAR


def test_campaigns_do_not_pay_for_each_other(hub, asset, people, make, clock):
    """One asset balance behind all of them, but each sweep takes its own part."""
    one, two = make.campaign(budget=500, days=30), make.campaign(budget=700, days=60)
    clock.next_at(hub.campaign(one).end + GRACE)
    hub.sweep(one, sender=people.stranger)
    assert asset.balanceOf(hub) == 700 * PAR
    assert (hub.campaign(one).budget, hub.campaign(two).budget) == (0, 700)
    assert asset.allowance(hub, ZERO) == 0
