"""LoyaltyToken: what it is, minting against the asset, cashing out at par."""

import pytest

from tests.contracts.support import PAR, ZERO, entry, events, overflows, refused

MAX_SUPPLY = 2**96 - 1


@pytest.fixture
def free_token(contracts, asset, people):
    """One unit of the asset a hundredth, so that the supply can be driven to its limit."""
    token = contracts.LoyaltyToken.deploy("Free", "FREE", asset, 1, sender=people.owner)
    asset.mint(people.owner, 2**97, sender=people.owner)
    asset.approve(token, 2**256 - 1, sender=people.owner)
    return token


def test_facts(token, asset, chain):
    assert (token.name(), token.symbol(), token.decimals()) == ("Loyalty Points", "PTS", 2)
    assert (token.asset(), token.par(), token.totalSupply()) == (asset.address, PAR, 0)
    domain = token.eip712Domain()
    assert (domain.name, domain.version, domain.chainId) == ("Loyalty Points", "1", chain.chain_id)


def test_par_of_zero_is_refused(contracts, asset, people):
    with refused("ZeroPar"):
        contracts.LoyaltyToken.deploy("P", "P", asset, 0, sender=people.owner)


def test_mint_takes_the_asset_and_credits(token, asset, people):
    before = asset.balanceOf(people.alice)
    receipt = token.mint(people.bob, 250, sender=people.alice)
    assert events(receipt, token.Transfer) == [("Transfer", ZERO, people.bob.address, 250)]
    assert events(receipt, asset.Transfer) == [("Transfer", people.alice.address, token.address, 250 * PAR)]
    assert (token.balanceOf(people.bob), token.balanceOf(people.alice), token.totalSupply()) == (250, 0, 250)
    assert before - asset.balanceOf(people.alice) == asset.balanceOf(token) == 250 * PAR


