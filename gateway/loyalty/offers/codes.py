"""The codes of an offer, from the pool to the till. All methods work in the caller's transaction."""

from __future__ import annotations

import itertools
import secrets as random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.jobs import Jobs
from gateway.core.limits import MAX_SUM
from gateway.core.problems import INVALID_REQUEST
from gateway.core.secrets import Secrets
from gateway.loyalty.offers import documents, patterns, pools, texts, tokens, validity
from gateway.loyalty.offers.errors import (
    CODE_EXPIRED,
    CODE_NOT_USED,
    CODE_UNKNOWN,
    CODE_USED,
    OUT_OF_STOCK,
    UNDO_REFUSED,
)
from gateway.loyalty.offers.models import Code, CodeState, Offer
from gateway.loyalty.offers.rewards import Reward
from gateway.loyalty.offers.service import left
from gateway.loyalty.offers.tokens import Token

#: Seconds within which the same till may take a use back.
UNDO_WITHIN = 600
#: Codes read at once, and codes made for one order until one is nobody's: with 60 bits and more the first is.
CHUNK, MADE = 1_000, 4


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
    """Draws, delivers and uses codes."""

    def __init__(self, secrets: Secrets, jobs: Jobs, clock: Clock) -> None:
        self.secrets, self.jobs, self.clock = secrets, jobs, clock

    def counts(self, session: Session, offer_id: int) -> dict[str, int]:
        """How many codes of the offer are in each state."""
        query = sa.select(Code.state, sa.func.count()).where(Code.offer_id == offer_id).group_by(Code.state)
        found = {CodeState(state): count for state, count in session.execute(query)}
        return {state.name.lower(): found.get(state, 0) for state in CodeState if state != CodeState.STAGED}

    def watch(self, session: Session, offer_id: int, low_stock: int) -> tuple[int, Offer]:
        """From now on the merchant is told when `low_stock` codes or fewer are left, at once if that is so and it was
        not told. Beside the offer: the earlier number."""
        offer = self.lock(session, offer_id)
        before, offer.low_stock = offer.low_stock, low_stock
        count = left(offer)
        is_low = count is not None and count <= low_stock
        if is_low and not offer.low_told:
            self.jobs.publish(session, "codes.low", offer.id)
        offer.low_told = is_low
        session.flush()
        return before, offer

    # ------------------------------------------------------------ redemption

    def lock(self, session: Session, offer_id: int) -> Offer:
        """The offer, held until the transaction ends: of its orders one is taken after the other."""
        return session.get_one(Offer, offer_id, with_for_update=True, populate_existing=True)

    def draw(self, session: Session, offer: Offer, order: bytes, until: int | None = None) -> Drawn:
        """Reserves a random free code of a locked offer, or makes one; `out-of-stock` when there is none. `order`:
        digest of what it is drawn for, which gets the same made code again after a restore. `until`: when at the latest
        it is delivered, which a signed code must outlive by its whole validity."""
        if offer.stock_limit is not None and offer.drawn >= offer.stock_limit:
            raise OUT_OF_STOCK.at("offer")
        query = sa.select(Code).where(Code.offer_id == offer.id, Code.state == CodeState.FREE).order_by(Code.draw)
        code = session.scalar(query.limit(1).with_for_update(skip_locked=True))
        offer.free -= code is not None
        if code is None or offer.signed:  # a signed code that was put back is too old
            text, expires_at = self._unused(session, offer, order, until or self.clock.now())
            code = self._written(session, offer, code, text, expires_at)
        return self._reserved(session, offer, code)

    def find_sold(
        self, session: Session, offer: Offer, order: bytes, until: int, is_it: Callable[[bytes], bool]
    ) -> Drawn | None:
        """The code that was drawn for an order which this database forgot, reserved for it once more; None when none of
        the offer's codes is it, or when it is reserved for another order."""
        offer = self.lock(session, offer.id)
        query = sa.select(Code).where(Code.offer_id == offer.id, Code.state == CodeState.FREE)
        pool: Iterable[Code] = () if offer.signed else session.scalars(query.execution_options(yield_per=CHUNK))
        found = next((code for code in pool if code.text_box and is_it(self.secrets.unbox(code.text_box))), None)
        if found is not None:
            offer.free -= 1
        else:
            found = self._made_again(session, offer, order, until, is_it)
        return None if found is None else self._reserved(session, offer, found)

    def draw_again(
        self, session: Session, code_id: int, order: bytes, until: int, is_it: Callable[[bytes], bool]
    ) -> Drawn | None:
        """The code that was put back when this order was given up, reserved for it once more; one whose row was used
        for another text since is made again. None when another order has it. It is paid for, so no stock limit keeps it
        back."""
        code = session.get_one(Code, code_id)
        offer = self.lock(session, code.offer_id)
        session.refresh(code, with_for_update=True)
        is_there = code.text_box is not None and is_it(self.secrets.unbox(code.text_box))
        if is_there and code.state == CodeState.FREE:
            offer.free -= 1
            return self._reserved(session, offer, code)
        made = None if is_there else self._made_again(session, offer, order, until, is_it)
        return None if made is None else self._reserved(session, offer, made)

    def _made_again(
        self, session: Session, offer: Offer, order: bytes, until: int, is_it: Callable[[bytes], bool]
    ) -> Code | None:
        for text, expires_at in self._made(offer, order, until):
            if is_it(text.encode()) and not self._is_known(session, offer, text):
                return self._written(session, offer, None, text, expires_at)
        return None

    def _reserved(self, session: Session, offer: Offer, code: Code) -> Drawn:
        assert code.text_box is not None  # noqa: S101 — forgotten at delivery only
        code.state = CodeState.RESERVED
        offer.drawn += 1
        count = left(offer)
        if count is not None and count <= offer.low_stock and not offer.low_told:
            offer.low_told = True
            self.jobs.publish(session, "codes.low", offer.id)
        session.flush()
        return Drawn(code.id, self.secrets.unbox(code.text_box))

    def _made(self, offer: Offer, order: bytes, until: int) -> Iterator[tuple[str, int | None]]:
        """The codes that this order may get, each with its end where that is a part of it; the first that is new."""
        for attempt in range(MADE):
            seed = order + bytes([attempt])
            if offer.pattern is not None:
                yield patterns.generate(offer.pattern, self._dice(seed)), None
            elif offer.signed:
                serial = self.secrets.mac("serial", seed)[: tokens.SERIAL]
                token = Token(offer.id, validity.end(until, offer.code_valid), serial)
                yield tokens.make(self._seed(offer.merchant_id), token), token.ends_at

    def _unused(self, session: Session, offer: Offer, order: bytes, until: int) -> tuple[str, int | None]:
        for text, expires_at in self._made(offer, order, until):
            if not self._is_known(session, offer, text):
                return text, expires_at
        raise OUT_OF_STOCK.at("offer")

    def _is_known(self, session: Session, offer: Offer, text: str) -> bool:
        mine = (Code.merchant_id == offer.merchant_id, Code.digest == self.digest(offer.merchant_id, text))
        return session.scalar(sa.select(Code.id).where(*mine)) is not None

    def _written(self, session: Session, offer: Offer, code: Code | None, text: str, expires_at: int | None) -> Code:
        code = code or Code(merchant_id=offer.merchant_id, offer_id=offer.id, draw=random.randbelow(MAX_SUM))
        code.digest, code.expires_at = self.digest(offer.merchant_id, text), expires_at
        code.text_box = self.secrets.box(text.encode())
        session.add(code)
        return code

    def _dice(self, seed: bytes) -> Callable[[int], int]:
        """Throws that only who has the master secret can foresee; 256 bits each, so that no side is favoured."""
        throws = itertools.count()
        return lambda sides: (
            int.from_bytes(self.secrets.mac("made code", seed + next(throws).to_bytes(2, "big"))) % sides
        )

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
            code.expires_at = code.expires_at or validity.end(self.clock.now(), valid)
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
            raise CODE_EXPIRED.at("code", _when(code.expires_at))
        if code.state == CodeState.USED:
            raise CODE_USED.at("code", _when(code.used_at))
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

    def public_key(self, merchant_id: int) -> bytes:
        """What tills check the merchant's signed codes with: Ed25519, 32 bytes, as long-lived as the master secret."""
        return tokens.public_key(self._seed(merchant_id))

    def fingerprint(self, data: bytes) -> bytes:
        """Keyed digest of an uploaded file: what is stored of a request must not help to guess codes."""
        return self.secrets.mac("codes file", data)

    def digest(self, merchant_id: int, text: str) -> bytes:
        """Keyed digest by which a merchant's code is found; `invalid-request` when `text` cannot be a code."""
        try:
            return pools.digest(self.secrets, merchant_id, texts.normalised(text))
        except ValueError:
            raise INVALID_REQUEST.at("code", f"1 to {texts.MAX_CODE} printable ASCII characters") from None

    # -------------------------------------------------------------- internal

    def _find(self, session: Session, merchant_id: int, text: str, lock: bool = False) -> Code:
        query = sa.select(Code).where(Code.merchant_id == merchant_id, Code.digest == self.digest(merchant_id, text))
        code = session.scalar(query.with_for_update() if lock else query)
        # Which codes are still free or reserved is nobody's business: it would tell when one is drawn.
        if code is None or code.state not in (CodeState.DELIVERED, CodeState.USED):
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

    def _seed(self, merchant_id: int) -> bytes:
        return self.secrets.mac("code signing", merchant_id.to_bytes(8, "big"))


def _when(moment: int | None) -> str:
    """For the people at the till."""
    return f"on {datetime.fromtimestamp(moment, UTC):%Y-%m-%d at %H:%M} UTC" if moment else "at an unknown time"
