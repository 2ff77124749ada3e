"""The books of the whole house, rebuilt from the logs of the contracts and from nothing else. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.commands.audit_model import GRACE, Account, Badge, Campaign, Difference, Landed, Log, Paid, short
from gateway.core.durations import DAY

BASIS_POINTS = 10_000
NOBODY = bytes(20)

#: What a signed order did, in terms of its fields: ("send", holder, to, amount) …
Effect = tuple[Any, ...]
Sum = tuple[int, str, bytes]


class Books:
    """Feed it every log in the chain's order, then `close` it at the audit's moment."""

    def __init__(self, hub: bytes) -> None:
        self.hub = hub
        self.differences: list[Difference] = []
        self.balances: Counter[bytes] = Counter()
        self.supply = 0
        #: The least that each wallet's nonce must be. Permits use nonces too, without a log that says so.
        self.nonces: dict[bytes, int] = {}
        self.campaigns: dict[int, Campaign] = {}
        self.delegates: dict[tuple[bytes, bytes], bool] = {}
        self.paid: list[Paid] = []
        #: By the badge's number on the chain: campaign (64 bits), badge of the campaign (32), holder (160).
        self.badges: dict[int, Badge] = {}
        self._locked: set[int] = set()
        #: (campaign, holder, nonce) of a holder's order → what its transaction did; campaign 0: the token's orders.
        self.orders: dict[tuple[int, bytes, int], list[Effect]] = {}
        #: What happened how often and with how many points, by (campaign or 0, what, merchant paid or nobody).
        self.events: Counter[Sum] = Counter()
        self.points: Counter[Sum] = Counter()
        #: What the hub owes to whom in this transaction by its own events; its transfers must pay exactly that.
        self._owed: Counter[bytes] = Counter()
        self._tx = b""
        self._logs: list[Log] = []
        self._effects: list[Effect] = []

    def feed(self, logs: Iterable[Log]) -> None:
        for log in logs:
            if log.tx != self._tx:
                self._end_transaction()
                self._tx, self._logs, self._effects = log.tx, [], []
            self._logs.append(log)
            campaign = self.campaigns.get(log.args.get("campaign", 0))
            if campaign is not None:
                campaign.settle(log.time)
            handler = getattr(self, f"_{log.contract}_{log.name}", None)
            if handler is None:
                continue
            try:
                handler(log, **log.args)
            except KeyError:  # of a campaign that the logs did not create
                self._fault("hole", f"block {log.block}, log {log.index}", "its campaign", "none")

    def close(self, time: int) -> None:
        """Brings everything to `time` and checks what must hold over all."""
        self._end_transaction()
        for number, campaign in self.campaigns.items():
            campaign.settle(time)
            for holder, account in campaign.accounts.items():
                account.mature(campaign.hold, time)
                if min(account.matured, account.pending) < 0:
                    self._fault("account-below-zero", f"campaign {number}, {short(holder)}", 0, account.total)
        for holder, balance in self.balances.items():
            if balance < 0:
                self._fault("balance-below-zero", short(holder), 0, balance)
        if self._locked != self.badges.keys():
            self._fault("badges-not-locked", "badges", len(self.badges), len(self._locked))
        if self.total("burned") != self.total("cashed_out"):
            self._fault("burned-not-cashed-out", "token", self.total("burned")[1], self.total("cashed_out")[1])
        if sum(self.balances.values()) != self.supply:
            self._fault("balances-not-supply", "token", self.supply, sum(self.balances.values()))
        if self.balances[self.hub] < self.in_accounts:
            self._fault("accounts-not-backed", "hub", self.in_accounts, self.balances[self.hub])

    def _end_transaction(self) -> None:
        for to, owed in self._owed.items():
            if owed and self._logs:
                self._fault("hub-paid-otherwise", f"block {self._logs[0].block}, to {short(to)}", owed, "another sum")
        self._owed.clear()

    @property
    def in_accounts(self) -> int:
        """Points that the hub holds for holders."""
        return sum(account.total for campaign in self.campaigns.values() for account in campaign.accounts.values())

    @property
    def promised(self) -> int:
        """Points that budgets and pots must be able to pay for."""
        return sum(campaign.budget + campaign.pot for campaign in self.campaigns.values())

    def _fault(self, code: str, where: str, expected: int | str, found: int | str) -> None:
        self.differences.append(Difference(f"events-{code}", where, expected, found))

    def total(self, what: str) -> tuple[int, int]:
        """How often it happened in all campaigns and wallets, and with how many points."""
        found = [key for key in self.events if key[1] == what]
        return sum(self.events[key] for key in found), sum(self.points[key] for key in found)

    def _count(self, what: str, points: int, campaign: int = 0, party: bytes = NOBODY) -> None:
        if points:
            self.events[(campaign, what, party)] += 1
            self.points[(campaign, what, party)] += points

    # ---------------------------------------------------------------- token

    def _token_Transfer(self, log: Log, **args: Any) -> None:
        origin, to, value = args["from"], args["to"], args["value"]
        if origin == NOBODY:
            self.supply += value
            self._count("minted", value)
        else:
            self.balances[origin] -= value
        if to == NOBODY:
            self.supply -= value
            self._count("burned", value)
        else:
            self.balances[to] += value
        if origin == self.hub:
            self._owed[to] -= value
        self._effects.append(("send", origin, to, value))

    def _token_CashedOut(self, log: Log, holder: bytes, to: bytes, points: int) -> None:
        self._effects.append(("cash_out", holder, to, points))
        self._count("cashed_out", points)

    def _token_OrderExecuted(self, log: Log, holder: bytes, nonce: int) -> None:
        self._use_nonce(holder, nonce)
        self.orders[(0, holder, nonce)] = self._effects

    def _token_OrdersCancelled(self, log: Log, holder: bytes, nonce: int) -> None:
        self._use_nonce(holder, nonce - 1)

    def _use_nonce(self, holder: bytes, nonce: int) -> None:
        least = self.nonces.get(holder, 0)
        if nonce < least:
            self._fault("nonce-used-twice", f"wallet {short(holder)}", least, nonce)
        self.nonces[holder] = max(least, nonce + 1)

    # ------------------------------------------------------------ campaigns

    def _hub_CampaignCreated(self, log: Log, campaign: int, **terms: Any) -> None:
        if campaign != len(self.campaigns) + 1:
            self._fault("campaign-out-of-order", f"campaign {campaign}", len(self.campaigns) + 1, campaign)
        self.campaigns[campaign] = Campaign(**terms)

    def _hub_ChangeScheduled(self, log: Log, campaign: int, kind: int, value: int, effectiveAt: int) -> None:
        if effectiveAt != log.time + GRACE:
            self._fault("change-without-grace", f"campaign {campaign}", log.time + GRACE, effectiveAt)
        self.campaigns[campaign].change = (kind, value, effectiveAt)

    def _hub_ChangeWithdrawn(self, log: Log, campaign: int) -> None:
        self.campaigns[campaign].change = None

    def _hub_OwnershipTransferred(self, log: Log, campaign: int, **args: Any) -> None:
        self.campaigns[campaign].owner = args["to"]

    def _hub_OperatorSet(self, log: Log, campaign: int, operator: bytes, dailyCap: int) -> None:
        self.campaigns[campaign].operators[operator] = dailyCap

    def _hub_MerchantInvited(self, log: Log, campaign: int, merchant: bytes) -> None:
        self.campaigns[campaign].merchants.setdefault(merchant, False)

    def _hub_MerchantAccepted(self, log: Log, campaign: int, merchant: bytes) -> None:
        self.campaigns[campaign].merchants[merchant] = True

    def _hub_DelegateSet(self, log: Log, merchant: bytes, delegate: bytes, allowed: bool) -> None:
        self.delegates[(merchant, delegate)] = allowed

    def _hub_Funded(self, log: Log, campaign: int, funder: bytes, budget: int, pot: int, fee: int) -> None:
        self.campaigns[campaign].budget += budget
        self.campaigns[campaign].pot += pot
        self._count("funded", budget + pot, campaign)

    def _hub_Swept(self, log: Log, campaign: int, to: bytes, points: int) -> None:
        state = self.campaigns[campaign]
        if points != state.budget + state.pot or log.time < state.end + GRACE:
            self._fault("sweep", f"campaign {campaign}", state.budget + state.pot, points)
        state.budget = state.pot = 0
        self._count("swept", points, campaign)

    # --------------------------------------------------------------- awards

    def _hub_AwardLanded(self, log: Log, campaign: int, number: int, total: int) -> None:
        state = self.campaigns[campaign]
        direct = not state.closed and state.hold == 0
        entries = self._minted(total) if direct else self._run("AccountAwarded", campaign)
        self._land(log, campaign, number, Landed("award", total, entries, log.block))
        if total > state.budget:
            self._fault("award-above-budget", f"campaign {campaign}, batch {number}", state.budget, total)
        if log.time >= state.end + GRACE:
            self._fault("award-too-late", f"campaign {campaign}, batch {number}", state.end + GRACE, log.time)
        state.budget -= total

    def _hub_ClawbackLanded(self, log: Log, campaign: int, number: int, total: int) -> None:
        entries = self._run("AccountClawedBack", campaign)
        self._land(log, campaign, number, Landed("clawback", total, entries, log.block))
        self._owed[NOBODY] += total
        self.campaigns[campaign].budget += total

    def _land(self, log: Log, campaign: int, number: int, batch: Landed) -> None:
        state, where = self.campaigns[campaign], f"campaign {campaign}, batch {number}"
        if number in state.landed:
            self._fault("number-landed-twice", where, 1, 2)
        if batch.total != batch.entries.total():
            self._fault("batch-total", where, batch.total, batch.entries.total())
        state.landed[number] = batch
        state.moved[log.time // DAY] += batch.total
        self._count("awarded" if batch.kind == "award" else "clawed_back", batch.total, campaign)

    def _minted(self, total: int) -> Counter[bytes]:
        """The mints right before the batch's own log that make up `total`."""
        entries: Counter[bytes] = Counter()
        for log in reversed(self._logs[:-1]):
            if log.name != "Transfer" or log.args["from"] != NOBODY or entries.total() >= total:
                break
            entries[log.args["to"]] += log.args["value"]
        return entries

    def _run(self, name: str, campaign: int) -> Counter[bytes]:
        """The accounts' logs of this transaction's present batch."""
        entries: Counter[bytes] = Counter()
        for log in reversed(self._logs[:-1]):
            if log.name in ("AwardLanded", "ClawbackLanded"):
                break
            if log.name == name and log.args["campaign"] == campaign:
                entries[log.args["holder"]] += log.args["amount"]
        return entries

    def _hub_AccountAwarded(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        state = self.campaigns[campaign]
        state.accounts[holder].award(state.hold, log.time, amount)

    def _hub_AccountClawedBack(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        taken = self._account(log, campaign, holder).claw(amount)
        if taken != amount:
            self._fault("clawback-above-pending", f"campaign {campaign}, {short(holder)}", taken, amount)

    # ------------------------------------------------------------- accounts

    def _account(self, log: Log, campaign: int, holder: bytes) -> Account:
        account = self.campaigns[campaign].accounts[holder]
        account.mature(self.campaigns[campaign].hold, log.time)
        return account

    def _take(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        account = self._account(log, campaign, holder)
        if amount > account.matured:
            self._fault("taken-above-matured", f"campaign {campaign}, {short(holder)}", account.matured, amount)
        account.matured -= amount

    def _arrive(self, campaign: int, holder: bytes, amount: int, bonus: int) -> None:
        state = self.campaigns[campaign]
        expected = min(amount * state.bonus // BASIS_POINTS, state.pot) if state.closed else 0
        if bonus != expected:
            self._fault("bonus", f"campaign {campaign}, {short(holder)}", expected, bonus)
        state.pot -= bonus
        state.accounts[holder].matured += amount + bonus
        self._count("bonus", bonus, campaign)

    def _leave(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        if self.campaigns[campaign].closed:
            self._fault("left-closed-loop", f"campaign {campaign}, {short(holder)}", 0, amount)
        self._take(log, campaign, holder, amount)

    def _hub_Entered(self, log: Log, campaign: int, holder: bytes, amount: int, bonus: int) -> None:
        self._arrive(campaign, holder, amount, bonus)
        self._effects.append(("enter", campaign, holder, amount, bonus))
        self._count("entered", amount, campaign)

    def _hub_Left(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        self._leave(log, campaign, holder, amount)
        self._owed[holder] += amount
        self._effects.append(("leave", campaign, holder, amount))
        self._count("left", amount, campaign)

    def _hub_Released(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        if self.campaigns[campaign].accounts[holder].stay:
            self._fault("released-against-stay", f"campaign {campaign}, {short(holder)}", 0, amount)
        self._owed[holder] += amount
        self._leave(log, campaign, holder, amount)
        self._count("left", amount, campaign)

    def _hub_Moved(self, log: Log, **args: Any) -> None:
        origin, to, holder, amount, bonus = (args[name] for name in ("from", "to", "holder", "amount", "bonus"))
        self.campaigns[to].settle(log.time)
        self._leave(log, origin, holder, amount)
        self._arrive(to, holder, amount, bonus)
        self._effects.append(("move", origin, to, holder, amount, bonus))
        self._count("moved_out", amount, origin)
        self._count("moved_in", amount, to)

    def _hub_StaySet(self, log: Log, campaign: int, holder: bytes, stay: bool) -> None:
        self.campaigns[campaign].accounts[holder].stay = stay
        self._effects.append(("stay", campaign, holder, stay))

    def _hub_Expired(self, log: Log, campaign: int, holder: bytes, amount: int) -> None:
        state, account = self.campaigns[campaign], self._account(log, campaign, holder)
        if not state.closed or log.time < state.expiry + GRACE or amount != account.total:
            self._fault("expired", f"campaign {campaign}, {short(holder)}", account.total, amount)
        account.matured, account.lots = account.total - amount, {}
        state.budget += amount
        self._owed[NOBODY] += amount
        self._count("expired", amount, campaign)

    def _hub_OrderExecuted(self, log: Log, campaign: int, holder: bytes, nonce: int) -> None:
        self._use_account_nonce(campaign, holder, nonce)
        self.orders[(campaign, holder, nonce)] = self._effects

    def _hub_OrdersCancelled(self, log: Log, campaign: int, holder: bytes, nonce: int) -> None:
        account = self.campaigns[campaign].accounts[holder]
        if nonce <= account.nonce:
            self._fault("nonce-went-back", f"campaign {campaign}, {short(holder)}", account.nonce + 1, nonce)
        account.nonce = nonce

    def _use_account_nonce(self, campaign: int, holder: bytes, nonce: int) -> None:
        account = self.campaigns[campaign].accounts[holder]
        if nonce != account.nonce:
            self._fault("nonce", f"campaign {campaign}, {short(holder)}", account.nonce, nonce)
        account.nonce = nonce + 1

    # ---------------------------------------------------------- redemptions

    def _hub_Redeemed(self, log: Log, nonce: int, **paid: Any) -> None:
        # A single order's nonce was told by the token already, in the same transaction.
        if self.orders.get((0, paid["holder"], nonce)) is not self._effects:
            self._use_nonce(paid["holder"], nonce)
        self._pay(Paid(source=0, nonce=nonce, block=log.block, **paid))

    def _hub_Spent(self, log: Log, campaign: int, nonce: int, **paid: Any) -> None:
        if not self.campaigns[campaign].merchants.get(paid["merchant"]):
            self._fault("spent-at-no-merchant", f"campaign {campaign}, {short(paid['merchant'])}", 0, paid["amount"])
        self._use_account_nonce(campaign, paid["holder"], nonce)
        self._take(log, campaign, paid["holder"], paid["amount"])
        self._pay(Paid(source=campaign, nonce=nonce, block=log.block, **paid))

    def _pay(self, paid: Paid) -> None:
        self.paid.append(paid)
        self._owed[paid.merchant] += paid.amount
        self._count("redeemed", paid.amount, paid.source, paid.merchant)

    # --------------------------------------------------------------- badges

    def _badges_Transfer(self, log: Log, **args: Any) -> None:
        number, origin, to = args["tokenId"], args["from"], args["to"]
        where, known = f"block {log.block}, log {log.index}", self.badges.get(number)
        holder = (number & (1 << 160) - 1).to_bytes(20, "big")
        if origin == NOBODY and to == holder:
            if known is not None:
                self._fault("badge-twice", where, "once", f"before in block {known.block}")
            self.badges[number] = Badge(log.block)
        elif origin == holder and to == NOBODY and known is not None and known.renounced is None:
            known.renounced = log.block
        else:
            self._fault("badge-moved", where, "awarded or renounced", "something else")

    def _badges_Locked(self, log: Log, tokenId: int) -> None:
        self._locked.add(tokenId)
