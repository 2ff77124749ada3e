"""With everybody else hostile or gone. tests/forge/invariants has the random sequences, each wound up to nothing."""

from tests.contracts.support import DAY, PAR

HOLD = 14 * DAY


def test_a_hostile_owner_and_its_people_stop_nobody(hub, token, asset, people, make, clock):
    """Liveness: revoked, put off and gone, they keep no holder from its points nor from par."""
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD, days=30)
    make.award(campaign, 1, (people.alice, 100), (people.bob, 50))
    hub.scheduleMerchantOff(campaign, people.merchant, sender=people.owner)
    hub.setOperator(campaign, people.operator, 0, sender=people.owner)
    clock.next_at(start + 2 * HOLD)
    make_key_rogue(hub, people, campaign)
    hub.leave(campaign, 100, sender=people.alice)
    hub.release(campaign, [people.bob], sender=people.stranger)
    before = asset.balanceOf(people.alice)
    token.cashOut(100, people.alice, sender=people.alice)
    assert asset.balanceOf(people.alice) - before == 100 * PAR
    token.transfer(people.carol, 50, sender=people.bob)
    token.cashOut(50, people.carol, sender=people.carol)
    assert token.totalSupply() == 0


def make_key_rogue(hub, people, campaign):
    """The owner gives a key the greatest cap and has it claw back whatever it can: matured points it cannot."""
    hub.setOperator(campaign, people.stranger, 2**96 - 1, sender=people.owner)
    everything = [bytes.fromhex(who.address[2:]) + b"\xff" * 12 for who in (people.alice, people.bob)]
    hub.clawbackBatch(campaign, 99, everything, sender=people.stranger)
    assert hub.account(campaign, people.alice).matured == 100
