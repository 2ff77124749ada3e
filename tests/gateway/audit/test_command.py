"""`loyalty audit` as it is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.console import out
from gateway.core.db import Database
from gateway.loyalty.ledger.models import Holding
from tests.gateway.audit.scene import Scene
from tests.gateway.audit.test_ledger import follow

Call = Callable[..., Result]


@pytest.fixture
def call(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    file = tmp_path / "deployment.json"
    scene.deployment.save(file)
    monkeypatch.setenv("LOYALTY_RPC_URL", scene.node.url)
    monkeypatch.setenv("LOYALTY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LOYALTY_DEPLOYMENT_FILE", str(file))
    monkeypatch.setattr(out, "json", False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["audit", *arguments])

    return run


def test_anybody_can_audit_the_chain(scene: Scene, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scene.live(1, 40)
    monkeypatch.delenv("LOYALTY_DEPLOYMENT_FILE")
    result = call("--chain-only", "--deployment", str(tmp_path / "deployment.json"))
    assert result.exit_code == 0, result.output
    assert "solvent: yes" in result.stdout
    assert "differences: 0" in result.stdout


def test_json_has_the_same_figures(scene: Scene, call: Call) -> None:
    scene.live(2, 40)
    result = call("--chain-only", "--json")
    report = json.loads(result.stdout)
    assert (report["ok"], report["solvent"], report["differences"]) == (True, True, [])
    assert report["totals"]["supply"] == scene.reads.total_supply()
    assert report["totals"]["reserve"] == scene.reads.reserve()
    assert report["block"] == scene.reads.head().number


def test_difference_ends_with_code_1(scene: Scene, call: Call, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.live(3, 60)
    follow(db, scene)
    monkeypatch.setenv("LOYALTY_DATABASE_URL", db.url.render_as_string(hide_password=False))
    assert call().exit_code == 0
    with db.begin() as session:
        row = next(row for row in session.scalars(sa.select(Holding)) if row.matured)
        row.matured += 1
        holder = row.holder.hex()
    result = call()
    assert result.exit_code == 1
    assert "ledger-holding" in result.stdout
    assert "solvent: yes" in result.stdout  # the books differ, the chain does not
    assert holder not in result.output.lower()
    assert json.loads(call("--json").stdout)["ok"] is False


def test_no_database_here(call: Call) -> None:
    result = call()
    assert result.exit_code == 1
    assert "no database here" in result.output
    assert "--chain-only" in result.output


def test_wrong_deployment_is_refused(scene: Scene, call: Call, tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"par": content["par"] + 1}))
    result = call("--chain-only")
    assert result.exit_code == 1
    assert "another par" in result.output
