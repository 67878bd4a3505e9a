"""The doctor beside a running `airdate up`: it finds Prefect, the worker, the deployments and the schedules."""

from __future__ import annotations

import pytest
from up_driving import Up

pytestmark = pytest.mark.e2e

PREFECT = ("Prefect API", "worker", "deployments", "schedules")


def found(up: Up) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in up.document("doctor")["checks"]}


def test_a_running_machine_is_found_to_run(up: Up) -> None:
    checks = found(up)
    assert [checks[name] for name in PREFECT if not checks[name]["ok"]] == []
    assert "keep-tokens" in str(checks["deployments"]["message"])
    assert checks["TikTok"]["ok"]
    assert checks["account demo"]["ok"]


def test_a_schedule_that_an_operator_paused_is_told(up: Up) -> None:
    deployment = up.prefect("GET", "/deployments/name/keep-tokens/keep-tokens")["id"]
    up.prefect("POST", f"/deployments/{deployment}/pause_deployment")
    try:
        check = found(up)["schedules"]
        assert not check["ok"]
        assert "keep-tokens" in str(check["message"])
    finally:
        up.prefect("POST", f"/deployments/{deployment}/resume_deployment")


def test_the_flow_that_keeps_tokens_runs(up: Up) -> None:
    deployment = up.prefect("GET", "/deployments/name/keep-tokens/keep-tokens")["id"]
    run = up.prefect("POST", f"/deployments/{deployment}/create_flow_run", {})["id"]
    ended = up.wait(run)
    assert (ended["state_type"], "renewed" in ended["state"]["message"]) == ("COMPLETED", True)
