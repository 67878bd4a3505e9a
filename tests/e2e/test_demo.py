from __future__ import annotations

import subprocess
import sys

import pytest
from up_driving import Up

pytestmark = pytest.mark.e2e


def test_the_demo_uses_the_running_machine_and_ends_with_links(up: Up) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "airdate", "demo"],
        env=up.environment,
        cwd=up.home,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stderr.count(f"{up.addresses['prefect']}/runs/flow-run/") == 2
    assert up.addresses["sandbox"]["page"] in told.stderr
    assert len([post for post in up.posts() if post["key"].startswith("demo-")]) == 2
