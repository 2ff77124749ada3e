"""CampaignHub: creating campaigns, changing their terms, and who may do what."""

import pytest

from tests.contracts.support import DAY, GRACE, ZERO, digest_of, events, refused

TERMS = digest_of("terms")
HOLD = 14 * DAY
NONE, END, BONUS, MERCHANT_OFF = range(4)


@pytest.fixture
def create(hub, people, clock):
    """Creates with good terms, but for those named."""

    def create(days=30, hold=0, closed=False, expiry=None, bonus=0, end=None):
        end = clock.now + days * DAY if end is None else end
        expiry = (end + 2 * hold + 90 * DAY if closed else 0) if expiry is None else expiry
        return hub.createCampaign(end, hold, closed, expiry, bonus, TERMS, sender=people.owner)

    return create


def change_of(hub, campaign):
    change = hub.pendingChange(campaign)
    return change.kind, change.effectiveAt, change.value


# -------------------------------------------------------------------- facts


def test_facts(hub, token, asset, people):
    assert (hub.token(), hub.asset(), hub.treasury()) == (token.address, asset.address, people.treasury.address)
    assert (hub.feeBps(), hub.campaignCount()) == (150, 0)
    assert asset.allowance(hub, token) == 2**256 - 1


def test_deployment_refuses(contracts, token, people):
    with refused("TermRefused", "fee"):
        contracts.CampaignHub.deploy(token, people.treasury, 501, sender=people.owner)
    with refused("RecipientRefused", ZERO):
        contracts.CampaignHub.deploy(token, ZERO, 0, sender=people.owner)
    assert contracts.CampaignHub.deploy(token, people.treasury, 500, sender=people.owner).feeBps() == 500


def test_unknown_campaigns_are_refused_everywhere(hub, people, make):
    make.campaign()
    owner = {"sender": people.owner}
    signature = (0, 2**40, b"")
    order = (people.alice, 1, TERMS, TERMS, 0, 2**40, TERMS, TERMS, TERMS)
    for campaign in (0, 2, 2**256 - 1):
        for call in (
            lambda c: hub.campaign.transact(c, **owner),
            lambda c: hub.pendingChange.transact(c, **owner),
            lambda c: hub.account.transact(c, people.alice, **owner),
            lambda c: hub.isMerchant.transact(c, people.alice, **owner),
            lambda c: hub.operator.transact(c, people.alice, **owner),
            lambda c: hub.landed.transact(c, 1, **owner),
            lambda c: hub.scheduleEnd(c, 1, **owner),
            lambda c: hub.scheduleBonus(c, 1, **owner),
            lambda c: hub.scheduleMerchantOff(c, people.alice, **owner),
            lambda c: hub.withdrawChange(c, **owner),
            lambda c: hub.offerOwnership(c, people.alice, **owner),
            lambda c: hub.acceptOwnership(c, **owner),
            lambda c: hub.setOperator(c, people.alice, 1, **owner),
            lambda c: hub.inviteMerchant(c, people.alice, **owner),
            lambda c: hub.acceptMerchant(c, **owner),
            lambda c: hub.fund(c, 1, 0, **owner),
            lambda c: hub.sweep(c, **owner),
            lambda c: hub.awardBatch(c, 1, [], **owner),
            lambda c: hub.clawbackBatch(c, 1, [], **owner),
            lambda c: hub.enter(c, 1, 0, **owner),
            lambda c: hub.enterBySig(c, people.alice, 1, 0, *signature, **owner),
            lambda c: hub.leave(c, 1, **owner),
            lambda c: hub.move(c, 1, 1, 0, **owner),
            lambda c: hub.release(c, [], **owner),
            lambda c: hub.setStay(c, True, **owner),
            lambda c: hub.setStayBySig(c, people.alice, True, *signature, **owner),
            lambda c: hub.expire(c, [], **owner),
            lambda c: hub.cancel(c, **owner),
            lambda c: hub.spendBatch(c, people.owner, [], **owner),
            lambda c: hub.spend(c, people.owner, order, b"", **owner),
        ):
            with refused("UnknownCampaign", campaign):
                call(campaign)
        if campaign > 2:
            break


# ------------------------------------------------------------------- create


def test_create_open(hub, people, create, clock):
    receipt = create(hold=HOLD)
    end = hub.campaign(1).end
    assert events(receipt, hub.CampaignCreated) == [
        ("CampaignCreated", 1, people.owner.address, end, HOLD, False, 0, 0, TERMS)
    ]
    campaign = hub.campaign(1)
    assert (campaign.owner, campaign.hold, campaign.closed) == (people.owner.address, HOLD, False)
    assert (campaign.expiry, campaign.bonus, campaign.budget, campaign.pot) == (0, 0, 0, 0)
    assert (bytes(campaign.terms), hub.campaignCount()) == (TERMS, 1)
    create()
    assert hub.campaignCount() == 2


