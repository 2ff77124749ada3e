"""What the house promises about its own code, beside the floors that import-linter keeps (pyproject.toml)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = sorted([*(ROOT / "gateway").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CONTRACTS = sorted((ROOT / "contracts").rglob("*.sol"))

MAX_FILE, MAX_TEST_FILE, MAX_FUNCTION = 400, 550, 60
#: Written by a machine, or a table of literals; nothing else.
LONG_FILES = {
    "gateway/migrations/versions/0001_first_schema.py",
    "gateway/client/calls.py",
    "gateway/client/types.py",
}
LONG_FUNCTIONS = {
    "gateway/migrations/versions/0001_first_schema.py upgrade",
    "gateway/migrations/versions/0001_first_schema.py downgrade",
    "tests/gateway/chain/test_indexer_events.py test_every_event_is_recorded_in_its_columns",
}

#: Ideas without I/O: what goes in and what comes out is all there is to them.
PURE = {
    "gateway/chain/calls.py",
    "gateway/chain/relayer/decisions.py",
    "gateway/chain/typed_data.py",
    "gateway/loyalty/campaigns/schedule.py",
    "gateway/loyalty/earning/receipts.py",
    "gateway/loyalty/earning/returns.py",
    "gateway/loyalty/earning/settlement.py",
    "gateway/loyalty/ledger/maturity.py",
    "gateway/loyalty/moves/pricing.py",
    "gateway/loyalty/offers/documents.py",
    "gateway/loyalty/offers/patterns.py",
    "gateway/loyalty/offers/texts.py",
    "gateway/loyalty/redemptions/sealing.py",
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway/loyalty/rules").rglob("*.py")),
    "gateway/messaging/guard.py",
    "gateway/statistics/cells.py",
    "gateway/statistics/noise.py",
    "gateway/statistics/weeks.py",
}
NOT_PURE = {
    *("sqlalchemy", "httpx", "fastapi", "starlette", "structlog", "psycopg", "sqlite3", "logging"),
    *(
        "os",
        "pathlib",
        "socket",
        "subprocess",
        "time",
        "random",
        "secrets",
        "threading",
        "asyncio",
        "web3",
        "urllib.request",
    ),
    *("gateway.core.db", "gateway.core.clock", "gateway.core.jobs", "gateway.chain.rpc", "gateway.chain.reads"),
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval"}

#: Who may see a private key: the chain floor, the command line, and the one place that hands it to the relayer.
KEYS = re.compile(r"gateway/(chain|commands)/|gateway/cli\.py")
FASTAPI = re.compile(r"gateway/(app|identity/merchants/auth)\.py|gateway/web/|.*/routes\.py|gateway/bootstrap\.py")

#: How far the settlement of a campaign is, earning notes in the campaign's own row: it holds that row's lock anyway.
WRITTEN_FROM_ABOVE = {
    f"gateway.loyalty.earning .{column}"
    for column in ("next_number", "settle_at", "settled_at", "searched", "forgotten_until", "codes_trusted")
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(module: ast.Module) -> Iterator[str]:
    """Every module that is imported, and for `from a import b` also `a.b`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_files_are_short() -> None:
    limits = [*((path, MAX_FILE) for path in PRODUCT + CONTRACTS), *((path, MAX_TEST_FILE) for path in TESTS)]
    assert len(limits) > 200
    lengths = {name_of(path): (len(path.read_text().splitlines()), limit) for path, limit in limits}
    long = {name: length for name, (length, limit) in lengths.items() if length >= limit}
    assert set(long) == LONG_FILES, long


def test_functions_are_short() -> None:
    lengths = {
        f"{name_of(path)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in PRODUCT + TESTS
        for function in functions(tree(path))
    }
    long = {name: length for name, length in lengths.items() if length > MAX_FUNCTION}
    assert set(long) == LONG_FUNCTIONS, long


def declared_pure() -> set[str]:
    """Files whose docstring says that they are."""
    found = set()
    for path in PRODUCT:
        text = ast.get_docstring(tree(path)) or ""
        if re.search(r"\bPure\b", text):
            found.add(name_of(path))
    return found


