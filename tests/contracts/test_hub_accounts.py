"""CampaignHub: what holders do with their accounts, themselves or by signed order."""

import pytest

from tests.contracts.conftest import Maker
from tests.contracts.support import DAY, ENTER, FAR, GRACE, ZERO, events, move_order, refused, sign

HOLD = 14 * DAY


@pytest.fixture(autouse=True)
def points(token, people):
    token.mint(people.alice, 1_000, sender=people.alice)


def matured(hub, campaign, who):
    return hub.account(campaign, who).matured


def payment(token, hub, signer, campaign, minimum=0, **changed):
    message = {"holder": signer, "payee": hub, "amount": 100, "nonce": 0, "deadline": FAR} | changed
    witness = {"campaign": campaign, "minReceived": minimum}
    return sign(signer, token, "Payment", message | {"witness": witness}, ("Enter", ENTER)).whole


# -------------------------------------------------------------------- enter


def test_enter_open(hub, token, people, make):
    campaign = make.campaign()
    receipt = hub.enter(campaign, 300, 300, sender=people.alice)
    assert events(receipt, token.Transfer, hub.StaySet, hub.Entered) == [
        ("Transfer", people.alice.address, hub.address, 300),
        ("StaySet", campaign, people.alice.address, True),
        ("Entered", campaign, people.alice.address, 300, 0),
    ]
    state = hub.account(campaign, people.alice)
    assert (state.matured, state.pending, state.nonce, state.stay) == (300, 0, 0, True)
    receipt = hub.enter(campaign, 1, 0, sender=people.alice)
    assert events(receipt, hub.StaySet) == []


def test_enter_closed_with_bonus(hub, token, asset, people, make):
    campaign = make.campaign(closed=True, bonus=1_234, pot=40)
    receipt = hub.enter(campaign, 299, 335, sender=people.alice)  # 299 * 12.34 % = 36.8966
    assert events(receipt, token.Transfer, hub.StaySet, hub.Entered) == [
        ("Transfer", people.alice.address, hub.address, 299),
        ("Transfer", ZERO, hub.address, 36),
        ("Entered", campaign, people.alice.address, 299, 36),
    ]
    assert (matured(hub, campaign, people.alice), hub.campaign(campaign).pot) == (335, 4)
    assert token.balanceOf(hub) == 335
    # The pot is the limit.
    with refused("BelowMinimum", 304, 305):
        hub.enter(campaign, 300, 305, sender=people.alice)
    hub.enter(campaign, 300, 304, sender=people.alice)
    receipt = hub.enter(campaign, 300, 300, sender=people.alice)
    assert events(receipt, hub.Entered, asset.Transfer) == [("Entered", campaign, people.alice.address, 300, 0)]
    assert (hub.campaign(campaign).pot, hub.campaign(campaign).budget) == (0, 100_000)


def test_enter_refuses(hub, token, people, make, clock):
    campaign = make.campaign()
    end = hub.campaign(campaign).end
    with refused("ZeroAmount"):
        hub.enter(campaign, 0, 0, sender=people.alice)
    with refused("BelowMinimum", 5, 6):
        hub.enter(campaign, 5, 6, sender=people.alice)
    with refused("ERC20InsufficientBalance", people.alice, 1_000, 1_001):
        hub.enter(campaign, 1_001, 0, sender=people.alice)
    token.approve(hub, 4, sender=people.alice)
    with refused("ERC20InsufficientAllowance", hub, 4, 5):
        hub.enter(campaign, 5, 0, sender=people.alice)
    clock.next_at(end - 1)
    hub.enter(campaign, 4, 4, sender=people.alice)
    for later in (end, end + DAY):
        clock.next_at(later)
        with refused("CampaignEnded", end):
            hub.enter(campaign, 1, 0, sender=people.alice)


