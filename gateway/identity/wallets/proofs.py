"""A wallet's word that it is the one asking, for what the chain does not show yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.chain import signatures
from gateway.chain.hexes import checksum
from gateway.core.clock import Clock
from gateway.identity.wallets.errors import BAD_SIGNATURE, PROOF_REQUIRED

HEADER = "Wallet-Proof"
#: Seconds that a proof is good for, before and after its own time.
FRESH = 300
_FORM = re.compile(r"([0-9]{1,10})\.(0x[0-9a-fA-F]{130})")


#: What a proof allows unless it says otherwise: to look.
SHOW = "show"


def message(address: bytes, chain_id: int, at: int, what: str = SHOW) -> str:
    """What the wallet signs (EIP-191), in words `what` it allows; `at` in Unix seconds."""
    return f"{what} wallet {checksum(address)} on chain {chain_id} at {at}"


@dataclass(frozen=True)
class Proofs:
    """Checks the header `Wallet-Proof: <Unix seconds>.<0x-hex signature of message()>`."""

    clock: Clock
    chain_id: int

    def check(self, address: bytes, header: str | None, what: str = SHOW) -> None:
        """Raises `proof-required` without a fresh proof, `bad-signature` when it is not this wallet's, or allows
        something else than `what`."""
        form = _FORM.fullmatch(header or "")
        if form is None or abs(self.clock.now() - int(form[1])) > FRESH:
            raise PROOF_REQUIRED.at(HEADER, f"<Unix seconds>.<signature>, not older than {FRESH} seconds")
        digest = signatures.personal(message(address, self.chain_id, int(form[1]), what).encode())
        if signatures.recover(digest, bytes.fromhex(form[2][2:])) != address:
            raise BAD_SIGNATURE.at(HEADER)
