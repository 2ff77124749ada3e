"""Whoever calls is meant, not who sent the transaction: a contract acts for itself alone. Here everybody is one."""

import pytest

from tests.contracts.conftest import CAP
from tests.contracts.support import DAY, NO_HASH, PAR, ZERO, entry, events

RICH = 10**9


@pytest.fixture
def wallet(contracts, asset, token, people):
    """A contract with points and asset of its own; bob, who sends for it, has as much."""
    wallet = contracts.ContractWallet.deploy(people.bob, sender=people.owner)
    asset.mint(wallet, RICH, sender=people.owner)
    for who in (wallet, people.bob):
        token.mint(who, 1_000, sender=people.owner)
    return wallet


@pytest.fixture
def send(wallet, asset, token, hub, people):
    def send(contract, name, *arguments):
        call = getattr(contract, name).encode_input(*arguments)
        return wallet.execute(contract, call, sender=people.bob)

    for spender in (token, hub):
        send(asset, "approve", spender, 2**256 - 1)
    send(token, "approve", hub, 2**256 - 1)
    return send


def test_a_contract_runs_a_campaign(hub, asset, people, wallet, send, clock, make):
    bobs = asset.balanceOf(people.bob)
    end = clock.now + 30 * DAY
    receipt = send(hub, "createCampaign", end, 0, True, end + 91 * DAY, 0, NO_HASH)
    campaign = hub.campaignCount()
    assert events(receipt, hub.CampaignCreated)[0][1:3] == (campaign, wallet.address)
    receipt = send(hub, "fund", campaign, 100, 0)
    fee = 100 * PAR * 150 // 10_000
    assert events(receipt, hub.Funded) == [("Funded", campaign, wallet.address, 100, 0, fee)]
    assert (asset.balanceOf(wallet), asset.balanceOf(people.bob)) == (RICH - 100 * PAR - fee, bobs)
    send(hub, "setOperator", campaign, wallet.address, CAP)
    send(hub, "awardBatch", campaign, 1, [entry(people.carol, 7)])
    assert hub.operator(campaign, wallet).usedToday == 7
    send(hub, "inviteMerchant", campaign, wallet.address)
    receipt = send(hub, "acceptMerchant", campaign)
    assert events(receipt, hub.MerchantAccepted) == [("MerchantAccepted", campaign, wallet.address)]
    receipt = send(hub, "setDelegate", people.carol, True)
    assert events(receipt, hub.DelegateSet) == [("DelegateSet", wallet.address, people.carol.address, True)]
    assert hub.isDelegate(wallet, people.carol)
    send(hub, "spendBatch", campaign, wallet.address, [])

    another = make.campaign()
    hub.offerOwnership(another, wallet, sender=people.owner)
    receipt = send(hub, "acceptOwnership", another)
    told = ("OwnershipTransferred", another, people.owner.address, wallet.address)
    assert events(receipt, hub.OwnershipTransferred) == [told]
    assert hub.campaign(another).owner == wallet.address


def test_a_contract_has_points(hub, token, asset, people, wallet, send, make):
    bobs = asset.balanceOf(people.bob)
    send(token, "mint", wallet.address, 500)
    assert (asset.balanceOf(wallet), asset.balanceOf(people.bob)) == (RICH - 500 * PAR, bobs)
    receipt = send(token, "transferBatch", [entry(people.carol, 100)], 100)
    assert events(receipt, token.Transfer) == [("Transfer", wallet.address, people.carol.address, 100)]
    receipt = send(token, "cashOut", 50, people.carol)
    assert events(receipt, token.Transfer) == [("Transfer", wallet.address, ZERO, 50)]
    receipt = send(token, "cancel")
    assert events(receipt, token.OrdersCancelled) == [("OrdersCancelled", wallet.address, 65_536)]
    assert (token.nonces(wallet), token.nonces(people.bob)) == (65_536, 0)

    one, two = make.campaign(), make.campaign()
    hub.enter(one, 500, 0, sender=people.bob)
    receipt = send(hub, "enter", one, 300, 0)
    assert events(receipt, hub.Entered) == [("Entered", one, wallet.address, 300, 0)]
    assert (token.balanceOf(wallet), token.balanceOf(people.bob)) == (1_050, 500)
    receipt = send(hub, "setStay", one, False)
    assert events(receipt, hub.StaySet) == [("StaySet", one, wallet.address, False)]
    receipt = send(hub, "leave", one, 40)
    assert events(receipt, hub.Left) == [("Left", one, wallet.address, 40)]
    receipt = send(hub, "move", one, two, 60, 0)
    assert events(receipt, hub.Moved) == [("Moved", one, two, wallet.address, 60, 0)]
    receipt = send(hub, "cancel", one)
    assert events(receipt, hub.OrdersCancelled) == [("OrdersCancelled", one, wallet.address, 65_536)]
    left = [hub.account(one, who) for who in (wallet, people.bob)]
    assert [(state.matured, state.nonce) for state in left] == [(200, 65_536), (500, 0)]
    assert (token.balanceOf(wallet), token.balanceOf(people.bob)) == (1_090, 500)
