"""Assets that take a fee, lie or call back: they touch nothing but what moves them, and that exactly or not at all."""

from types import SimpleNamespace

import pytest
from eth_abi.abi import encode

from tests.contracts.conftest import Maker
from tests.contracts.support import DAY, ENTER, FAR, GRACE, PAR, digest_of, entry, refused, sign, sums
from tests.contracts.test_badges import BADGE, wish

HOLD = 14 * DAY


@pytest.fixture
def deploy(contracts, people, clock):
    """Token and hub over an asset of the given kind; everybody is rich in it and has allowed both to pull."""

    def deploy(kind):
        asset = getattr(contracts, kind).deploy(sender=people.owner)
        token = contracts.LoyaltyToken.deploy("Loyalty Points", "PTS", asset, PAR, sender=people.owner)
        hub = contracts.CampaignHub.deploy(token, people.treasury, 0, sender=people.owner)
        for who in (people.owner, people.alice, people.bob):
            asset.mint(who, 10**12, sender=people.owner)
            for spender in (token, hub):
                asset.approve(spender, 2**256 - 1, sender=who)
            token.approve(hub, 2**256 - 1, sender=who)
        return SimpleNamespace(asset=asset, token=token, hub=hub, make=Maker(hub, people, clock))

    return deploy


# ---------------------------------------------------------------- fee on transfer


def test_a_fee_on_transfer_is_refused_where_it_would_hurt(deploy, people, clock):
    world = deploy("FeeAsset")
    token, hub, asset = world.token, world.hub, world.asset
    with refused("AssetNotReceived", 10 * PAR, 990):
        token.mint(people.alice, 10, sender=people.alice)
    with refused("AssetNotReceived", 10 * PAR, 990):
        token.mintBatch([entry(people.alice, 10)], 10, sender=people.alice)
    with refused("AssetNotReceived", 100_000 * PAR, 9_900_000):
        world.make.campaign()

    # An asset that starts to take a fee later stops what would take from the others, and nothing else.
    asset.setCharging(False, sender=people.owner)
    make = world.make
    closed, held, wallets = make.campaign(closed=True, bonus=1_000, pot=100), make.campaign(hold=HOLD), make.campaign()
    make.award(held, 1, (people.alice, 100))
    make.award(closed, 1, (people.alice, 100))
    token.mint(people.alice, 500, sender=people.alice)
    asset.setCharging(True, sender=people.owner)
    with refused("AssetNotReceived", 5 * PAR, 495):
        make.award(wallets, 1, (people.alice, 5))
    with refused("AssetNotReceived", 5 * PAR, 495):
        make.clawback(held, 2, (people.alice, 5))
    with refused("AssetNotReceived", 5 * PAR, 495):
        hub.enter(closed, 50, 0, sender=people.alice)
    hub.enter(wallets, 50, 50, sender=people.alice)
    hub.leave(wallets, 50, sender=people.alice)
    token.transfer(people.bob, 100, sender=people.alice)
    token.cashOut(100, people.bob, sender=people.bob)
    clock.next_at(hub.campaign(closed).expiry + GRACE)
    with refused("AssetNotReceived", 100 * PAR, 9_900):
        hub.expire(closed, [people.alice], sender=people.bob)
    assert hub.account(closed, people.alice).matured == 100
    assert asset.balanceOf(token) >= PAR * token.totalSupply()
    assert hub.campaign(held).budget == 99_900


def test_an_asset_that_gives_too_much_is_refused(deploy, people):
    """More than was sent is not what was asked for either: somebody else's money would be counted as this one's."""
    world = deploy("ReenteringAsset")
    asset, token = world.asset, world.token
    asset.arm(asset, asset.mint.encode_input(token, 3), sender=people.owner)
    with refused("AssetNotReceived", 10 * PAR, 10 * PAR + 3):
        token.mint(people.alice, 10, sender=people.alice)
    asset.arm(asset, asset.mint.encode_input(world.hub, 3), sender=people.owner)
    with refused("AssetNotReceived", 100_000 * PAR, 100_000 * PAR + 3):
        world.make.campaign()


# ------------------------------------------------------------------------- lies


