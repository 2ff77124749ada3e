"""Codes for points, end to end: signed orders over HTTP, executed on the chain, codes in their boxes."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from nacl.public import PrivateKey

from gateway.chain.hexes import from_hex
from gateway.commands.orders import Signer
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from gateway.loyalty.redemptions.sealing import unseal
from tests.bench import load, world
from tests.bench.ours import POINTS, Size, median, spending
from tests.bench.world import Shop

#: Connections of the holders' wallets at once.
HOLDERS = 64


def measure(shop: Shop, size: Size) -> dict[str, float]:
    """Orders accepted and codes delivered a second; medians of the runs, the first left out."""
    holders = [secrets.token_bytes(32) for _ in range(size.orders * (size.runs + 1))]
    _give(shop, [Signer(key, shop.house.domains) for key in holders], size.bulk)
    offer: dict[str, Any] = shop.merchant.offer(POINTS, codes=len(holders))
    parts = [holders[start : start + size.orders] for start in range(0, len(holders), size.orders)]
    return median([_once(shop, offer, part) for part in parts][1:])


def _give(shop: Shop, signers: Sequence[Signer], bulk: int) -> None:
    """An order's price for each, the usual way."""
    before = shop.awarded()
    actions = [shop.action(signer.address, POINTS) for signer in signers]
    requests = [shop.bulk(actions[start : start + bulk]) for start in range(0, len(actions), bulk)]
    load.closed(shop.house.url, requests, 4)
    shop.until_credited(before + len(signers) * POINTS)


def _once(shop: Shop, offer: dict[str, Any], holders: Sequence[bytes]) -> dict[str, float]:
    seals = [PrivateKey.generate() for _ in holders]
    bodies = [
        Signer(key, shop.house.domains).redeem(offer, bytes(seal.public_key), 0)
        for key, seal in zip(holders, seals, strict=True)
    ]
    requests = [load.request("/v1/redemptions", json.dumps(body).encode(), {}) for body in bodies]
    before = _delivered(shop)
    with spending(shop, len(requests)) as spent:
        started = time.monotonic()
        answers = load.closed(shop.house.url, requests, HOLDERS, keep=True)
        if set(answers.statuses) != {202}:
            raise RuntimeError(f"refused: {answers.statuses} {answers.bodies[-1]!r}")
        _until_delivered(shop, before + len(requests))
        seconds = time.monotonic() - started
    _open_one(shop, answers.bodies[0], {bytes(seal.public_key): bytes(seal) for seal in seals})
    return {
        "accepted": answers.rate,
        "delivered": len(requests) / seconds,
        "p50_ms": answers.percentile(0.5) * 1e3,
        "p99_ms": answers.percentile(0.99) * 1e3,
        **spent,
    }


def _delivered(shop: Shop) -> int:
    count = sa.select(sa.func.count()).where(Redemption.state == RedemptionState.DELIVERED)
    with shop.database.read() as session:
        return session.scalar(count) or 0


def _until_delivered(shop: Shop, count: int) -> None:
    deadline = time.monotonic() + world.PATIENCE
    while (found := _delivered(shop)) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found} of {count} codes after {world.PATIENCE} s\n{shop.house.tails()}")
        time.sleep(0.05)


def _open_one(shop: Shop, answer: bytes, secret_of: dict[bytes, bytes]) -> None:
    """What was counted as delivered is a box that its holder opens."""
    box = from_hex(shop.house.http.get(f"/v1/redemptions/{msgspec.json.decode(answer)['id']}").json()["box"])
    with shop.database.read() as session:
        seal_key = session.scalars(sa.select(Redemption.seal_key).where(Redemption.box == box)).one()
    if not unseal(secret_of[seal_key], box)[1].startswith(b"CODE-"):
        raise RuntimeError("a box without the code")