def test_mint_refuses(token, asset, people):
    with refused("RecipientRefused", ZERO):
        token.mint(ZERO, 1, sender=people.alice)
    with refused("RecipientRefused", token):
        token.mint(token, 1, sender=people.alice)
    with refused("ZeroAmount"):
        token.mint(people.alice, 0, sender=people.alice)
    asset.approve(token, PAR - 1, sender=people.alice)
    with refused("ERC20InsufficientAllowance", token, PAR - 1, PAR):
        token.mint(people.alice, 1, sender=people.alice)
    with overflows():
        token.mint(people.alice, 2**256 // PAR + 1, sender=people.bob)


def test_supply_ends_at_96_bits(free_token, people):
    free_token.mint(people.alice, MAX_SUPPLY - 1, sender=people.owner)
    with refused("SupplyOverflow", MAX_SUPPLY + 1):
        free_token.mint(people.bob, 2, sender=people.owner)
    with refused("SupplyOverflow", MAX_SUPPLY + 1):
        free_token.mintBatch([entry(people.bob, 1), entry(people.bob, 1)], 2, sender=people.owner)
    free_token.mint(people.alice, 1, sender=people.owner)
    assert free_token.totalSupply() == free_token.balanceOf(people.alice) == MAX_SUPPLY
    # A full balance moves and is credited to itself without wrapping round.
    free_token.transfer(people.alice, MAX_SUPPLY, sender=people.alice)
    free_token.transfer(people.bob, MAX_SUPPLY, sender=people.alice)
    assert (free_token.balanceOf(people.alice), free_token.balanceOf(people.bob)) == (0, MAX_SUPPLY)


def test_mint_batch(token, asset, people):
    entries = [entry(people.alice, 7), entry(people.bob, 11), entry(people.alice, 1)]
    receipt = token.mintBatch(entries, 19, sender=people.carol)
    assert events(receipt, token.Transfer) == [
        ("Transfer", ZERO, people.alice.address, 7),
        ("Transfer", ZERO, people.bob.address, 11),
        ("Transfer", ZERO, people.alice.address, 1),
    ]
    assert events(receipt, asset.Transfer) == [("Transfer", people.carol.address, token.address, 19 * PAR)]
    assert (token.balanceOf(people.alice), token.balanceOf(people.bob)) == (8, 11)
    assert token.totalSupply() == 19


@pytest.mark.parametrize("batch", ["mintBatch", "transferBatch"])
def test_a_bad_entry_refuses_the_batch(token, people, batch):
    token.mint(people.carol, 100, sender=people.carol)
    send = getattr(token, batch)
    good = entry(people.alice, 1)
    with refused("ZeroAmount"):
        send([good, entry(people.bob, 0)], 1, sender=people.carol)
    with refused("RecipientRefused", ZERO):
        send([good, entry(ZERO, 1)], 2, sender=people.carol)
    with refused("RecipientRefused", token):
        send([good, entry(token, 1)], 2, sender=people.carol)
    with refused("ZeroAmount"):
        send([], 0, sender=people.carol)
    assert token.balanceOf(people.alice) == 0


@pytest.mark.parametrize("batch", ["mintBatch", "transferBatch"])
def test_a_batch_adds_up_to_what_was_paid(token, people, batch):
    token.mint(people.carol, 100, sender=people.carol)
    send = getattr(token, batch)
    entries = [entry(people.alice, 7), entry(people.bob, 11)]
    for total in (17, 19):
        with refused("TotalMismatch", total, 18):
            send(entries, total, sender=people.carol)
    with refused("TotalMismatch", 1, 0):
        send([], 1, sender=people.carol)
    # Neither does a balance that would wrap round on the way hide it.
    most = 2**96 - 1
    with refused("TotalMismatch", 1, 2 * most + 3):
        send([entry(people.alice, most), entry(people.alice, most), entry(people.alice, 3)], 1, sender=people.carol)
    assert [token.balanceOf(who) for who in (people.alice, people.bob, people.carol)] == [0, 0, 100]
    assert token.totalSupply() == 100


def test_mint_batch_needs_the_whole_price(token, asset, people):
    asset.approve(token, 3 * PAR - 1, sender=people.carol)
    with refused("ERC20InsufficientAllowance", token, 3 * PAR - 1, 3 * PAR):
        token.mintBatch([entry(people.alice, 1), entry(people.bob, 2)], 3, sender=people.carol)


def test_cash_out_pays_par_to_anybody_named(token, asset, people):
    token.mint(people.alice, 500, sender=people.alice)
    before = asset.balanceOf(people.bob)
    receipt = token.cashOut(200, people.bob, sender=people.alice)
    assert events(receipt, token.Transfer, token.CashedOut) == [
        ("Transfer", people.alice.address, ZERO, 200),
        ("CashedOut", people.alice.address, people.bob.address, 200),
    ]
    assert asset.balanceOf(people.bob) - before == 200 * PAR
    assert (token.balanceOf(people.alice), token.totalSupply(), asset.balanceOf(token)) == (300, 300, 300 * PAR)
    token.cashOut(300, people.alice, sender=people.alice)
    assert (token.totalSupply(), asset.balanceOf(token)) == (0, 0)


def test_cash_out_refuses(token, people):
    token.mint(people.alice, 5, sender=people.alice)
    with refused("RecipientRefused", token):
        token.cashOut(1, token, sender=people.alice)
    with refused("RecipientRefused", ZERO):
        token.cashOut(1, ZERO, sender=people.alice)
    with refused("ZeroAmount"):
        token.cashOut(0, people.alice, sender=people.alice)
    with refused("ERC20InsufficientBalance", people.alice, 5, 6):
        token.cashOut(6, people.alice, sender=people.alice)


def test_transfer_batch(token, people):
    token.mint(people.carol, 100, sender=people.carol)
    entries = [entry(people.alice, 10), entry(people.carol, 20), entry(people.bob, 30)]
    receipt = token.transferBatch(entries, 60, sender=people.carol)
    assert events(receipt, token.Transfer) == [
        ("Transfer", people.carol.address, people.alice.address, 10),
        ("Transfer", people.carol.address, people.carol.address, 20),
        ("Transfer", people.carol.address, people.bob.address, 30),
    ]
    assert [token.balanceOf(who) for who in (people.alice, people.bob, people.carol)] == [10, 30, 60]
    assert token.totalSupply() == 100


def test_transfer_batch_needs_the_whole_balance_first(token, people):
    token.mint(people.carol, 10, sender=people.carol)
    with refused("ERC20InsufficientBalance", people.carol, 10, 11):
        # What comes back to the sender within the batch does not pay for it.
        token.transferBatch([entry(people.carol, 5), entry(people.alice, 6)], 11, sender=people.carol)


def test_gifts_of_the_asset_change_nothing(token, asset, people):
    token.mint(people.alice, 10, sender=people.alice)
    asset.transfer(token, 12345, sender=people.bob)
    token.cashOut(10, people.alice, sender=people.alice)
    assert (token.totalSupply(), asset.balanceOf(token)) == (0, 12345)
