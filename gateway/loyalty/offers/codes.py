"""The codes of an offer, from the pool to the till. All methods work in the caller's transaction."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.jobs import Jobs
from gateway.core.limits import MAX_SUM
from gateway.core.problems import INVALID_REQUEST
from gateway.core.secrets import Secrets
from gateway.loyalty.offers import documents, patterns, texts, validity
from gateway.loyalty.offers.errors import (
    CODE_EXPIRED,
    CODE_NOT_USED,
    CODE_UNKNOWN,
    CODE_USED,
    CODES_ALREADY_UPLOADED,
    OFFER_HAS_NO_POOL,
    OUT_OF_STOCK,
    UNDO_REFUSED,
)
from gateway.loyalty.offers.models import Code, CodeSource, CodeState, Offer
from gateway.loyalty.offers.rewards import Reward
from gateway.loyalty.offers.service import left

#: Seconds within which the same till may take a use back.
UNDO_WITHIN = 600
CHUNK = 1_000
TABLE = cast(sa.Table, Code.__table__)


@dataclass(frozen=True)
class Drawn:
    """A code reserved for one order."""

    id: int
    text: bytes


@dataclass(frozen=True)
class CodeView:
    """What a till sees of a code: `state` is delivered, used or expired; times in Unix seconds."""

    offer: int
    title: str
    reward: Reward | None
    instruction: str
    state: str
    expires_at: int
    used_at: int | None


class Codes:
    """Uploads, draws, delivers and uses codes."""

    def __init__(self, secrets: Secrets, jobs: Jobs, clock: Clock) -> None:
        self.secrets, self.jobs, self.clock = secrets, jobs, clock

    # ------------------------------------------------------------------ pool

    def upload(self, session: Session, offer: Offer, data: bytes) -> int:
        """Adds the codes of a CSV file (column `code`) to the offer's pool, all or none; returns how many.

        `csv-malformed`, `codes-already-uploaded` (both name the row, never the code), `offer-has-no-pool`.
        """
        if offer.source != CodeSource.POOL:
            raise OFFER_HAS_NO_POOL.at("offer")
        rows = [(code, self._digest(offer.merchant_id, bare)) for code, bare in texts.read_csv(data)]
        for start in range(0, len(rows), CHUNK):
            self._refuse_known(session, offer.merchant_id, rows[start : start + CHUNK], first_row=start + 2)
        # The table, not the class: half the time for rows that nobody looks at here.
        session.connection().execute(sa.insert(TABLE), [self._row(offer, *row) for row in rows])
        free = Offer.free + len(rows)
        session.execute(sa.update(Offer).where(Offer.id == offer.id).values(free=free))
        return len(rows)

    def _refuse_known(self, session: Session, merchant_id: int, rows: list[tuple[str, bytes]], first_row: int) -> None:
        digests = [digest for _, digest in rows]
        query = sa.select(Code.digest).where(Code.merchant_id == merchant_id, Code.digest.in_(digests))
        known = set(session.scalars(query))
        for row, digest in enumerate(digests, first_row):
            if digest in known:
                raise CODES_ALREADY_UPLOADED.at(f"rows[{row}].code", f"row {row}")

    def counts(self, session: Session, offer_id: int) -> dict[str, int]:
        """How many codes of the offer are in each state."""
        query = sa.select(Code.state, sa.func.count()).where(Code.offer_id == offer_id).group_by(Code.state)
        found = {CodeState(state): count for state, count in session.execute(query)}
        return {state.name.lower(): found.get(state, 0) for state in CodeState}

    # ------------------------------------------------------------ redemption

    def lock(self, session: Session, offer_id: int) -> Offer:
        """The offer, held until the transaction ends: of its orders one is taken after the other."""
        return session.get_one(Offer, offer_id, with_for_update=True, populate_existing=True)

    def draw(self, session: Session, offer_id: int) -> Drawn:
        """Reserves a random free code, or makes one by the offer's pattern; `out-of-stock` when there is none."""
        offer = self.lock(session, offer_id)
        if offer.stock_limit is not None and offer.drawn >= offer.stock_limit:
            raise OUT_OF_STOCK.at("offer")
        query = sa.select(Code).where(Code.offer_id == offer.id, Code.state == CodeState.FREE).order_by(Code.draw)
        code = session.scalar(query.limit(1).with_for_update(skip_locked=True))
        if code is not None and code.text_box is not None:
            text = self.secrets.unbox(code.text_box)
            code.state = CodeState.RESERVED
            offer.free -= 1
        elif offer.pattern is not None:
            text_made = patterns.generate(offer.pattern, random.randbelow)
            text = text_made.encode()
            row = self._row(offer, text_made, self._digest(offer.merchant_id, texts.normalised(text_made)))
            code = Code(**row | {"state": CodeState.RESERVED})
            session.add(code)
        else:
            raise OUT_OF_STOCK.at("offer")
        offer.drawn += 1
        count = left(offer)
        if count is not None and count <= offer.low_stock and not offer.low_told:
            offer.low_told = True
            self.jobs.publish(session, "codes.low", offer.id)
        session.flush()
        return Drawn(code.id, text)

    def free(self, session: Session, code_id: int) -> None:
        """Puts a reserved code back. Nobody has seen it; it takes a new place in the random order."""
        code = session.get_one(Code, code_id)
        if code.state != CodeState.RESERVED:
            return
        offer = self.lock(session, code.offer_id)
        code.state, code.draw = CodeState.FREE, random.randbelow(MAX_SUM)
        offer.free += 1
        offer.drawn -= 1

    def deliver(self, session: Session, code_id: int) -> int:
        """The code is paid for: forgets its text, starts its validity; returns when it expires."""
        code = session.get_one(Code, code_id)
        if code.state == CodeState.RESERVED:
            valid = session.get_one(Offer, code.offer_id).code_valid
            code.state, code.text_box = CodeState.DELIVERED, None
            code.expires_at = validity.end(self.clock.now(), valid)
        assert code.expires_at is not None  # noqa: S101 — a free code is never delivered
        return code.expires_at

    # ------------------------------------------------------------------ till

    def check(self, session: Session, merchant_id: int, text: str) -> CodeView:
        """What the merchant's till may know of a code that was handed out; `code-unknown` for any other."""
        return self._view(session, self._find(session, merchant_id, text))

    def use(self, session: Session, merchant_id: int, text: str, key_id: int) -> CodeView:
        """Uses a code once. `code-unknown`, `code-used` (with the time), `code-expired`."""
        code = self._find(session, merchant_id, text, lock=True)
        now = self.clock.now()
        if code.state == CodeState.DELIVERED and code.expires_at is not None and code.expires_at < now:
            raise CODE_EXPIRED.at("code", f"at {code.expires_at}")
        if code.state == CodeState.USED:
            raise CODE_USED.at("code", f"at {code.used_at}")
        code.state, code.used_at, code.used_by = CodeState.USED, now, key_id
        session.flush()
        self.jobs.publish(session, "code.used", code.id)
        return self._view(session, code)

    def undo(self, session: Session, merchant_id: int, text: str, key_id: int) -> CodeView:
        """Takes a use back: the same till, within ten minutes. `code-unknown`, `code-not-used`, `undo-refused`."""
        code = self._find(session, merchant_id, text, lock=True)
        if code.state != CodeState.USED or code.used_at is None:
            raise CODE_NOT_USED.at("code")
        if code.used_by != key_id or self.clock.now() - code.used_at > UNDO_WITHIN:
            raise UNDO_REFUSED.at("code", f"{UNDO_WITHIN} seconds")
        code.state, code.used_at, code.used_by = CodeState.DELIVERED, None, None
        session.flush()
        return self._view(session, code)

    def fingerprint(self, data: bytes) -> bytes:
        """Keyed digest of an uploaded file: what is stored of a request must not help to guess codes."""
        return self.secrets.mac("codes file", data)

    def digest(self, merchant_id: int, text: str) -> bytes:
        """Keyed digest by which a merchant's code is found; `invalid-request` when `text` cannot be a code."""
        try:
            return self._digest(merchant_id, texts.normalised(text))
        except ValueError:
            raise INVALID_REQUEST.at("code", f"1 to {texts.MAX_CODE} printable ASCII characters") from None

    # -------------------------------------------------------------- internal

    def _find(self, session: Session, merchant_id: int, text: str, lock: bool = False) -> Code:
        query = sa.select(Code).where(Code.merchant_id == merchant_id, Code.digest == self.digest(merchant_id, text))
        code = session.scalar(query.with_for_update() if lock else query)
        # Which codes are still free or reserved is nobody's business: it would tell when one is drawn.
        if code is None or code.state in (CodeState.FREE, CodeState.RESERVED):
            raise CODE_UNKNOWN.at("code")
        return code

    def _view(self, session: Session, code: Code) -> CodeView:
        offer = session.get_one(Offer, code.offer_id)
        expires_at = code.expires_at or 0
        state = "used" if code.state == CodeState.USED else "delivered"
        if state == "delivered" and expires_at < self.clock.now():
            state = "expired"
        document = documents.parse(offer.document)
        reward = getattr(document, "reward", None)
        return CodeView(
            offer=offer.id,
            title=document.title,
            reward=reward,
            instruction=reward.till() if reward else f"Give what the offer promises: {document.title}",
            state=state,
            expires_at=expires_at,
            used_at=code.used_at,
        )

    def _digest(self, merchant_id: int, bare: str) -> bytes:
        return self.secrets.mac("code", merchant_id.to_bytes(8, "big") + bare.encode())

    def _row(self, offer: Offer, code: str, digest: bytes) -> dict[str, object]:
        return {
            "merchant_id": offer.merchant_id,
            "offer_id": offer.id,
            "digest": digest,
            "text_box": self.secrets.box(code.encode()),
            "draw": random.randbelow(MAX_SUM),
            "state": CodeState.FREE,
        }
