"""LoyaltyToken as an ERC-20, and its permit beside its orders. Call for call beside OpenZeppelin's token:
tests/forge/differential."""

import pytest
from ape.exceptions import ContractLogicError

from tests.contracts.support import FAR, ZERO, events, reason, refused, sign

ENDLESS = 2**256 - 1


def test_transfer_moves_points_and_tells_it(token, people):
    alice, bob = people.alice, people.bob
    token.mint(alice, 10, sender=alice)
    receipt = token.transfer(bob, 4, sender=alice)
    assert events(receipt, token.Transfer, token.Approval) == [("Transfer", alice.address, bob.address, 4)]
    assert (token.balanceOf(alice), token.balanceOf(bob), token.totalSupply()) == (6, 4, 10)
    assert token.transfer.call(bob, 1, sender=alice) is True
    # To oneself, and nothing at all: both are transfers.
    receipt = token.transfer(alice, 6, sender=alice)
    assert events(receipt, token.Transfer) == [("Transfer", alice.address, alice.address, 6)]
    receipt = token.transfer(bob, 0, sender=alice)
    assert events(receipt, token.Transfer) == [("Transfer", alice.address, bob.address, 0)]
    assert (token.balanceOf(alice), token.balanceOf(bob), token.totalSupply()) == (6, 4, 10)


def test_transfer_refuses_more_than_there_is_and_nobody(token, people):
    alice, bob = people.alice, people.bob
    token.mint(alice, 10, sender=alice)
    for amount in (11, ENDLESS):
        with refused("ERC20InsufficientBalance", alice, 10, amount):
            token.transfer(bob, amount, sender=alice)
    with refused("ERC20InvalidReceiver", ZERO):
        token.transfer(ZERO, 1, sender=alice)
    assert (token.balanceOf(alice), token.balanceOf(bob), token.totalSupply()) == (10, 0, 10)


def test_approve_sets_the_allowance_and_tells_it(token, people):
    alice, bob = people.alice, people.bob
    for amount in (30, 7, ENDLESS, 0):  # set, not added to, and more than there is
        receipt = token.approve(bob, amount, sender=alice)
        assert events(receipt, token.Transfer, token.Approval) == [("Approval", alice.address, bob.address, amount)]
        assert (token.allowance(alice, bob), token.allowance(bob, alice)) == (amount, 0)
    assert token.approve.call(bob, 1, sender=alice) is True
    with refused("ERC20InvalidSpender", ZERO):
        token.approve(ZERO, 1, sender=alice)


def test_transfer_from_spends_the_allowance(token, people):
    alice, bob, carol = people.alice, people.bob, people.carol
    token.mint(alice, 10, sender=alice)
    token.approve(bob, 8, sender=alice)
    receipt = token.transferFrom(alice, carol, 5, sender=bob)
    assert events(receipt, token.Transfer, token.Approval) == [("Transfer", alice.address, carol.address, 5)]
    assert (token.balanceOf(alice), token.balanceOf(bob), token.balanceOf(carol)) == (5, 0, 5)
    assert token.allowance(alice, bob) == 3
    assert token.transferFrom.call(alice, carol, 3, sender=bob) is True

    token.approve(bob, ENDLESS, sender=alice)  # never grows less
    token.transferFrom(alice, carol, 5, sender=bob)
    assert (token.allowance(alice, bob), token.balanceOf(alice), token.balanceOf(carol)) == (ENDLESS, 0, 10)


def test_transfer_from_refuses_what_was_not_allowed(token, people):
    alice, bob, carol = people.alice, people.bob, people.carol
    token.mint(alice, 10, sender=alice)
    with refused("ERC20InsufficientAllowance", bob, 0, 1):
        token.transferFrom(alice, bob, 1, sender=bob)
    with refused("ERC20InsufficientAllowance", alice, 0, 1):  # not even of one's own
        token.transferFrom(alice, bob, 1, sender=alice)
    token.approve(bob, 20, sender=alice)
    with refused("ERC20InsufficientAllowance", bob, 20, 21):
        token.transferFrom(alice, carol, 21, sender=bob)
    with refused("ERC20InsufficientBalance", alice, 10, 11):
        token.transferFrom(alice, carol, 11, sender=bob)
    with refused("ERC20InvalidReceiver", ZERO):
        token.transferFrom(alice, ZERO, 1, sender=bob)
    # A refused one costs no allowance, and another's is of no use.
    assert (token.allowance(alice, bob), token.balanceOf(alice)) == (20, 10)
    with refused("ERC20InsufficientAllowance", carol, 0, 1):
        token.transferFrom(alice, carol, 1, sender=carol)


def test_permit_shares_the_nonce_with_orders(token, people):
    message = {"owner": people.alice, "spender": people.bob, "value": 30, "nonce": 0, "deadline": FAR}
    signature = sign(people.alice, token, "Permit", message)
    token.permit(
        people.alice, people.bob, 30, FAR, signature.v, signature.r_bytes, signature.s_bytes, sender=people.carol
    )
    assert (token.allowance(people.alice, people.bob), token.nonces(people.alice)) == (30, 1)

    token.mint(people.alice, 10, sender=people.alice)
    order = {"holder": people.alice, "to": people.bob, "amount": 4, "nonce": 0, "deadline": FAR}
    stale = sign(people.alice, token, "Transfer", order).whole
    with refused("InvalidAccountNonce", people.alice, 1):
        token.transferBySig(people.alice, people.bob, 4, 0, FAR, stale, sender=people.carol)
    order = sign(people.alice, token, "Transfer", order | {"nonce": 1}).whole
    token.transferBySig(people.alice, people.bob, 4, 1, FAR, order, sender=people.carol)
    assert token.nonces(people.alice) == 2
    # The balance beside it in the slot is untouched by a permit, the nonce by a transfer.
    assert token.balanceOf(people.alice) == 6


def test_permit_refuses_a_high_s(token, people):
    message = {"owner": people.alice, "spender": people.bob, "value": 30, "nonce": 0, "deadline": FAR}
    high = sign(people.alice, token, "Permit", message).mirrored
    with refused("ECDSAInvalidSignatureS", high.s_bytes):
        token.permit(people.alice, people.bob, 30, FAR, high.v, high.r_bytes, high.s_bytes, sender=people.carol)


def test_cancel_voids_permits(token, people):
    message = {"owner": people.alice, "spender": people.bob, "value": 30, "nonce": 0, "deadline": FAR}
    signature = sign(people.alice, token, "Permit", message)
    token.cancel(sender=people.alice)
    with pytest.raises(ContractLogicError) as caught:
        token.permit(
            people.alice, people.bob, 30, FAR, signature.v, signature.r_bytes, signature.s_bytes, sender=people.carol
        )
    assert reason(caught.value)[0] == "ERC2612InvalidSigner"
    assert token.allowance(people.alice, people.bob) == 0
