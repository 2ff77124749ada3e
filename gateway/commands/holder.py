"""What a holder does through the gateway: sign an order here, post it, wait for the chain; open boxes, trust nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.chain.errors import ChainError
from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.typed_data import Domains
from gateway.client import Client, Document, Json
from gateway.client.types import MoveOut, OfferQuoteOut, RedemptionOut
from gateway.commands.chain import Chain
from gateway.commands.console import CommandError
from gateway.commands.offer import checked
from gateway.commands.orders import Signer, domains_of, next_nonce
from gateway.commands.wallets import Opened, Wallet

Answer = TypeVar("Answer", MoveOut, RedemptionOut)
REDEEMED = keccak256(b"Redeemed(address,address,uint256,uint256,bytes32,bytes32)")
SPENT = keccak256(b"Spent(uint256,address,address,uint256,uint256,bytes32,bytes32)")
#: Blocks in one search for a redemption's event.
WINDOW = 10_000
PAUSE = 0.3
#: Why an order comes to nothing, by its state, and what would help.
NOT_LANDED = {
    "refused": (
        "the contracts refuse it, for what it relied on has changed meanwhile (its points, or a campaign's bonus)",
        "the same command again: it signs for what there is now",
    ),
    "dead": ("its number was used by another order of this wallet, or cancelled, or its time is over", None),
}
#: The same of a code.
NO_CODE = {
    "confirmed": "it was opened and confirmed before",
    "dead": f"nothing was paid: {NOT_LANDED['dead'][0]}",
    "flagged": "the chain took back blocks in which it was; if it was paid, ask the merchant, who can see it",
}


@dataclass(frozen=True)
class Received:
    """A code that came out of a box. `on_chain`: its commitment was found there; None: no chain answered."""

    redemption: int
    offer: int
    code: str
    commitment: str
    expires_at: int | None
    on_chain: bool | None

    def document(self) -> Json:
        return dict(vars(self))


class Holder:
    """One wallet at one gateway. `chain`, where there is one, is asked whether the gateway tells the truth."""

    def __init__(self, client: Client, wallet: Wallet, chain: Chain | None = None, patience: float = 120) -> None:
        self.client, self.wallet, self.chain, self.patience = client, wallet, chain, patience
        self.domains: Domains = chain.deployment.domains if chain else domains_of(client.chain())
        self.signer = Signer(wallet.key, self.domains)
        self.address = checksum(wallet.address)

    def items(self, part: str) -> list[Json]:
        """Every item of a list of the wallet's that nobody else may see."""
        path = f"/v1/wallets/{self.address}/{part}"
        return list(self.client.items(path, anonymous=True, proof=self.signer.proof()))

    # ------------------------------------------------------------------- moves

    def enter(self, campaign: int, amount: int) -> MoveOut:
        """Wallet → campaign, for no less than the quote."""
        quote = self.client.quote("enter", amount, target=campaign)
        return self.client.move(self.signer.enter(campaign, amount, int(quote["min_received"]), self._nonce()))

    def leave(self, campaign: int, amount: int) -> MoveOut:
        """Campaign → wallet."""
        return self.client.move(self.signer.leave(campaign, amount, self._nonce(campaign)))

    def move(self, source: int, target: int, amount: int) -> MoveOut:
        """Campaign → campaign, for no less than the quote."""
        quote = self.client.quote("move", amount, source=source, target=target)
        minimum = int(quote["min_received"])
        return self.client.move(self.signer.move(source, target, amount, minimum, self._nonce(source)))

    def send(self, recipient: bytes, amount: int) -> MoveOut:
        """Wallet → wallet."""
        return self.client.move(self.signer.send(recipient, amount, self._nonce()))

    def cash_out(self, amount: int, recipient: bytes | None = None) -> MoveOut:
        """Points → settlement asset at par."""
        return self.client.move(self.signer.cash_out(recipient or self.wallet.address, amount, self._nonce()))

    def stay(self, campaign: int, on: bool) -> MoveOut:
        """Whether others may release matured points of this account."""
        return self.client.move(self.signer.stay(campaign, on, self._nonce(campaign)))

    def landed(self, move: Document) -> MoveOut:
        """Waits until a posted move is done; CommandError when it can be done no more."""
        answer = self._wait(lambda: self.client.move_state(move["id"]), {"done", "dead", "refused"}, "the order")
        if answer["state"] != "done":
            why, example = NOT_LANDED[answer["state"]]
            raise CommandError(f"the order did not land: {why}; nothing was moved", example, f"move-{answer['state']}")
        return answer

    # ------------------------------------------------------------- redemptions

    def order(self, offer_id: int, full_price: bool = False) -> RedemptionOut:
        """Orders one code, for the best price that the wallet's standing gives, or for everybody's. The sealing key is
        on disk before the order leaves."""
        offer = checked(self.client.get(f"/v1/offers/{offer_id}"), self.domains)
        price = None if full_price or not offer["prices"] else self._best(offer)
        nonce = self._nonce(int(offer["campaign"] or 0))
        return self.client.redeem(self.signer.redeem(offer, self.wallet.seals.fresh(), nonce, price))

    def quote(self, offer_id: int) -> OfferQuoteOut:
        """What the wallet may pay for an offer, and why."""
        return self.client.offer_quote(self.address, offer_id, self.signer.proof())

    def _best(self, offer: Json) -> int | None:
        """The first price of the quote, if it is one that the merchant signed."""
        quoted = self.quote(int(offer["id"]))["prices"]
        signed = {int(offer["price"]), *(int(each["price"]) for each in offer["prices"])}
        if quoted and quoted[0]["amount"] not in signed:
            raise CommandError("the gateway quotes a price that is not in the signed offer", code="offer-forged")
        return int(quoted[0]["amount"]) if quoted else None

    def delivered(self, redemption: Document) -> Received:
        """Waits until an order is paid at depth, opens its box and checks the code."""
        answer = self._wait(
            lambda: self.client.redemption(redemption["id"]),
            {"delivered", "confirmed", "dead", "flagged"},
            "the redemption",
        )
        if answer["state"] != "delivered":
            state = answer["state"]
            raise CommandError(f"no code, the order is {state}: {NO_CODE[state]}", code=f"redemption-{state}")
        return self.opened(answer)

    def boxes(self) -> list[Json]:
        """What waits in the inbox, paid for and not yet confirmed or expired."""
        return [entry for entry in self.client.inbox(self.address) if entry["box"]]

    def opened(self, box: Document) -> Received:
        """Opens a delivered redemption's box; CommandError when the code is not the one that was committed to."""
        content = self.wallet.seals.open(from_hex(box["box"]))
        if content is None:
            raise CommandError(f"box {box['id']} is sealed to a key that is not here", code="box-unreadable")
        if content.commitment != from_hex(box["commitment"]):
            raise CommandError(f"box {box['id']} holds another code than was promised", code="commitment-differs")
        return Received(
            redemption=box["id"],
            offer=box["offer"],
            code=content.code,
            commitment=box["commitment"],
            expires_at=box.get("expires_at"),
            on_chain=self._on_chain(content),
        )

    def confirm(self, redemption: int) -> None:
        """Tells the gateway that the box was opened and may be forgotten."""
        self.client.confirm(redemption, self.signer.confirm(redemption))

    # ---------------------------------------------------------------- internal

    def _nonce(self, campaign: int = 0) -> int:
        return next_nonce(self.client, self.wallet.address, campaign)

    def _wait(self, ask: Callable[[], Answer], ends: set[str], what: str) -> Answer:
        deadline = time.monotonic() + self.patience
        while True:
            answer = ask()
            if answer["state"] in ends:
                return answer
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{what} {answer['id']} is accepted, but not at depth yet; it goes on by itself",
                    code="still-waiting",
                )
            time.sleep(PAUSE)

    def _on_chain(self, content: Opened) -> bool | None:
        """Whether the holder's own Redeemed or Spent event bears the commitment of this very code."""
        if self.chain is None:
            return None
        holder = to_hex(self.wallet.address.rjust(32, b"\0"))
        hub = to_hex(self.chain.deployment.hub)
        try:
            head = self.chain.reads.head().number
            for last in range(head, self.chain.deployment.deploy_block - 1, -WINDOW):
                span = {"fromBlock": hex(max(0, last - WINDOW + 1)), "toBlock": hex(last), "address": hub}
                logs = self.chain.rpc.call("eth_getLogs", {**span, "topics": [to_hex(REDEEMED), holder]})
                logs += self.chain.rpc.call("eth_getLogs", {**span, "topics": [to_hex(SPENT), None, holder]})
                if any(from_hex(log["data"])[-32:] == content.commitment for log in logs):
                    return True
        except ChainError:
            return None
        return False
