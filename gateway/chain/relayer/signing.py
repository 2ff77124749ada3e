"""Signs the relayer's transactions (EIP-1559)."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account import Account

from gateway.chain.hexes import checksum
from gateway.chain.relayer.decisions import Fee
from gateway.chain.signatures import address_of

#: An empty transaction goes to its sender, who has no code, with a selector that means nothing.
NOTHING = bytes(4)
NOTHING_GAS = 30_000


@dataclass(frozen=True)
class Signed:
    """The bytes to send and their hash."""

    raw: bytes
    hash: bytes


class Signer:
    """One key for one chain."""

    def __init__(self, key: bytes, chain_id: int) -> None:
        self._key, self._chain_id = key, chain_id
        self.address = address_of(key)

    def sign(self, nonce: int, to: bytes, data: bytes, gas: int, fee: Fee) -> Signed:
        """The same bytes for the same arguments."""
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "gas": gas,
                "maxFeePerGas": fee.max_fee,
                "maxPriorityFeePerGas": fee.tip,
                "to": checksum(to),
                "value": 0,
                "data": data,
            },
            self._key,
        )
        return Signed(bytes(signed.raw_transaction), bytes(signed.hash))

    def sign_nothing(self, nonce: int, fee: Fee) -> Signed:
        """A transaction that does nothing but use the nonce up."""
        return self.sign(nonce, self.address, NOTHING, NOTHING_GAS, fee)
