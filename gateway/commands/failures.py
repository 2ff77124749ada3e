"""What goes wrong outside the product (chain, database, disk), in words and with what to do."""

from __future__ import annotations

import errno
import sys
from typing import Any, cast

from gateway.chain.errors import ChainError, Reverted
from gateway.commands.chain import REASONS
from gateway.commands.console import CommandError

DATABASE = "loyalty doctor   (is LOYALTY_DATABASE_URL right, does the database run, is there room on its disk?)"


def told(error: Exception) -> CommandError | None:
    """The error as the user should read it; None for one that nobody foresaw, whose stack of calls is wanted."""
    if isinstance(error, Reverted):
        why = REASONS.get(error.name, f"the contract refuses ({error.name or 'without saying why'})")
        return CommandError(why, "loyalty campaign list" if error.name == "UnknownCampaign" else None, error.name)
    if isinstance(error, ChainError):
        return CommandError(
            f"the chain's node does not do what was asked ({error})",
            "loyalty doctor   (or set LOYALTY_RPC_URL)",
            "node",
        )
    keystores = sys.modules.get("gateway.chain.keystore")
    if keystores is not None and isinstance(error, keystores.KeystoreError):
        return CommandError(str(error), "loyalty doctor", "keystore-failed")
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EPIPE:
        return CommandError(f"{error.filename or 'a file'}: {error.strerror}", code="file-failed")
    # Not imported here: where no command needed it, nothing of it was raised.
    exceptions = sys.modules.get("sqlalchemy.exc")
    if exceptions is None:
        return None
    if isinstance(error, exceptions.OperationalError) or type(error) is exceptions.DatabaseError:
        # What the driver says, without the statement and its values.
        said = str(cast(Any, error).orig).strip().splitlines()[0]
        return CommandError(f"the database: {said}", DATABASE, "database-failed")
    if isinstance(error, exceptions.ArgumentError):
        return CommandError(f"the database's URL: {error}", DATABASE, "database-failed")
    return None
