"""Sends single transactions of an owner, a merchant or a holder and waits for each: for the command line and for tests.

The gateway's own transactions go through the relayer, which survives what this does not.
"""

from __future__ import annotations

import time
from typing import Any

from eth_account import Account

from gateway.chain.errors import BlockUnavailable, NodeTimeout, Reverted
from gateway.chain.hexes import checksum, to_hex
from gateway.chain.reads import parse_head
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of

GWEI = 10**9


class Sender:
    """One key on one chain."""

    def __init__(self, rpc: Rpc, key: bytes, chain_id: int, tip: int = GWEI) -> None:
        """`key` is the private key; `tip` in wei per gas."""
        self._rpc, self._key, self._chain_id, self._tip = rpc, key, chain_id, tip
        self.address = address_of(key)

    def send(self, to: bytes | None, data: bytes, timeout: float = 120.0) -> dict[str, Any]:
        """Estimates, signs, sends and waits for the receipt, at most `timeout` seconds. `to` None creates a contract.

        Raises Reverted before anything is sent when the transaction would fail, or after it failed on chain;
        NodeTimeout when it was sent and not mined in time; other ChainErrors.
        """
        call = {"from": to_hex(self.address), "data": to_hex(data)} | ({"to": to_hex(to)} if to else {})
        gas = int(self._rpc.call("eth_estimateGas", call), 16)
        nonce = int(self._rpc.call("eth_getTransactionCount", to_hex(self.address), "pending"), 16)
        head = parse_head(self._rpc.call("eth_getBlockByNumber", "latest", False))
        transaction = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "gas": gas * 5 // 4,
            "maxFeePerGas": 2 * head.base_fee + self._tip,
            "maxPriorityFeePerGas": self._tip,
            "to": checksum(to) if to else "",
            "value": 0,
            "data": data,
        }
        signed = Account.sign_transaction(transaction, self._key)
        self._rpc.call("eth_sendRawTransaction", to_hex(bytes(signed.raw_transaction)))
        return self._receipt(to_hex(bytes(signed.hash)), timeout)

    def _receipt(self, transaction: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                receipt: dict[str, Any] | None = self._rpc.call("eth_getTransactionReceipt", transaction)
            except BlockUnavailable:
                receipt = None
            if receipt is not None:
                if int(receipt["status"], 16) != 1:
                    raise Reverted
                return receipt
            time.sleep(0.05)
        raise NodeTimeout
