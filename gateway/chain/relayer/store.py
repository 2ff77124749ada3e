"""The relayer's rows. Each method is one transaction; what it read before may have changed, so it looks again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, load_only

from gateway.chain.relayer.decisions import Fee, Outcome
from gateway.chain.relayer.models import ChainTx, KeyState, Purpose, SignedTx, TxState
from gateway.chain.relayer.signing import NOTHING, NOTHING_GAS, Signed, Signer
from gateway.chain.relayer.waiting import Waiting, Wanted, due, publish
from gateway.core import crashes
from gateway.core.bulk import listed, table_of
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs

#: Settled transactions whose blocks are looked at again at once.
WINDOW = 200

# Statements of every batch are built once.
_T = table_of(ChainTx)
_TX: sa.BindParameter[int] = sa.bindparam("tx")
_SENDER: sa.BindParameter[bytes] = sa.bindparam("sender")
_NONCE: sa.BindParameter[int] = sa.bindparam("nonce")
_OPEN = (
    sa.select(sa.func.count())
    .select_from(_T)
    .where(_T.c.sender == _SENDER, _T.c.state == TxState.SIGNED, _T.c.nonce >= _NONCE)
)
_FREE = sa.select(_T.c.id).where(listed(_T.c.id, "ids"), _T.c.state == TxState.QUEUED).with_for_update(skip_locked=True)
_SIGNED = (
    sa.update(_T)
    .where(_T.c.id == _TX)
    .values(state=TxState.SIGNED, sender=_SENDER, nonce=_NONCE, gas=sa.bindparam("gas"))
)
_FORM = sa.insert(table_of(SignedTx))
# Without its calldata.
_IN_AIR = (
    sa.select(ChainTx)
    .options(load_only(ChainTx.purpose, ChainTx.state, raiseload=True))
    .where(ChainTx.id == _TX, ChainTx.state == TxState.SIGNED)
    .with_for_update()
)


@dataclass(frozen=True)
class Form:
    """One signed form."""

    hash: bytes
    fee: Fee
    empty: bool
    signed_at: int


@dataclass(frozen=True)
class Flight:
    """A transaction with a nonce whose outcome is open; `forms` by rising fee."""

    id: int
    purpose: Purpose
    nonce: int
    gas: int
    forms: tuple[Form, ...]

    @property
    def newest(self) -> Form:
        return self.forms[-1]


@dataclass(frozen=True)
class View:
    """What there is to do for one key."""

    flights: tuple[Flight, ...]
    #: The highest nonce that is settled, -1 when none is.
    settled_nonce: int
    #: Number and hash of the block that mined the last one settled.
    settled_block: tuple[int, bytes] | None
    queued: bool
    out_of_gas: bool
    #: The next nonce that was not given away, and the key's fence.
    next_nonce: int
    fence: int | None


class Store:
    """Rows of one key."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, signer: Signer) -> None:
        self._db, self._clock, self._jobs, self._signer = db, clock, jobs, signer
        self.sender = signer.address
        self._waiting = Waiting(db, clock, jobs)
        self._mine = ChainTx.sender == signer.address

    # ------------------------------------------------------------------ reading

    def view(self) -> View:
        """Everything that a turn starts from, without calldata and signed bytes."""
        with self._db.read() as session:
            flights = self._flights(session)
            last = session.execute(self._settled().limit(1)).first()
            mined = session.execute(self._settled().where(ChainTx.block.is_not(None)).limit(1)).first()
            key = session.get(KeyState, self._signer.address)
            return View(
                flights=flights,
                settled_nonce=last.nonce if last else -1,
                settled_block=(mined.block, mined.block_hash) if mined else None,
                queued=session.scalar(due(self._clock.now()).with_only_columns(ChainTx.id).limit(1)) is not None,
                out_of_gas=key is not None and key.out_of_gas,
                next_nonce=key.next_nonce if key else 0,
                fence=key.fence if key else None,
            )

    def raw(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """Signed bytes by hash."""
        with self._db.read() as session:
            rows = session.execute(sa.select(SignedTx.hash, SignedTx.raw).where(SignedTx.hash.in_(list(hashes))))
            return {row.hash: row.raw for row in rows}

    def settled_blocks(self) -> list[tuple[int, int, bytes]]:
        """Id, block and block's hash of the transactions settled last."""
        with self._db.read() as session:
            rows = session.execute(self._settled().where(ChainTx.block.is_not(None)).limit(WINDOW))
            return [(row.id, row.block, row.block_hash) for row in rows]

    def _settled(self) -> sa.Select[tuple[int, int | None, int | None, bytes | None]]:
        columns = sa.select(ChainTx.id, ChainTx.nonce, ChainTx.block, ChainTx.block_hash)
        return columns.where(self._mine, ChainTx.state != TxState.SIGNED).order_by(ChainTx.nonce.desc())

    def _flights(self, session: Session) -> tuple[Flight, ...]:
        """In one statement: between two, another worker signs."""
        columns = sa.select(
            ChainTx.id,
            ChainTx.purpose,
            ChainTx.nonce,
            ChainTx.gas,
            SignedTx.hash,
            SignedTx.max_fee,
            SignedTx.tip,
            SignedTx.empty,
            SignedTx.signed_at,
        ).join(SignedTx, SignedTx.tx_id == ChainTx.id)
        open_ = columns.where(self._mine, ChainTx.state == TxState.SIGNED)
        rows = session.execute(open_.order_by(ChainTx.nonce, ChainTx.id, SignedTx.max_fee))
        flights = []
        for _, group in groupby(rows, lambda row: row.id):
            same = list(group)
            forms = tuple(Form(row.hash, Fee(row.max_fee, row.tip), row.empty, row.signed_at) for row in same)
            flights.append(Flight(same[0].id, same[0].purpose, same[0].nonce, same[0].gas, forms))
        return tuple(flights)

    # ------------------------------------------------------------------ signing

    def sign(self, wanted: Sequence[tuple[Wanted, int]], chain_nonce: int, fee: Fee, in_flight: int) -> int:
        """Gives each (transaction, gas limit) its nonce and signed bytes, all in one transaction and before anything is
        sent; at most `in_flight` open ones altogether. Returns how many."""
        self._ensure_key()
        signed: list[str] = []
        with self._db.begin() as session:
            key = session.get_one(KeyState, self._signer.address, with_for_update=True)
            nonce = max(key.next_nonce, chain_nonce)
            open_ = session.scalar(_OPEN, {"sender": self.sender, "nonce": chain_nonce}) or 0
            items = wanted[: max(0, in_flight - open_)]
            free = set(session.scalars(_FREE, {"ids": [item.id for item, _ in items]}))
            for item, gas in items:
                if item.id not in free:
                    continue
                # To whom and what never changes once it is queued.
                self._add_form(session, item.id, fee, self._signer.sign(nonce, item.to, item.data, gas, fee))
                session.execute(_SIGNED, {"tx": item.id, "sender": self.sender, "nonce": nonce, "gas": gas})
                nonce += 1
                signed.append(item.purpose.name.lower())
            key.next_nonce = nonce
            if signed:
                key.out_of_gas = False
            crashes.reach("signed", signed)
        crashes.reach("saved", signed)
        return len(signed)

    def fill(self, nonces: Sequence[int], fee: Fee) -> int:
        """Signs an empty transaction for each nonce that nobody holds."""
        try:
            with self._db.begin() as session:
                for nonce in nonces:
                    self._add_nothing(session, nonce, fee)
        except IntegrityError:  # another worker filled them
            return 0
        return len(nonces)

    def fence(self, chain_nonce: int, seen: int, span: int, fee: Fee) -> int:
        """Uses up, with empty transactions, every nonce that what we do not know of may hold: those that the node knows
        (`seen`: the next one after them) and `span` after the chain's. Returns how many nonces it took."""
        self._ensure_key()
        with self._db.begin() as session:
            key = session.get_one(KeyState, self._signer.address, with_for_update=True)
            if key.fence != 0 and seen <= key.next_nonce:
                return 0  # another worker signed them, or put the fence up
            mine = sa.select(ChainTx.nonce).where(self._mine, ChainTx.nonce >= chain_nonce)
            taken = set(session.scalars(mine))
            top = max(seen, chain_nonce + span, key.next_nonce)
            free = [nonce for nonce in range(chain_nonce, top) if nonce not in taken]
            for nonce in free:
                self._add_nothing(session, nonce, fee)
            key.next_nonce = key.fence = top
        return len(free)

    def _add_nothing(self, session: Session, nonce: int, fee: Fee) -> None:
        now = self._clock.now()
        row = ChainTx(
            purpose=Purpose.FILL,
            ref=0,
            recipient=self._signer.address,
            data=NOTHING,
            state=TxState.SIGNED,
            sender=self._signer.address,
            nonce=nonce,
            gas=NOTHING_GAS,
            created_at=now,
            retry_at=now,
        )
        session.add(row)
        session.flush()
        self._add_form(session, row.id, fee, self._signer.sign_nothing(nonce, fee))

    def replace(self, flight: Flight, fee: Fee, empty: bool) -> bool:
        """Signs the transaction again at its nonce, with a higher fee; `empty`: without its content."""
        with self._db.begin() as session:
            row = session.get(ChainTx, flight.id, with_for_update=True)
            forms = sa.select(SignedTx.hash).where(SignedTx.tx_id == flight.id).order_by(SignedTx.max_fee.desc())
            newest = session.scalar(forms.limit(1))
            if row is None or row.state != TxState.SIGNED or row.gas is None or newest != flight.newest.hash:
                return False
            if empty:
                signed = self._signer.sign_nothing(flight.nonce, fee)
            else:
                signed = self._signer.sign(flight.nonce, row.recipient, row.data, row.gas, fee)
            self._add_form(session, row.id, fee, signed, empty)
        return True

    def _add_form(self, session: Session, tx_id: int, fee: Fee, signed: Signed, empty: bool = False) -> None:
        form = {"hash": signed.hash, "tx_id": tx_id, "raw": signed.raw, "max_fee": fee.max_fee, "tip": fee.tip}
        session.execute(_FORM, {**form, "empty": empty, "signed_at": self._clock.now()})

    def _ensure_key(self) -> None:
        with self._db.read() as session:
            if session.get(KeyState, self._signer.address) is not None:
                return
        try:
            with self._db.begin() as session:
                session.add(KeyState(sender=self._signer.address, next_nonce=0))
        except IntegrityError:  # another worker was first
            return

    # ----------------------------------------------------------------- outcomes

    def settle(self, outcomes: dict[int, Outcome]) -> int:
        """Writes what became of transactions whose nonce was passed at depth, and tells who listens."""
        settled: list[str] = []
        spent = 0
        with self._db.begin() as session:
            for tx_id, outcome in outcomes.items():
                row = session.scalar(_IN_AIR, {"tx": tx_id})
                if row is None:
                    continue
                row.state, row.block, row.block_hash = outcome.state, outcome.block, outcome.block_hash
                row.fee = outcome.fee
                spent += outcome.fee
                publish(self._jobs, session, row)
                settled.append(row.purpose.name.lower())
            self._pay(session, spent)
            crashes.reach("mined", settled)
        crashes.reach("settled", settled)
        return len(settled)

    def reopen(self, *, from_nonce: int | None = None, ids: Sequence[int] = ()) -> int:
        """Makes settled transactions open again: those with a nonce that the chain no longer has, or the ones named."""
        which = ChainTx.nonce >= from_nonce if from_nonce is not None else ChainTx.id.in_(ids)
        settled = (self._mine, which, ChainTx.state != TxState.SIGNED)
        with self._db.begin() as session:
            # Its key first: another worker may give the same back at this moment.
            session.get(KeyState, self._signer.address, with_for_update=True)
            self._pay(session, -sum(fee or 0 for fee in session.scalars(sa.select(ChainTx.fee).where(*settled))))
            opened = sa.update(ChainTx).where(*settled)
            again = opened.values(state=TxState.SIGNED, block=None, block_hash=None, fee=None)
            return session.connection().execute(again).rowcount

    def _pay(self, session: Session, wei: int) -> None:
        key = session.get(KeyState, self._signer.address, with_for_update=True) if wei else None
        if key is not None:
            key.spent += wei

    def put_off(self, tx_id: int, delay: int) -> None:
        """See `Waiting.put_off`."""
        self._waiting.put_off(tx_id, delay)

    def set_out_of_gas(self, value: bool) -> None:
        """Notes that the key cannot pay, or that it can again."""
        self._ensure_key()
        with self._db.begin() as session:
            session.get_one(KeyState, self._signer.address, with_for_update=True).out_of_gas = value
