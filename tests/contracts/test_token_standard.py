"""LoyaltyToken's permit beside its orders. What is as in OpenZeppelin's token: tests/forge/differential."""

import pytest
from ape.exceptions import ContractLogicError

from tests.contracts.support import FAR, reason, refused, sign


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
