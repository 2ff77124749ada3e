"""What the fork server loads before it forks: code and what is made of code alone; no connection, no thread."""

import encodings.idna  # noqa: F401
import sqlite3  # noqa: F401

import alembic.runtime.migration  # noqa: F401
import certifi  # noqa: F401
import Crypto.Cipher._mode_ctr  # noqa: F401
import eth_hash.backends.pycryptodome  # noqa: F401
import httpcore  # noqa: F401
import psycopg  # noqa: F401
import uvicorn.loops.auto
import uvicorn.protocols.http.auto  # noqa: F401
from sqlalchemy.orm import configure_mappers

import gateway.app
import gateway.worker  # noqa: F401

configure_mappers()
