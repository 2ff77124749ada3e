"""Who meets in the house: merchants with their tills, and holders with their wallets. Each has a key of its own."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gateway.chain import calls, local
from gateway.chain.errors import ChainError
from gateway.chain.hexes import checksum, to_hex
from gateway.chain.sender import GWEI, Sender
from gateway.chain.signatures import address_of
from gateway.client import Client, ProblemAnswer
from gateway.commands import offer as offers
from gateway.commands.chain import Own
from gateway.commands.console import CommandError
from gateway.commands.creating import SPENDING_TIME, Registration, Terms, create_on_chain, register
from gateway.commands.holder import Holder as Wallet
from gateway.commands.merchant import SCOPES, accept_campaign, set_delegate
from gateway.commands.publishing import publish
from gateway.commands.wallets import SealKeys
from gateway.commands.wallets import Wallet as Keys
from gateway.core.durations import DAY
from tests.functional.house import House, done
from tests.support.waiting import PATIENCE, in_time

#: A point a currency unit.
RULES = {"rules": [{"kind": "per_currency", "points": 100, "per": 100}]}
_numbers = itertools.count(1)


@dataclass
class Merchant:
    """A merchant that the operator admitted, with gas, the asset and an API key with every scope."""

    house: House
    id: int
    key: bytes
    token: str
    campaigns: list[int] = field(default_factory=list)

    @classmethod
    def join(cls, house: House, name: str = "Corner Books") -> Merchant:
        """Admitted by the operator over HTTP; lets the gateway execute its redemptions."""
        key = secrets.token_bytes(32)
        local.fund_gas(house.rpc, address_of(key))
        house.give_asset(address_of(key), 10**12)
        operator = house.client(house.token)
        merchant = operator.create_merchant(name, checksum(address_of(key)))
        token = operator.create_key(SCOPES, merchant["id"])["key"]
        made = cls(house, merchant["id"], key, token)
        set_delegate(house.chain, made.own, house.relayer, True)
        return made

    @property
    def own(self) -> Own:
        return self.house.chain.own(self.key)

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    @property
    def client(self) -> Client:
        return self.house.client(self.token)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A raw request with this merchant's API key."""
        return self.house.call(method, path, body, key=self.token, **more)

    # --------------------------------------------------------------- campaigns

    def campaign(
        self,
        *,
        lasts: int = 30 * DAY,
        hold: int = 0,
        closed: bool = False,
        bonus: int = 0,
        budget: int = 1_000_000,
        pot: int = 0,
        daily_cap: int = 10_000_000,
        rules: dict[str, Any] = RULES,
        registered: bool = True,
        **told: Any,
    ) -> int:
        """Created, authorised, funded on the chain and told to the gateway; its number. Hundredths, seconds."""
        chain = self.house.chain
        end = chain.reads.head().time + lasts
        text = f"Terms {next(_numbers)} {secrets.token_hex(4)}\n"
        expiry = end + 2 * hold + SPENDING_TIME if closed else 0
        terms = Terms(end, hold, closed, expiry, bonus, text)
        campaign = create_on_chain(chain, self.own, terms, self.house.relayer, daily_cap)
        if budget or pot:
            self.own.fund(campaign, budget, pot)
        self.campaigns.append(campaign)
        if registered:
            values: dict[str, Any] = {
                "name": "Points",
                "starts_at": int(time.time()) - DAY,
                "settle_every": 0,
                "min_wallets": 1,
            }
            register(self.client, campaign, text, Registration(**values | {"step": 1, "rules": rules} | told))
            self.house.until(lambda: self._is_seen(campaign, budget, pot, daily_cap), "the gateway sees the campaign")
        return campaign

    def brief(self, **terms: Any) -> int:
        """A campaign that is over a few seconds after it was made, as soon as that can be; its number."""
        made: list[int] = []
        # It may be over before it is funded or known.
        refused = (ChainError, CommandError, ProblemAnswer)
        in_time(lambda lasts: made.append(self.campaign(lasts=int(lasts), **terms)), 5, 20, 60, late=refused)
        return made[0]

    def _is_seen(self, campaign: int, budget: int, pot: int, daily_cap: int) -> bool:
        """Whether the gateway knows the chain's money, cap and merchants: it takes them from there, at depth."""
        seen = self.client.campaign(campaign)
        money = (seen["budget"], seen["pot"], seen["daily_cap"]) == (budget, pot, daily_cap)
        return money and any(m["merchant_id"] == self.id and m["accepted"] for m in seen["merchants"])

    def invite(self, other: Merchant, campaign: int, daily_quota: int | None = None) -> None:
        """Another merchant serves this campaign's points, and may report actions up to a quota."""
        self.own.hub("invited", calls.invite_merchant(campaign, other.address))
        accept_campaign(self.house.chain, other.own, campaign)
        quota = {"daily_quota": 0 if daily_quota is None else daily_quota}
        done(self.call("PUT", f"/campaigns/{campaign}/merchants/{other.id}", quota))

        def accepted() -> bool:
            members = self.client.campaign(campaign)["merchants"]
            return any(member["merchant_id"] == other.id and member["accepted"] for member in members)

        self.house.until(accepted, "the gateway sees the accepted merchant")

    # ------------------------------------------------------------------ offers

    def offer(self, price: int, campaign: int | None = None, codes: int = 0, **more: Any) -> dict[str, Any]:
        """A signed offer of a coffee, with so many uploaded codes, or generated ones with `pattern`."""
        source = more.pop("pattern", "pool")
        more.setdefault("reward", {"kind": "product", "product": "coffee"})
        more.setdefault("title", f"Coffee {next(_numbers)}")
        more.setdefault("ends_at", int(time.time()) + 30 * DAY)
        text, signature = offers.document(self.key, self.house.domains, price=price, campaign=campaign, **more)
        offer = publish(self.client, text, signature, source)
        if codes:
            self.client.upload_codes(offer["id"], self.csv(offer, codes))
        return offer

    def csv(self, offer: dict[str, Any], codes: int) -> bytes:
        """CODE-0007-0001 … in the shape of an upload."""
        return ("code\n" + "".join(f"CODE-{offer['id']:04}-{n:04}\n" for n in range(1, codes + 1))).encode()

    # -------------------------------------------------------------------- till

    def report(self, action: dict[str, Any], once: str | None = None) -> httpx.Response:
        """One action as a till reports it."""
        return self.call("POST", "/actions", action, once=once)

    def purchase(self, campaign: int, amount: int, **more: Any) -> dict[str, Any]:
        """The document of one line's purchase, now; `wallet` or `claim` to be added."""
        line = {"product": "book", "category": "books", "quantity": 1, "amount": amount}
        return {"campaign": campaign, "kind": "purchase", "occurred_at": int(time.time()), "lines": [line], **more}