@pytest.mark.parametrize("name", sorted(PURE | declared_pure()))
def test_pure_files_do_no_io(name: str) -> None:
    module = tree(ROOT / name)
    bad = [imported for imported in imports(module) if within(imported, NOT_PURE)]
    assert not bad, f"{name} imports {bad}"
    called = {
        node.func.id for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & IMPURE_CALLS


def test_no_framework_below_the_routes() -> None:
    users = {name_of(path) for path in PRODUCT if any(within(i, {"fastapi", "starlette"}) for i in imports(tree(path)))}
    assert len(users) > 10
    assert not {name for name in users if not FASTAPI.fullmatch(name) and not name.startswith("gateway/web/")}


def test_only_the_relayer_and_the_command_line_see_private_keys() -> None:
    secret = {"gateway.chain.sender", "gateway.chain.relayer.signing", "gateway.chain.signatures.sign"}
    for path in (path for path in PRODUCT if name_of(path).startswith("gateway/")):
        name = name_of(path)
        if KEYS.match(name):
            continue
        module = tree(path)
        assert not [i for i in imports(module) if within(i, secret | {"eth_account", "coincurve"})], name
        loads = [
            function.name
            for function in functions(module)
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in {("keystore", "load"), ("signatures", "sign")}
        ]
        # Asked for by the worker alone: the HTTP process knows the key's address and nothing else of it.
        assert loads == (["wheels"] if name == "gateway/bootstrap.py" else []), name


def test_the_http_process_never_asks_for_the_wheels() -> None:
    asking = {
        name_of(path)
        for path in PRODUCT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "wheels" and name_of(path) != "gateway/worker.py"
    }
    assert not asking


def test_money_is_never_a_float() -> None:
    """No float is made where points and money are handled."""
    floors = ("gateway/loyalty/", "gateway/chain/calls.py", "gateway/chain/typed_data.py")
    for path in (path for path in PRODUCT if name_of(path).startswith(floors)):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                raise AssertionError(f"{name_of(path)}:{node.lineno} holds a float")
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                raise AssertionError(f"{name_of(path)}:{node.lineno} divides with /")
            if isinstance(node, ast.Name) and node.id == "float":
                raise AssertionError(f"{name_of(path)}:{node.lineno} names float")


def room_of(path: Path) -> str:
    """The package of a file, as `gateway.loyalty.moves`."""
    return path.parent.relative_to(ROOT).as_posix().replace("/", ".")


def tables() -> dict[str, tuple[str, set[str]]]:
    """Every table's class: the room that owns it, and its columns."""
    found = {}
    for path in (path for path in PRODUCT if path.name == "models.py" and room_of(path) != "gateway"):
        for node in (node for node in tree(path).body if isinstance(node, ast.ClassDef)):
            columns = (part.target for part in node.body if isinstance(part, ast.AnnAssign))
            found[node.name] = (room_of(path), {target.id for target in columns if isinstance(target, ast.Name)})
    return found


def writes(module: ast.Module) -> Iterator[str]:
    """`Row` where rows of it are made, changed or deleted; `.column` where an attribute of something is set."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of = node.args[0] if name in {"insert", "update", "delete"} and node.args else None
            yield of.id if isinstance(of, ast.Name) else name
        elif isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute):
                    yield f".{target.attr}"


def foreign(room: str, module: ast.Module) -> set[str]:
    """What a file of `room` writes of the tables of rooms that it can see, but that it does not lie within."""
    mine: set[str] = set()
    others: set[str] = set()
    seen = set(imports(module))
    for name, (owner, columns) in tables().items():
        if within(room, {owner}):
            mine |= {f".{column}" for column in columns}
        elif f"{owner}.models.{name}" in seen:
            others |= {name, *(f".{column}" for column in columns)}
    return set(writes(module)) & (others - mine)


def test_a_rooms_tables_are_its_own() -> None:
    """Only the room itself writes them; rooms above may read."""
    assert len(tables()) > 40
    rooms = ("gateway.loyalty", "gateway.identity", "gateway.statistics", "gateway.messaging", "gateway.web")
    files = [path for path in PRODUCT if within(room_of(path), set(rooms))]
    found = {f"{room_of(path)} {written}" for path in files for written in foreign(room_of(path), tree(path))}
    assert found == WRITTEN_FROM_ABOVE


def test_the_checks_can_fail() -> None:
    module = ast.parse("from sqlalchemy.orm import Session\nimport os.path\ndef f():\n    return open('x')\n")
    assert {name for name in imports(module) if within(name, NOT_PURE)} >= {"sqlalchemy.orm", "os.path"}
    assert not within("ossified", NOT_PURE)
    assert next(functions(module)).name == "f"
    room = "gateway.statistics"
    for line in (
        "sa.update(Batch)",
        "sa.insert(Batch)",
        "session.add(Batch(id=1))",
        "x.landed_block = 1",
        "x.refusals += 1",
    ):
        assert foreign(room, ast.parse(f"from gateway.loyalty.earning.models import Batch\n{line}\n")), line
    assert not foreign(room, ast.parse("from gateway.loyalty.earning.models import Batch\nsa.select(Batch)\n"))
    assert not foreign(
        "gateway.loyalty.earning.play", ast.parse("from gateway.loyalty.earning.models import Batch\nBatch()")
    )