def test_enter_by_sig(hub, token, people, make):
    campaign = make.campaign(closed=True, bonus=1_000, pot=100)
    token.approve(hub, 0, sender=people.alice)  # the signature alone pays
    signature = payment(token, hub, people.alice, campaign, 110)
    receipt = hub.enterBySig(campaign, people.alice, 100, 110, 0, FAR, signature, sender=people.stranger)
    assert events(receipt, token.OrderExecuted, hub.OrderExecuted, hub.Entered) == [
        ("OrderExecuted", people.alice.address, 0),
        ("Entered", campaign, people.alice.address, 100, 10),
    ]
    assert (matured(hub, campaign, people.alice), token.balanceOf(people.alice)) == (110, 900)
    with refused("InvalidAccountNonce", people.alice, 1):
        hub.enterBySig(campaign, people.alice, 100, 110, 0, FAR, signature, sender=people.stranger)


def test_enter_by_sig_holds_for_its_fields_only(hub, token, people, make, clock):
    campaign, other = make.campaign(), make.campaign()
    signature = payment(token, hub, people.alice, campaign, 50)
    good = [campaign, people.alice, 100, 50, 0, FAR]
    for place, value in ((0, other), (1, people.bob), (2, 99), (3, 49), (5, FAR - 1)):
        changed = [*good[:place], value, *good[place + 1 :]]
        with refused("BadSignature", changed[1]):
            hub.enterBySig(*changed, signature, sender=people.stranger)
    with refused("InvalidAccountNonce", people.alice, 0):
        hub.enterBySig(*good[:4], 1, FAR, signature, sender=people.stranger)
    with refused("OrderExpired", clock.now - 1):
        hub.enterBySig(*good[:5], clock.now - 1, signature, sender=people.stranger)
    with refused("ZeroAmount"):
        hub.enterBySig(campaign, people.alice, 0, 0, 0, FAR, signature, sender=people.stranger)
    for signer in (people.bob, people.stranger):
        with refused("BadSignature", people.alice):
            other_signature = payment(token, hub, signer, campaign, 50, holder=people.alice)
            hub.enterBySig(*good, other_signature, sender=people.stranger)
    clock.next_at(hub.campaign(campaign).end)
    with refused("CampaignEnded", hub.campaign(campaign).end):
        hub.enterBySig(*good, signature, sender=people.stranger)


def test_enter_by_sig_keeps_the_minimum(hub, token, people, make):
    campaign = make.campaign(closed=True, bonus=1_000, pot=5)
    signature = payment(token, hub, people.alice, campaign, 110)
    with refused("BelowMinimum", 105, 110):
        hub.enterBySig(campaign, people.alice, 100, 110, 0, FAR, signature, sender=people.stranger)
    # Nothing was used up: the same order lands once the pot is filled.
    hub.fund(campaign, 0, 5, sender=people.owner)
    hub.enterBySig(campaign, people.alice, 100, 110, 0, FAR, signature, sender=people.stranger)


def test_no_account_is_locked_by_an_overflow(contracts, asset, people, clock):
    """One unit of the asset a hundredth, so that somebody can own 2^88 of them."""
    token = contracts.LoyaltyToken.deploy("Cheap", "CHEAP", asset, 1, sender=people.owner)
    hub = contracts.CampaignHub.deploy(token, people.treasury, 0, sender=people.owner)
    asset.mint(people.owner, 2**90, sender=people.owner)
    for spender in (token, hub):
        asset.approve(spender, 2**256 - 1, sender=people.owner)
    token.mint(people.bob, 2**88, sender=people.owner)
    token.approve(hub, 2**256 - 1, sender=people.bob)
    make = Maker(hub, people, clock)
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD, budget=2**49, merchant=False)
    hub.setOperator(campaign, people.operator, 2**96 - 1, sender=people.owner)

    with refused("SafeCastOverflowedUintDowncast", 87, 2**87):
        hub.enter(campaign, 2**87, 0, sender=people.bob)
    hub.enter(campaign, 2**87 - 1, 0, sender=people.bob)
    with refused("SafeCastOverflowedUintDowncast", 87, 2**87):
        hub.enter(campaign, 1, 0, sender=people.bob)
    # What matures on top has room, and all of it can leave.
    make.award(campaign, 1, (people.bob, 2**48 - 1))
    clock.next_at(start + 2 * HOLD)
    hub.leave(campaign, 2**87 - 1 + 2**48 - 1, sender=people.bob)
    assert token.balanceOf(people.bob) == 2**88 + 2**48 - 1

    # Nor can it make the awards of others fail where nothing is held.
    closed = make.campaign(closed=True, budget=500, merchant=False)
    hub.setOperator(closed, people.operator, 500, sender=people.owner)
    hub.enter(closed, 2**87 - 1, 0, sender=people.bob)
    make.award(closed, 1, (people.alice, 100), (people.bob, 100))
    assert hub.account(closed, people.bob).matured == 2**87 + 99


