"""The command line itself: what it loads, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from gateway.cli import app
app({arguments}, standalone_mode=False)
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(*arguments: str) -> set[str]:
    program = PROGRAM.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


def test_a_holders_command_loads_no_database_and_no_server() -> None:
    loaded = modules_after("wallet", "--help")
    assert "gateway.commands.wallet" in loaded
    assert not loaded & {"sqlalchemy", "alembic", "fastapi", "uvicorn", "gateway.commands.audit"}
