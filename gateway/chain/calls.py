"""Calldata of everything that the gateway, an owner or a holder sends. Pure; packed by hand because the encoders of the
libraries take 5 to 85 ms for a batch of 500.

Units: hundredths of a point, Unix seconds, basis points. Addresses are 20 bytes, hashes and halves of signatures 32,
signatures 65. Each docstring names the contract that the call is for. OverflowError for what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.chain.hexes import keccak256

MAX_UINT256 = 2**256 - 1

#: Every function called here, by the name of the Python function that packs it.
FUNCTIONS = {
    "award_batch": "awardBatch(uint256,uint256,bytes32[])",
    "clawback_batch": "clawbackBatch(uint256,uint256,bytes32[])",
    "redeem_batch": "redeemBatch(address,(address,uint256,bytes32,bytes32,uint256,uint256,bytes32,bytes32,bytes32)[])",
    "spend_batch": (
        "spendBatch(uint256,address,(address,uint256,bytes32,bytes32,uint256,uint256,bytes32,bytes32,bytes32)[])"
    ),
    "enter_by_sig": "enterBySig(uint256,address,uint256,uint256,uint256,uint256,bytes)",
    "leave_by_sig": "leaveBySig(uint256,address,uint256,uint256,uint256,bytes)",
    "move_by_sig": "moveBySig(uint256,uint256,address,uint256,uint256,uint256,uint256,bytes)",
    "stay_by_sig": "setStayBySig(uint256,address,bool,uint256,uint256,bytes)",
    "transfer_by_sig": "transferBySig(address,address,uint256,uint256,uint256,bytes)",
    "cash_out_by_sig": "cashOutBySig(address,address,uint256,uint256,uint256,bytes)",
    "award_badges": "award(uint256,uint256,(address,uint256,bytes32,bytes32)[])",
    "release": "release(uint256,address[])",
    "expire": "expire(uint256,address[])",
    "create_campaign": "createCampaign(uint40,uint32,bool,uint40,uint16,bytes32)",
    "schedule_end": "scheduleEnd(uint256,uint40)",
    "schedule_bonus": "scheduleBonus(uint256,uint16)",
    "schedule_merchant_off": "scheduleMerchantOff(uint256,address)",
    "withdraw_change": "withdrawChange(uint256)",
    "offer_ownership": "offerOwnership(uint256,address)",
    "accept_ownership": "acceptOwnership(uint256)",
    "set_operator": "setOperator(uint256,address,uint96)",
    "invite_merchant": "inviteMerchant(uint256,address)",
    "accept_merchant": "acceptMerchant(uint256)",
    "set_delegate": "setDelegate(address,bool)",
    "fund": "fund(uint256,uint256,uint256)",
    "sweep": "sweep(uint256)",
    "enter": "enter(uint256,uint256,uint256)",
    "leave": "leave(uint256,uint256)",
    "move": "move(uint256,uint256,uint256,uint256)",
    "set_stay": "setStay(uint256,bool)",
    "cancel_account": "cancel(uint256)",
    "mint": "mint(address,uint256)",
    "transfer": "transfer(address,uint256)",
    "cash_out": "cashOut(uint256,address)",
    "cancel_wallet": "cancel()",
    "approve": "approve(address,uint256)",
    "renounce_badge": "renounce(uint256)",
}
SELECTORS = {name: keccak256(signature.encode())[:4] for name, signature in FUNCTIONS.items()}


@dataclass(frozen=True)
class OrderData:
    """One entry of `redeem_batch` or `spend_batch`; see `Order` in ICampaignHub."""

    holder: bytes
    amount: int
    offer: bytes
    seal_key: bytes
    nonce: int
    deadline: int
    commitment: bytes
    r: bytes
    vs: bytes


@dataclass(frozen=True)
class WishData:
    """One entry of `award_badges`; see `Wish` in ILoyaltyBadges."""

    holder: bytes
    deadline: int
    r: bytes
    vs: bytes


# ------------------------------------------------------------------ the relayer's


def award_batch(campaign: int, number: int, entries: Sequence[tuple[bytes, int]]) -> bytes:
    """Hub: awards to (holder, hundredths of a point, below 2^96)."""
    return _call("award_batch", campaign, number, 96) + _array(map(_entry, entries))


def clawback_batch(campaign: int, number: int, entries: Sequence[tuple[bytes, int]]) -> bytes:
    """Hub: takes pending points of (holder, at most so many hundredths) back."""
    return _call("clawback_batch", campaign, number, 96) + _array(map(_entry, entries))


def redeem_batch(merchant: bytes, orders: Sequence[OrderData]) -> bytes:
    """Hub: executes orders on wallet points; at most 256."""
    return _call("redeem_batch", merchant, 64) + _array(map(_order, orders))


def spend_batch(campaign: int, merchant: bytes, orders: Sequence[OrderData]) -> bytes:
    """Hub: executes orders on account points of `campaign`; at most 256."""
    return _call("spend_batch", campaign, merchant, 96) + _array(map(_order, orders))


def award_badges(campaign: int, badge: int, wishes: Sequence[WishData]) -> bytes:
    """Badges: one badge of a campaign for everybody whose wish is good; at most 256."""
    return _call("award_badges", campaign, badge, 96) + _array(map(_wish, wishes))


def release(campaign: int, holders: Sequence[bytes]) -> bytes:
    """Hub: sends matured points of an open campaign to their holders' wallets."""
    return _call("release", campaign, 64) + _array(map(_word, holders))


