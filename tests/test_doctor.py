"""`airdate doctor`: a machine where all is right, and each thing wrong by itself, found with its fix."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from consenting import add_creator
from cryptography.fernet import Fernet
from ledger_making import plan_post
from sqlalchemy import create_engine, update

from airdate import cli
from airdate.console import run
from airdate.doctor import machine
from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient
from airdate.keeping import keep
from airdate.ledger import Ledger, accounts, grants, posts, switches
from airdate.ledger.grants import Kept
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.schema import posts as posts_table
from airdate.media.programs.ffmpeg import build
from airdate.post import PostState
from airdate.sandbox.running import RunningSandbox

pytestmark = pytest.mark.e2e

Doctor = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox, home: Path, monkeypatch: pytest.MonkeyPatch) -> RunningSandbox:
    """A sandbox, and a home with one account that is in order."""
    running.control.reset()
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", running.addresses.api)
    monkeypatch.setattr(machine, "LEAST_FREE", 1)
    monkeypatch.chdir(home)
    with Engine.open() as engine:
        add_creator(engine.ledger, running)
    return running


@pytest.fixture
def doctor(sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """`doctor("clock", …)` gives the check of that name, which is the only wrong one; without a name all are right."""

    def look(wrong: str | None = None) -> dict[str, Any]:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        status = run(cli.app, ["doctor", "--json"], cli.SHAPES)
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert list(document) == list(cli.SHAPES["doctor"])
        found = {check["name"]: check for check in document["checks"]}
        assert len(found) == len(document["checks"])
        assert [name for name, check in found.items() if not check["ok"]] == ([wrong] if wrong else [])
        for check in found.values():
            assert list(check) == ["name", "ok", "who", "message", "fix"]
            assert (check["fix"] is None) == check["ok"] == (check["who"] is None)
            assert check["name"] in err
        assert status == (4 if wrong else 0)
        assert (document["error"] is None) == (wrong is None)
        if wrong:
            assert document["error"]["fix"]
            assert found[wrong]["fix"] in err
        return found[wrong or "home"]

    return look


def change_account(**values: object) -> None:
    with Engine.open() as engine, engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(**values))


def test_where_all_is_right_it_says_so(doctor: Doctor) -> None:
    doctor()


def test_a_home_that_strangers_can_write_in(doctor: Doctor, home: Path) -> None:
    home.chmod(0o777)
    assert "chmod" in doctor("home")["fix"]
    home.chmod(0o700)
    (home / "secret.key").chmod(0o644)
    assert "secret.key" in doctor("home")["fix"]


def test_a_disk_that_is_full(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE", 10**18)
    doctor("disk")


def test_a_store_that_holds_too_much_and_a_shelf_that_is_away(
    doctor: Doctor, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = home / "store" / "originals" / "ab" / f"ab{'0' * 62}.mp4"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    monkeypatch.setenv("AIRDATE_STORE_MAX_BYTES", "3")
    assert "AIRDATE_STORE_MAX_BYTES" in doctor("store")["fix"]
    monkeypatch.setenv("AIRDATE_STORE_MAX_BYTES", "4")
    monkeypatch.setenv("AIRDATE_SHELF", str(home / "away"))
    assert "cannot be written: No such file or directory" in doctor("store")["message"]


def test_an_ffmpeg_that_does_not_run(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRDATE_FFMPEG", str(tmp_path / "nothing"))
    build.cache_clear()
    try:
        assert "AIRDATE_FFMPEG" in doctor("ffmpeg")["fix"]
    finally:
        build.cache_clear()


def test_a_strangers_module_in_the_folder(doctor: Doctor, home: Path) -> None:
    (home / "tasks.py").touch()
    assert "tasks.py" in doctor("packages")["message"]


def test_a_webhook_secret_that_is_none(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_WEBHOOK_SECRETS", "whsec_CANARY")
    assert "CANARY" not in str(doctor("webhook secrets"))


def test_half_of_the_settings_for_photos(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRDATE_PULL_DIR", str(tmp_path / "pull"))
    assert "AIRDATE_PULL_URL" in doctor("photo posts")["fix"]
    monkeypatch.setenv("AIRDATE_PULL_URL", "http://127.0.0.1:9/")
    assert "cannot be written" in doctor("photo posts")["message"]


def test_a_key_that_does_not_fit(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_SECRET_KEY", Fernet.generate_key().decode())
    assert "key" in doctor("secret key fits")["fix"]


def test_a_database_that_is_away_keeps_nothing_else_from_being_looked_at(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRDATE_DATABASE_URL", "postgresql://me:CANARY@127.0.0.1:1/none")
    monkeypatch.setenv("AIRDATE_SECRET_KEY", Fernet.generate_key().decode())
    assert "CANARY" not in str(doctor("database"))


def test_a_setting_that_is_wrong(
    sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRDATE_POLL_SECONDS", "often")
    assert run(cli.app, ["doctor", "--json"], cli.SHAPES) == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "setting_invalid"


def test_a_clock_that_is_wrong(doctor: Doctor, sandbox: RunningSandbox) -> None:
    sandbox.control.skew(-300)
    assert "+30" in doctor("clock")["message"]
    sandbox.control.skew(0)


def test_a_tiktok_that_is_away(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", "http://127.0.0.1:9")
    change_account(api_url="http://127.0.0.1:9")
    doctor("TikTok")


def test_no_account(doctor: Doctor) -> None:
    with Engine.open() as engine, engine.ledger.write() as connection:
        connection.execute(accounts_table.delete())
    assert "account connect" in doctor("accounts")["fix"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"blocked": {"code": "invalid_grant", "who": "creator", "message": "ended", "fix": "ask"}}, "invalid_grant"),
        ({"api_url": "https://open.tiktokapis.com"}, "AIRDATE_TIKTOK_API_URL"),
        ({"scopes": ["user.info.basic"]}, "video.publish"),
        ({"ends": timedelta(days=-1)}, "over"),
        ({"ends": timedelta(days=20)}, "ends on"),
    ],
)
def test_an_account_that_needs_a_person(doctor: Doctor, values: dict[str, Any], said: str) -> None:
    if "ends" in values:
        with Engine.open() as engine:
            values = {"refresh_expires_at": engine.ledger.now() + values["ends"]}
    change_account(**values)
    assert said in doctor("account demo")["message"]


def test_a_freeze(doctor: Doctor) -> None:
    with Engine.open() as engine:
        switches.freeze(engine.ledger, who="ana", why="a wrong film")
    assert "a wrong film" in doctor("freeze")["message"]


def test_a_post_that_waits_for_a_person(doctor: Doctor) -> None:
    with Engine.open() as engine:
        post = plan_post(engine.ledger)
        error = NeedsPerson("privacy_unset", "nobody chose", fix="choose").as_dict()
        posts.move(engine.ledger, post.id, PostState.HELD, who="test", why="test", error=error)
    assert f"{post.id} (privacy_unset)" in doctor("posts that wait")["message"]


def test_a_post_that_a_worker_left_behind(doctor: Doctor) -> None:
    with Engine.open() as engine:
        post = plan_post(engine.ledger)
        over = engine.ledger.now() - timedelta(minutes=5)
        with engine.ledger.write() as connection:
            values = {"state": "publishing", "lease_owner": "host 1 2 3", "lease_until": over}
            connection.execute(update(posts_table).values(**values))
    assert post.id in doctor("leases")["message"]


def test_a_grant_that_is_not_in_the_ledger(doctor: Doctor) -> None:
    with Engine.open() as engine:
        ledger, found = engine.ledger, accounts.get(engine.ledger, "demo")
        grant = accounts.Grant("act.kept-one", 7200, "rft.kept-one", 15552000, ("video.publish",), ledger.now())
        away = Ledger(create_engine("sqlite:///nowhere/at/all.db"), ledger.vault, ledger.home)
        with pytest.raises(Transient):
            grants.store(away, Kept("demo", found.rate_subject, 0, grant), lambda _seconds: None)
    assert "account refresh demo" in doctor("kept grants")["fix"]
    with Engine.open() as engine:
        assert keep(engine).errors == ()
        assert accounts.get(engine.ledger, "demo").token_version == 1
    doctor()


def test_a_prefect_that_is_away(sandbox: RunningSandbox, home: Path) -> None:
    # In a process of its own: Prefect reads its settings once, when it is imported.
    done = subprocess.run(
        [sys.executable, "-m", "airdate", "doctor", "--json"],
        env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": str(home / "prefect")},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "Prefect API"]
    assert not check["ok"]
    assert "airdate up" in check["fix"]
