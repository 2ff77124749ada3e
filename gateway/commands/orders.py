"""What a holder signs: orders for the gateway to relay. Signed here; the key never leaves this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.chain.hexes import checksum, from_hex, to_hex
from gateway.chain.signatures import address_of, personal, sign
from gateway.chain.typed_data import Domains
from gateway.client import Client, Document, Json, calls
from gateway.commands.console import CommandError
from gateway.identity.wallets import proofs
from gateway.loyalty.earning.early import messages as early

#: Seconds that an order stays good.
VALID = 3_600


def domains_of(chain: Document) -> Domains:
    """The signing domains of a deployment as `GET /v1/chain` describes it."""
    badges = from_hex(chain["badges"]) if chain.get("badges") else None
    contracts = (from_hex(chain["token"]), from_hex(chain["hub"]))
    return Domains(int(chain["chain_id"]), *contracts, str(chain["token_name"]), badges)


@dataclass(frozen=True)
class Signer:
    """One holder's pen. Every method returns the body of a request; nonces are those of the next order."""

    key: bytes
    domains: Domains
    now: Callable[[], int] = lambda: int(time.time())

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    def enter(self, campaign: int, amount: int, min_received: int, nonce: int) -> Json:
        """Wallet → campaign."""
        deadline = self.now() + VALID
        digest = self.domains.enter(self.address, campaign, amount, min_received, nonce, deadline)
        return self._move("enter", digest, amount, nonce, deadline, {"target": campaign, "min_received": min_received})

    def leave(self, campaign: int, amount: int, nonce: int) -> Json:
        """Campaign → wallet."""
        deadline = self.now() + VALID
        digest = self.domains.leave(self.address, campaign, amount, nonce, deadline)
        return self._move("leave", digest, amount, nonce, deadline, {"source": campaign})

    def move(self, source: int, target: int, amount: int, min_received: int, nonce: int) -> Json:
        """Campaign → campaign."""
        deadline = self.now() + VALID
        digest = self.domains.move(self.address, source, target, amount, min_received, nonce, deadline)
        extra: Json = {"source": source, "target": target, "min_received": min_received}
        return self._move("move", digest, amount, nonce, deadline, extra)

    def send(self, recipient: bytes, amount: int, nonce: int) -> Json:
        """Wallet → another wallet."""
        deadline = self.now() + VALID
        digest = self.domains.transfer(self.address, recipient, amount, nonce, deadline)
        return self._move("send", digest, amount, nonce, deadline, {"recipient": checksum(recipient)})

    def cash_out(self, recipient: bytes, amount: int, nonce: int) -> Json:
        """Wallet → settlement asset for `recipient`."""
        deadline = self.now() + VALID
        digest = self.domains.cash_out(self.address, recipient, amount, nonce, deadline)
        return self._move("cash_out", digest, amount, nonce, deadline, {"recipient": checksum(recipient)})

    def stay(self, campaign: int, on: bool, nonce: int) -> Json:
        """Whether others may release the account's matured points."""
        deadline = self.now() + VALID
        digest = self.domains.stay(self.address, campaign, on, nonce, deadline)
        return self._move("stay", digest, None, nonce, deadline, {"source": campaign, "stay": on})

    def redeem(self, offer: Json, seal_key: bytes, nonce: int, price: int | None = None) -> Json:
        """Points (its price, or that of the holder's standing) for one code of an offer as the gateway lists it, from
        the wallet or the offer's campaign."""
        deadline = self.now() + VALID
        merchant, amount, source = (
            from_hex(offer["merchant"]),
            price or int(offer["price"]),
            int(offer["campaign"] or 0),
        )
        hash_ = from_hex(offer["hash"])
        if source:
            digest = self.domains.spend(self.address, source, merchant, amount, hash_, seal_key, nonce, deadline)
        else:
            digest = self.domains.redemption(self.address, merchant, amount, hash_, seal_key, nonce, deadline)
        return {
            "holder": checksum(self.address),
            "offer": offer["id"],
            "source": source,
            "amount": amount,
            "nonce": nonce,
            "deadline": deadline,
            "seal_key": to_hex(seal_key),
            "signature": to_hex(sign(self.key, digest)),
        }

    def badge(self, campaign: int, badge: int, deadline: int) -> Json:
        """The wish for a badge of a campaign."""
        try:
            digest = self.domains.badge(self.address, campaign, badge, deadline)
        except KeyError:
            raise CommandError("this deployment has no badges", code="no-badges") from None
        signature = to_hex(sign(self.key, digest))
        return {"wallet": checksum(self.address), "badge": badge, "deadline": deadline, "signature": signature}

    def points_now(self, campaign: int) -> Json:
        """The wish for what waits in a campaign, at once and alone."""
        at = self.now()
        text = early.message(self.address, campaign, self.domains.chain_id, at)
        return {"campaign": campaign, "at": at, "signature": to_hex(sign(self.key, personal(text.encode())))}

    def confirm(self, redemption: int) -> str:
        """Says that the box was opened, so that the gateway forgets it."""
        return to_hex(sign(self.key, personal(f"confirm redemption {redemption}".encode())))

    def proof(self, what: str = proofs.SHOW) -> str:
        """Shows that the wallet itself asks: for what only it may see, or for something else that it allows."""
        at = self.now()
        message = proofs.message(self.address, self.domains.chain_id, at, what)
        return f"{at}.{to_hex(sign(self.key, personal(message.encode())))}"

    def _move(self, kind: str, digest: bytes, amount: int | None, nonce: int, deadline: int, extra: Json) -> Json:
        return {
            "kind": kind,
            "holder": checksum(self.address),
            **({} if amount is None else {"amount": amount}),
            "nonce": nonce,
            "deadline": deadline,
            "signature": to_hex(sign(self.key, digest)),
            **extra,
        }


def next_nonce(client: Client, holder: bytes, campaign: int = 0) -> int:
    """The nonce of the holder's next order, open ones counted: of the wallet, or of its account in a campaign."""
    answer = client.send(calls.get_wallets_by_address(checksum(holder), cursor=max(campaign - 1, 0), limit=1))
    places = {0: answer["nonce"], **{account["campaign"]: account["nonce"] for account in answer["accounts"]}}
    nonce = places.get(campaign, 0)
    if nonce is None:
        raise CommandError("the gateway cannot ask the chain for the next nonce just now; try again soon")
    return int(nonce)
