"""A calendar file and the ledger: what applying does, what it leaves alone, and what it refuses as a whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airdate.calendar import apply, listing, preview
from airdate.calendar.apply import Applied
from airdate.calendar.memory import recall
from airdate.calendar.reading import CalendarWrong
from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.ledger import accounts, posts
from airdate.ledger.leases import Lease, claim
from airdate.ledger.posts import Post
from airdate.post import Mode, PostState, Privacy

MakeRow = Callable[..., dict[str, str]]


def applied(engine: Engine, path: Path) -> Applied:
    return apply(engine, path, who="ana")


def post_of(engine: Engine, row: str = "launch") -> Post:
    found = posts.by_key(engine.ledger, f"november/{row}")
    assert found is not None
    return found


def move(engine: Engine, *states: PostState, **values: Any) -> None:
    for state in states:
        posts.move(engine.ledger, post_of(engine).id, state, who="test", why="test", **values)


def held_by_worker(engine: Engine) -> Lease:
    lease = claim(engine.ledger, post_of(engine).id, 30)
    assert isinstance(lease, Lease)
    return lease


def test_a_row_becomes_a_post_with_consent_origin_and_target(engine: Engine, file: Any, row: MakeRow) -> None:
    done = applied(engine, file.write(row(allow_comment="yes", late_minutes="30", late_policy="miss")))

    post = post_of(engine)
    assert (done.calendar, done.added, done.changed, done.cancelled) == ("november", ("launch",), (), ())
    assert (post.state, post.origin, post.target) == (PostState.PLANNED, "calendar:november", "http://127.0.0.1:1")
    assert (post.consent.kind, post.consent.who) == ("command", "ana")
    assert (post.options.caption, post.options.privacy) == ("Launch day", Privacy.SELF_ONLY)
    assert post.options.allow_comment
    assert (post.late_minutes, post.late_policy) == (30, "miss")
    assert post.assets[0].revision is None
    assert posts.locators(engine.ledger, post.id) == (str(file.path.parent.resolve() / "film.mp4"),)


def test_the_same_file_again_changes_nothing(engine: Engine, file: Any, row: MakeRow) -> None:
    path = file.write(row(), row(id="b", source="https://x.example/b.mp4?sig=S"))
    applied(engine, path)
    before = posts.listed(engine.ledger)
    stories = [posts.story(engine.ledger, post.id) for post in before]

    done = applied(engine, path)

    assert (done.added, done.changed, done.cancelled, dict(done.kept)) == ((), (), (), {})
    assert done.unchanged == ("launch", "b")
    assert posts.listed(engine.ledger) == before
    assert [posts.story(engine.ledger, post.id) for post in before] == stories


def test_the_same_file_changes_nothing_either_when_nobody_remembers_it(engine: Engine, file: Any, row: MakeRow) -> None:
    path = file.write(row())
    applied(engine, path)
    (engine.ledger.home / "calendars" / "november.json").unlink()

    assert applied(engine, path).unchanged == ("launch",)
    assert post_of(engine).turn == 1


def test_an_edited_row_changes_its_post_and_makes_its_run_an_old_one(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row(), row(id="b")))

    done = applied(engine, file.write(row(slot="2026-11-25 09:00", caption="Later"), row(id="b")))

    post = post_of(engine)
    assert (done.changed, done.unchanged) == (("launch",), ("b",))
    assert (post.turn, post.options.caption) == (2, "Later")
    assert post.slot is not None
    assert post.slot.isoformat() == "2026-11-25T08:00:00+00:00"
    assert posts.story(engine.ledger, post.id)[-1].who == "ana"


def test_a_row_that_is_gone_cancels_its_post_and_one_that_is_back_revives_it(
    engine: Engine, file: Any, row: MakeRow
) -> None:
    both = [row(), row(id="b")]
    applied(engine, file.write(*both))

    assert applied(engine, file.write(row(id="b"))).cancelled == ("launch",)
    assert post_of(engine).state is PostState.CANCELLED
    assert (post_of(engine).error or {})["message"] == "its row is gone from the calendar"
    assert applied(engine, file.path).cancelled == ()

    assert applied(engine, file.write(*both)).changed == ("launch",)
    assert (post_of(engine).state, post_of(engine).turn) == (PostState.PLANNED, 2)


@pytest.mark.parametrize(
    ("way", "cancelled"),
    [
        ([PostState.PREPARING], True),
        ([PostState.PREPARING, PostState.READY], True),
        ([PostState.HELD], True),
        ([PostState.MISSED], True),
        ([PostState.PREPARING, PostState.READY, PostState.PUBLISHING], False),
        ([PostState.PREPARING, PostState.READY, PostState.PUBLISHING, PostState.PROCESSING], False),
        ([PostState.FAILED], False),
    ],
)
def test_a_row_that_is_gone_cancels_only_what_was_not_sent(
    engine: Engine, file: Any, row: MakeRow, way: list[PostState], cancelled: bool
) -> None:
    applied(engine, file.write(row()))
    move(engine, *way)

    with held_by_worker(engine):
        done = applied(engine, file.write())

    assert bool(done.cancelled) is cancelled
    assert post_of(engine).state is (PostState.CANCELLED if cancelled else way[-1])
    assert ("launch" in done.kept) is (way[-1] is PostState.PUBLISHING)


def test_an_edit_that_comes_too_late_is_told_and_not_made(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    move(engine, PostState.PREPARING, PostState.READY, PostState.PUBLISHING)
    before = post_of(engine)

    done = applied(engine, file.write(row(caption="Too late")))

    assert done.changed == ()
    assert "publishing already" in done.kept["launch"]
    assert post_of(engine) == before


def test_an_edit_waits_for_a_worker_that_is_at_the_post(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    move(engine, PostState.PREPARING)
    edited = file.write(row(caption="Edited"))

    with held_by_worker(engine):
        assert "a worker is at it" in applied(engine, edited).kept["launch"]
        assert post_of(engine).options.caption == "Launch day"

    assert applied(engine, edited).changed == ("launch",)
    assert (post_of(engine).state, post_of(engine).options.caption) == (PostState.PLANNED, "Edited")


def test_a_worker_that_lost_its_post_to_an_edit_can_write_nothing_more(
    engine: Engine, file: Any, row: MakeRow, clock: Any
) -> None:
    applied(engine, file.write(row()))
    stalled = held_by_worker(engine)
    clock.forward(minutes=2)

    assert applied(engine, file.write(row(caption="Edited"))).changed == ("launch",)

    with pytest.raises(Exception, match="another worker took this post over"):
        posts.store(engine.ledger, post_of(engine).id, epoch=stalled.epoch, rendition={})


def test_what_a_person_did_to_a_post_stays_until_its_row_is_edited(
    engine: Engine, file: Any, row: MakeRow, clock: Any
) -> None:
    path = file.write(row(), row(id="b"))
    applied(engine, path)
    post = post_of(engine)
    moved = clock.now.replace(hour=20)
    posts.store(engine.ledger, post.id, slot=moved, turn=2)

    applied(engine, file.write(row(), row(id="b", caption="Another")))
    assert post_of(engine).slot == moved

    applied(engine, file.write(row(caption="Edited"), row(id="b", caption="Another")))
    assert post_of(engine).slot == post.slot


def test_what_a_person_holds_or_cancelled_is_not_brought_back_by_the_file(
    engine: Engine, file: Any, row: MakeRow
) -> None:
    applied(engine, file.write(row(), row(id="b")))
    move(engine, PostState.HELD, error={"code": "held"})
    posts.move(engine.ledger, post_of(engine, "b").id, PostState.CANCELLED, who="bo", why="not wanted")
    (engine.ledger.home / "calendars" / "november.json").unlink()

    kept = applied(engine, file.write(row(caption="x"), row(id="b", caption="x"))).kept

    assert "a person holds it" in kept["launch"]
    assert "posts retry" in kept["b"]
    assert (post_of(engine).state, post_of(engine, "b").state) == (PostState.HELD, PostState.CANCELLED)


def test_editing_its_row_mends_a_post_that_the_engine_held(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    move(engine, PostState.HELD, error={"code": "too_late"})

    applied(engine, file.write(row(slot="2026-11-30 18:00")))

    assert (post_of(engine).state, post_of(engine).error) == (PostState.PLANNED, None)


def test_nothing_is_applied_when_any_row_is_wrong(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    before = posts.listed(engine.ledger)
    path = file.write(
        row(id="new"),
        row(id="b", account="nobody"),
        row(id="c", privacy=""),
        row(id="d", source="gone.mp4"),
        row(id="e", slot="2027-03-28 02:30"),
        row(id="f", caption="x" * 2201),
        row(id="g", mode="inbox"),
        row(id="h", branded_content="yes"),
    )

    with pytest.raises(CalendarWrong) as refused:
        applied(engine, path)

    assert refused.value.exit_code == 2
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [
        (3, "account"),
        (4, "privacy"),
        (5, "source"),
        (6, "slot"),
        (7, "caption"),
        (8, "privacy"),
        (9, "privacy"),
    ]
    assert all(problem.fix for problem in refused.value.problems)
    assert posts.listed(engine.ledger) == before


def test_the_account_fills_in_what_the_row_leaves_out(engine: Engine, file: Any, row: MakeRow) -> None:
    def add(name: str, mode: Mode, privacy: Privacy | None) -> None:
        accounts.add(
            engine.ledger,
            name=name,
            api_url="http://127.0.0.1:1",
            client_key="ck",
            open_id=name,
            client_secret="CANARY-SECRET",
            refresh_token="CANARY-REFRESH",
            audited=True,
            mode=mode,
            privacy=privacy,
        )

    add("standing", Mode.DIRECT, Privacy.FRIENDS)
    add("drafts", Mode.INBOX, None)

    applied(engine, file.write(row(account="standing", privacy=""), row(id="b", account="drafts", privacy="")))

    assert post_of(engine).options.privacy is Privacy.FRIENDS
    assert (post_of(engine, "b").options.mode, post_of(engine, "b").options.privacy) == (Mode.INBOX, None)


def test_another_account_brings_its_own_target(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    accounts.add(
        engine.ledger,
        name="other",
        api_url="http://127.0.0.1:2",
        client_key="ck",
        open_id="o2",
        client_secret="CANARY-SECRET",
        refresh_token="CANARY-REFRESH",
        audited=True,
        mode=Mode.DIRECT,
        privacy=None,
    )

    applied(engine, file.write(row(account="other")))

    assert (post_of(engine).account, post_of(engine).target) == ("other", "http://127.0.0.1:2")


def test_a_film_that_was_tidied_away_after_its_row_was_applied_stops_nothing(
    engine: Engine, file: Any, row: MakeRow
) -> None:
    applied(engine, file.write(row()))
    (file.path.parent / "film.mp4").rename(file.path.parent / "film2.mp4")

    done = applied(engine, file.write(row(), row(id="b", source="film2.mp4")))

    assert (done.added, done.unchanged) == (("b",), ("launch",))


def test_a_film_is_not_read_when_its_row_is_applied(engine: Engine, file: Any, row: MakeRow) -> None:
    film = file.path.parent / "film.mp4"
    os.truncate(film, 4_000_000_000_000)

    applied(engine, file.write(row()))

    assert post_of(engine).assets[0].revision is None


def test_two_calendars_do_not_touch_each_other(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row()))
    other = file.path.with_name("december.csv")
    other.write_text(file.path.read_text())

    assert applied(engine, other).added == ("launch",)
    assert applied(engine, file.write()).cancelled == ("launch",)
    assert [post.state for post in posts.listed(engine.ledger, origin="calendar:december")] == [PostState.PLANNED]


def test_two_that_apply_at_once_make_each_post_once(engine: Engine, file: Any, row: MakeRow) -> None:
    path = file.write(*(row(id=f"r{number}") for number in range(20)))
    done: list[Applied] = []
    threads = [threading.Thread(target=lambda: done.append(applied(engine, path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(len(each.added) for each in done) == [0, 0, 20]
    assert [post.turn for post in posts.listed(engine.ledger)] == [1] * 20


def test_a_preview_writes_nothing(engine: Engine, file: Any, row: MakeRow) -> None:
    planned = preview(engine, file.write(row()))

    assert [each.id for each in planned.add] == ["launch"]
    assert posts.listed(engine.ledger) == []
    assert recall(engine.ledger.home, "november") == {}
    with pytest.raises(WrongUsage):
        preview(engine, file.write(row(account="nobody")))


def test_the_listing_shows_the_slot_in_its_zone_and_in_utc(engine: Engine, file: Any, row: MakeRow) -> None:
    applied(engine, file.write(row(), row(id="b", slot="2026-11-24 17:30", source="https://x.example/b.mp4?sig=S")))

    first, second = listing(engine)

    assert (first["id"], second["id"]) == ("b", "launch")
    assert second == {
        "calendar": "november",
        "id": "launch",
        "post_id": post_of(engine).id,
        "slot": "2026-11-24T17:00:00+00:00",
        "local": "2026-11-24 18:00:00",
        "zone": "Europe/Berlin",
        "account": "demo",
        "state": "planned",
        "source": [str(file.path.parent.resolve() / "film.mp4")],
    }
    assert "sig=S" not in str(first)