def test_create_closed(hub, people, create, clock):
    end = clock.now + 30 * DAY
    expiry = end + 2 * HOLD + 90 * DAY
    receipt = create(hold=HOLD, closed=True, bonus=2_500, end=end)
    assert events(receipt, hub.CampaignCreated) == [
        ("CampaignCreated", 1, people.owner.address, end, HOLD, True, expiry, 2_500, TERMS)
    ]
    campaign = hub.campaign(1)
    assert (campaign.closed, campaign.expiry, campaign.bonus) == (True, expiry, 2_500)


def test_create_refuses(hub, create, clock):
    soon = clock.now + 60
    clock.next_at(soon)
    for term, terms in [
        ("end", {"end": soon}),
        ("end", {"end": 0}),
        ("hold", {"hold": 90 * DAY + 1}),
        ("expiry", {"expiry": 1}),
        ("expiry", {"closed": True, "expiry": 0}),
        ("expiry", {"closed": True, "hold": HOLD, "end": 2 * clock.now, "expiry": 2 * clock.now + 118 * DAY - 1}),
        ("bonus", {"bonus": 1}),
        ("bonus", {"closed": True, "bonus": 10_001}),
    ]:
        with refused("TermRefused", term):
            create(**terms)
    create(hold=90 * DAY, closed=True, bonus=10_000)


# ------------------------------------------------------------------ changes


def test_scheduled_end(hub, people, make, clock):
    campaign = make.campaign(days=30)
    end = hub.campaign(campaign).end
    later = end + 30 * DAY
    receipt = hub.scheduleEnd(campaign, later, sender=people.owner)
    effective = clock.now + GRACE
    assert events(receipt, hub.ChangeScheduled) == [("ChangeScheduled", campaign, END, later, effective)]
    assert change_of(hub, campaign) == (END, effective, later)

    clock.pass_to(effective - 60)
    assert hub.campaign(campaign).end == end
    clock.pass_to(effective)
    assert hub.campaign(campaign).end == later
    assert change_of(hub, campaign) == (NONE, 0, 0)
    # It has taken effect by itself: an award lands after the end that was.
    clock.pass_to(end + GRACE + DAY)
    make.award(campaign, 1, (people.alice, 5))
    assert hub.campaign(campaign).end == later


def test_a_shorter_end_leaves_its_notice(hub, people, make, clock, token):
    campaign = make.campaign(days=30)
    clock.next_at(clock.now + 100)
    sooner = clock.now + 100 + GRACE
    hub.scheduleEnd(campaign, sooner, sender=people.owner)
    token.mint(people.alice, 10, sender=people.alice)
    clock.next_at(sooner - 1)
    hub.enter(campaign, 1, 0, sender=people.alice)
    clock.next_at(sooner)
    with refused("CampaignEnded", sooner):
        hub.enter(campaign, 1, 0, sender=people.alice)
    clock.next_at(sooner + GRACE)
    with refused("CampaignEnded", sooner + GRACE):
        make.award(campaign, 1, (people.alice, 1))


def test_schedule_end_refuses(hub, people, make, clock):
    campaign = make.campaign(days=30)
    end = hub.campaign(campaign).end
    with refused("NotOwner", people.stranger):
        hub.scheduleEnd(campaign, end, sender=people.stranger)
    start = clock.now + 100
    clock.next_at(start)
    with refused("TermRefused", "end"):
        hub.scheduleEnd(campaign, start + GRACE - 1, sender=people.owner)
    clock.next_at(end - GRACE + 1)
    with refused("CampaignEnded", end):
        hub.scheduleEnd(campaign, end + 60 * DAY, sender=people.owner)


def test_the_last_moment_to_extend(hub, people, make, clock):
    campaign = make.campaign(days=30)
    end = hub.campaign(campaign).end
    clock.next_at(end - GRACE)
    hub.scheduleEnd(campaign, end + DAY, sender=people.owner)
    clock.pass_to(end)
    assert hub.campaign(campaign).end == end + DAY


def test_closed_loop_keeps_its_distance_to_expiry(hub, people, make):
    campaign = make.campaign(closed=True, hold=HOLD)
    end = hub.campaign(campaign).end
    with refused("TermRefused", "expiry"):
        hub.scheduleEnd(campaign, end + 1, sender=people.owner)
    hub.scheduleEnd(campaign, end, sender=people.owner)