@dataclass
class Holder:
    """A wallet of its own, at this gateway, with the command line's own verbs and checks."""

    house: House
    key: bytes
    wallet: Wallet

    @classmethod
    def fresh(cls, house: House) -> Holder:
        """A new key that nobody has heard of."""
        key = secrets.token_bytes(32)
        seals = SealKeys(Path(house.folder) / f"{to_hex(address_of(key))}.seals", key)
        return cls(house, key, Wallet(house.client(), Keys("holder", key, seals), house.chain, patience=PATIENCE))

    @classmethod
    def rich(cls, house: House, points: int) -> Holder:
        """A new wallet with points that came from outside the gateway."""
        holder = cls.fresh(house)
        house.give_points(holder.address, points)
        return holder

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    @property
    def name(self) -> str:
        """EIP-55."""
        return checksum(self.address)

    @property
    def own(self) -> Own:
        """The holder's own transactions, with gas for nothing: it needs no gateway."""
        local.fund_gas(self.house.rpc, self.address)
        return self.house.chain.own(self.key)

    def hurry(self, to: bytes, data: bytes) -> threading.Thread:
        """Sends an own transaction that pays so much that it comes before the gateway's in the same block."""
        local.fund_gas(self.house.rpc, self.address)
        sender = Sender(self.house.rpc, self.key, self.house.deployment.chain_id, tip=100 * GWEI)
        thread = threading.Thread(target=sender.send, args=(to, data))
        thread.start()
        return thread

    @property
    def points(self) -> int:
        """On the chain, not as the gateway says."""
        return self.house.chain.reads.balance(self.address)

    def account(self, campaign: int) -> dict[str, Any]:
        """As the gateway shows it."""
        return self.house.account(self.address, campaign)

    def until_points(self, points: int) -> None:
        """Waits until gateway and chain agree on the wallet's balance."""
        self.house.until(lambda: self.house.balance(self.address) == points, f"{points} hundredths in the wallet")
        assert self.points == points
