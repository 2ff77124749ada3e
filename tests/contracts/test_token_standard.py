"""LoyaltyToken as an ERC-20 with permit: the same in everything as OpenZeppelin's own."""

import random

import pytest
from ape.exceptions import ContractLogicError

from tests.contracts.support import FAR, ZERO, events, reason, refused, sign

OPERATIONS = 40
AMOUNTS = [0, 1, 40, 99, 100, 101, 2**96 - 1, 2**96, 2**96 + 1, 2**256 - 1]


@pytest.fixture
def stock(contracts, people, token):
    """OpenZeppelin's token with the same balances."""
    stock = contracts.StockToken.deploy(token.name(), token.symbol(), sender=people.owner)
    for who in (people.alice, people.bob):
        stock.mint(who, 100, sender=people.owner)
        token.mint(who, 100, sender=people.owner)
    return stock


def test_same_as_stock(token, stock, people):
    """Random operations, good and bad: same refusals, same events, same state after each."""
    holders = [people.alice, people.bob, people.carol]
    dice = random.Random(2612)
    refusals = 0
    for _ in range(OPERATIONS):
        operation = dice.choice([_transfer, _transfer_from, _approve, _permit])
        arguments = operation(dice, holders)
        ours, stocks = _outcome(token, *arguments), _outcome(stock, *arguments)
        assert ours == stocks, arguments
        refusals += ours[0] == "refused"
        for who in holders:
            assert token.balanceOf(who) == stock.balanceOf(who)
            assert token.nonces(who) == stock.nonces(who)
        assert token.totalSupply() == stock.totalSupply()
        assert token.allowance(*holders[:2]) == stock.allowance(*holders[:2])
    assert 10 < refusals < OPERATIONS - 5


def _transfer(dice, holders):
    to = dice.choice([*holders, ZERO, "itself"])
    return "transfer", [to, dice.choice(AMOUNTS)], dice.choice(holders)


def _transfer_from(dice, holders):
    to = dice.choice([*holders, *holders, "itself"])
    return "transferFrom", [dice.choice([*holders, ZERO]), to, dice.choice(AMOUNTS)], dice.choice(holders)


def _approve(dice, holders):
    return "approve", [dice.choice([*holders, *holders, ZERO]), dice.choice(AMOUNTS)], dice.choice(holders)


def _permit(dice, holders):
    deadline = dice.choice([FAR, FAR, FAR, 1])
    return "permit", [dice.choice(holders), dice.choice(holders), dice.choice(AMOUNTS), deadline], dice.choice(holders)


def _outcome(contract, method, arguments, sender):
    """What a call did, in words in which two contracts can be compared."""
    if method == "permit":
        owner, spender, value, deadline = arguments
        # Every third one is signed by somebody else.
        signer = sender if value == 1 else owner
        message = {"owner": owner, "spender": spender, "value": value, "nonce": contract.nonces(owner)}
        signature = sign(signer, contract, "Permit", message | {"deadline": deadline})
        arguments = [*arguments, signature.v, signature.r_bytes, signature.s_bytes]
    arguments = [contract if argument == "itself" else argument for argument in arguments]
    try:
        receipt = getattr(contract, method)(*arguments, sender=sender)
    except ContractLogicError as error:
        name, values = reason(error)
        if name == "ERC2612InvalidSigner" and values[0] != getattr(sender, "address", sender):
            values = values[1:]
        return "refused", name, values
    told = events(receipt, contract.Transfer, contract.Approval)
    return "done", [tuple("itself" if value == contract.address else value for value in event) for event in told]


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
