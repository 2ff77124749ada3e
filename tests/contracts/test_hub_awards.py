"""CampaignHub: awards, hold, clawback, batch numbers and daily caps."""

import pytest

from tests.contracts.conftest import CAP
from tests.contracts.support import DAY, GRACE, PAR, ZERO, entry, events, refused

HOLD = 14 * DAY


def account_of(hub, campaign, who):
    state = hub.account(campaign, who)
    return state.matured, state.pending, state.nextMaturity


# ------------------------------------------------------------------- awards


def test_open_without_hold_goes_to_wallets(hub, token, asset, people, make):
    campaign = make.campaign()
    before = asset.balanceOf(hub)
    receipt = make.award(campaign, 7, (people.alice, 30), (people.bob, 12), (people.alice, 1))
    assert events(receipt, token.Transfer, hub.AwardLanded) == [
        ("Transfer", ZERO, people.alice.address, 30),
        ("Transfer", ZERO, people.bob.address, 12),
        ("Transfer", ZERO, people.alice.address, 1),
        ("AwardLanded", campaign, 7, 43),
    ]
    assert (token.balanceOf(people.alice), token.balanceOf(people.bob), token.balanceOf(hub)) == (31, 12, 0)
    assert before - asset.balanceOf(hub) == 43 * PAR
    assert hub.campaign(campaign).budget == 100_000 - 43
    assert account_of(hub, campaign, people.alice) == (0, 0, 0)
    assert tuple(hub.operator(campaign, people.operator)) == (CAP, 43)
    assert hub.landed(campaign, 7)


def test_closed_without_hold_goes_to_accounts(hub, token, people, make):
    campaign = make.campaign(closed=True)
    receipt = make.award(campaign, 7, (people.alice, 30), (people.bob, 12), (people.alice, 1))
    assert events(receipt, token.Transfer, hub.AccountAwarded, hub.AwardLanded) == [
        ("AccountAwarded", campaign, people.alice.address, 30),
        ("AccountAwarded", campaign, people.bob.address, 12),
        ("AccountAwarded", campaign, people.alice.address, 1),
        ("Transfer", ZERO, hub.address, 43),
        ("AwardLanded", campaign, 7, 43),
    ]
    assert (token.balanceOf(people.alice), token.balanceOf(hub)) == (0, 43)
    assert account_of(hub, campaign, people.alice) == (31, 0, 0)
    assert hub.campaign(campaign).budget == 100_000 - 43


@pytest.mark.parametrize("closed", [False, True])
def test_held_awards_mature_by_periods(hub, people, make, clock, closed):
    start = make.period_start(HOLD)
    campaign = make.campaign(closed=closed, hold=HOLD, days=90)
    make.award(campaign, 1, (people.alice, 100))
    assert account_of(hub, campaign, people.alice) == (0, 100, start + 2 * HOLD)
    clock.next_at(start + HOLD - 1)  # the last second of the period
    make.award(campaign, 2, (people.alice, 10))
    clock.next_at(start + HOLD)
    make.award(campaign, 3, (people.alice, 1))
    assert account_of(hub, campaign, people.alice) == (0, 111, start + 2 * HOLD)
    clock.pass_to(start + 2 * HOLD - 60)
    assert account_of(hub, campaign, people.alice) == (0, 111, start + 2 * HOLD)
    clock.pass_to(start + 2 * HOLD)
    assert account_of(hub, campaign, people.alice) == (110, 1, start + 3 * HOLD)
    make.award(campaign, 4, (people.alice, 5))
    assert account_of(hub, campaign, people.alice) == (110, 6, start + 3 * HOLD)
    clock.pass_to(start + 3 * HOLD)
    assert account_of(hub, campaign, people.alice) == (111, 5, start + 4 * HOLD)
    clock.pass_to(start + 7 * HOLD)
    assert account_of(hub, campaign, people.alice) == (116, 0, 0)


def test_matured_points_are_free_in_the_second_they_mature(hub, token, people, make, clock):
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD)
    make.award(campaign, 1, (people.alice, 100))
    clock.next_at(start + 2 * HOLD - 1)
    with refused("InsufficientPoints", 1, 0):
        hub.leave(campaign, 1, sender=people.alice)
    clock.next_at(start + 2 * HOLD)
    hub.leave(campaign, 100, sender=people.alice)
    assert token.balanceOf(people.alice) == 100


