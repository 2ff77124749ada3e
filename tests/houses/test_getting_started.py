"""docs/getting-started.md works as it stands, as a new user would type it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support import processes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "getting-started.md"


@pytest.mark.timeout(900)
def test_every_block_runs_in_order(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    port, rpc_port = processes.free_port(), processes.free_port()
    script = "set -euo pipefail\n" + "\n".join(blocks)
    script = script.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{port}").replace("$PWD", str(ROOT))
    state = tmp_path / "state"
    environment = {**os.environ, "LOYALTY_STATE": str(state)}
    up = [ROOT / ".venv/bin/loyalty", "up", "--port", str(port), "--rpc-port", str(rpc_port)]
    log = tmp_path / "up.log"
    house = processes.start(up, log=log, env=environment)
    try:
        processes.wait_until(lambda: ready(port), house, log)
        run = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800
        )
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
        assert json.loads((tmp_path / "code.json").read_text())["code"].startswith("CAFE-")
        assert "solvent: yes" in run.stdout
    finally:
        processes.stop(house)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
    except httpx.HTTPError:
        return False
