"""After anything that anybody did, everybody can be paid out and nothing is left behind."""

import random

from ape.exceptions import ContractLogicError

from tests.contracts.support import DAY, FAR, GRACE, PAR, REDEMPTION, digest_of, sign, sums

HOLD = 14 * DAY
STEPS = 60
CODE = digest_of("code")


def test_wound_up_to_zero(hub, token, asset, people, make, clock):
    """Three campaigns, three holders, two merchants, random good and bad moves over half a year; then the end."""
    make.period_start(HOLD)
    campaigns = [
        make.campaign(days=90, budget=5_000),
        make.campaign(days=120, hold=HOLD, budget=5_000),
        make.campaign(days=120, hold=HOLD, closed=True, bonus=1_500, budget=5_000, pot=150),
    ]
    holders = [people.alice, people.bob, people.carol]
    everybody = [*holders, people.merchant, people.owner]
    for campaign in campaigns:
        hub.setOperator(campaign, people.operator, 400, sender=people.owner)
    play = Play(hub, token, people, campaigns, holders, random.Random(20_000))

    refusals = 0
    for step in range(STEPS):
        try:
            play.step(step)
        except ContractLogicError:
            refusals += 1
        clock.next_at(clock.now + play.dice.randrange(4 * DAY))
        if step % 6 == 5:
            assert sums(token, hub, asset, campaigns, everybody)
    assert 5 < refusals < STEPS - 20

    wind_up(hub, token, people, campaigns, holders, clock)
    for who in everybody:
        assert token.balanceOf(who) == 0
    assert (token.totalSupply(), asset.balanceOf(token)) == (0, 0)
    assert (token.balanceOf(hub), asset.balanceOf(hub)) == (0, 0)


def wind_up(hub, token, people, campaigns, holders, clock):
    """Owner, operator and merchants do nothing any more: holders and strangers alone."""
    latest = max(hub.campaign(campaign).expiry for campaign in campaigns)
    clock.pass_to(latest + GRACE)
    for campaign in campaigns:
        if hub.campaign(campaign).closed:
            hub.expire(campaign, holders, sender=people.stranger)
            continue
        hub.release(campaign, holders, sender=people.stranger)
        for holder in holders:
            state = hub.account(campaign, holder)
            assert state.pending == 0
            if state.matured:
                assert state.stay
                hub.leave(campaign, state.matured, sender=holder)
    for campaign in campaigns:
        state = hub.campaign(campaign)
        if state.budget + state.pot:
            hub.sweep(campaign, sender=people.stranger)
    for who in (*holders, people.merchant, people.owner):
        if points := token.balanceOf(who):
            token.cashOut(points, who, sender=who)


class Play:
    """One random move after the other, by whoever may or may not make it."""

    def __init__(self, hub, token, people, campaigns, holders, dice):
        self.hub, self.token, self.people = hub, token, people
        self.campaigns, self.holders, self.dice = campaigns, holders, dice

    def step(self, number):
        moves = [
            *[self.award] * 4,
            *[self.enter] * 2,
            *[self.move] * 2,
            *[self.spend] * 2,
            *(self.clawback, self.leave, self.release, self.redeem, self.buy, self.cash_out, self.fund, self.stay),
        ]
        self.dice.choice(moves)(number)

    def pick(self):
        return self.dice.choice(self.campaigns), self.dice.choice(self.holders), self.dice.randrange(1, 200)

    def entries(self):
        return [bytes.fromhex(holder.address[2:]) + self.pick()[2].to_bytes(12, "big") for holder in self.holders]

    def award(self, number):
        self.hub.awardBatch(self.pick()[0], number, self.entries(), sender=self.people.operator)

    def clawback(self, number):
        self.hub.clawbackBatch(self.pick()[0], number, self.entries(), sender=self.people.operator)

    def buy(self, number):
        _, holder, amount = self.pick()
        self.token.mint(holder, amount, sender=holder)

    def cash_out(self, number):
        _, holder, amount = self.pick()
        self.token.cashOut(amount, holder, sender=holder)

    def fund(self, number):
        campaign, _, amount = self.pick()
        self.hub.fund(campaign, amount, amount if campaign == self.campaigns[2] else 0, sender=self.people.owner)

    def enter(self, number):
        campaign, holder, amount = self.pick()
        self.hub.enter(campaign, amount, amount, sender=holder)

    def leave(self, number):
        campaign, holder, amount = self.pick()
        self.hub.leave(campaign, amount, sender=holder)

    def move(self, number):
        campaign, holder, amount = self.pick()
        self.hub.move(campaign, self.pick()[0], amount, amount, sender=holder)

    def release(self, number):
        self.hub.release(self.pick()[0], self.holders, sender=self.people.stranger)

    def stay(self, number):
        campaign, holder, amount = self.pick()
        self.hub.setStay(campaign, amount % 2 == 0, sender=holder)

    def redeem(self, number):
        _, holder, amount = self.pick()
        order = {"holder": holder, "amount": amount, "nonce": self.token.nonces(holder), "deadline": FAR}
        purpose = {"merchant": self.people.merchant, "offer": CODE, "sealKey": CODE}
        message = order | {"payee": self.hub, "witness": purpose}
        signature = sign(holder, self.token, "Payment", message, ("Redemption", REDEMPTION))
        entry = (holder, amount, CODE, CODE, order["nonce"], FAR, CODE, signature.r_bytes, signature.vs)
        self.hub.redeemBatch(self.people.merchant, [entry], sender=self.people.merchant)

    def spend(self, number):
        campaign, holder, amount = self.pick()
        nonce = self.hub.account(campaign, holder).nonce
        order = {"holder": holder, "campaign": campaign, "merchant": self.people.merchant, "amount": amount}
        order |= {"offer": CODE, "sealKey": CODE, "nonce": nonce, "deadline": FAR}
        signature = sign(holder, self.hub, "Spend", order)
        entry = (holder, amount, CODE, CODE, nonce, FAR, CODE, signature.r_bytes, signature.vs)
        self.hub.spendBatch(campaign, self.people.merchant, [entry], sender=self.people.merchant)


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
