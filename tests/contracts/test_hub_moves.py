"""CampaignHub: points from campaign to campaign in one step, by a call or by signed order."""

import pytest

from tests.contracts.support import DAY, FAR, ZERO, events, move_order, refused

HOLD = 14 * DAY


@pytest.fixture(autouse=True)
def points(token, people):
    token.mint(people.alice, 1_000, sender=people.alice)


def matured(hub, campaign, who):
    return hub.account(campaign, who).matured


@pytest.fixture
def pair(points, hub, people, make):
    """An open campaign with 300 of alice's points, and a closed one with a bonus of 5 %."""
    source, target = make.campaign(), make.campaign(closed=True, bonus=500, pot=12)
    hub.enter(source, 300, 0, sender=people.alice)
    return source, target


def test_move_with_bonus(hub, token, people, pair):
    source, target = pair
    receipt = hub.move(source, target, 200, 210, sender=people.alice)
    assert events(receipt, token.Transfer, hub.Moved) == [
        ("Transfer", ZERO, hub.address, 10),
        ("Moved", source, target, people.alice.address, 200, 10),
    ]
    assert (matured(hub, source, people.alice), matured(hub, target, people.alice)) == (100, 210)
    assert (token.balanceOf(hub), hub.campaign(target).pot) == (310, 2)
    with refused("BelowMinimum", 102, 105):
        hub.move(source, target, 100, 105, sender=people.alice)


def test_move_between_open_campaigns(hub, token, asset, people, make):
    one, two = make.campaign(), make.campaign()
    hub.enter(one, 300, 0, sender=people.alice)
    receipt = hub.move(one, two, 300, 300, sender=people.alice)
    assert events(receipt, token.Transfer, asset.Transfer, hub.StaySet, hub.Moved) == [
        ("StaySet", two, people.alice.address, True),
        ("Moved", one, two, people.alice.address, 300, 0),
    ]
    hub.move(two, one, 300, 300, sender=people.alice)
    assert (matured(hub, one, people.alice), matured(hub, two, people.alice)) == (300, 0)


def test_move_refuses(hub, people, pair, clock):
    source, target = pair
    with refused("SameCampaign"):
        hub.move(source, source, 1, 0, sender=people.alice)
    with refused("ZeroAmount"):
        hub.move(source, target, 0, 0, sender=people.alice)
    with refused("InsufficientPoints", 301, 300):
        hub.move(source, target, 301, 0, sender=people.alice)
    with refused("UnknownCampaign", 9):
        hub.move(source, 9, 1, 0, sender=people.alice)
    with refused("InsufficientPoints", 1, 0):
        hub.move(source, target, 1, 0, sender=people.bob)
    end = hub.campaign(target).end
    clock.next_at(end)
    with refused("CampaignEnded", end):
        hub.move(source, target, 1, 0, sender=people.alice)


def test_points_move_out_of_an_ended_campaign(hub, people, make, clock):
    old, new = make.campaign(days=10), make.campaign(days=60)
    hub.enter(old, 300, 0, sender=people.alice)
    clock.next_at(hub.campaign(old).end + 20 * DAY)
    hub.move(old, new, 300, 300, sender=people.alice)
    assert matured(hub, new, people.alice) == 300


def test_held_points_do_not_move(hub, people, make, clock):
    start = make.period_start(HOLD)
    source, target = make.campaign(hold=HOLD, days=60), make.campaign(days=60)
    make.award(source, 1, (people.bob, 50))
    with refused("InsufficientPoints", 50, 0):
        hub.move(source, target, 50, 50, sender=people.bob)
    clock.next_at(start + 2 * HOLD)
    hub.move(source, target, 50, 50, sender=people.bob)
    assert matured(hub, target, people.bob) == 50


def test_move_by_sig(hub, people, pair):
    source, target = pair
    signature = move_order(hub, people.alice, source, target)
    arguments = [source, target, people.alice, 200, 210, 0, FAR]
    receipt = hub.moveBySig(*arguments, signature, sender=people.stranger)
    assert events(receipt, hub.OrderExecuted, hub.Moved) == [
        ("OrderExecuted", source, people.alice.address, 0),
        ("Moved", source, target, people.alice.address, 200, 10),
    ]
    # The nonce is that of the account it came from.
    assert [hub.account(campaign, people.alice).nonce for campaign in pair] == [1, 0]
    with refused("NonceMismatch", 0, 1):
        hub.moveBySig(*arguments, signature, sender=people.stranger)


def test_move_by_sig_holds_for_its_fields_only(hub, people, pair, make, clock):
    source, target = pair
    other = make.campaign()
    good = [source, target, people.alice, 200, 210, 0, FAR]
    signature = move_order(hub, people.alice, source, target)
    for place, value in ((0, other), (1, other), (2, people.bob), (3, 199), (4, 209), (6, FAR - 1)):
        changed = [*good[:place], value, *good[place + 1 :]]
        with refused("BadSignature", changed[2]):
            hub.moveBySig(*changed, signature, sender=people.stranger)
    with refused("NonceMismatch", 3, 0):
        hub.moveBySig(*good[:5], 3, FAR, signature, sender=people.stranger)
    past = clock.now - 1
    with refused("OrderExpired", past):
        hub.moveBySig(*good[:6], past, signature, sender=people.stranger)
    same = move_order(hub, people.alice, source, source)
    with refused("SameCampaign"):
        hub.moveBySig(source, source, *good[2:], same, sender=people.stranger)