def test_an_award_refuses(hub, token, people, make, clock):
    to_wallets, to_accounts = make.campaign(budget=100), make.campaign(budget=100, closed=True)
    for campaign in (to_wallets, to_accounts):
        with refused("NotOperator", people.owner):
            make.award(campaign, 1, (people.alice, 1), sender=people.owner)
        with refused("OverBudget", 101, 100):
            make.award(campaign, 1, (people.alice, 60), (people.bob, 41))
        with refused("ZeroAmount"):
            make.award(campaign, 1)
        with refused("ZeroAmount"):
            make.award(campaign, 1, (people.alice, 1), (people.bob, 0))
        for nobody in (ZERO, token, hub):
            with refused("RecipientRefused", nobody):
                make.award(campaign, 1, (people.alice, 1), (nobody, 1))
        make.award(campaign, 1, (people.alice, 1))
        with refused("NumberTaken", 1):
            make.award(campaign, 1, (people.alice, 1))
        assert hub.campaign(campaign).budget == 99
    assert token.totalSupply() == 2


def test_awards_land_until_grace_is_over(hub, people, make, clock):
    campaign = make.campaign()
    end = hub.campaign(campaign).end
    clock.next_at(end + GRACE - 1)
    make.award(campaign, 1, (people.alice, 1))
    for later in (end + GRACE, end + GRACE + DAY):
        clock.next_at(later)
        with refused("CampaignEnded", end + GRACE):
            make.award(campaign, 2, (people.alice, 1))


def test_too_much_for_one_account_reverts_and_does_not_wrap(hub, people, make):
    campaign = make.campaign(hold=HOLD, budget=0)
    hub.setOperator(campaign, people.operator, 2**96 - 1, sender=people.owner)
    make_rich(hub, people, 2**49)
    hub.fund(campaign, 2**49, 0, sender=people.owner)
    with refused("SafeCastOverflowedUintDowncast", 48, 2**48):
        make.award(campaign, 1, (people.alice, 2**48))
    make.award(campaign, 1, (people.alice, 2**48 - 1))
    with refused("SafeCastOverflowedUintDowncast", 48, 2**48):
        make.award(campaign, 2, (people.bob, 1), (people.alice, 1))
    assert account_of(hub, campaign, people.alice)[:2] == (0, 2**48 - 1)
    assert account_of(hub, campaign, people.bob)[:2] == (0, 0)


def make_rich(hub, people, points):
    from ape import Contract

    Contract(hub.asset()).mint(people.owner, 2 * points * PAR, sender=people.owner)


# ------------------------------------------------------------------ numbers


def test_numbers_belong_to_the_campaign(hub, people, make):
    """Any operator, any order, awards and clawbacks alike: each number once; other campaigns have their own."""
    campaign, other = make.campaign(), make.campaign()
    hub.setOperator(campaign, people.bob, 1_000, sender=people.owner)
    numbers = [300, 0, 255, 256, 2**256 - 1]
    for number in numbers:
        assert not hub.landed(campaign, number)
        make.award(campaign, number, (people.alice, 1))
        assert hub.landed(campaign, number)
        with refused("NumberTaken", number):
            make.award(campaign, number, (people.alice, 1), sender=people.bob)
    assert not any(hub.landed(campaign, number) for number in (1, 254, 257, 299, 301, 2**256 - 2))
    make.clawback(campaign, 5, (people.alice, 1))
    assert hub.landed(campaign, 5)
    with refused("NumberTaken", 5):
        make.award(campaign, 5, (people.alice, 1))
    with refused("NumberTaken", 300):
        make.clawback(campaign, 300, (people.alice, 1))
    assert not hub.landed(other, 300)
    make.award(other, 300, (people.alice, 1))


def test_a_refused_batch_leaves_its_number_free(hub, people, make):
    campaign = make.campaign(budget=10)
    with refused("OverBudget", 11, 10):
        make.award(campaign, 1, (people.alice, 11))
    assert not hub.landed(campaign, 1)
    assert tuple(hub.operator(campaign, people.operator)) == (CAP, 0)
    make.award(campaign, 1, (people.alice, 10))


# --------------------------------------------------------------------- caps


