"""The database: one engine, one transaction a unit of work, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from gateway.core.turns import LOOK_AGAIN, Turns

Row = TypeVar("Row")

#: Milliseconds after which PostgreSQL ends a transaction that does nothing: the machine that began it hangs or is gone,
#: and others wait for what it has locked.
HANGS = 60_000

#: SQLite: as many at once as SQLAlchemy has by itself, but kept. Under load two thirds of them were opened for one
#: transaction, and to open one reads the whole schema. The last one given back is the first to be taken again, so few
#: have their caches filled.
CONNECTIONS = 15

#: SQLite: seconds until a transaction gives up waiting for the one writer.
LOCKED = 30

#: SQLite: pages of the write-ahead log from which on whoever commits copies them into the database; and from which on
#: who leaves that to others does it all the same.
COPY_LOG, COPY_LOG_MYSELF = 1_000, 10_000

#: SQLite: bytes of the log from which on it is begun anew, and milliseconds that this waits for readers.
LOG_TOO_LONG, FOR_READERS = 64 * 2**20, 200

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every table. A table says with `info={"side": "merchant"}` that a merchant's own texts may live in it;
    every other table is customer-side and may hold no open text (tests/privacy/test_columns.py)."""

    metadata = sa.MetaData(naming_convention=CONVENTION)


class Database:
    """Opens transactions. `url` is a SQLAlchemy URL, `sqlite:///path` or `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._copy_log = COPY_LOG
        if self.sqlite:
            self.engine = sa.create_engine(
                self.url,
                hide_parameters=True,
                connect_args={"timeout": LOCKED, "check_same_thread": False},
                poolclass=sa.QueuePool,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_use_lifo=True,
            )
            event.listen(self.engine, "connect", _sqlite_connect)
            event.listen(self.engine, "connect", self._sqlite_log)
            event.listen(self.engine, "begin", self._sqlite_begin)
            self._turns = Turns(self.url.database or "")
        else:
            self.engine = sa.create_engine(
                self.url, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20
            )
            event.listen(self.engine, "connect", _postgresql_connect)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session whose changes are committed together at the end, or not at all when an exception passes."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; anything written is rolled back. On SQLite it takes no write lock."""
        engine = self.engine.execution_options(loyalty_read=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session  # closing rolls back and, unlike rollback(), leaves what was read usable

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """As `read`, and every statement sees the same moment."""
        with self.read() as session:
            if not self.sqlite:  # there a read transaction is a snapshot already
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def leave_log(self) -> None:
        """From here on others, the worker, copy SQLite's write-ahead log into the database: it is done in a commit and
        takes as long as ten of them, and here tills wait for commits."""
        self._copy_log = COPY_LOG_MYSELF
        self.engine.dispose()  # connections learn it when they are opened

    def shorten_log(self) -> int:
        """Begins SQLite's write-ahead log anew once it is too long; returns 1 when it did. By itself SQLite does that
        when nobody reads in it. Under steady load somebody always does: it grew by a megabyte a second."""
        log = Path(f"{self.url.database}-wal")
        if not (self.sqlite and log.exists() and log.stat().st_size >= LOG_TOO_LONG):
            return 0
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            driver.execute(f"PRAGMA busy_timeout={FOR_READERS}")
            with self._turns.mine(time.monotonic() + LOCKED):  # who writes must end, and nobody else begin
                busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return int(not busy)
        finally:
            driver.execute(f"PRAGMA busy_timeout={LOCKED * 1_000}")
            connection.close()

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()
        if self.sqlite:
            self._turns.close()

    def _sqlite_log(self, connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA wal_autocheckpoint={self._copy_log}")

    def _sqlite_begin(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if connection.get_execution_options().get("loyalty_read"):
            driver.execute("BEGIN")
            return
        deadline = time.monotonic() + LOCKED
        try:
            with self._turns.mine(deadline):
                _sqlite_write(driver, deadline)
        except (TimeoutError, sqlite3.OperationalError) as error:
            raise OperationalError("BEGIN IMMEDIATE", None, error) from None


def is_sqlite(bind: sa.Engine | sa.Connection) -> bool:
    """Whether a session's bind is SQLite; else it is PostgreSQL."""
    return bind.dialect.name == "sqlite"


def get_or_add(session: Session, model: type[Row], key: Any, make: Callable[[], Row]) -> Row:
    """The row with this primary key, locked; where there is none, the one that `make` gives, or the one that another
    transaction adds at the same time."""
    row = session.get(model, key, with_for_update=True)
    if row is None:
        with suppress(IntegrityError), session.begin_nested():
            session.add(make())
        row = session.get_one(model, key, with_for_update=True, populate_existing=True)
    return row


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # secure_delete: what statistics and inboxes forget is overwritten, not only unlinked. cache_size: 8 MB; a bulk call
    # into a large database changes more pages than the usual 2 MB hold, and would write and read them twice.
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=FAST", "cache_size=-8000")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _postgresql_connect(connection: Any, _record: Any) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = {HANGS}")
    # A plan that is kept was made for the table as it was then: those of an empty database read whole tables later.
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _sqlite_write(driver: Any, deadline: float) -> None:
    """Begins a transaction that writes, as soon as nobody else does; sqlite3.OperationalError at `deadline`.

    IMMEDIATE: one that starts as a reader can fail half-way with "database is locked". Left to itself SQLite looks
    again after up to a tenth of a second, and misses the moments that a busy worker leaves between two transactions.
    """
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(LOOK_AGAIN)
    finally:
        driver.execute(f"PRAGMA busy_timeout={LOCKED * 1_000}")
