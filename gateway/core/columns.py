"""Column types that can hold nothing but what they are meant for.

Every type brings its own CHECK, on SQLite and PostgreSQL alike, so that no customer-side column takes an e-mail
address, a phone number or a name (see docs/decisions/0002-columns-that-refuse-personal-data.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from gateway.core.limits import FIRST_SECOND, LAST_SECOND, MAX_HUNDREDTHS, MAX_ID


class Bytes(sa.LargeBinary):
    """Bytes as they are. Both drivers take and give `bytes`; wrapping each value was a tenth of the worker's time."""

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        return None


class Checked(TypeDecorator[Any]):
    """A type whose values the database itself checks."""

    cache_ok = True
    impl: Any = Bytes

    def check(self, column: str, dialect: str) -> str:
        """SQL condition that a non-null value of `column` must meet on `dialect`."""
        raise NotImplementedError


class Int(Checked):
    """An integer from `low` to `high`, both included."""

    impl = sa.BigInteger
    cache_ok = True

    def __init__(self, low: int = 0, high: int = MAX_ID) -> None:
        super().__init__()
        self.low, self.high = low, high

    def check(self, column: str, dialect: str) -> str:
        kind = f"typeof({column}) = 'integer' AND " if dialect == "sqlite" else ""
        return f"{kind}{column} BETWEEN {self.low} AND {self.high}"

    def __repr__(self) -> str:
        return f"Int({self.low}, {self.high})"


class Seconds(Int):
    """A moment, Unix seconds UTC."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(FIRST_SECOND, LAST_SECOND)

    def __repr__(self) -> str:
        return "Seconds()"


class Hundredths(Int):
    """Points or money of one action, in hundredths."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0, MAX_HUNDREDTHS)

    def __repr__(self) -> str:
        return "Hundredths()"


class Flag(Int):
    """0 or 1."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0, 1)

    def __repr__(self) -> str:
        return "Flag()"

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else bool(value)


class Choice(Checked):
    """A member of a closed IntEnum, stored as its number.

    Migrations pass the numbers instead of the enum, so that they do not change with the code.
    """

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, enum: type[IntEnum] | Sequence[int]) -> None:
        super().__init__()
        self.enum = enum if isinstance(enum, type) else None
        self.numbers = sorted(int(member) for member in enum)

    def check(self, column: str, dialect: str) -> str:
        kind = f"typeof({column}) = 'integer' AND " if dialect == "sqlite" else ""
        return f"{kind}{column} IN ({', '.join(map(str, self.numbers))})"

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else int(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        if self.enum is None:
            return None
        # A dictionary's own look-up: every row that is read passes here, and asking the enum takes ten times as long.
        members: dict[int | None, IntEnum | None] = {None: None, **{int(one): one for one in self.enum}}
        return members.__getitem__

    def __repr__(self) -> str:
        return f"Choice({self.numbers})"


class Blob(Checked):
    """Exactly `size` bytes."""

    cache_ok = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def check(self, column: str, dialect: str) -> str:
        kind = f"typeof({column}) = 'blob' AND " if dialect == "sqlite" else ""
        return f"{kind}length({column}) = {self.size}"

    def __repr__(self) -> str:
        return f"Blob({self.size})"


def _number(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value)


class Uint96(Blob):
    """An on-chain amount, 0 … 2^96-1, as 12 big-endian bytes: any chain value fits, sorts, and cannot be typed in."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(12)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else int(value).to_bytes(12, "big")

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        return _number

    def __repr__(self) -> str:
        return "Uint96()"


class Uint256(Blob):
    """A sum of on-chain amounts, as 32 big-endian bytes: no number of them overflows it."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(32)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else int(value).to_bytes(32, "big")

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        return _number

    def __repr__(self) -> str:
        return "Uint256()"


class Calldata(Checked):
    """ABI calldata: a selector and whole words."""

    cache_ok = True

    def check(self, column: str, dialect: str) -> str:
        kind = f"typeof({column}) = 'blob' AND " if dialect == "sqlite" else ""
        return f"{kind}length({column}) % 32 = 4"

    def __repr__(self) -> str:
        return "Calldata()"


class SignedTransaction(Checked):
    """Raw signed EIP-1559 transaction."""

    cache_ok = True

    def check(self, column: str, dialect: str) -> str:
        if dialect == "sqlite":
            return f"typeof({column}) = 'blob' AND length({column}) > 100 AND substr({column}, 1, 1) = x'02'"
        return f"length({column}) > 100 AND get_byte({column}, 0) = 2"

    def __repr__(self) -> str:
        return "SignedTransaction()"


class JobKind(Checked):
    """A name from code: lower-case letters, dots and underscores."""

    impl = sa.String
    cache_ok = True

    def check(self, column: str, dialect: str) -> str:
        if dialect == "sqlite":
            return f"typeof({column}) = 'text' AND length({column}) BETWEEN 3 AND 40 AND {column} NOT GLOB '*[^a-z._]*'"
        return f"{column} ~ '^[a-z._]{{3,40}}$'"

    def __repr__(self) -> str:
        return "JobKind()"


class PrimaryKey(Checked):
    """A primary key that the database counts up.

    SQLite gives the highest number again once its row is deleted. Where somebody may still hold it then (a worker what
    it read as due, a client a path), the table has `sqlite_autoincrement`.
    """

    impl = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    cache_ok = True

    def check(self, column: str, dialect: str) -> str:
        return f"{column} BETWEEN 1 AND {MAX_ID}"

    def __repr__(self) -> str:
        return "PrimaryKey()"


@event.listens_for(sa.Column, "after_parent_attach")
def _add_check(column: sa.Column[Any], table: Any) -> None:
    if not isinstance(column.type, Checked) or not isinstance(table, sa.Table):
        return
    for dialect in ("sqlite", "postgresql"):
        quoted = f'"{column.name}"'
        condition = f"{quoted} IS NULL OR ({column.type.check(quoted, dialect)})"
        name = f"ck_{table.name}_{column.name}_{dialect}"
        constraint = sa.CheckConstraint(sa.text(condition.replace(":", r"\:")), name=name, info={"from_type": True})
        table.append_constraint(constraint.ddl_if(dialect=dialect))
