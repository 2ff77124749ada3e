"""What batches cost: whole transactions, divided by their entries, under the cap of EIP-7825."""

from types import SimpleNamespace

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.contracts.support import DAY, FAR, REDEMPTION, digest_of, entry, sign

TRANSACTION_CAP = 2**24
BATCH = 500
ORDERS = 50
PERIOD = 14 * DAY

# gas an entry: (fresh holder, holder who has some already), BATCH entries
AWARDS = {
    "open": ({}, 25_050, 7_950),
    "closed": ({"closed": True}, 25_220, 8_120),
    "held": ({"hold": PERIOD}, 25_540, 8_090),
}
WALLET_REDEMPTION = 21_250
ACCOUNT_REDEMPTION = 18_450


def holders():
    return ["0x" + keccak(number.to_bytes(4, "big")).hex()[-40:] for number in range(BATCH)]


@pytest.mark.parametrize("kind", AWARDS)
def test_award_batch(hub, people, make, kind):
    terms, fresh_limit, existing_limit = AWARDS[kind]
    campaign = make.campaign(budget=10**6, days=60, **terms)
    make.award(campaign, 0, (people.carol, 1))  # the first of the day pays for the operator's slot
    entries = [entry(holder, 100 + number) for number, holder in enumerate(holders())]
    fresh = hub.awardBatch(campaign, 1, entries, sender=people.operator).gas_used
    existing = hub.awardBatch(campaign, 2, entries, sender=people.operator).gas_used
    print(f"{kind}: fresh {fresh / BATCH:,.0f}, existing {existing / BATCH:,.0f} an entry")
    assert fresh < TRANSACTION_CAP
    assert fresh / BATCH <= fresh_limit
    assert existing / BATCH <= existing_limit


def test_redemptions(hub, token, people, make):
    campaign = make.campaign(budget=10**6, closed=True)
    keys = [Account.from_key(keccak(text=f"holder {number}")) for number in range(ORDERS)]
    holders = [SimpleNamespace(address=key.address, private_key=key.key) for key in keys]
    token.mintBatch([entry(holder, 1000) for holder in holders], 1000 * ORDERS, sender=people.owner)
    make.award(campaign, 1, *((holder, 1000) for holder in holders))
    token.mint(people.merchant, 1, sender=people.owner)
    offer, key, commitment = digest_of("offer"), digest_of("key"), digest_of("code")
    wallet, account = [], []
    for holder in holders:
        payment = {"holder": holder, "payee": hub, "amount": 500, "nonce": 0, "deadline": FAR}
        witness = {"merchant": people.merchant, "offer": offer, "sealKey": key}
        signed = sign(holder, token, "Payment", payment | {"witness": witness}, ("Redemption", REDEMPTION))
        wallet.append((holder.address, 500, offer, key, 0, FAR, commitment, signed.r_bytes, signed.vs))
        spend = {"holder": holder, "campaign": campaign, "amount": 500, "nonce": 0, "deadline": FAR} | witness
        signed = sign(holder, hub, "Spend", spend)
        account.append((holder.address, 500, offer, key, 0, FAR, commitment, signed.r_bytes, signed.vs))

    from_wallets = hub.redeemBatch(people.merchant, wallet, sender=people.merchant).gas_used / ORDERS
    from_accounts = hub.spendBatch(campaign, people.merchant, account, sender=people.merchant).gas_used / ORDERS
    print(f"redemption: from wallets {from_wallets:,.0f}, from accounts {from_accounts:,.0f} an order")
    assert token.balanceOf(people.merchant) == 1 + 2 * ORDERS * 500
    assert from_wallets <= WALLET_REDEMPTION
    assert from_accounts <= ACCOUNT_REDEMPTION
