from __future__ import annotations

import pytest

from gateway.commands.audit import run_audit
from tests.gateway.audit.scene import Scene
from tests.support.anvil import Anvil


@pytest.mark.parametrize("seed", range(4))
def test_random_life_leaves_no_difference(node: Anvil, seed: int) -> None:
    scene = Scene(node)
    done = scene.live(seed, 150)
    print(done)
    report = run_audit(scene.rpc, scene.deployment)
    assert report.differences == []
    assert report.solvent
    import time

    t = time.time()
    scene.wind_up()
    report = run_audit(scene.rpc, scene.deployment)
    assert report.differences == []
    print(time.time() - t)
