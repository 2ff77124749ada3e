"""One run of everything that is asked for; its figures as one document."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import ceilings, growth, ours, peers, reading, redeeming
from tests.bench.ours import FULL, QUICK, Size
from tests.bench.peers import NAIVE
from tests.bench.world import ROOT, median, open_shop

LIBRARIES = ("fastapi", "starlette", "uvicorn", "pydantic", "sqlalchemy", "psycopg", "web3", "eth-account", "coincurve")


def measure(
    quick: bool, parts: Collection[str], databases: Sequence[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Figures by part; `parts` of the command's PARTS, `databases` of world.DATABASES."""
    size = QUICK if quick else FULL
    found: dict[str, Any] = {"machine": machine(), "quick": quick}
    if "peers" in parts:
        say("what others would use")
        found["peers"] = peers.measure(size)
    if "ceilings" in parts:
        say("the node, fed with batches signed before")
        found["node"] = ceilings.node(size)
    again = []
    for kind in databases:
        found[kind] = _of_database(kind, size, parts, say)
        if "peers" in parts:
            again.append(peers.naive(size))
    if again:
        found["peers"][NAIVE] = median([found["peers"][NAIVE], *again])
    if "history" in parts:
        say("a chain's history, read")
        for kind, figures in reading.measure(size, databases).items():
            found[kind]["history"] = figures
    if "peers" in parts and "ceilings" in parts and "ours" in parts:
        found["ratios"] = {kind: ratios(found, kind) for kind in databases}
    return found


def _of_database(kind: str, size: Size, parts: Collection[str], say: Callable[[str], None]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if "ceilings" in parts:
        say(f"handlers that do almost nothing, on {kind}")
        part["ceilings"] = ceilings.http(kind, size)
    if {"ours", "redemptions"} & set(parts):
        say(f"the gateway on {kind}")
        with open_shop(kind) as shop:
            if "ours" in parts:
                part |= ours.pipeline(shop, size)
                part["gas"] = ours.gas(shop)
            if "redemptions" in parts:
                part["redemptions"] = redeeming.measure(shop, size)
            part["memory_mb"] = ours.memory(shop)
    if "growth" in parts:
        say(f"with many actions there already, on {kind}")
        part["growth"] = growth.measure(kind, size.growth)
    return part


def ratios(found: dict[str, Any], kind: str) -> dict[str, float]:
    """What this run says about the marks; see report.MARKS."""
    part, naive = found[kind], found["peers"][NAIVE]
    return {
        "single_of_ceiling": part["single"]["credited"] / part["ceilings"]["row"],
        "bulk_of_ceiling": part["bulk"]["credited"] / part["ceilings"]["rows"],
        "bulk_of_node": part["bulk"]["credited"] / found["node"]["fresh"],
        "bulk_of_naive": part["bulk"]["credited"] / naive,
        "single_of_naive": part["single"]["credited"] / naive,
    }


def machine() -> dict[str, Any]:
    """Where this was measured."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "processor": model[0].split(":")[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        **{name: version(name) for name in LIBRARIES},
    }