def test_scheduled_bonus(hub, people, make, clock, token):
    campaign = make.campaign(closed=True, bonus=1_000, pot=1_000)
    receipt = hub.scheduleBonus(campaign, 5_000, sender=people.owner)
    effective = clock.now + GRACE
    assert events(receipt, hub.ChangeScheduled) == [("ChangeScheduled", campaign, BONUS, 5_000, effective)]
    token.mint(people.alice, 300, sender=people.alice)
    clock.next_at(effective - 1)
    hub.enter(campaign, 100, 110, sender=people.alice)
    clock.next_at(effective)
    hub.enter(campaign, 100, 150, sender=people.alice)
    assert hub.campaign(campaign).bonus == 5_000
    assert hub.account(campaign, people.alice).matured == 260


def test_schedule_bonus_refuses(hub, people, make):
    closed, open_ = make.campaign(closed=True), make.campaign()
    with refused("NotOwner", people.stranger):
        hub.scheduleBonus(closed, 1, sender=people.stranger)
    with refused("TermRefused", "bonus"):
        hub.scheduleBonus(closed, 10_001, sender=people.owner)
    with refused("OpenLoop", open_):
        hub.scheduleBonus(open_, 1, sender=people.owner)
    hub.scheduleBonus(closed, 10_000, sender=people.owner)


def test_a_change_shows_when_it_is_due_and_in_its_own_term(hub, people, make, clock):
    end, bonus, merchant = (make.campaign(closed=True, bonus=1_000) for _ in range(3))
    before = hub.campaign(end).end
    hub.scheduleEnd(end, before - DAY, sender=people.owner)
    hub.scheduleBonus(bonus, 5_000, sender=people.owner)
    hub.scheduleMerchantOff(merchant, people.merchant, sender=people.owner)

    def shown(campaign):
        terms = hub.campaign(campaign)
        return terms.end > before - DAY, terms.bonus, hub.isMerchant(campaign, people.merchant)

    assert [shown(campaign) for campaign in (end, bonus, merchant)] == [(True, 1_000, True)] * 3
    clock.pass_to(clock.now + GRACE)
    assert [shown(campaign) for campaign in (end, bonus, merchant)] == [
        (False, 1_000, True),
        (True, 5_000, True),
        (True, 1_000, False),
    ]


def test_scheduled_merchant_off(hub, people, make, clock):
    campaign = make.campaign()
    receipt = hub.scheduleMerchantOff(campaign, people.merchant, sender=people.owner)
    effective = clock.now + GRACE
    assert events(receipt, hub.ChangeScheduled) == [
        ("ChangeScheduled", campaign, MERCHANT_OFF, int(people.merchant.address, 16), effective)
    ]
    assert hub.isMerchant(campaign, people.merchant)
    clock.next_at(effective - 1)
    hub.spendBatch(campaign, people.merchant, [], sender=people.merchant)
    clock.next_at(effective)
    with refused("NotMerchant", people.merchant):
        hub.spendBatch(campaign, people.merchant, [], sender=people.merchant)
    clock.pass_to(effective + 1)
    assert not hub.isMerchant(campaign, people.merchant)
    # It may come back, by a new invitation and its own word.
    with refused("NotInvited", people.merchant):
        hub.acceptMerchant(campaign, sender=people.merchant)
    hub.inviteMerchant(campaign, people.merchant, sender=people.owner)
    hub.acceptMerchant(campaign, sender=people.merchant)
    assert hub.isMerchant(campaign, people.merchant)


def test_an_invitation_can_be_taken_back(hub, people, make, clock):
    campaign = make.campaign(merchant=False)
    hub.inviteMerchant(campaign, people.merchant, sender=people.owner)
    hub.scheduleMerchantOff(campaign, people.merchant, sender=people.owner)
    clock.pass_to(clock.now + GRACE)
    with refused("NotInvited", people.merchant):
        hub.acceptMerchant(campaign, sender=people.merchant)


def test_merchant_off_refuses(hub, people, make):
    campaign = make.campaign()
    with refused("NotOwner", people.merchant):
        hub.scheduleMerchantOff(campaign, people.merchant, sender=people.merchant)
    with refused("NotMerchant", people.alice):
        hub.scheduleMerchantOff(campaign, people.alice, sender=people.owner)


def test_one_change_at_a_time(hub, people, make, clock):
    campaign = make.campaign(closed=True)
    end = hub.campaign(campaign).end
    hub.scheduleBonus(campaign, 10, sender=people.owner)
    due = clock.now + GRACE
    for schedule in (
        lambda: hub.scheduleBonus(campaign, 20, sender=people.owner),
        lambda: hub.scheduleEnd(campaign, end, sender=people.owner),
        lambda: hub.scheduleMerchantOff(campaign, people.merchant, sender=people.owner),
    ):
        with refused("ChangePending", due):
            schedule()
    # A due one makes room without anybody's doing, and is not lost by it.
    clock.next_at(due)
    hub.scheduleMerchantOff(campaign, people.merchant, sender=people.owner)
    assert hub.campaign(campaign).bonus == 10
    assert change_of(hub, campaign)[0] == MERCHANT_OFF


