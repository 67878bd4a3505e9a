"""The commands that only read and write the ledger: accounts, calendars, posts; and where no server is there."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_making import add_account, plan_post

from airdate import cli
from airdate.commands import publish
from airdate.commands.publish import Runs, Wish
from airdate.console import run
from airdate.engine import Engine
from airdate.errors import Transient
from airdate.ledger import accounts, posts
from airdate.ledger.posts import Post
from airdate.post import Mode, Options, PostState, Privacy

Command = Callable[..., tuple[int, dict[str, Any]]]
ADD = ("account", "add", "studio", "--client-key", "ck")


@pytest.fixture
def airdate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def command(*arguments: str, given: str = "") -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        status = run(cli.app, [*arguments, "--json"], cli.SHAPES)
        out, err = capsys.readouterr()
        assert "CANARY" not in out + err
        return status, json.loads(out)

    return command


def stored(name: str = "studio") -> tuple[str, str]:
    with Engine.open() as engine:
        found = accounts.secrets(engine.ledger, name)
    return found.client_secret, found.refresh_token


@pytest.mark.parametrize("open_id", [("--open-id=-000abc",), ("--open-id", "-000abc")])
def test_an_account_is_added_with_secrets_from_standard_input(airdate: Command, open_id: tuple[str, ...]) -> None:
    status, account = airdate(
        *ADD, *open_id, "--client-secret", "-", "--refresh-token", "-", given="CANARY-1\nCANARY-2\n"
    )
    assert status == 0
    assert list(account) == list(cli.SHAPES["account add"])
    assert (account["open_id"], account["audited"], account["target"]) == (
        "-000abc",
        False,
        "https://open.tiktokapis.com",
    )
    assert stored() == ("CANARY-1", "CANARY-2")
    entry = {name: value for name, value in account.items() if name != "error"}
    assert airdate("account", "list")[1] == {"accounts": [entry]}


def test_secrets_come_from_the_environment_too(airdate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_TIKTOK_CLIENT_SECRET", "CANARY-ENV")
    status, account = airdate(
        *(*ADD, "--open-id", "o", "--refresh-token", "-", "--audited", "--mode", "direct", "--privacy", "SELF_ONLY"),
        given="CANARY-IN\n",
    )
    assert (status, account["audited"], account["privacy"]) == (0, True, "SELF_ONLY")
    assert stored() == ("CANARY-ENV", "CANARY-IN")


@pytest.mark.parametrize(
    ("options", "given", "code"),
    [
        (("--client-secret", "CANARY-1", "--refresh-token", "-"), "CANARY-2\n", "secret_in_argument"),
        (("--client-secret=CANARY-1", "--refresh-token", "-"), "CANARY-2\n", "secret_in_argument"),
        (("--client-secret", "-", "--refresh-token", "CANARY-2"), "CANARY-1\n", "secret_in_argument"),
        (("--client-secret", "-", "--refresh-token", "-"), "CANARY-1\n", "secret_missing"),
        (("--client-secret", "-"), "CANARY-1\n", "secret_missing"),
        (("--client-secret", "-", "--mode", "inbox", "--privacy", "SELF_ONLY"), "", "inbox_carries_no_options"),
        (("--privacy", "EVERYBODY"), "", "usage"),
    ],
)
def test_a_wrong_account_is_refused_and_not_stored(
    airdate: Command, options: tuple[str, ...], given: str, code: str
) -> None:
    status, document = airdate(*ADD, "--open-id", "o", *options, given=given)
    assert (status, document["error"]["code"]) == (2, code)
    assert document["error"]["fix"]
    assert airdate("account", "list")[1] == {"accounts": []}


def test_an_account_name_is_a_plain_word(airdate: Command) -> None:
    status, document = airdate("account", "add", "../x", "--client-key", "k", "--open-id", "o")
    assert (status, document["error"]["code"]) == (2, "account_name_invalid")


def test_the_key_of_the_home_is_for_its_owner_alone(airdate: Command, home: Path) -> None:
    airdate("account", "list")
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRDATE_POLL_SECONDS", "CANARY"),
        ("AIRDATE_TIKTOK_API_URL", "http://[CANARY"),
        ("AIRDATE_TIKTOK_AUTH_URL", "CANARY"),
        ("AIRDATE_ALLOWED_ORIGINS", "CANARY"),
    ],
)
def test_a_wrong_setting_names_itself_and_not_its_value(
    airdate: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    status, document = airdate("posts", "list")
    assert (status, document["posts"], document["error"]["code"]) == (4, None, "setting_invalid")
    assert name in document["error"]["message"]
    assert "CANARY" not in document["error"]["message"]


def test_a_database_that_is_away_is_temporary(airdate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_DATABASE_URL", "postgresql://me:CANARY@127.0.0.1:1/none")
    monkeypatch.setenv("AIRDATE_SECRET_KEY", "A" * 43 + "=")
    status, document = airdate("posts", "list")
    assert (status, document["error"]["code"]) == (5, "ledger_unreachable")


def test_an_unknown_post_needs_a_person(airdate: Command) -> None:
    status, document = airdate("posts", "show", "p_none")
    assert (status, document["error"]["code"], document["events"]) == (4, "post_unknown", None)
    assert list(document) == list(cli.SHAPES["posts show"])


def test_follow_wants_one_or_all(airdate: Command) -> None:
    assert airdate("posts", "follow")[0] == 2
    assert airdate("posts", "follow", "p_1", "--all")[0] == 2
    assert airdate("posts", "follow", "--all") == (0, {"posts": []})


def test_a_calendar_is_planned_applied_and_listed(airdate: Command, tmp_path: Path, engine: Engine) -> None:
    add_account(engine.ledger)
    (tmp_path / "film.mp4").write_bytes(b"film")
    sheet = tmp_path / "launch.csv"
    sheet.write_text(
        "id,slot,zone,account,source,caption,privacy\na,2099-11-24 18:00,Europe/Berlin,demo,film.mp4,hi,SELF_ONLY\n"
    )
    would = {"calendar": "launch", "added": ["a"], "changed": [], "unchanged": [], "cancelled": [], "kept": {}}
    would["warnings"] = []
    assert airdate("calendar", "plan", str(sheet)) == (0, would | {"error": None})
    assert airdate("calendar", "list") == (0, {"posts": []})
    assert airdate("calendar", "apply", str(sheet)) == (0, would | {"error": None})
    (post,) = airdate("calendar", "list")[1]["posts"]
    assert (post["calendar"], post["id"], post["local"], post["state"]) == (
        "launch",
        "a",
        "2099-11-24 18:00:00",
        "planned",
    )
    sheet.write_text(sheet.read_text().replace("privacy", "privacy,mood").replace("SELF_ONLY", "SELF_ONLY,good"))
    status, document = airdate("calendar", "apply", str(sheet))
    assert (status, document["error"]["code"], document["added"]) == (2, "column_unknown", None)
    assert "line 1" in document["error"]["item"]


def wish(source: Path, **changed: Any) -> Wish:
    facts: dict[str, Any] = {"account": "demo", "mode": None, "at": None, "key": None}
    return Wish(sources=(str(source),), options=Options(privacy=Privacy.SELF_ONLY), **facts | changed)


class Prefect:
    """A Prefect whose runs do what the test says."""

    def __init__(self, engine: Engine, run: Callable[[], None] = lambda: None) -> None:
        self.started: list[tuple[str, int, Any]] = []
        self._engine = engine
        self._run = run

    def runs(self) -> Runs:
        return Runs(self.start, self.wait, lambda run: f"http://prefect/{run}", "the test's Prefect")

    def start(self, post: Post, *, at: Any, name: str) -> str:
        self.started.append((post.id, post.turn, at))
        return "run-1"

    def wait(self, run: str) -> str:
        self._run()
        return "COMPLETED"


@pytest.fixture
def film(tmp_path: Path, engine: Engine) -> Path:
    add_account(engine.ledger)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film")
    return path


def move(engine: Engine, *states: PostState, **values: Any) -> None:
    (post,) = posts.listed(engine.ledger)
    for state in states:
        posts.move(engine.ledger, post.id, state, who="test", why="test", **values)


def test_a_slot_ahead_gets_its_run(film: Path, engine: Engine) -> None:
    prefect = Prefect(engine)
    answer = publish.publish(wish(film, at="2099-01-01T00:00:00+00:00"), prefect.runs(), print)
    (post,) = posts.listed(engine.ledger)
    assert (answer.status, answer.document["state"]) == (0, "planned")
    assert prefect.started == [(post.id, 1, post.slot)]
    assert posts.get(engine.ledger, post.id).run_turn == 1
    assert "the test's Prefect" in answer.words


def test_a_run_is_waited_for_and_its_outcome_reported(film: Path, engine: Engine) -> None:
    way = (PostState.PREPARING, PostState.READY, PostState.PUBLISHING, PostState.PROCESSING, PostState.PUBLISHED)
    prefect = Prefect(engine, lambda: move(engine, *way))
    said: list[str] = []
    answer = publish.publish(wish(film), prefect.runs(), said.append)
    assert (answer.status, answer.document["state"]) == (0, "published")
    assert said == [f"{answer.document['post_id']}: http://prefect/run-1"]
    assert publish.publish(wish(film), prefect.runs(), said.append).status == 0
    assert len(prefect.started) == 1


def test_processing_names_who_follows(film: Path, engine: Engine) -> None:
    way = (PostState.PREPARING, PostState.READY, PostState.PUBLISHING, PostState.PROCESSING)
    answer = publish.publish(wish(film), Prefect(engine, lambda: move(engine, *way)).runs(), print)
    assert (answer.status, answer.document["error"]["code"]) == (6, "processing")
    assert "the test's Prefect follows it" in answer.document["error"]["message"]


def test_ctrl_c_stops_the_waiting_and_not_the_post(film: Path, engine: Engine) -> None:
    def interrupted() -> None:
        move(engine, PostState.PREPARING)
        raise KeyboardInterrupt

    answer = publish.publish(wish(film), Prefect(engine, interrupted).runs(), print)
    assert (answer.status, answer.document["state"], answer.document["error"]["code"]) == (
        5,
        "preparing",
        "interrupted",
    )
    assert "the test's Prefect goes on with it" in answer.document["error"]["message"]


def test_a_held_post_gets_a_new_run_when_the_command_is_given_again(film: Path, engine: Engine) -> None:
    error = {"code": "account_of_other_origin", "who": "operator", "message": "m", "item": None, "rule": None}
    error |= {"fix": "f", "log_id": None, "exit": 4}
    prefect = Prefect(engine, lambda: move(engine, PostState.HELD, error=error))
    assert publish.publish(wish(film), prefect.runs(), print).status == 4
    assert publish.publish(wish(film), prefect.runs(), print).status == 4
    assert [turn for _, turn, _ in prefect.started] == [1, 2]


def test_a_run_that_dies_at_once_says_so(film: Path, engine: Engine) -> None:
    with pytest.raises(Transient, match="COMPLETED"):
        publish.publish(wish(film), Prefect(engine).runs(), print)


def test_the_mode_of_the_account_is_the_default(film: Path, engine: Engine) -> None:
    accounts.add(
        engine.ledger,
        name="drafts",
        api_url="http://127.0.0.1:1",
        client_key="ck",
        open_id="oid",
        client_secret="CANARY-SECRET",
        refresh_token="CANARY-REFRESH",
        audited=False,
        mode=Mode.INBOX,
        privacy=None,
    )
    asked = wish(film, account="drafts", at="2099-01-01T00:00:00+00:00")
    publish.publish(Wish(**{**_fields(asked), "options": Options()}), None, print)
    assert posts.listed(engine.ledger)[0].options.mode is Mode.INBOX


def _fields(asked: Wish) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Wish.__slots__}


def test_without_a_prefect_the_front_door_names_none(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli._runs(engine.settings) is None
    with pytest.raises(Transient, match="airdate up"):
        cli._start_run(plan_post(engine.ledger), at=engine.ledger.now() + timedelta(1), name="n")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    runs = cli._runs(engine.settings)
    assert runs is not None
    assert runs.follower == "the Prefect at PREFECT_API_URL"


def test_the_gateway_does_not_start_without_a_secret(airdate: Command) -> None:
    status, document = airdate("gateway", "--port", "0")
    assert (status, document["gateway"]) == (4, None)
    assert "AIRDATE_WEBHOOK_SECRETS" in f"{document['error']['item']} {document['error']['fix']}"


@pytest.mark.e2e
@pytest.mark.parametrize("command", ["gateway", "sandbox"])
def test_a_server_says_where_it_is_and_ends_on_a_signal(command: str, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "airdate", command, "--port", "0"],
        env={**os.environ, "AIRDATE_WEBHOOK_SECRETS": "whsec_" + "QUJD" * 11},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    places = json.loads(process.stdout.readline())
    assert set(places) == set(cli.SHAPES[command]) - {"error"}
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, ""), err
