"""The settings of all rooms, from the environment (`LOYALTY_…`). docs/settings.md names each; a test compares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.core import crashes
from gateway.core.durations import DAY
from gateway.core.limits import MAX_HUNDREDTHS


class UnsafeSettings(ValueError):
    """A value that must not be used in production."""


class Settings(BaseSettings):
    """Validated at start; production refuses what is only safe on a local chain."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="forbid", hide_input_in_errors=True)

    environment: Literal["production", "local"] = Field("production", description="`local` allows a throw-away chain")
    database_url: str = Field("sqlite:///loyalty.db", description="SQLAlchemy URL, SQLite or PostgreSQL (psycopg)")
    rpc_url: str = Field("http://127.0.0.1:8545", description="JSON-RPC of an Ethereum-compatible node")
    deployment_file: Path = Field(Path("deployment.json"), description="Written by the deployment script")
    master_secret: SecretStr = Field(description="At least 32 bytes in hex; all digests and boxes derive from it")
    relayer_keystore: Path = Field(Path("relayer.json"), description="Encrypted keystore, or a folder of them")
    relayer_password: SecretStr = Field(description="Password of that keystore, or of all in the folder")
    confirmations: int = Field(12, ge=0, le=1_000, description="Blocks on top before an event counts")
    stuck_after: int = Field(30, ge=1, le=3_600, description="Seconds until an unmined transaction gets a higher fee")
    max_fee_gwei: int = Field(500, ge=1, le=1_000_000, description="Never offer more than this for gas")
    max_queue_age: int = Field(900, ge=1, le=7 * DAY, description="Seconds after which the queue counts as stuck")
    max_backlog: int = Field(
        21_600, ge=60, le=30 * DAY, description="Seconds that accepted actions may be late before more are refused"
    )
    max_orders: int = Field(60, ge=1, le=1_000_000, description="Orders of one wallet that are relayed in 24 hours")
    max_shared_orders: int = Field(
        1_000, ge=0, le=10**9, description="Orders a UTC day of all wallets together that earned nothing here"
    )
    statistics_quiet: int = Field(DAY, ge=0, le=7 * DAY, description="A week closes after so many silent seconds")
    min_wallets: int = Field(20, ge=1, le=10_000, description="Smallest settlement a campaign may choose")
    min_window: int = Field(3_600, ge=0, le=7 * DAY, description="Shortest settlement window a campaign may choose")
    approval_above: int = Field(
        10_000, ge=0, le=MAX_HUNDREDTHS, description="Hundredths a day that one API key alone gives in a campaign"
    )
    webhooks_private: bool = Field(False, description="Allow http and private addresses for webhooks")
    max_body: int = Field(16 * 2**20, ge=1_024, le=256 * 2**20, description="Largest request body, bytes")
    max_requests: int = Field(1_000, ge=1, le=100_000, description="Requests at work at once; more must come back")
    max_bytes: int = Field(64 * 2**20, ge=1_024, le=2**36, description="Bytes of their bodies together")
    crash_at: str = Field("", description="For tests only: the place in the code at which the process kills itself")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if len(self.master()) < 32:
            raise UnsafeSettings("LOYALTY_MASTER_SECRET needs at least 32 bytes in hex")
        if self.crash_at and not crashes.NAMED.fullmatch(self.crash_at):
            raise UnsafeSettings("LOYALTY_CRASH_AT names no place")
        if self.environment == "production":
            unsafe = {
                "LOYALTY_CONFIRMATIONS below 2": self.confirmations < 2,
                "LOYALTY_WEBHOOKS_PRIVATE": self.webhooks_private,
                "LOYALTY_STATISTICS_QUIET below an hour": self.statistics_quiet < 3_600,
                "LOYALTY_MIN_WALLETS below 20": self.min_wallets < 20,
                "LOYALTY_MIN_WINDOW below an hour": self.min_window < 3_600,
                "LOYALTY_CRASH_AT": bool(self.crash_at),
                "an empty LOYALTY_RELAYER_PASSWORD": not self.relayer_password.get_secret_value(),
            }
            found = [name for name, is_unsafe in unsafe.items() if is_unsafe]
            if found:
                raise UnsafeSettings(f"refused in production: {', '.join(found)}")
        return self

    def master(self) -> bytes:
        """The master secret's bytes."""
        try:
            return bytes.fromhex(self.master_secret.get_secret_value())
        except ValueError:
            raise UnsafeSettings("LOYALTY_MASTER_SECRET is not hex") from None