def test_an_asset_that_answers_false_is_refused(deploy, people, clock):
    world = deploy("FalseAsset")
    token, hub, asset, make = world.token, world.hub, world.asset, world.make
    campaign, closed = make.campaign(), make.campaign(closed=True, bonus=1_000, pot=100)
    token.mint(people.alice, 500, sender=people.alice)
    asset.setLying(True, sender=people.owner)
    for call in (
        lambda: token.mint(people.alice, 1, sender=people.alice),
        lambda: token.mintBatch([entry(people.alice, 1)], 1, sender=people.alice),
        lambda: token.cashOut(1, people.alice, sender=people.alice),
        lambda: hub.fund(campaign, 1, 0, sender=people.alice),
        lambda: make.award(campaign, 1, (people.alice, 1)),
        lambda: hub.enter(closed, 100, 0, sender=people.alice),
    ):
        with refused("SafeERC20FailedOperation", asset):
            call()
    # What does not call the asset goes on.
    hub.enter(campaign, 100, 100, sender=people.alice)
    hub.enter(closed, 5, 5, sender=people.alice)
    hub.leave(campaign, 40, sender=people.alice)
    token.transfer(people.bob, 10, sender=people.alice)
    clock.next_at(hub.campaign(campaign).end + GRACE)
    with refused("SafeERC20FailedOperation", asset):
        hub.sweep(campaign, sender=people.bob)
    assert hub.campaign(campaign).budget == 100_000
    asset.setLying(False, sender=people.owner)
    hub.sweep(campaign, sender=people.bob)


# --------------------------------------------------------------------- call backs

GUARD = bytes.fromhex("3ee5aeb5")  # ReentrancyGuardReentrantCall()


@pytest.fixture
def world(deploy, people):
    """An asset that calls back, and which is itself operator and holder of what it calls."""
    world = deploy("ReenteringAsset")
    token, hub, asset, make = world.token, world.hub, world.asset, world.make
    asset.mint(asset, 10**12, sender=people.owner)
    for spender in (token, hub):
        asset.approveAs(asset, spender, sender=people.owner)
    asset.approveAs(token, hub, sender=people.owner)
    token.mint(asset, 1_000, sender=people.alice)
    token.mint(people.alice, 1_000, sender=people.alice)
    world.open, world.held = make.campaign(), make.campaign(hold=HOLD)
    world.closed = make.campaign(closed=True, bonus=1_000, pot=1_000)
    for campaign in (world.open, world.held):
        hub.setOperator(campaign, asset, 10**6, sender=people.owner)
    make.award(world.held, 0, (people.alice, 100))
    hub.enter(world.open, 200, 0, sender=people.alice)
    return world


def attempts(world, people):
    """What the asset tries in the middle: contract and call."""
    token, hub, asset = world.token, world.hub, world.asset
    signature = (0, FAR, b"")
    return {
        "mint": (token, token.mint.encode_input(asset, 1)),
        "mintBatch": (token, token.mintBatch.encode_input([entry(asset, 1)], 1)),
        "cashOut": (token, token.cashOut.encode_input(1, asset)),
        "cashOutBySig": (token, token.cashOutBySig.encode_input(asset, asset, 1, *signature)),
        "fund": (hub, hub.fund.encode_input(world.open, 1, 0)),
        "award": (hub, hub.awardBatch.encode_input(world.open, 77, [entry(asset, 1)])),
        "clawback": (hub, hub.clawbackBatch.encode_input(world.held, 78, [entry(people.alice, 1)])),
        "enter": (hub, hub.enter.encode_input(world.closed, 10, 0)),
        "enterBySig": (hub, hub.enterBySig.encode_input(world.closed, asset, 10, 0, *signature)),
        "move": (hub, hub.move.encode_input(world.open, world.closed, 10, 0)),
        "moveBySig": (hub, hub.moveBySig.encode_input(world.open, world.closed, asset, 10, 0, *signature)),
        "sweep": (hub, hub.sweep.encode_input(world.open)),
        "expire": (hub, hub.expire.encode_input(world.closed, [asset.address])),
    }


def moves(world, people):
    """Every kind of call that moves the asset, under way when the asset calls back."""
    token, hub, make = world.token, world.hub, world.make
    alice = {"sender": people.alice}
    cash_out = {"holder": people.alice, "to": people.bob, "amount": 5, "nonce": 0, "deadline": FAR}
    entering = {"holder": people.alice, "payee": hub, "amount": 50, "nonce": 1, "deadline": FAR}
    entering |= {"witness": {"campaign": world.closed, "minReceived": 55}}
    moving = {"holder": people.alice, "from": world.open, "to": world.closed, "amount": 50, "minReceived": 55}
    moving |= {"nonce": 0, "deadline": FAR}

    def signed(contract, kind, message, witness=None):
        return sign(people.alice, contract, kind, message, witness).whole

    return {
        "mint": lambda: token.mint(people.bob, 5, **alice),
        "mintBatch": lambda: token.mintBatch([entry(people.bob, 5)], 5, **alice),
        "cashOut": lambda: token.cashOut(5, people.bob, **alice),
        "cashOutBySig": lambda: token.cashOutBySig(
            people.alice, people.bob, 5, 0, FAR, signed(token, "CashOut", cash_out), **alice
        ),
        "fund": lambda: hub.fund(world.open, 5, 0, **alice),
        "award": lambda: make.award(world.open, 5, (people.bob, 5)),
        "clawback": lambda: make.clawback(world.held, 6, (people.alice, 5)),
        "enter": lambda: hub.enter(world.closed, 50, 55, **alice),
        "enterBySig": lambda: hub.enterBySig(
            *(world.closed, people.alice, 50, 55, 1, FAR),
            signed(token, "Payment", entering, ("Enter", ENTER)),
            **alice,
        ),
        "move": lambda: hub.move(world.open, world.closed, 50, 55, **alice),
        "moveBySig": lambda: hub.moveBySig(
            *(world.open, world.closed, people.alice, 50, 55, 0, FAR), signed(hub, "Move", moving), **alice
        ),
        "sweep": lambda: hub.sweep(world.open, **alice),
        "expire": lambda: hub.expire(world.closed, [people.alice], **alice),
    }


