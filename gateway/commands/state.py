"""The local state directory: what one machine keeps of its house, its merchants and its wallets."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.console import CommandError

DEFAULT = Path(".loyalty")
DEFAULT_GATEWAY = "http://127.0.0.1:8000"
PASSWORD_VARIABLE = "LOYALTY_WALLET_PASSWORD"  # noqa: S105  (the name of a variable)

StateDir = Annotated[
    Path,
    typer.Option("--state", envvar="LOYALTY_STATE", help="Directory of the local state.", file_okay=False),
]


def write_private(path: Path, data: bytes, replace: bool = True) -> None:
    """Writes a file of mode 0600, whole or not at all, and on disk when this returns. FileExistsError without
    `replace` where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
        _sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class MerchantRecord:
    """What this machine knows of one of its merchants; its chain key is in the keystore of the same name."""

    name: str
    id: int
    address: str
    api_key: str


class State:
    """Paths below `root`, and the small files in them."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def chain(self) -> Path:
        return self.root / "chain" / "anvil.json"

    @property
    def deployment(self) -> Path:
        return self.root / "deployment.json"

    @property
    def database(self) -> Path:
        return self.root / "gateway.db"

    @property
    def master(self) -> Path:
        return self.root / "secrets" / "master"

    @property
    def relayer(self) -> Path:
        """The gateway's key, or from the second one on the folder of all."""
        return self.relayers if self.relayers.is_dir() else self.root / "secrets" / "relayer.json"

    @property
    def relayers(self) -> Path:
        return self.root / "secrets" / "relayers"

    @property
    def relayer_password(self) -> Path:
        return self.root / "secrets" / "relayer.password"

    @property
    def operator_key(self) -> Path:
        return self.root / "secrets" / "operator.key"

    @property
    def crowd_seed(self) -> Path:
        return self.root / "secrets" / "crowd.seed"

    @property
    def house(self) -> Path:
        return self.root / "house.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def wallets(self) -> Path:
        return self.root / "wallets"

    def keystore(self, kind: str, name: str) -> Path:
        """Encrypted key file of a `merchants` or `wallets` name."""
        return self.root / kind / f"{_plain(name)}.key.json"

    def endpoints(self) -> dict[str, str]:
        """Where gateway and chain of this state listen: environment, else what `loyalty up` wrote, else defaults."""
        known: dict[str, Any] = json.loads(self.house.read_text()) if self.house.exists() else {}
        gateway = os.environ.get("LOYALTY_GATEWAY_URL") or str(known.get("gateway", DEFAULT_GATEWAY))
        rpc = os.environ.get("LOYALTY_RPC_URL") or str(known.get("rpc", "http://127.0.0.1:8545"))
        return {"gateway": gateway, "rpc": rpc}

    def secret(self, path: Path) -> bytes:
        """32 random bytes that stay the same from the first call on, kept as hex in `path` (0600)."""
        if not path.exists():
            write_private(path, secrets.token_hex(32).encode())
        return bytes.fromhex(path.read_text().strip())

    def save_merchant(self, record: MerchantRecord) -> None:
        """Remembers a merchant with its API key (0600)."""
        path = self.root / "merchants" / f"{_plain(record.name)}.json"
        write_private(path, json.dumps(asdict(record)).encode())

    def merchant(self, name: str) -> MerchantRecord:
        """A merchant of this machine, by its local name."""
        path = self.root / "merchants" / f"{_plain(name)}.json"
        if not path.exists():
            known = ", ".join(record.name for record in self.merchants()) or "none yet"
            raise CommandError(f"no merchant {name!r} in {self.root} (known: {known})", f"loyalty merchant new {name}")
        return MerchantRecord(**json.loads(path.read_text()))

    def merchants(self) -> Iterator[MerchantRecord]:
        """All merchants of this machine, by name."""
        for path in sorted((self.root / "merchants").glob("*.json")):
            if not path.name.endswith(".key.json"):
                yield MerchantRecord(**json.loads(path.read_text()))

    def operator_token(self) -> str:
        """The operator's API key, from the environment or as `loyalty up` wrote it."""
        token = os.environ.get("LOYALTY_OPERATOR_KEY")
        if token:
            return token
        if not self.operator_key.exists():
            raise CommandError("the operator's API key is not here", "loyalty up   (or set LOYALTY_OPERATOR_KEY)")
        return self.operator_key.read_text().strip()


def _plain(name: str) -> str:
    if not name or len(name) > 64 or not all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
        raise CommandError("a local name has 1 to 64 letters, digits, - and _", "loyalty wallet new alice")
    return name


def password(confirm: bool = False) -> str:
    """The password of the local keystores: LOYALTY_WALLET_PASSWORD, else asked for."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    answer: str = typer.prompt("Keystore password", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
