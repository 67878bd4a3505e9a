"""Secrets go through whole publishes, good and bad ones, with everything logged; afterwards nobody finds them."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from canaries import Canaries, film_host, watched_command_lines
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from staging import make_film, padded
from up_driving import Up, environment_of, eventually, processes_of, start_up, take_down

from airdate.sandbox.running import Control, RunningSandbox

pytestmark = pytest.mark.e2e

SIGNATURE = "CANARY/signature+of a url=="
HOOK = "whsec_" + base64.b64encode(b"CANARY-webhook-secret-0123456789").decode()
PASSWORD = "CANARY-pass/word@of:database"

BROKEN = """
import airdate.publishing
def upload(film, plan, upload_url, **_):
    raise RuntimeError(f"a bug at {upload_url}")
airdate.publishing.upload = upload
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film that goes out as it is, in a folder of its own."""
    folder = tmp_path / "films"
    folder.mkdir()
    return padded(make_film(folder / "made.mp4"), 2_000_000, folder / "film.mp4")


def environment(tmp_path: Path, database: str, key: str, origin: str) -> dict[str, str]:
    """Everything logged, and all that is written somewhere below `tmp_path`."""
    for name in ("person", "temporary"):
        (tmp_path / name).mkdir()
    return {
        "HOME": str(tmp_path / "person"),
        "TMPDIR": str(tmp_path / "temporary"),
        "AIRDATE_LOG_LEVEL": "DEBUG",
        "AIRDATE_ALLOWED_ORIGINS": origin,
        "AIRDATE_DATABASE_URL": database,
        "AIRDATE_SECRET_KEY": key,
        "AIRDATE_WEBHOOK_SECRETS": HOOK,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
    }


def database_with_password(databases: Callable[[], str]) -> str:
    """A new database; its server lets everybody in, and asks for the password all the same."""
    return make_url(databases()).set(password=PASSWORD).render_as_string(hide_password=False)


def test_a_command_of_its_own_process_lets_nothing_out(
    tmp_path: Path, film: Path, databases: Callable[[], str]
) -> None:
    database, key, logs = database_with_password(databases), Fernet.generate_key().decode(), tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "bug").mkdir()
    (tmp_path / "bug" / "sitecustomize.py").write_text(BROKEN)
    canaries = Canaries({"signature": SIGNATURE, "hook": HOOK, "password": PASSWORD, "key": key})
    with RunningSandbox(tmp_path / "sandbox") as sandbox, film_host(film.parent) as origin:
        grant = sandbox.control.grant("demo")
        canaries.known |= {name: grant[name] for name in ("client_secret", "refresh_token")}
        upload_host = sandbox.addresses.upload.partition("://")[2].strip("/")
        ours = environment_of(
            tmp_path / "home",
            **environment(tmp_path, database, key, origin),
            AIRDATE_TIKTOK_API_URL=sandbox.addresses.api,
            AIRDATE_TIKTOK_UPLOAD_HOSTS=upload_host,
        )

        def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
            log = (logs / f"{len(list(logs.iterdir()))}.log").open("w")
            return subprocess.Popen(
                [sys.executable, "-m", "airdate", *arguments, "--json"],
                env=ours | more,
                cwd=tmp_path / "person",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
            )

        def airdate(*arguments: str, said: str = "", **more: str) -> int:
            process = begin(*arguments, **more)
            process.communicate(said, timeout=120)
            return process.returncode

        def publish(name: str, file: str = "film.mp4", *, host: str = origin) -> tuple[str, ...]:
            url = httpx.URL(f"{host}/{file}", params={"signature": SIGNATURE})
            return "publish", str(url), "--account", "demo", "--privacy", "SELF_ONLY", "--key", name

        with watched_command_lines() as seen:
            added = ("account", "add", "demo", "--client-key", grant["client_key"], f"--open-id={grant['open_id']}")
            secrets = f"{grant['client_secret']}\n{grant['refresh_token']}\n"
            assert airdate(*added, "--client-secret", "-", "--refresh-token", "-", said=secrets) == 0
            assert airdate(*publish("good")) == 0
            assert airdate(*publish("absent", "absent.mp4")) == 3
            assert airdate(*publish("forbidden", host="http://10.1.2.3")) == 4
            assert (
                airdate(*publish("down", host="http://127.0.0.1:9"), AIRDATE_ALLOWED_ORIGINS="http://127.0.0.1:9") == 5
            )
            foreign = f"https://ana:{grant['client_secret']}@films.example/?upload_token={grant['refresh_token']}"
            sandbox.control.fault("init", data={"upload_url": foreign})
            assert airdate(*publish("foreign")) == 4
            told = f"{grant['client_secret']} is no secret, nor is {grant['refresh_token']}, {PASSWORD}, {key}"
            sandbox.control.fault("creator_info", status=400, code="invalid_params", message=told)
            assert airdate(*publish("told")) == 4
            assert airdate(*publish("bug"), PYTHONPATH=str(tmp_path / "bug")) == 1
            sandbox.control.fault("upload", bytes_per_second=300_000)
            victim = begin(*publish("killed"))
            eventually(lambda: bool(sandbox.control.calls("upload")[1:]), within_s=60, what="the upload begins")
            victim.kill()
            victim.wait()
            assert airdate(*publish("killed")) == 0
            assert airdate("posts", "list") == 0
        shown = "".join(
            httpx.get(url, trust_env=False).text
            for url in (sandbox.addresses.page, f"{sandbox.addresses.control}/posts")
        )
        canaries.add_issued(tmp_path / "sandbox" / "state.db")
    assert len(canaries.known) > 10
    assert canaries.found_in(shown.encode()) == []
    others = b"\n".join(line for line in seen if b"\0publish\0" not in line)
    assert canaries.found_in(others) == []
    assert canaries.found_below(tmp_path, but=("/sandbox/",)) == []
    assert canaries.found_in_tables(database) == []


def pages(up: Up) -> str:
    """Everything that Prefect, the gateway and the local TikTok show."""
    shown = []
    for kind in ("flow_runs", "task_runs", "artifacts", "logs", "deployments", "block_documents", "variables"):
        asked: dict[str, Any] = {"limit": 200}
        while found := up.prefect("POST", f"/{kind}/filter", asked | {"offset": len(shown)}):
            shown += found
    sandbox = up.addresses["sandbox"]
    urls = (up.addresses["gateway"], sandbox["page"], f"{sandbox['control']}/posts")
    texts = [httpx.get(url, trust_env=False, follow_redirects=True).text for url in urls]
    return "\n".join([*map(json.dumps, shown), *texts])


def test_a_prefect_and_its_worker_let_nothing_out(tmp_path: Path, film: Path, databases: Callable[[], str]) -> None:
    database, key = database_with_password(databases), Fernet.generate_key().decode()
    canaries = Canaries({"signature": SIGNATURE, "hook": HOOK, "password": PASSWORD, "key": key})
    with film_host(film.parent) as origin, watched_command_lines() as seen:
        up = start_up(tmp_path / "home", "--sandbox", **environment(tmp_path, database, key, origin))
        control = Control(up.addresses["sandbox"]["control"])
        canaries.known["client_secret"] = control.grant("demo")["client_secret"]
        try:

            def run(name: str, file: str = "film.mp4") -> str:
                url = httpx.URL(f"{origin}/{file}", params={"signature": SIGNATURE})
                return up.run_form(source=[str(url)], account="demo", privacy="SELF_ONLY", caption=name, key=name)

            good, absent = run("good"), run("absent", "absent.mp4")
            assert up.wait(good)["state_type"] == "COMPLETED"
            assert up.wait(absent)["state_type"] == "FAILED"
            control.fault("init", data={"upload_url": "https://ana:word@films.example/?upload_token=CANARY-token"})
            canaries.known["foreign"] = "CANARY-token"
            assert up.wait(run("foreign"))["state_type"] in ("FAILED", "COMPLETED")
            control.fault("upload", bytes_per_second=300_000)
            before = len(control.calls("upload"))
            run("killed")
            eventually(lambda: len(control.calls("upload")) > before, within_s=90, what="the upload begins")
            for process, command in processes_of(up.home).items():
                if "flows.worker" in command:
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
            eventually(
                lambda: [known["state"] for known in up.posts() if known["key"] == "killed"] == ["published"],
                within_s=120,
                what="the post of the killed worker is published",
            )
            canaries.add_issued(up.home / "sandbox" / "state.db")
            assert len(canaries.known) > 8
            assert canaries.found_in(pages(up).encode()) == []
        finally:
            control.close()
            take_down(up)
    assert canaries.found_in(b"\n".join(seen)) == []
    assert canaries.found_below(tmp_path, but=("/sandbox/",)) == []
    assert canaries.found_in_tables(database) == []