def test_withdraw_change(hub, people, make, clock):
    campaign = make.campaign(closed=True)
    with refused("NoChangePending"):
        hub.withdrawChange(campaign, sender=people.owner)
    hub.scheduleBonus(campaign, 10, sender=people.owner)
    with refused("NotOwner", people.stranger):
        hub.withdrawChange(campaign, sender=people.stranger)
    receipt = hub.withdrawChange(campaign, sender=people.owner)
    assert events(receipt, hub.ChangeWithdrawn) == [("ChangeWithdrawn", campaign)]
    clock.pass_to(clock.now + GRACE + 1)
    assert hub.campaign(campaign).bonus == 0

    hub.scheduleBonus(campaign, 10, sender=people.owner)
    clock.next_at(clock.now + GRACE)
    with refused("NoChangePending"):
        hub.withdrawChange(campaign, sender=people.owner)
    clock.pass_to(clock.now + GRACE)
    assert hub.campaign(campaign).bonus == 10


# -------------------------------------------------------------------- roles


def test_ownership_moves_in_two_steps(hub, people, make):
    campaign = make.campaign()
    with refused("NotOwner", people.alice):
        hub.offerOwnership(campaign, people.alice, sender=people.alice)
    receipt = hub.offerOwnership(campaign, people.alice, sender=people.owner)
    assert events(receipt, hub.OwnershipOffered) == [("OwnershipOffered", campaign, people.alice.address)]
    assert hub.campaign(campaign).owner == people.owner.address
    with refused("NotCandidate", people.bob):
        hub.acceptOwnership(campaign, sender=people.bob)
    receipt = hub.acceptOwnership(campaign, sender=people.alice)
    assert events(receipt, hub.OwnershipTransferred) == [
        ("OwnershipTransferred", campaign, people.owner.address, people.alice.address)
    ]
    assert hub.campaign(campaign).owner == people.alice.address
    with refused("NotCandidate", people.alice):
        hub.acceptOwnership(campaign, sender=people.alice)
    with refused("NotOwner", people.owner):
        hub.setOperator(campaign, people.operator, 1, sender=people.owner)


def test_an_offer_is_taken_back_by_offering_to_nobody(hub, people, make):
    campaign = make.campaign()
    hub.offerOwnership(campaign, people.alice, sender=people.owner)
    hub.offerOwnership(campaign, ZERO, sender=people.owner)
    with refused("NotCandidate", people.alice):
        hub.acceptOwnership(campaign, sender=people.alice)


def test_set_operator(hub, people, make):
    campaign = make.campaign()
    with refused("NotOwner", people.operator):
        hub.setOperator(campaign, people.operator, 5, sender=people.operator)
    receipt = hub.setOperator(campaign, people.bob, 77, sender=people.owner)
    assert events(receipt, hub.OperatorSet) == [("OperatorSet", campaign, people.bob.address, 77)]
    assert tuple(hub.operator(campaign, people.bob)) == (77, 0)
    hub.setOperator(campaign, people.bob, 0, sender=people.owner)
    assert tuple(hub.operator(campaign, people.bob)) == (0, 0)


def test_merchants_count_by_their_own_word(hub, people, make):
    campaign = make.campaign(merchant=False)
    with refused("NotOwner", people.merchant):
        hub.inviteMerchant(campaign, people.merchant, sender=people.merchant)
    with refused("NotInvited", people.merchant):
        hub.acceptMerchant(campaign, sender=people.merchant)
    receipt = hub.inviteMerchant(campaign, people.merchant, sender=people.owner)
    assert events(receipt, hub.MerchantInvited) == [("MerchantInvited", campaign, people.merchant.address)]
    assert not hub.isMerchant(campaign, people.merchant)
    receipt = hub.acceptMerchant(campaign, sender=people.merchant)
    assert events(receipt, hub.MerchantAccepted) == [("MerchantAccepted", campaign, people.merchant.address)]
    assert hub.isMerchant(campaign, people.merchant)
    with refused("NotInvited", people.merchant):
        hub.acceptMerchant(campaign, sender=people.merchant)
    # Inviting again would be a way to put a merchant off at once.
    with refused("RecipientRefused", people.merchant):
        hub.inviteMerchant(campaign, people.merchant, sender=people.owner)


def test_delegates_are_the_merchants_own(hub, people):
    receipt = hub.setDelegate(people.delegate, True, sender=people.merchant)
    assert events(receipt, hub.DelegateSet) == [("DelegateSet", people.merchant.address, people.delegate.address, True)]
    assert hub.isDelegate(people.merchant, people.delegate)
    assert not hub.isDelegate(people.bob, people.delegate)
    hub.setDelegate(people.delegate, False, sender=people.merchant)
    assert not hub.isDelegate(people.merchant, people.delegate)
