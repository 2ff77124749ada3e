"""A holder's verbs, each in two ways: an order that the gateway relays, and an own transaction without any gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.chain import calls
from gateway.chain.hexes import checksum
from gateway.client import Document, Json
from gateway.commands.chain import Chain, Own
from gateway.commands.console import points
from gateway.commands.holder import Holder
from gateway.commands.merchant import give
from gateway.commands.processes import CHAIN_ID
from gateway.loyalty.moves import pricing


@dataclass(frozen=True)
class Act:
    """One verb with its arguments."""

    what: str
    by_order: Callable[[Holder], Document]
    by_itself: Callable[[Chain, Own], Json]

    def on_chain(self, chain: Chain, key: bytes) -> Json:
        """Sends it as the holder's own transaction. On a local chain the wallet gets its gas for nothing."""
        own = chain.own(key)
        if chain.deployment.chain_id == CHAIN_ID:
            give(chain, own.address)
        receipt = self.by_itself(chain, own)
        return {"done": self.what, "block": int(receipt["blockNumber"], 16), "transaction": receipt["transactionHash"]}


def enter(campaign: int, amount: int) -> Act:
    """Wallet → campaign; the minimum is what the campaign credits now."""

    def by_itself(chain: Chain, own: Own) -> Json:
        least = arrival(chain, campaign, amount).min_received
        own.token("points approved", calls.approve(chain.deployment.hub, amount))
        return own.hub("entered", calls.enter(campaign, amount, least))

    return Act(f"{points(amount)} points entered", lambda holder: holder.enter(campaign, amount), by_itself)


def leave(campaign: int, amount: int) -> Act:
    """Campaign → wallet."""
    return Act(
        f"{points(amount)} points left",
        lambda holder: holder.leave(campaign, amount),
        lambda _, own: own.hub("left", calls.leave(campaign, amount)),
    )


def move(source: int, target: int, amount: int) -> Act:
    """Campaign → campaign; the minimum is what the target credits now."""
    return Act(
        f"{points(amount)} points moved",
        lambda holder: holder.move(source, target, amount),
        lambda chain, own: own.hub(
            "moved", calls.move(source, target, amount, arrival(chain, target, amount).min_received)
        ),
    )


def send(recipient: bytes, amount: int) -> Act:
    """Wallet → wallet."""
    return Act(
        f"{points(amount)} points sent",
        lambda holder: holder.send(recipient, amount),
        lambda _, own: own.token("sent", calls.transfer(recipient, amount)),
    )


def stay(campaign: int, on: bool) -> Act:
    """Whether others may release the account's matured points."""
    return Act(
        "staying" if on else "not staying",
        lambda holder: holder.stay(campaign, on),
        lambda _, own: own.hub("choice recorded", calls.set_stay(campaign, on)),
    )


def cash_out(amount: int, recipient: bytes | None) -> Act:
    """Wallet → settlement asset."""
    return Act(
        f"{points(amount)} points cashed out",
        lambda holder: holder.cash_out(amount, recipient),
        lambda _, own: own.token("cashed out", calls.cash_out(amount, recipient or own.address)),
    )


def arrival(chain: Chain, campaign: int, amount: int) -> pricing.Quote:
    """What a campaign credits for what enters, by its terms of now."""
    terms = chain.reads.campaign(campaign)
    return pricing.quote(amount, terms.closed, terms.bonus, terms.pot)


def balance(chain: Chain, holder: bytes) -> Json:
    """A holder's points as the contracts have them, in the shape of the gateway's answer."""
    reads = chain.reads
    numbers = range(1, reads.campaign_count() + 1)
    accounts = reads.accounts([(number, holder) for number in numbers])
    return {
        "wallet": checksum(holder),
        "balance": reads.balance(holder),
        "nonce": reads.nonce(holder),
        "accounts": [
            {"campaign": number, **vars(account)}
            for number, account in zip(numbers, accounts, strict=True)
            if account.matured or account.pending or account.nonce
        ],
    }