def expire(campaign: int, holders: Sequence[bytes]) -> bytes:
    """Hub: takes expired accounts of a closed campaign back to the budget."""
    return _call("expire", campaign, 64) + _array(map(_word, holders))


def enter_by_sig(
    campaign: int, holder: bytes, amount: int, min_received: int, nonce: int, deadline: int, signature: bytes
) -> bytes:
    """Hub: wallet to campaign by order."""
    return _signed("enter_by_sig", signature, campaign, holder, amount, min_received, nonce, deadline)


def leave_by_sig(campaign: int, holder: bytes, amount: int, nonce: int, deadline: int, signature: bytes) -> bytes:
    """Hub: campaign to wallet by order."""
    return _signed("leave_by_sig", signature, campaign, holder, amount, nonce, deadline)


def move_by_sig(
    source: int,
    target: int,
    holder: bytes,
    amount: int,
    min_received: int,
    nonce: int,
    deadline: int,
    signature: bytes,
) -> bytes:
    """Hub: campaign to campaign by order."""
    return _signed("move_by_sig", signature, source, target, holder, amount, min_received, nonce, deadline)


def stay_by_sig(campaign: int, holder: bytes, stay: bool, nonce: int, deadline: int, signature: bytes) -> bytes:
    """Hub: whether others may release matured points, by order."""
    return _signed("stay_by_sig", signature, campaign, holder, stay, nonce, deadline)


def transfer_by_sig(holder: bytes, to: bytes, amount: int, nonce: int, deadline: int, signature: bytes) -> bytes:
    """Token: wallet to wallet by order."""
    return _signed("transfer_by_sig", signature, holder, to, amount, nonce, deadline)


def cash_out_by_sig(holder: bytes, to: bytes, amount: int, nonce: int, deadline: int, signature: bytes) -> bytes:
    """Token: wallet points for the asset by order."""
    return _signed("cash_out_by_sig", signature, holder, to, amount, nonce, deadline)


# ------------------------------------------------------------------- an owner's


def create_campaign(end: int, hold: int, closed: bool, expiry: int, bonus: int, terms: bytes) -> bytes:
    """Hub: a campaign owned by the caller; `terms` is the keccak-256 of the published text."""
    return _call("create_campaign", end, hold, closed, expiry, bonus, terms)


def schedule_end(campaign: int, end: int) -> bytes:
    """Hub, owner: a new end, effective in 7 days."""
    return _call("schedule_end", campaign, end)


def schedule_bonus(campaign: int, bonus: int) -> bytes:
    """Hub, owner: a new bonus in basis points, effective in 7 days."""
    return _call("schedule_bonus", campaign, bonus)


def schedule_merchant_off(campaign: int, merchant: bytes) -> bytes:
    """Hub, owner: this merchant no longer counts in 7 days."""
    return _call("schedule_merchant_off", campaign, merchant)


def withdraw_change(campaign: int) -> bytes:
    """Hub, owner: takes the announced change back."""
    return _call("withdraw_change", campaign)


def offer_ownership(campaign: int, candidate: bytes) -> bytes:
    """Hub, owner: names who may become the owner."""
    return _call("offer_ownership", campaign, candidate)


def accept_ownership(campaign: int) -> bytes:
    """Hub, candidate: becomes the owner."""
    return _call("accept_ownership", campaign)