def test_daily_cap_and_midnight(hub, people, make, clock):
    campaign = make.campaign()
    hub.setOperator(campaign, people.operator, 100, sender=people.owner)
    midnight = (clock.now // DAY + 1) * DAY
    clock.next_at(midnight - 30)
    make.award(campaign, 1, (people.alice, 60))
    with refused("OverDailyCap", 41, 40):
        make.award(campaign, 2, (people.alice, 41))
    clock.next_at(midnight - 1)
    make.award(campaign, 2, (people.alice, 40))
    assert tuple(hub.operator(campaign, people.operator)) == (100, 100)
    clock.next_at(midnight)
    make.award(campaign, 3, (people.alice, 100))
    with refused("OverDailyCap", 1, 0):
        make.award(campaign, 4, (people.alice, 1))
    clock.pass_to(midnight + DAY)
    assert tuple(hub.operator(campaign, people.operator)) == (100, 0)


def test_caps_hold_in_a_hundred_years(hub, people, make, clock):
    clock.pass_to(2**16 * DAY)
    campaign = make.campaign()
    hub.setOperator(campaign, people.operator, 100, sender=people.owner)
    make.award(campaign, 1, (people.alice, 100))
    with refused("OverDailyCap", 1, 0):
        make.award(campaign, 2, (people.alice, 1))


def test_a_cap_set_anew_is_no_second_cap(hub, people, make):
    campaign = make.campaign()
    hub.setOperator(campaign, people.operator, 100, sender=people.owner)
    make.award(campaign, 1, (people.alice, 80))
    hub.setOperator(campaign, people.operator, 0, sender=people.owner)
    with refused("NotOperator", people.operator):
        make.award(campaign, 2, (people.alice, 1))
    hub.setOperator(campaign, people.operator, 100, sender=people.owner)
    assert tuple(hub.operator(campaign, people.operator)) == (100, 80)
    with refused("OverDailyCap", 21, 20):
        make.award(campaign, 2, (people.alice, 21))
    hub.setOperator(campaign, people.operator, 50, sender=people.owner)
    with refused("OverDailyCap", 1, 0):
        make.award(campaign, 2, (people.alice, 1))
    hub.setOperator(campaign, people.operator, 120, sender=people.owner)
    make.award(campaign, 2, (people.alice, 40))


def test_caps_are_for_each_key_and_campaign(hub, people, make):
    one, two = make.campaign(), make.campaign()
    for campaign in (one, two):
        hub.setOperator(campaign, people.operator, 10, sender=people.owner)
    hub.setOperator(one, people.bob, 10, sender=people.owner)
    make.award(one, 1, (people.alice, 10))
    make.award(one, 2, (people.alice, 10), sender=people.bob)
    make.award(two, 1, (people.alice, 10))
    with refused("OverDailyCap", 1, 0):
        make.award(one, 3, (people.alice, 1))


def test_clawbacks_count_towards_the_cap_by_what_they_took(hub, people, make):
    campaign = make.campaign(hold=HOLD)
    hub.setOperator(campaign, people.operator, 100, sender=people.owner)
    make.award(campaign, 1, (people.alice, 50))
    make.clawback(campaign, 2, (people.alice, 2**96 - 1))
    assert tuple(hub.operator(campaign, people.operator)) == (100, 100)
    hub.setOperator(campaign, people.operator, 150, sender=people.owner)
    make.award(campaign, 3, (people.alice, 50))
    with refused("OverDailyCap", 20, 0):
        make.clawback(campaign, 4, (people.alice, 20))
    assert account_of(hub, campaign, people.alice)[:2] == (0, 50)


# ----------------------------------------------------------------- clawback


def test_clawback_takes_the_youngest_first(hub, token, asset, people, make, clock):
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD, days=90)
    make.award(campaign, 1, (people.alice, 100), (people.bob, 7))
    clock.next_at(start + HOLD)
    make.award(campaign, 2, (people.alice, 10))
    before = asset.balanceOf(hub)
    receipt = make.clawback(campaign, 3, (people.alice, 4), (people.bob, 2), (people.carol, 9))
    assert events(receipt, token.Transfer, hub.AccountClawedBack, hub.ClawbackLanded) == [
        ("AccountClawedBack", campaign, people.alice.address, 4),
        ("AccountClawedBack", campaign, people.bob.address, 2),
        ("Transfer", hub.address, ZERO, 6),
        ("ClawbackLanded", campaign, 3, 6),
    ]
    assert asset.balanceOf(hub) - before == 6 * PAR
    assert hub.campaign(campaign).budget == 100_000 - 117 + 6
    assert (token.balanceOf(hub), token.totalSupply()) == (111, 111)
    # 6 young ones are left: the old ones mature first, and only they.
    assert account_of(hub, campaign, people.alice) == (0, 106, start + 2 * HOLD)
    make.clawback(campaign, 4, (people.alice, 26))
    clock.pass_to(start + 2 * HOLD)
    assert account_of(hub, campaign, people.alice) == (80, 0, 0)
    assert account_of(hub, campaign, people.bob) == (5, 0, 0)


