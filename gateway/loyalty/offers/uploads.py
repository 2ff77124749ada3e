"""Large files of codes, written in parts: in one transaction, half a million codes held SQLite's one writer for longer
than others wait for it.

Until one small transaction decides for the whole file, its codes are in a state in which nobody is given them. Then
they are let out, in parts again. Whoever dies on the way leaves a file that the worker takes away, or goes on letting
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.core import bulk, crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.problems import BUSY
from gateway.loyalty.offers.models import Code, CodeState, CodeUpload, Offer, UploadState
from gateway.loyalty.offers.pools import COLUMNS, TABLE, Filling, Pools, refusal

#: Codes in one transaction.
PART = 10_000
#: Seconds after which a file of which no part came any more is somebody's who died.
STALE = 300


class Uploads:
    """Each method opens its own transactions, one a part."""

    def __init__(self, db: Database, clock: Clock, pools: Pools) -> None:
        self.db, self.clock, self.pools = db, clock, pools

    @contextmanager
    def staged(self, filling: Filling) -> Iterator[Callable[[Session], int]]:
        """What adds the file in the caller's transaction, all of it or nothing, and says how many codes that are. A
        small file is written there, a large one before and let out afterwards."""
        if len(filling.rows) <= PART:
            yield lambda session: self.pools.add(session, filling)
            return
        upload = self.stage(filling)
        try:
            yield lambda session: self.decide(session, upload, len(filling.rows))
            crashes.reach("decided", ("codes",))
        finally:
            self.end(upload)

    def stage(self, filling: Filling) -> int:
        """Writes a file down; the number to decide by. `codes-already-uploaded`; `busy` while another file with one of
        its codes is not decided yet. Then nothing of it is left."""
        with self.db.begin() as session:
            row = CodeUpload(offer_id=filling.offer, state=UploadState.STAGED, touched_at=self.clock.now())
            session.add(row)
            session.flush()
            upload = row.id
        try:
            for start in range(0, len(filling.rows), PART):
                with self.db.begin() as session:
                    self._touch(session, upload)
                    part = filling.rows[start : start + PART]
                    staged = [(*values[:-1], int(CodeState.STAGED), upload) for values in part]
                    bulk.insert(session, TABLE, (*COLUMNS, "upload_id"), staged)
                crashes.reach("staged", ("codes",))
        except IntegrityError:
            self.end(upload)
            with self.db.read() as session:
                raise refusal(session, filling) from None
        except BaseException:
            self.end(upload)
            raise
        return upload

    def decide(self, session: Session, upload: int, count: int) -> int:
        """From the commit of this transaction on the whole file of `count` codes counts. `busy` when it was taken away
        meanwhile."""
        self._touch(session, upload, UploadState.DECIDED)
        return count

    def end(self, upload: int) -> None:
        """Lets out all codes of a decided file, takes away those of another."""
        while self._end_part(upload):
            crashes.reach("ended", ("codes",))

    def sweep_due(self) -> int:
        """Ends what nobody is at work on any more, one part of each; returns how many files those were."""
        before = self.clock.now() - STALE
        with self.db.read() as session:
            stale = list(session.scalars(sa.select(CodeUpload.id).where(CodeUpload.touched_at < before)))
        for upload in stale:
            self._end_part(upload)
            crashes.reach("ended", ("codes",))
        return len(stale)

    def _touch(self, session: Session, upload: int, state: UploadState = UploadState.STAGED) -> None:
        mine = sa.update(CodeUpload).where(CodeUpload.id == upload, CodeUpload.state == UploadState.STAGED)
        changed = session.connection().execute(mine.values(state=state, touched_at=self.clock.now()))
        if not changed.rowcount:
            raise BUSY.at(retry_after=1)

    def _end_part(self, upload: int) -> bool:
        with self.db.begin() as session:
            row = session.get(CodeUpload, upload, with_for_update=True)
            if row is None:
                return False
            if row.state == UploadState.STAGED:
                row.state = UploadState.GIVEN_UP
            codes = cast(sa.Table, Code.__table__)
            part = sa.select(codes.c.id).where(codes.c.upload_id == upload).order_by(codes.c.id).limit(PART)
            ids = list(session.scalars(part))
            if row.state == UploadState.DECIDED:
                offer = session.get_one(Offer, row.offer_id, with_for_update=True)
                out = sa.update(codes).values(state=CodeState.FREE, upload_id=None)
                session.execute(out.where(codes.c.upload_id == upload, codes.c.id <= max(ids, default=0)))
                offer.add_free(len(ids))
            else:
                session.execute(sa.delete(codes).where(codes.c.upload_id == upload, codes.c.id <= max(ids, default=0)))
            if len(ids) < PART:
                session.delete(row)
            return len(ids) == PART
