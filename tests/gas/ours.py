"""What our contracts cost, as the gateway calls them: the committed artifacts, on a campaign that has been running."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from tests.gas.bench import (
    AWARD_SIZES,
    DAY,
    FAR,
    ORDER_SIZES,
    Artifact,
    Bench,
    Contract,
    Figures,
    amounts,
    holders,
    packed,
    sign,
    signers,
)

ARTIFACTS = Path(__file__).parents[2] / "gateway" / "chain" / "artifacts"
PAR = 100
HOLD = 14 * DAY
NOTHING = b"\0" * 32
OFFER, SEAL_KEY, COMMITMENT = (bytes(keccak(text=text)) for text in ("offer", "seal key", "code"))

TIMES = "uint256 nonce, uint256 deadline"
PAYMENT = f"address holder, address payee, uint256 amount, {TIMES}"
REDEMPTION = "address merchant, bytes32 offer, bytes32 sealKey"
SPEND = f"address holder, uint256 campaign, address merchant, uint256 amount, bytes32 offer, bytes32 sealKey, {TIMES}"
TRANSFER = f"address holder, address to, uint256 amount, {TIMES}"
LEAVE = f"address holder, uint256 campaign, uint256 amount, {TIMES}"
MOVE = f"address holder, uint256 from, uint256 to, uint256 amount, uint256 minReceived, {TIMES}"


def artifact(name: str) -> Artifact:
    content: Artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return content


@dataclass
class World:
    """Our contracts, deployed and in use."""

    bench: Bench
    asset: Contract
    token: Contract
    hub: Contract
    campaigns: int = 0
    #: Batches so far. Their numbers stay below 256, in a word that has been begun.
    batches: int = 0

    @classmethod
    def deployed(cls, bench: Bench) -> World:
        asset = bench.deploy(artifact("MockUSDC"))
        token = bench.deploy(artifact("LoyaltyToken"), "Loyalty Points", "PTS", asset.address, PAR)
        hub = bench.deploy(artifact("CampaignHub"), token.address, bench.people[4], 150)
        world = cls(bench, asset, token, hub)
        bench.gas(world.owner, asset, "mint", world.owner, 10**15)
        for spender in (token, hub):
            bench.gas(world.owner, asset, "approve", spender.address, 2**256 - 1)
        bench.gas(world.merchant, hub, "setDelegate", world.delegate, True)
        bench.gas(world.owner, token, "mint", world.merchant, 1)
        return world

    @property
    def owner(self) -> str:
        return self.bench.people[0]

    @property
    def operator(self) -> str:
        return self.bench.people[1]

    @property
    def merchant(self) -> str:
        return self.bench.people[2]

    @property
    def delegate(self) -> str:
        return self.bench.people[3]

    def campaign(self, *, closed: bool = False, hold: int = 0, bonus: int = 0) -> int:
        """A funded campaign with an accepted merchant, whose operator has awarded already today."""
        bench, end = self.bench, self.bench.now + 90 * DAY
        expiry = end + 2 * hold + 90 * DAY if closed else 0
        bench.gas(self.owner, self.hub, "createCampaign", end, hold, closed, expiry, bonus, NOTHING)
        self.campaigns += 1
        campaign = self.campaigns
        bench.gas(self.owner, self.hub, "setOperator", campaign, self.operator, 10**12)
        bench.gas(self.owner, self.hub, "fund", campaign, 10**9, 10**6 if closed else 0)
        bench.gas(self.owner, self.hub, "inviteMerchant", campaign, self.merchant)
        bench.gas(self.merchant, self.hub, "acceptMerchant", campaign)
        self.award(campaign, holders("somebody", 1))
        return campaign

    def award(self, campaign: int, to: list[str]) -> int:
        return self._batch("awardBatch", campaign, packed(to))

    def claw_back(self, campaign: int, whose: list[str]) -> int:
        seven_each = [entry[:20] + (7).to_bytes(12, "big") for entry in packed(whose)]
        return self._batch("clawbackBatch", campaign, seven_each)

    def _batch(self, function: str, campaign: int, entries: list[bytes]) -> int:
        self.batches += 1
        return self.bench.gas(self.operator, self.hub, function, campaign, self.batches, entries)

    def give(self, to: list[str]) -> None:
        self.bench.gas(self.owner, self.token, "mintBatch", packed(to), sum(amounts(len(to))))


def measure(bench: Bench) -> Figures:
    world = World.deployed(bench)
    figures: Figures = {}
    figures |= _awards(world, "open loop", {})
    figures |= _awards(world, "closed loop", {"closed": True})
    figures |= _held(world)
    figures |= _redemptions(world)
    figures |= _orders(world)
    return figures


def _awards(world: World, name: str, terms: dict[str, Any]) -> Figures:
    campaign = world.campaign(**terms)
    groups = {size: holders(f"{name} {size}", size) for size in AWARD_SIZES}
    return {
        f"award, {name}, fresh": {n: world.award(campaign, group) for n, group in groups.items()},
        f"award, {name}, existing": {n: world.award(campaign, group) for n, group in groups.items()},
    }


def _held(world: World) -> Figures:
    """Awards under hold, and what becomes of them: taken back, or sent home when they have matured."""
    campaign = world.campaign(hold=HOLD)
    groups = {size: holders(f"held {size}", size) for size in AWARD_SIZES}
    released = {size: holders(f"released {size}", size) for size in ORDER_SIZES}
    figures: Figures = {
        "award, with hold, fresh": {n: world.award(campaign, group) for n, group in groups.items()},
        "award, with hold, existing": {n: world.award(campaign, group) for n, group in groups.items()},
    }
    for group in released.values():
        world.award(campaign, group)
    figures["clawback"] = {size: world.claw_back(campaign, groups[100][:size]) for size in ORDER_SIZES}
    world.bench.node.pass_time(HOLD)
    figures["award, with hold, existing, new period"] = {n: world.award(campaign, group) for n, group in groups.items()}
    world.bench.node.pass_time(HOLD)

    def release(group: list[str]) -> int:
        return world.bench.gas(world.delegate, world.hub, "release", campaign, group)

    figures["release, empty wallets"] = {size: release(group) for size, group in released.items()}
    again = {size: groups[500][sum(ORDER_SIZES) :][:size] for size in ORDER_SIZES}
    for group in again.values():
        world.give(group)
    figures["release, wallets in use"] = {size: release(group) for size, group in again.items()}
    return figures


def _redemptions(world: World) -> Figures:
    bench, token, hub, merchant = world.bench, world.token, world.hub, world.merchant
    campaign = world.campaign(closed=True)
    wallet: dict[int, int] = {}
    account: dict[int, int] = {}
    for size in ORDER_SIZES:
        people = signers(f"redeem {size}", size)
        addresses = [person.address for person in people]
        world.give(addresses)
        world.award(campaign, addresses)
        order = {"amount": 500, "nonce": 0, "deadline": FAR}
        what = {"merchant": merchant, "offer": OFFER, "sealKey": SEAL_KEY}
        from_wallets, from_accounts = [], []
        for person in people:
            fixed = (person.address, 500, OFFER, SEAL_KEY, 0, FAR, COMMITMENT)
            payment = {"holder": person.address, "payee": hub.address, "witness": what} | order
            types = {"Payment": f"{PAYMENT}, Redemption witness", "Redemption": REDEMPTION}
            r, vs, _ = sign(person, token, "Loyalty Points", types, payment)
            from_wallets.append((*fixed, r, vs))
            spend = {"holder": person.address, "campaign": campaign} | what | order
            r, vs, _ = sign(person, hub, "CampaignHub", {"Spend": SPEND}, spend)
            from_accounts.append((*fixed, r, vs))
        wallet[size] = bench.gas(world.delegate, hub, "redeemBatch", merchant, from_wallets)
        account[size] = bench.gas(world.delegate, hub, "spendBatch", campaign, merchant, from_accounts)
    return {"redemption, from wallets": wallet, "redemption, from accounts": account}


def _orders(world: World) -> Figures:
    """What holders sign for themselves: each is a transaction of its own, relayed by the gateway's key.

    Each is done twice and measured the second time, when everybody's slots are in use.
    """
    home, other, closed = world.campaign(), world.campaign(), world.campaign(closed=True, bonus=1_000)
    (person,), (friend,) = signers("mover", 1), holders("friend", 1)
    holder = person.address
    world.give([holder, friend])
    token, hub = (world.token, "Loyalty Points"), (world.hub, "CampaignHub")
    to_friend = {"to": friend, "amount": 5}
    entering = {"payee": world.hub.address, "amount": 400, "witness": {"campaign": home, "minReceived": 400}}
    payment = {"Payment": f"{PAYMENT}, Enter witness", "Enter": "uint256 campaign, uint256 minReceived"}
    leaving = {"campaign": home, "amount": 50}
    moves = [{"from": home, "to": to, "amount": 50, "minReceived": least} for to, least in ((other, 50), (closed, 55))]
    steps: list[tuple[str, tuple[Contract, str], tuple[Any, ...], dict[str, str], dict[str, Any]]] = [
        ("transfer", token, (world.token, "transferBySig", holder, friend, 5), {"Transfer": TRANSFER}, to_friend),
        ("cash-out", token, (world.token, "cashOutBySig", holder, friend, 5), {"CashOut": TRANSFER}, to_friend),
        ("enter", token, (world.hub, "enterBySig", home, holder, 400, 400), payment, entering),
        ("leave", hub, (world.hub, "leaveBySig", home, holder, 50), {"Leave": LEAVE}, leaving),
        ("move, to open", hub, (world.hub, "moveBySig", home, other, holder, 50, 50), {"Move": MOVE}, moves[0]),
        ("move, to closed", hub, (world.hub, "moveBySig", home, closed, holder, 50, 55), {"Move": MOVE}, moves[1]),
    ]
    figures: Figures = {}
    nonces = Counter[str]()
    for name, (domain, domain_name), (contract, function, *values), types, message in steps * 2:
        times = {"nonce": nonces[domain_name], "deadline": FAR}
        signature = sign(person, domain, domain_name, types, {"holder": holder} | message | times)[2]
        nonces[domain_name] += 1
        figures[name] = {1: world.bench.gas(world.delegate, contract, function, *values, *times.values(), signature)}
    return figures