def set_operator(campaign: int, key: bytes, daily_cap: int) -> bytes:
    """Hub, owner: authorises a key for so many hundredths of a point a UTC day; 0 revokes."""
    return _call("set_operator", campaign, key, daily_cap)


def invite_merchant(campaign: int, merchant: bytes) -> bytes:
    """Hub, owner."""
    return _call("invite_merchant", campaign, merchant)


def accept_merchant(campaign: int) -> bytes:
    """Hub, invited merchant."""
    return _call("accept_merchant", campaign)


def set_delegate(delegate: bytes, allowed: bool) -> bytes:
    """Hub, merchant: lets `delegate` execute redemptions for it, or no longer."""
    return _call("set_delegate", delegate, allowed)


def fund(campaign: int, budget: int, pot: int) -> bytes:
    """Hub: pays for awards and bonuses; needs the asset's allowance for the hub."""
    return _call("fund", campaign, budget, pot)


def sweep(campaign: int) -> bytes:
    """Hub: what is left goes to the owner, from 7 days after the end."""
    return _call("sweep", campaign)


# ------------------------------------------------------------------- a holder's


def enter(campaign: int, amount: int, min_received: int) -> bytes:
    """Hub: wallet to campaign; needs the token's allowance for the hub."""
    return _call("enter", campaign, amount, min_received)


def leave(campaign: int, amount: int) -> bytes:
    """Hub: matured points to the caller's wallet."""
    return _call("leave", campaign, amount)


def move(source: int, target: int, amount: int, min_received: int) -> bytes:
    """Hub: matured points from one campaign to another."""
    return _call("move", source, target, amount, min_received)


def set_stay(campaign: int, stay: bool) -> bytes:
    """Hub: whether others may release the caller's matured points."""
    return _call("set_stay", campaign, stay)


def cancel_account(campaign: int) -> bytes:
    """Hub: voids everything signed for the caller's account."""
    return _call("cancel_account", campaign)


def cancel_wallet() -> bytes:
    """Token: voids everything the caller signed."""
    return _call("cancel_wallet")


def mint(to: bytes, amount: int) -> bytes:
    """Token: points paid by the caller (needs the asset's allowance); MockUSDC: asset units for nothing."""
    return _call("mint", to, amount)


def transfer(to: bytes, amount: int) -> bytes:
    """Token or asset."""
    return _call("transfer", to, amount)


def cash_out(amount: int, to: bytes) -> bytes:
    """Token: the caller's points for the asset, paid to `to`."""
    return _call("cash_out", amount, to)


def approve(spender: bytes, amount: int = MAX_UINT256) -> bytes:
    """Token or asset; `amount` in their smallest units."""
    return _call("approve", spender, amount)


def renounce_badge(token_id: int) -> bytes:
    """Badges: gives the caller's own badge up, for ever."""
    return _call("renounce_badge", token_id)


# ---------------------------------------------------------------------- packing


def _call(name: str, *words: int | bytes) -> bytes:
    return SELECTORS[name] + b"".join(map(_word, words))


def _signed(name: str, signature: bytes, *words: int | bytes) -> bytes:
    head = _call(name, *words, 32 * (len(words) + 1))
    return head + _word(len(signature)) + signature + bytes(-len(signature) % 32)


def _array(items: Iterable[bytes]) -> bytes:
    packed = list(items)
    return _word(len(packed)) + b"".join(packed)


def _word(value: int | bytes) -> bytes:
    """An integer, a boolean, an address or 32 bytes as one word; anything else would shift what follows."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if len(value) not in (20, 32):
        raise OverflowError("neither an address nor a word")
    return value.rjust(32, b"\0")


def _entry(entry: tuple[bytes, int]) -> bytes:
    holder, amount = entry
    if len(holder) != 20:
        raise OverflowError("not an address")
    return holder + amount.to_bytes(12, "big")


def _wish(wish: WishData) -> bytes:
    words: tuple[int | bytes, ...] = (wish.holder, wish.deadline, wish.r, wish.vs)
    return b"".join(map(_word, words))


def _order(order: OrderData) -> bytes:
    words: tuple[int | bytes, ...] = (
        order.holder,
        order.amount,
        order.offer,
        order.seal_key,
        order.nonce,
        order.deadline,
        order.commitment,
        order.r,
        order.vs,
    )
    return b"".join(map(_word, words))
