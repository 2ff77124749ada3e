"""A small world on a real chain: owners, operators, merchants and holders who call the contracts directly."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from gateway.chain import badges, calls, local, signatures
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import keccak256, to_hex
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from tests.support.anvil import Anvil

DAY = 86_400
FAR = 2**40 - 1
#: (hold, closed, bonus) of campaigns 1 to 4.
CAMPAIGNS = ((0, False, 0), (DAY, False, 0), (DAY, True, 1_000), (0, True, 2_500))
RICH = 10**15


def key(name: str) -> bytes:
    return keccak256(name.encode())


def address(name: str) -> bytes:
    return signatures.address_of(key(name))


class Scene:
    """Deployed and funded. `do` sends one transaction as anybody and says whether it succeeded."""

    owner, operator, second, outsider = (address(name) for name in ("owner", "operator", "second", "outsider"))
    merchants = tuple(address(f"merchant {number}") for number in range(3))
    names = tuple(f"holder {number}" for number in range(6))
    holders = tuple(address(name) for name in names)

    def __init__(self, node: Anvil) -> None:
        self.node, self.rpc = node, Rpc(node.url)
        node.rpc("anvil_autoImpersonateAccount", True)
        local.fund_gas(self.rpc, self.owner)
        self.deployment: Deployment = local.deploy(self.rpc, key("owner"), fee_bps=30)
        self.reads = Reads(self.rpc, self.deployment)
        self.token, self.hub, self.asset = self.deployment.token, self.deployment.hub, self.deployment.asset
        self.number = 0
        everybody = (self.owner, self.operator, self.second, self.outsider, *self.merchants, *self.holders)
        for one in everybody:
            local.fund_gas(self.rpc, one)
            self.do(one, self.asset, calls.mint(one, RICH))
            self.do(one, self.asset, calls.approve(self.hub))
            self.do(one, self.asset, calls.approve(self.token))
            self.do(one, self.token, calls.approve(self.hub))
        self._found_campaigns()

    def do(self, sender: bytes, to: bytes, data: bytes) -> bool:
        transaction = {"from": to_hex(sender), "to": to_hex(to), "data": to_hex(data), "gas": hex(12_000_000)}
        digest = self.rpc.call("eth_sendTransaction", transaction)
        while not (receipt := self.rpc.call("eth_getTransactionReceipt", digest)):
            time.sleep(0.002)
        return bool(receipt["status"] == "0x1")

    def must(self, sender: bytes, to: bytes, data: bytes) -> None:
        assert self.do(sender, to, data), data[:4].hex()

    def now(self) -> int:
        return self.reads.head().time

    def _found_campaigns(self) -> None:
        end = self.now() + 60 * DAY
        for number, (hold, closed, bonus) in enumerate(CAMPAIGNS, 1):
            expiry = end + 100 * DAY if closed else 0
            terms = keccak256(f"terms {number}".encode())
            self.must(self.owner, self.hub, calls.create_campaign(end, hold, closed, expiry, bonus, terms))
            self.must(self.owner, self.hub, calls.fund(number, 5_000_000, 30_000 if closed else 0))
            for operator in (self.operator, self.second):
                self.must(self.owner, self.hub, calls.set_operator(number, operator, 1_000_000))
            for merchant in self.merchants[:2]:
                self.must(self.owner, self.hub, calls.invite_merchant(number, merchant))
                self.must(merchant, self.hub, calls.accept_merchant(number))
        for merchant in self.merchants:
            self.must(merchant, self.hub, calls.set_delegate(self.operator, True))

    # ---------------------------------------------------------------- verbs

    def award(self, campaign: int, entries: Sequence[tuple[bytes, int]], number: int | None = None) -> bool:
        self.number += 1
        data = calls.award_batch(campaign, number or self.number, entries)
        return self.do(self.operator, self.hub, data)

    def clawback(self, campaign: int, entries: Sequence[tuple[bytes, int]], number: int | None = None) -> bool:
        self.number += 1
        data = calls.clawback_batch(campaign, number or self.number, entries)
        return self.do(self.operator, self.hub, data)

    def by_sig(self, order: str, pack: Callable[..., bytes], name: str, campaign: int, *terms: Any) -> bool:
        """Signs as `name` and relays; `terms` are those of the order between its holder and its nonce."""
        holder = address(name)
        of_token = order in ("transfer", "cash_out", "enter")
        nonce = self.reads.nonce(holder) if of_token else self.reads.account(campaign, holder).nonce
        digest = getattr(self.deployment.domains, order)(holder, *terms, nonce, FAR)
        signature = signatures.sign(key(name), digest)
        if order == "enter" or order == "leave" or order == "stay":
            data = pack(terms[0], holder, *terms[1:], nonce, FAR, signature)
        elif order == "move":
            data = pack(*terms[:2], holder, *terms[2:], nonce, FAR, signature)
        else:
            data = pack(holder, *terms, nonce, FAR, signature)
        return self.do(self.outsider, self.token if order in ("transfer", "cash_out") else self.hub, data)

    def order(self, name: str, merchant: bytes, amount: int, campaign: int = 0, salt: int = 0) -> calls.OrderData:
        """A signed order for a code, from the wallet or from a campaign's account."""
        holder, offer, seal_key = address(name), keccak256(b"offer"), keccak256(b"seal")
        commitment = keccak256(f"{name} {campaign} {salt} {self.reads.head().number}".encode())
        domains = self.deployment.domains
        if campaign:
            nonce = self.reads.account(campaign, holder).nonce
            digest = domains.spend(holder, campaign, merchant, amount, offer, seal_key, nonce, FAR)
        else:
            nonce = self.reads.nonce(holder)
            digest = domains.redemption(holder, merchant, amount, offer, seal_key, nonce, FAR)
        r, vs = signatures.compact(signatures.sign(key(name), digest))
        return calls.OrderData(holder, amount, offer, seal_key, nonce, FAR, commitment, r, vs)

    def redeem(self, merchant: bytes, orders: Sequence[calls.OrderData], campaign: int = 0) -> bool:
        if campaign:
            return self.do(self.operator, self.hub, calls.spend_batch(campaign, merchant, orders))
        return self.do(self.operator, self.hub, calls.redeem_batch(merchant, orders))

    # ------------------------------------------------------------ at random

    def live(self, seed: int, steps: int) -> int:
        """So many random acts; many are refused by the contracts. Returns how many were not."""
        chance = random.Random(seed)
        acts = [getattr(self, name) for name in dir(Scene) if name.startswith("_act_")]
        return sum(bool(chance.choice(acts)(chance)) for _ in range(steps))

    def _entries(self, chance: random.Random) -> list[tuple[bytes, int]]:
        return [(chance.choice(self.holders), chance.randint(1, 9_000)) for _ in range(chance.randint(1, 8))]

    def _act_award(self, chance: random.Random) -> bool:
        return self.award(chance.randint(1, 4), self._entries(chance))

    _act_award_more = _act_award_again = _act_award

    def _act_clawback(self, chance: random.Random) -> bool:
        return self.clawback(chance.choice((2, 3)), self._entries(chance))

    _act_clawback_more = _act_clawback

    def _act_wait(self, chance: random.Random) -> bool:
        self.node.pass_time(chance.choice((60, 3_600, 3_600, DAY // 4, DAY, 2 * DAY)))
        return True

    def _act_release(self, chance: random.Random) -> bool:
        holders = [chance.choice(self.holders) for _ in range(5)]
        return self.do(self.outsider, self.hub, calls.release(chance.choice((1, 2)), holders))

    def _act_enter(self, chance: random.Random) -> bool:
        data = calls.enter(chance.randint(1, 4), chance.randint(1, 5_000), 0)
        return self.do(chance.choice(self.holders), self.hub, data)

    def _act_leave(self, chance: random.Random) -> bool:
        data = calls.leave(chance.choice((1, 2)), chance.randint(1, 3_000))
        return self.do(chance.choice(self.holders), self.hub, data)

    def _act_move(self, chance: random.Random) -> bool:
        data = calls.move(chance.choice((1, 2)), chance.randint(1, 4), chance.randint(1, 3_000), 0)
        return self.do(chance.choice(self.holders), self.hub, data)

    def _act_transfer(self, chance: random.Random) -> bool:
        to = chance.choice((*self.holders, *self.merchants, self.hub))
        return self.do(chance.choice(self.holders), self.token, calls.transfer(to, chance.randint(0, 2_000)))

    def _act_cash_out(self, chance: random.Random) -> bool:
        holder = chance.choice((*self.holders, *self.merchants))
        return self.do(holder, self.token, calls.cash_out(chance.randint(1, 1_000), self.outsider))

    def _act_mint(self, chance: random.Random) -> bool:
        return self.do(self.outsider, self.token, calls.mint(chance.choice(self.holders), chance.randint(1, 5_000)))

    def _act_stay(self, chance: random.Random) -> bool:
        data = calls.set_stay(chance.randint(1, 4), chance.random() < 0.3)
        return self.do(chance.choice(self.holders), self.hub, data)

    def _act_cancel(self, chance: random.Random) -> bool:
        if chance.random() < 0.5:
            return self.do(chance.choice(self.holders), self.token, calls.cancel_wallet())
        return self.do(chance.choice(self.holders), self.hub, calls.cancel_account(chance.randint(1, 4)))

    def _act_signed(self, chance: random.Random) -> bool:
        name, points, campaign = chance.choice(self.names), chance.randint(1, 2_000), chance.randint(1, 4)
        match chance.randint(0, 5):
            case 0:
                return self.by_sig("transfer", calls.transfer_by_sig, name, 0, chance.choice(self.holders), points)
            case 1:
                return self.by_sig("cash_out", calls.cash_out_by_sig, name, 0, self.outsider, points)
            case 2:
                return self.by_sig("enter", calls.enter_by_sig, name, 0, campaign, points, 0)
            case 3:
                return self.by_sig("leave", calls.leave_by_sig, name, campaign, campaign, points)
            case 4:
                source = chance.choice((1, 2))
                return self.by_sig("move", calls.move_by_sig, name, source, source, campaign, points, 0)
            case _:
                return self.by_sig("stay", calls.stay_by_sig, name, campaign, campaign, chance.random() < 0.5)

    _act_signed_again = _act_signed

    def _act_redeem(self, chance: random.Random) -> bool:
        merchant, campaign = chance.choice(self.merchants), chance.randint(0, 4)
        names = chance.sample(self.names, 3)
        orders = [self.order(name, merchant, chance.randint(1, 2_000), campaign) for name in names]
        return self.redeem(merchant, orders, campaign)

    _act_redeem_more = _act_redeem

    def _act_owner(self, chance: random.Random) -> bool:
        campaign = chance.randint(1, 4)
        acts = (
            calls.fund(campaign, chance.randint(0, 10_000), 0 if campaign < 3 else chance.randint(0, 5_000)),
            calls.set_operator(campaign, self.second, chance.choice((0, 50_000, 900_000))),
            calls.schedule_bonus(campaign, chance.randint(0, 3_000)),
            calls.schedule_end(campaign, self.now() + chance.randint(8, 50) * DAY),
            calls.schedule_merchant_off(campaign, self.merchants[1]),
            calls.withdraw_change(campaign),
            calls.invite_merchant(campaign, chance.choice(self.merchants)),
        )
        return self.do(self.owner, self.hub, chance.choice(acts))

    def _act_merchant(self, chance: random.Random) -> bool:
        merchant = chance.choice(self.merchants)
        if chance.random() < 0.7:
            return self.do(merchant, self.hub, calls.accept_merchant(chance.randint(1, 4)))
        return self.do(merchant, self.hub, calls.set_delegate(self.second, chance.random() < 0.5))

    def badge(self, name: str, campaign: int, badge: int) -> bool:
        """Asked for by its holder, sent by the operator; a second one is skipped."""
        holder = address(name)
        digest = self.deployment.domains.badge(holder, campaign, badge, FAR)
        r, vs = signatures.compact(signatures.sign(key(name), digest))
        data = calls.award_badges(campaign, badge, [calls.WishData(holder, FAR, r, vs)])
        return self.do(self.operator, self.deployment.badges or b"", data)

    def _act_badge(self, chance: random.Random) -> bool:
        return self.badge(chance.choice(self.names), chance.randint(1, 4), chance.randint(1, 3))

    def _act_renounce(self, chance: random.Random) -> bool:
        holder = chance.choice(self.holders)
        number = badges.token_id(chance.randint(1, 4), chance.randint(1, 3), holder)
        return self.do(holder, self.deployment.badges or b"", calls.renounce_badge(number))

    def _act_gift(self, chance: random.Random) -> bool:
        return self.do(self.outsider, self.asset, calls.transfer(chance.choice((self.hub, self.token)), 77))

    def wind_up(self) -> None:
        """Everything ends: grace, expiry, sweep."""
        for days in (75, 120, 20):
            self.node.pass_time(days * DAY)
            for campaign in range(1, 5):
                self.do(self.outsider, self.hub, calls.release(campaign, self.holders))
                self.do(self.outsider, self.hub, calls.expire(campaign, self.holders))
                self.do(self.outsider, self.hub, calls.sweep(campaign))
