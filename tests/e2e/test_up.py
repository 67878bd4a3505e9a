from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from up_driving import Up, environment_of, eventually, processes_of, start_up, take_down

from airdate.sandbox.running import Control
from airdate.up import running

pytestmark = pytest.mark.e2e


def _sent(up: Up, caption: str) -> int:
    """How many posts the sandbox has with this caption: what TikTok would show."""
    with closing(Control(up.addresses["sandbox"]["control"])) as control:
        return json.dumps(control.posts()).count(json.dumps(caption))


def test_it_says_where_everything_is(up: Up) -> None:
    assert set(up.addresses) == {"prefect", "gateway", "sandbox"}
    assert set(up.addresses["sandbox"]) == {"api", "upload", "auth", "page", "control"}
    assert httpx.get(f"{up.addresses['prefect']}/api/health", trust_env=False).is_success
    assert httpx.get(f"{up.addresses['gateway']}/healthz", trust_env=False).is_success
    assert json.loads((up.home / "up.json").read_text()) == up.addresses
    known = running(up.home)
    assert known is not None
    assert known.as_dict() == up.addresses


def test_a_schedule_makes_a_run_and_the_worker_does_it(up: Up) -> None:
    """SQLAlchemy 2.1 broke exactly this, without a word anywhere."""

    def ticked() -> bool:
        wanted = {"deployments": {"name": {"any_": ["calendar-tick"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 1}
        runs = up.prefect("POST", "/flow_runs/filter", wanted)
        return bool(runs) and runs[0]["state_type"] == "COMPLETED" and runs[0]["auto_scheduled"]

    eventually(ticked, within_s=100, what="a completed run that the cron schedule made")


def test_a_form_ends_as_exactly_one_published_post(up: Up, demo_film: Path, key: str) -> None:
    form = {"source": [str(demo_film)], "account": "demo", "privacy": "SELF_ONLY", "caption": key, "key": key}
    run = up.wait(up.run_form(**form))
    assert run["state_type"] == "COMPLETED", run["state"]
    assert run["name"] == f"demo · {key} · {key}"
    (post,) = [known for known in up.posts() if known["key"] == key]
    assert (post["state"], post["target"]) == ("published", "sandbox")
    again = up.wait(up.run_form(**form))
    assert again["state"]["message"] == run["state"]["message"]
    assert _sent(up, key) == 1


def test_a_run_shows_its_report_and_no_secret(up: Up, demo_film: Path, key: str) -> None:
    run = up.wait(up.run_form(source=[str(demo_film)], account="demo", privacy="SELF_ONLY", caption="report", key=key))
    artifacts = up.prefect("POST", "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    pages = {
        artifact["key"].partition("-")[0]: artifact["data"] for artifact in artifacts if artifact["type"] == "markdown"
    }
    assert "What happened" in pages["post"]
    assert "data:image/jpeg;base64," in pages["pictures"]
    tasks = up.prefect("POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {task["name"] for task in tasks} == {
        "write-down",
        "fetch",
        "prepare",
        "check",
        "publish",
        "follow",
        "report",
    }
    shown = json.dumps([run, artifacts, tasks])
    assert "upload_token" not in shown
    assert "rft." not in shown


def test_a_signed_url_does_not_stay_in_the_parameters(up: Up, key: str) -> None:
    source = "https://127.0.0.1:9/film.mp4?signature=CANARY"
    run = up.wait(up.run_form(source=[source], account="nobody", privacy="SELF_ONLY", key=key))
    assert run["state_type"] == "FAILED"
    assert "nobody" in run["state"]["message"]
    assert "CANARY" not in json.dumps(run)


def test_an_old_turn_does_nothing(up: Up, demo_film: Path, key: str) -> None:
    form = {"source": [str(demo_film)], "account": "demo", "privacy": "SELF_ONLY", "caption": "turns", "key": key}
    up.wait(up.run_form(**form))
    old = up.wait(up.run_form(source=[], account="demo", key=key, turn=99))
    assert (old["state_type"], old["state"]["name"]) == ("COMPLETED", "Superseded")


def test_a_second_up_in_the_same_home_is_refused(up: Up) -> None:
    second = up.airdate("up", "--sandbox", "--json")
    assert second.returncode == 4
    error = json.loads(second.stdout)["error"]
    assert error["code"] == "already_up"
    assert error["fix"]


def test_a_slot_ahead_is_left_to_a_run_of_its_own(up: Up, demo_film: Path, key: str) -> None:
    slot = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    form = {"source": [str(demo_film)], "account": "demo", "privacy": "SELF_ONLY", "caption": "later", "key": key}
    run = up.wait(up.run_form(**form, slot=slot.isoformat()))
    assert (run["state_type"], run["state"]["name"]) == ("COMPLETED", "Planned")
    (post,) = [known for known in up.posts() if known["key"] == key]
    assert post["state"] == "planned"
    wanted = {"flow_runs": {"idempotency_key": {"any_": [f"slot:{post['post_id']}:1"]}}}
    (waiting,) = up.prefect("POST", "/flow_runs/filter", wanted)
    assert waiting["state_type"] == "SCHEDULED"
    assert datetime.fromisoformat(waiting["next_scheduled_start_time"]) == slot
    assert waiting["parameters"] == {"source": [], "account": "demo", "key": key, "turn": 1}
    assert waiting["name"] == f"demo · later · {slot:%d %b %H:%M}"


@pytest.mark.parametrize("victim", ["flows.worker", "prefect.engine"])
def test_what_is_killed_is_brought_back_and_ends_as_one_post(
    up: Up, demo_film: Path, key: str, victim: str, record_property: Callable[[str, object], None]
) -> None:
    form = {"source": [str(demo_film)], "account": "demo", "privacy": "SELF_ONLY", "caption": key, "key": key}
    with closing(Control(up.addresses["sandbox"]["control"])) as control:
        control.fault("creator_info", delay_seconds=8)  # else it may be out before the blow
    run = up.run_form(**form)
    up.wait(run, ("RUNNING",))
    eventually(
        lambda: {known["state"] for known in up.posts() if known["key"] == key} - {"planned"} != set(),
        within_s=30,
        what="the run holds the post",
    )
    killed = datetime.now(UTC)
    for process, command in processes_of(up.home).items():
        if victim in command:
            os.kill(process, signal.SIGKILL)
    eventually(
        lambda: [known["state"] for known in up.posts() if known["key"] == key] == ["published"],
        within_s=180,
        what="the post of the killed run is published",
    )
    (post,) = [known for known in up.posts() if known["key"] == key]
    events = [datetime.fromisoformat(event["at"]) for event in up.document("posts", "show", post["post_id"])["events"]]
    back_s = min((at - killed).total_seconds() for at in events if at > killed)
    record_property("brought back after, s", round(back_s, 1))  # 15 s on a machine of its own
    assert _sent(up, key) == 1
    eventually(
        lambda: sum("flows.worker" in command for command in processes_of(up.home).values()) == 1,
        within_s=30,
        what="one worker",
    )


def test_nothing_secret_stands_in_a_command_line(up: Up) -> None:
    words = " ".join(processes_of(up.home).values())
    assert "whsec_" not in words
    assert (up.home / "secret.key").read_text().strip() not in words
    assert (up.home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_what_an_operator_paused_stays_paused_and_nothing_outlives_a_killed_up(tmp_path: Path) -> None:
    """One home of its own, twice up: the second time it was killed before, and finds a paused deployment."""
    home = tmp_path / "own"
    first = start_up(home)
    assert (first.addresses["gateway"], first.addresses["sandbox"]) == (None, None)
    deployment = first.prefect("GET", "/deployments/name/follow-posts/follow-posts")["id"]
    first.prefect("POST", f"/deployments/{deployment}/pause_deployment")
    first.process.kill()
    first.process.wait(10)
    eventually(lambda: not processes_of(home), within_s=10, what="no process of a killed `airdate up` lives")
    assert running(home) is None
    # A changed declaration is deployed anew, which on its own would un-pause.
    (home / "prefect" / "deployed").write_text("another declaration")
    second = start_up(home)
    try:
        assert second.prefect("GET", f"/deployments/{deployment}")["paused"] is True
        assert "another" not in (home / "prefect" / "deployed").read_text()
    finally:
        assert take_down(second) == 0
    assert processes_of(home) == {}
    assert not (home / "up.json").exists()


def test_another_projects_flows_are_told_apart_from_ours(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text("raise SystemExit('a stranger')\n")
    told = subprocess.run(
        [sys.executable, "-m", "airdate", "up", "--json"],
        env=environment_of(tmp_path / "home") | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 4
    assert json.loads(told.stdout)["error"]["code"] == "package_shadowed"


def test_a_run_cancelled_in_prefect_holds_its_post(up: Up, demo_film: Path, key: str) -> None:
    slot = datetime.now(UTC) + timedelta(seconds=45)
    form = {"source": [str(demo_film)], "account": "demo", "privacy": "SELF_ONLY", "caption": "called off", "key": key}
    run = up.run_form(**form, slot=slot.isoformat())
    eventually(lambda: any(known["key"] == key for known in up.posts()), within_s=40, what="the run has its post")
    up.prefect("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    eventually(
        lambda: [known["state"] for known in up.posts() if known["key"] == key] == ["held"],
        within_s=60,
        what="the post of the cancelled run is held",
    )
    (post,) = [known for known in up.posts() if known["key"] == key]
    assert post["error"]["message"] == "Prefect holds it: its run was cancelled in Prefect"
    assert up.wait(run)["state_type"] == "CANCELLED"
    assert _sent(up, key) == 0