def test_clawback_never_reaches_matured_points(hub, token, people, make, clock):
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD)
    make.award(campaign, 1, (people.alice, 100))
    clock.next_at(start + 2 * HOLD)
    receipt = make.clawback(campaign, 2, (people.alice, 100))
    assert events(receipt, hub.AccountClawedBack, hub.ClawbackLanded, token.Transfer) == [
        ("ClawbackLanded", campaign, 2, 0)
    ]
    assert account_of(hub, campaign, people.alice) == (100, 0, 0)


def test_clawback_of_the_same_holder_twice_in_a_batch(hub, people, make):
    campaign = make.campaign(hold=HOLD)
    make.award(campaign, 1, (people.alice, 10))
    receipt = make.clawback(campaign, 2, (people.alice, 6), (people.alice, 6))
    assert events(receipt, hub.ClawbackLanded) == [("ClawbackLanded", campaign, 2, 10)]
    assert account_of(hub, campaign, people.alice) == (0, 0, 0)


def test_clawback_has_no_time_limit(hub, people, make, clock):
    make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD, days=30)
    end = hub.campaign(campaign).end
    clock.next_at(end + GRACE - 1)
    make.award(campaign, 1, (people.alice, 10))
    clock.next_at(end + GRACE + DAY)
    make.clawback(campaign, 2, (people.alice, 3))
    assert account_of(hub, campaign, people.alice)[:2] == (0, 7)


def test_clawback_needs_an_authorised_key_even_for_nothing(hub, people, make):
    """Else anybody could use up batch numbers."""
    campaign = make.campaign(hold=HOLD)
    with refused("NotOperator", people.stranger):
        make.clawback(campaign, 2, sender=people.stranger)
    with refused("NotOperator", people.stranger):
        make.clawback(campaign, 2, (people.alice, 5), sender=people.stranger)
    assert not hub.landed(campaign, 2)


def test_points_brought_in_are_nobodys_to_claw_back(hub, token, people, make):
    campaign = make.campaign(hold=HOLD)
    token.mint(people.alice, 50, sender=people.alice)
    hub.enter(campaign, 50, 0, sender=people.alice)
    make.clawback(campaign, 1, (people.alice, 50))
    assert account_of(hub, campaign, people.alice) == (50, 0, 0)


def test_an_award_clawed_back_can_be_awarded_again(hub, people, make, asset, token):
    campaign = make.campaign(hold=HOLD, budget=10)
    for number in range(0, 6, 2):
        make.award(campaign, number, (people.alice, 10))
        make.clawback(campaign, number + 1, (people.alice, 10))
    assert (hub.campaign(campaign).budget, asset.balanceOf(hub), token.totalSupply()) == (10, 10 * PAR, 0)


def test_entries_with_dirty_neighbours_are_read_exactly(hub, token, people, make):
    """An address of ones beside an amount of ones: neither runs into the other."""
    campaign = make.campaign(budget=5)
    ones = "0x" + "ff" * 20
    hub.awardBatch(campaign, 1, [entry(ones, 5)], sender=people.operator)
    assert token.balanceOf(ones) == 5
    hub.setOperator(campaign, people.operator, 2**96 - 1, sender=people.owner)
    with refused("OverDailyCap", 2**96 - 1, 2**96 - 1 - 5):
        hub.awardBatch(campaign, 2, [entry(ones, 2**96 - 1)], sender=people.operator)
