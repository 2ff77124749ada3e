"""What cannot be passed: an empty handler, one with a durable row, and the node fed with batches signed before."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account

from gateway.chain import calls, local
from gateway.chain.hexes import checksum, to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.commands.chain import Chain
from gateway.commands.creating import Terms, create_on_chain
from gateway.core.durations import DAY
from tests.bench import load, world
from tests.bench.ours import TILLS, Size
from tests.bench.world import BUDGET, FLAGS
from tests.support import processes
from tests.support.anvil import CHAIN_ID, anvil

ENTRIES = 500


def http(kind: str, size: Size) -> dict[str, float]:
    """Requests a second: empty handler, one durable row, and durable rows a second in calls of many; and of each
    (`_us`) the microseconds of the server's processor time."""
    with tempfile.TemporaryDirectory(prefix="loyalty-bench-") as name:
        folder = Path(name)
        with world.fresh_database(kind, folder) as url:
            body = {"campaign": 1, "kind": "purchase", "occurred_at": int(time.time()), "amount": 1_000}

            def one() -> bytes:
                content = world.encoded({**body, "wallet": checksum(secrets.token_bytes(20))})
                return load.request("/v1/actions", content, {"Idempotency-Key": secrets.token_hex(12)})

            def many() -> bytes:
                items = [
                    {**body, "wallet": checksum(secrets.token_bytes(20)), "key": secrets.token_hex(12)}
                    for _ in range(size.bulk)
                ]
                return load.request("/v1/actions/bulk", world.encoded({"actions": items}), {})

            found = {}
            for handler, make, count, each, tills in (
                ("empty", one, size.singles // 5, 1, TILLS),  # they have no last block to wait for
                ("row", one, size.singles // 5, 1, TILLS),
                ("rows", many, size.bulks, size.bulk, 4),
            ):
                with _served(handler, url, folder) as (at, pid):
                    load.closed(at, [make() for _ in range(count)], tills)  # warms up
                    spent = world.cpu(pid)
                    runs = [load.closed(at, [make() for _ in range(count)], tills) for _ in range(size.runs)]
                    found[handler] = each * world.median([run.rate for run in runs])
                    found[f"{handler}_us"] = (world.cpu(pid) - spent) / (size.runs * count * each) * 1e6
            return found


@contextmanager
def _served(handler: str, database: str, folder: Path) -> Iterator[tuple[str, int]]:
    port = processes.free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", f"tests.bench.handlers:{handler}", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    environment = {"BENCH_DATABASE": database, "PYTHONPATH": str(world.ROOT)}
    process = processes.start(command, log=folder / f"{handler}.log", env=environment)
    url = f"http://127.0.0.1:{port}"
    processes.wait_until(lambda: _answers(url), process, folder / f"{handler}.log")
    try:
        yield url, process.pid
    finally:
        processes.stop(process)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/docs").status_code == 200
    except httpx.TransportError:
        return False


def node(size: Size) -> dict[str, float]:
    """Awards a second that the node takes in batches signed before: sent and mined, one connection."""
    batches = max(4, size.bulks)
    with anvil(*FLAGS, chain_id=CHAIN_ID) as chain:
        rpc = Rpc(chain.url, timeout=120)
        deployment, key, number = campaign(rpc)
        found: dict[str, float] = {}
        rpc.call("evm_setAutomine", False)
        entries = [[(secrets.token_bytes(20), 1_000) for _ in range(ENTRIES)] for _ in range(batches)]
        for name in ("fresh", "existing"):
            raw = signed(rpc, deployment, key, number, len(found) * batches, entries)
            started = time.monotonic()
            rpc.strict_batch([("eth_sendRawTransaction", [one]) for one in raw])
            while int(rpc.call("txpool_status")["pending"], 16):
                rpc.call("evm_mine")
            found[name] = batches * ENTRIES / (time.monotonic() - started)
        rpc.close()
        return found


def campaign(rpc: Rpc) -> tuple[Any, bytes, int]:
    """A deployment on this chain, a key, and the number of a rich campaign that this key may award."""
    key = secrets.token_bytes(32)
    local.fund_gas(rpc, address_of(key))
    deployment = local.deploy(rpc, key)
    chain = Chain(rpc, deployment)
    own = chain.own(key)
    own.do("asset", deployment.asset, calls.mint(own.address, BUDGET * deployment.par))
    terms = Terms(chain.reads.head().time + 30 * DAY, 0, False, 0, 0, "Bench")
    number = create_on_chain(chain, own, terms, own.address, BUDGET)
    own.fund(number, BUDGET, 0)
    return deployment, key, number


def signed(rpc: Rpc, deployment: Any, key: bytes, number: int, first: int, batches: list[Any]) -> list[str]:
    """Signed transactions of these batches; the first gets the number above `first`."""
    nonce = int(rpc.call("eth_getTransactionCount", to_hex(address_of(key)), "pending"), 16)
    return [
        to_hex(
            bytes(
                Account.sign_transaction(
                    {
                        "type": 2,
                        "chainId": CHAIN_ID,
                        "nonce": nonce + place,
                        "gas": 15_000_000,
                        "maxFeePerGas": 10**11,
                        "maxPriorityFeePerGas": 10**9,
                        "to": checksum(deployment.hub),
                        "value": 0,
                        "data": calls.award_batch(number, first + place + 1, entries),
                    },
                    key,
                ).raw_transaction
            )
        )
        for place, entries in enumerate(batches)
    ]