# -------------------------------------------------------------------- leave


def leave_order(hub, signer, campaign, **changed):
    order = {"holder": signer, "campaign": campaign, "amount": 60, "nonce": 0, "deadline": FAR} | changed
    return sign(signer, hub, "Leave", order).whole


def test_leave(hub, token, people, make, clock):
    campaign = make.campaign()
    hub.enter(campaign, 300, 0, sender=people.alice)
    clock.pass_to(hub.campaign(campaign).end + 400 * DAY)  # any time
    receipt = hub.leave(campaign, 200, sender=people.alice)
    assert events(receipt, token.Transfer, hub.Left) == [
        ("Transfer", hub.address, people.alice.address, 200),
        ("Left", campaign, people.alice.address, 200),
    ]
    assert (matured(hub, campaign, people.alice), token.balanceOf(people.alice)) == (100, 900)
    with refused("InsufficientPoints", 101, 100):
        hub.leave(campaign, 101, sender=people.alice)
    with refused("ZeroAmount"):
        hub.leave(campaign, 0, sender=people.alice)
    with refused("InsufficientPoints", 1, 0):
        hub.leave(campaign, 1, sender=people.bob)


def test_closed_loop_has_no_way_out(hub, token, people, make, clock):
    closed, open_ = make.campaign(closed=True, bonus=100, pot=50), make.campaign()
    hub.enter(closed, 100, 0, sender=people.alice)
    make.award(closed, 1, (people.alice, 50))
    assert matured(hub, closed, people.alice) == 151
    signature = leave_order(hub, people.alice, closed)
    with refused("ClosedLoop", closed):
        hub.leave(closed, 1, sender=people.alice)
    with refused("ClosedLoop", closed):
        hub.leaveBySig(closed, people.alice, 60, 0, FAR, signature, sender=people.alice)
    with refused("ClosedLoop", closed):
        hub.move(closed, open_, 1, 0, sender=people.alice)
    with refused("ClosedLoop", closed):
        order = {"holder": people.alice, "from": closed, "to": open_, "amount": 1, "minReceived": 0}
        signature = sign(people.alice, hub, "Move", order | {"nonce": 0, "deadline": FAR}).whole
        hub.moveBySig(closed, open_, people.alice, 1, 0, 0, FAR, signature, sender=people.alice)
    with refused("ClosedLoop", closed):
        hub.release(closed, [people.alice], sender=people.stranger)
    state = hub.campaign(closed)
    clock.next_at(state.expiry + GRACE - 1)
    with refused("NotYet", state.expiry + GRACE):
        hub.expire(closed, [people.alice], sender=people.owner)
    assert (matured(hub, closed, people.alice), token.balanceOf(people.alice)) == (151, 900)


def test_leave_by_sig(hub, token, people, make):
    campaign = make.campaign()
    hub.enter(campaign, 300, 0, sender=people.alice)
    signature = leave_order(hub, people.alice, campaign)
    receipt = hub.leaveBySig(campaign, people.alice, 60, 0, FAR, signature, sender=people.stranger)
    assert events(receipt, hub.OrderExecuted, hub.Left) == [
        ("OrderExecuted", campaign, people.alice.address, 0),
        ("Left", campaign, people.alice.address, 60),
    ]
    state = hub.account(campaign, people.alice)
    assert (state.matured, state.nonce, token.balanceOf(people.alice)) == (240, 1, 760)
    with refused("NonceMismatch", 0, 1):
        hub.leaveBySig(campaign, people.alice, 60, 0, FAR, signature, sender=people.stranger)