def sums_hold(world, people):
    holders = (people.alice, people.bob, world.asset)
    return sums(world.token, world.hub, world.asset, (world.open, world.held, world.closed), holders)


def test_every_mover_of_the_asset_locks(world, people, clock):
    """During each of them, its own contract lets no other in."""
    for name, move in moves(world, people).items():
        if name == "sweep":  # and from there on
            clock.next_at(world.hub.campaign(world.closed).expiry + GRACE)
        target = attempts(world, people)["cashOut" if hasattr(world.token, name) else "fund"]
        world.asset.arm(*target, sender=people.owner)
        move()
        assert world.asset.fired(), name
        assert bytes(world.asset.answer()) == GUARD, name
        assert sums_hold(world, people), name


def test_every_mover_of_the_asset_is_locked_out(world, people):
    """During an award both contracts are locked; each of their functions that moves the asset says so."""
    for number, (name, target) in enumerate(attempts(world, people).items()):
        world.asset.arm(*target, sender=people.owner)
        world.make.award(world.open, 100 + number, (people.bob, 1))
        assert world.asset.fired(), name
        assert bytes(world.asset.answer()) == GUARD, name
    assert sums_hold(world, people)


def test_what_is_not_locked_finds_nothing_half_done(world, people):
    """Holders' verbs that never call the asset work in the middle of one that does, and the sums hold."""
    token, hub, asset = world.token, world.hub, world.asset
    asset.arm(hub, hub.enter.encode_input(world.open, 100, 0), sender=people.owner)
    token.mint(people.bob, 1, sender=people.alice)  # the hub is free while the token works for somebody else
    assert asset.succeeded()
    tries = [
        (hub, hub.leave.encode_input(world.open, 10)),
        (hub, hub.release.encode_input(world.held, [people.alice.address])),
        (hub, hub.cancel.encode_input(world.open)),
        (hub, hub.setStay.encode_input(world.open, False)),
        (token, token.transfer.encode_input(people.bob.address, 10)),
        (token, token.transferBatch.encode_input([entry(people.bob, 10)], 10)),
    ]
    for number, target in enumerate(tries):
        for move in (
            lambda number=number: world.make.clawback(world.held, 300 + number, (people.alice, 1)),
            lambda: hub.enter(world.closed, 20, 22, sender=people.alice),
        ):
            asset.arm(*target, sender=people.owner)
            move()
            assert asset.succeeded(), target
        assert sums_hold(world, people)


def test_who_calls_is_refused_by_its_own_name(world, contracts, people):
    """Not by that of who sent the transaction: alice, a holder and an operator, has a contract do it."""
    hub, asset, open_, closed = world.hub, world.asset, world.open, world.closed
    badges = contracts.LoyaltyBadges.deploy(hub, sender=people.owner)
    hub.setOperator(closed, people.alice, 1, sender=people.owner)
    badges.award(open_, BADGE, [wish(badges, people.alice, open_)], sender=people.operator)
    number = badges.idOf(open_, BADGE, people.alice)
    itself, wishes = asset.address, [wish(badges, people.bob, 1)]
    for target, call, error, *values in (
        (hub, hub.withdrawChange.encode_input(open_), "NotOwner(address)", itself),
        (hub, hub.setOperator.encode_input(open_, itself, 1), "NotOwner(address)", itself),
        (hub, hub.acceptOwnership.encode_input(open_), "NotCandidate(address)", itself),
        (hub, hub.acceptMerchant.encode_input(open_), "NotInvited(address)", itself),
        (hub, hub.redeemBatch.encode_input(people.merchant, []), "NotDelegate(address)", itself),
        (hub, hub.awardBatch.encode_input(closed, 9, []), "NotOperator(address)", itself),
        (badges, badges.award.encode_input(closed, 1, wishes), "NotOperator(uint256,address)", closed, itself),
        (badges, badges.renounce.encode_input(number), "NotHolder(uint256,address)", number, itself),
    ):
        asset.arm(target, call, sender=people.owner)
        world.token.mint(people.bob, 1, sender=people.alice)
        types = error.partition("(")[2].rstrip(")").split(",")
        assert bytes(asset.answer()) == digest_of(error)[:4] + encode(types, values), error
