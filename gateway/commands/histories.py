"""What a wallet's history says to its holder: who gave what to whom, by the names of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.chain.hexes import checksum
from gateway.client import Document
from gateway.commands.console import moment, points
from gateway.identity.wallets import addresses

#: As the API writes it.
NOBODY = checksum(addresses.NOBODY)


def rows(entries: Sequence[Document], names: Mapping[str, str]) -> list[tuple[object, ...]]:
    """(time, what, where, points, with whom) of each entry; `names` by address."""
    return [
        (
            moment(entry["at"]),
            _what(entry),
            entry["campaign"] or "wallet",
            # Some events only tell of a change; what they moved stands in another line.
            points(entry["credit"] - entry["debit"]) if entry["credit"] or entry["debit"] else "",
            _whom(entry["counterparty"], names),
        )
        for entry in entries
    ]


def _what(entry: Document) -> str:
    if entry["kind"] != "transfer":
        return str(entry["kind"]).replace("_", " ")
    if entry["counterparty"] == NOBODY:
        return "issued" if entry["credit"] else "burnt"
    return "received" if entry["credit"] else "sent"


def _whom(address: str | None, names: Mapping[str, str]) -> str:
    if address is None or address == NOBODY:
        return ""
    return names.get(address) or f"{address[:6]}…{address[-4:]}"


def gift_state(balance: int, entries: Sequence[Document]) -> str:
    """Whether a gift waits, was taken, or never got its points."""
    if balance:
        return "to be taken"
    return "taken" if entries else "nothing arrived"