def test_leave_by_sig_refuses(hub, people, make, clock, chain, token):
    campaign, other = make.campaign(), make.campaign()
    hub.enter(campaign, 300, 0, sender=people.alice)
    good = [campaign, people.alice, 60, 0, FAR]
    signature = leave_order(hub, people.alice, campaign)
    for place, value in ((0, other), (1, people.bob), (2, 61), (4, FAR - 1)):
        changed = [*good[:place], value, *good[place + 1 :]]
        with refused("BadSignature", changed[1]):
            hub.leaveBySig(*changed, signature, sender=people.stranger)
    with refused("NonceMismatch", 1, 0):
        hub.leaveBySig(*good[:3], 1, FAR, signature, sender=people.stranger)
    past = clock.now - 1
    with refused("OrderExpired", past):
        hub.leaveBySig(*good[:4], past, signature, sender=people.stranger)
    order = {"holder": people.alice, "campaign": campaign, "amount": 60, "nonce": 0, "deadline": FAR}
    for bad in (
        sign(people.bob, hub, "Leave", order),
        sign(people.alice, hub, "Leave", order).mirrored,
        sign(people.alice, hub, "Leave", order, chainId=chain.chain_id + 1),
        sign(people.alice, hub, "Leave", order, verifyingContract=token.address),
    ):
        with refused("BadSignature", people.alice):
            hub.leaveBySig(*good, bad.whole, sender=people.stranger)
    too_much = leave_order(hub, people.alice, campaign, amount=301)
    with refused("InsufficientPoints", 301, 300):
        hub.leaveBySig(campaign, people.alice, 301, 0, FAR, too_much, sender=people.stranger)
    nothing = leave_order(hub, people.alice, campaign, amount=0)
    with refused("ZeroAmount"):
        hub.leaveBySig(campaign, people.alice, 0, 0, FAR, nothing, sender=people.stranger)
    assert hub.account(campaign, people.alice).nonce == 0


# --------------------------------------------------------- release and stay


def test_release(hub, token, people, make, clock):
    start = make.period_start(HOLD)
    campaign = make.campaign(hold=HOLD, days=90)
    make.award(campaign, 1, (people.alice, 10), (people.bob, 20), (people.carol, 30))
    hub.setStay(campaign, True, sender=people.carol)
    clock.next_at(start + HOLD)
    make.award(campaign, 2, (people.bob, 5))
    clock.next_at(start + 2 * HOLD)
    holders = [people.stranger, people.alice, people.carol, people.bob, people.alice]
    receipt = hub.release(campaign, holders, sender=people.stranger)
    assert events(receipt, hub.Released, token.Transfer) == [
        ("Released", campaign, people.alice.address, 10),
        ("Released", campaign, people.bob.address, 20),
        ("Transfer", hub.address, people.alice.address, 10),
        ("Transfer", hub.address, people.bob.address, 20),
    ]
    assert (token.balanceOf(people.alice), token.balanceOf(people.bob), token.balanceOf(hub)) == (1_010, 20, 35)
    states = [hub.account(campaign, who) for who in (people.alice, people.bob, people.carol)]
    assert [(state.matured, state.pending) for state in states] == [(0, 0), (0, 5), (30, 0)]
    # Nobody to release is no fault.
    receipt = hub.release(campaign, [people.carol, people.alice], sender=people.stranger)
    assert events(receipt, hub.Released, token.Transfer) == []
    hub.release(campaign, [], sender=people.stranger)


def test_who_came_on_purpose_stays(hub, people, make):
    campaign = make.campaign()
    hub.enter(campaign, 100, 0, sender=people.alice)
    hub.release(campaign, [people.alice], sender=people.stranger)
    assert matured(hub, campaign, people.alice) == 100
    hub.setStay(campaign, False, sender=people.alice)
    hub.release(campaign, [people.alice], sender=people.stranger)
    assert matured(hub, campaign, people.alice) == 0


