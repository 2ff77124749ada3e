"""Uses of signed codes that tills report when the network is back. Each is recorded once, whatever is sent again.

Only codes whose signature is good are looked up: who reports guessed codes learns nothing from the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.jobs import Jobs
from gateway.core.problems import Problem
from gateway.loyalty.offers import tokens
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.errors import CODE_EXPIRED, CODE_FORGED, CODE_UNKNOWN, USED_IN_FUTURE
from gateway.loyalty.offers.models import Code, CodeState, OfflineUse
from gateway.loyalty.offers.tokens import BadToken, Token

#: Seconds by which a till's clock may be ahead.
AHEAD = 300
OUT = (CodeState.DELIVERED, CodeState.USED)


@dataclass(frozen=True)
class Use:
    """A code that a till took at `used_at`, Unix seconds by its own clock."""

    code: str
    used_at: int


@dataclass(frozen=True)
class Taken:
    """By which API key, and when."""

    key: int
    at: int


@dataclass(frozen=True)
class Recorded:
    """What became of a report. `first`: of a double use, the one that counts. `repeated`: it was reported before."""

    offer: int
    first: Taken | None
    repeated: bool


class OfflineUses:
    """All methods work in the caller's transaction."""

    def __init__(self, codes: Codes, jobs: Jobs, clock: Clock) -> None:
        self.codes, self.jobs, self.clock = codes, jobs, clock

    def report(self, session: Session, merchant: int, key: int, uses: Sequence[Use]) -> list[Recorded | Problem]:
        """One result for each use, in their order. `code-forged`, `code-expired`, `code-unknown`, `used-in-future`."""
        public = self.codes.public_key(merchant)
        results: dict[int, Recorded | Problem] = {}
        # The same codes in the same order whoever reports them: two tills must not wait for each other.
        for place, use in sorted(enumerate(uses), key=lambda each: (each[1].code, each[1].used_at)):
            try:
                results[place] = self._record(session, merchant, key, self._token(public, use), use)
            except Problem as problem:
                results[place] = problem
        return [results[place] for place in range(len(uses))]

    def _token(self, public: bytes, use: Use) -> Token:
        if use.used_at > self.clock.now() + AHEAD:
            raise USED_IN_FUTURE.at("used_at")
        try:
            return tokens.verify(public, use.code, now=use.used_at)
        except BadToken as bad:
            raise (CODE_EXPIRED if bad.fault == "expired" else CODE_FORGED).at("code") from None

    def _record(self, session: Session, merchant: int, key: int, token: Token, use: Use) -> Recorded:
        digest = self.codes.digest(merchant, use.code)
        query = sa.select(Code).where(Code.merchant_id == merchant, Code.digest == digest)
        code = session.scalar(query.with_for_update().execution_options(populate_existing=True))
        if code is None or code.state not in OUT:
            raise CODE_UNKNOWN.at("code")
        known = sa.select(OfflineUse).where(
            OfflineUse.code_id == code.id, OfflineUse.key_id == key, OfflineUse.used_at == use.used_at
        )
        row = session.scalar(known)
        repeated = row is not None
        if row is None:
            if code.state == CodeState.USED and (code.used_by, code.used_at) == (key, use.used_at):
                return Recorded(token.offer, None, True)  # the till took it with the network, and notes it once more
            row = self._add(session, code, key, use.used_at)
        first = None if row.counted else Taken(row.other_key or 0, row.other_at or 0)
        return Recorded(token.offer, first, repeated)

    def _add(self, session: Session, code: Code, key: int, used_at: int) -> OfflineUse:
        counts = code.state == CodeState.DELIVERED
        row = OfflineUse(
            merchant_id=code.merchant_id,
            code_id=code.id,
            key_id=key,
            used_at=used_at,
            counted=counts,
            other_key=None if counts else code.used_by,
            other_at=None if counts else code.used_at,
            reported_at=self.clock.now(),
        )
        session.add(row)
        if counts:
            code.state, code.used_at, code.used_by = CodeState.USED, used_at, key
            self.jobs.publish(session, "code.used", code.id)
        session.flush()
        if not counts:
            self.jobs.publish(session, "code.used_twice", row.id)
        return row

    def doubles(self, session: Session, merchant: int, cursor: int, limit: int) -> list[tuple[OfflineUse, int]]:
        """At most `limit` double uses with ids above `cursor`, each with its offer."""
        query = (
            sa.select(OfflineUse, Code.offer_id)
            .join(Code, Code.id == OfflineUse.code_id)
            .where(OfflineUse.merchant_id == merchant, OfflineUse.counted == 0, OfflineUse.id > cursor)
        )
        return [(row, offer) for row, offer in session.execute(query.order_by(OfflineUse.id).limit(limit))]
