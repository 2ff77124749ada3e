"""Mints with Ape, one transaction an action; prints mints a second. Run by peers.py."""

import secrets
import sys
import time
from pathlib import Path

import ape
from ape import networks
from eth_utils.address import to_checksum_address

ABI = '[{"type":"function","name":"mint","stateMutability":"nonpayable","outputs":[],"inputs":[' + (
    '{"name":"to","type":"address"},{"name":"amount","type":"uint256"}]}]'
)


def main(url: str, token: str, count: int) -> float:
    with networks.ethereum.local.use_provider(url, provider_settings={"uri": url}):
        account = ape.accounts.test_accounts[0]
        contract = ape.Contract(token, abi=ABI)
        contract.mint(to_checksum_address(secrets.token_bytes(20)), 1_000, sender=account)
        started = time.monotonic()
        for _ in range(count):
            contract.mint(to_checksum_address(secrets.token_bytes(20)), 1_000, sender=account)
        return count / (time.monotonic() - started)


if __name__ == "__main__":
    Path(".cache/tmp").mkdir(parents=True, exist_ok=True)
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