def test_set_stay(hub, people, make):
    campaign = make.campaign()
    for stay in (True, False):
        receipt = hub.setStay(campaign, stay, sender=people.alice)
        assert events(receipt, hub.StaySet) == [("StaySet", campaign, people.alice.address, stay)]
        assert hub.account(campaign, people.alice).stay is stay


def test_set_stay_by_sig(hub, people, make, clock):
    campaign, other = make.campaign(), make.campaign()
    order = {"holder": people.alice, "campaign": campaign, "stay": True, "nonce": 0, "deadline": FAR}
    signature = sign(people.alice, hub, "Stay", order).whole
    good = [campaign, people.alice, True, 0, FAR]
    for place, value in ((0, other), (1, people.bob), (2, False), (4, FAR - 1)):
        changed = [*good[:place], value, *good[place + 1 :]]
        with refused("BadSignature", changed[1]):
            hub.setStayBySig(*changed, signature, sender=people.stranger)
    past = clock.now - 1
    with refused("OrderExpired", past):
        hub.setStayBySig(*good[:4], past, signature, sender=people.stranger)
    receipt = hub.setStayBySig(*good, signature, sender=people.stranger)
    assert events(receipt, hub.OrderExecuted, hub.StaySet) == [
        ("OrderExecuted", campaign, people.alice.address, 0),
        ("StaySet", campaign, people.alice.address, True),
    ]
    assert hub.account(campaign, people.alice).stay
    with refused("NonceMismatch", 0, 1):
        hub.setStayBySig(*good, signature, sender=people.stranger)


# ------------------------------------------------------------------- cancel


def test_cancel(hub, token, people, make):
    campaign, other = make.campaign(), make.campaign()
    hub.enter(campaign, 300, 0, sender=people.alice)
    signature = leave_order(hub, people.alice, campaign)
    receipt = hub.cancel(campaign, sender=people.alice)
    assert events(receipt, hub.OrdersCancelled) == [("OrdersCancelled", campaign, people.alice.address, 65_536)]
    with refused("NonceMismatch", 0, 65_536):
        hub.leaveBySig(campaign, people.alice, 60, 0, FAR, signature, sender=people.stranger)
    state = hub.account(campaign, people.alice)
    assert (state.matured, state.nonce, state.stay) == (300, 65_536, True)
    assert (hub.account(other, people.alice).nonce, token.nonces(people.alice)) == (0, 0)


# ----------------------------------------------------------- contract wallets


def test_contract_wallets_sign_for_accounts(hub, token, contracts, people, make):
    wallet = contracts.ContractWallet.deploy(people.bob, sender=people.owner)
    token.mint(wallet, 500, sender=people.owner)
    source, target = make.campaign(), make.campaign()

    entering = payment(token, hub, people.bob, source, 300, holder=wallet, amount=300)
    hub.enterBySig(source, wallet, 300, 300, 0, FAR, entering, sender=people.stranger)
    wrong = payment(token, hub, people.alice, source, 200, holder=wallet, amount=200, nonce=1)
    with refused("BadSignature", wallet):
        hub.enterBySig(source, wallet, 200, 200, 1, FAR, wrong, sender=people.stranger)

    leaving = leave_order(hub, people.bob, source, holder=wallet)
    hub.leaveBySig(source, wallet, 60, 0, FAR, leaving, sender=people.stranger)
    moving = move_order(hub, people.bob, source, target, holder=wallet, minReceived=200, nonce=1)
    hub.moveBySig(source, target, wallet, 200, 200, 1, FAR, moving, sender=people.stranger)
    stay = {"holder": wallet, "campaign": target, "stay": False, "nonce": 0, "deadline": FAR}
    signature = sign(people.bob, hub, "Stay", stay).whole
    hub.setStayBySig(target, wallet, False, 0, FAR, signature, sender=people.stranger)
    hub.release(target, [wallet], sender=people.stranger)
    assert (token.balanceOf(wallet), matured(hub, source, wallet), matured(hub, target, wallet)) == (460, 40, 0)
