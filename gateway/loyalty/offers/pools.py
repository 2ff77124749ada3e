"""Pools of codes: a file of a merchant's, added as a whole or not at all.

What can be done before the database is held is done before: parsing, digests, encryption. Rows are written in the order
of their digests, which is random to everybody else and cheap for the index.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.core import bulk
from gateway.core.limits import MAX_SUM
from gateway.core.problems import BUSY, Problem
from gateway.core.secrets import Secrets
from gateway.loyalty.offers import documents, texts
from gateway.loyalty.offers.errors import CODES_ALREADY_UPLOADED, OFFER_HAS_NO_POOL
from gateway.loyalty.offers.models import Code, CodeSource, CodeState, Offer

TABLE = cast(sa.Table, Code.__table__)
COLUMNS = ("merchant_id", "offer_id", "digest", "text_box", "draw", "state")
#: Seconds after which to come back for a file that shares a code with one that is being taken in.
COME_BACK = 30


@dataclass(frozen=True)
class Filling:
    """A file ready to be added: the digests in the order of the file, whose first code is in row 2, and the rows of the
    table."""

    offer: int
    merchant: int
    digests: Sequence[bytes]
    rows: Sequence[tuple[int, int, bytes, bytes, int, int]]


class Pools:
    """Reads files, and adds them to pools."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets

    def read(self, offer: Offer, data: bytes) -> Filling:
        """A CSV file with the column `code`. To be called outside of the transaction that writes.

        `csv-malformed` names row and column, never the code; `offer-has-no-pool`.
        """
        if offer.source != CodeSource.POOL:
            raise OFFER_HAS_NO_POOL.at("offer")
        document = documents.parse(offer.document)
        rows = texts.read_csv(data, document.links if isinstance(document, documents.Full) else None)
        made = [(digest(self.secrets, offer.merchant_id, bare), self.secrets.box(code.encode())) for code, bare in rows]
        ready = [
            (offer.merchant_id, offer.id, found, box, random.randbelow(MAX_SUM), int(CodeState.FREE))
            for found, box in sorted(made)
        ]
        return Filling(offer.id, offer.merchant_id, [found for found, _ in made], ready)

    def add(self, session: Session, filling: Filling) -> int:
        """Adds all codes of the file to the pool, or none; returns how many. `codes-already-uploaded` names the row."""
        offer = session.get_one(Offer, filling.offer, with_for_update=True, populate_existing=True)
        try:
            bulk.insert(session, TABLE, COLUMNS, filling.rows)
        except IntegrityError:
            raise refusal(session, filling) from None
        offer.add_free(len(filling.rows))
        session.flush()
        return len(filling.rows)


def refusal(session: Session, filling: Filling) -> Problem:
    """What speaks against a file of which a code was there; which one is looked up only now, because it hardly ever
    happens."""
    row = next(_known(session, filling), None)
    if row is None:  # staged with another file, of which nobody knows yet whether it counts
        return BUSY.at(retry_after=COME_BACK)
    return CODES_ALREADY_UPLOADED.at(f"rows[{row}].code", f"row {row}")


def _known(session: Session, filling: Filling) -> Iterator[int]:
    """Rows of the file whose codes are in one of the merchant's pools already."""
    for rows in bulk.parts(list(enumerate(filling.digests, 2))):
        digests = [digest for _, digest in rows]
        query = sa.select(Code.digest).where(Code.merchant_id == filling.merchant, Code.digest.in_(digests))
        known = set(session.scalars(query.where(Code.state != CodeState.STAGED)))
        yield from (row for row, found in rows if found in known)


def digest(secrets: Secrets, merchant: int, bare: str) -> bytes:
    """Keyed digest by which a merchant's normalised code is found."""
    return secrets.mac("code", merchant.to_bytes(8, "big") + bare.encode())
