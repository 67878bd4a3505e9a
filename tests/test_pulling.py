"""The restart table's PULL rows, and what the ledger makes of answers that come late or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from ledger_making import add_account, make_request

from airdate import decisions, pulling, steps
from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient
from airdate.ledger import Ledger, posts, pulls, submissions
from airdate.ledger.leases import Lease, claim
from airdate.ledger.posts import Post
from airdate.ledger.pulls import Pull
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import LeaseLost
from airdate.post import Form, Mode, Options, PostState, Privacy, SubmissionState, Transfer
from airdate.pulling import Next, next_step
from airdate.settings import Settings
from airdate.store import Store

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def found(state: SubmissionState) -> Submission:
    return Submission(
        id=1,
        post_id="p",
        state=state,
        mode=Mode.DIRECT,
        film_sha256="a" * 64,
        film_size=10,
        chunk_size=0,
        chunk_count=0,
        asked_at=NOW,
        publish_id=None,
        url_expires_at=None,
        acknowledged=0,
        fail_reason=None,
        log_ids=(),
        transfer=Transfer.PULL,
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SubmissionState.INTENDED, Next.ABANDON),
        (SubmissionState.ASKED, Next.PARK),
        (SubmissionState.UNKNOWN, Next.PARK),
        (SubmissionState.OPEN, Next.FOLLOW),
        (SubmissionState.COMMITTING, Next.FOLLOW),
        (SubmissionState.ACCEPTED, Next.FOLLOW),
        (SubmissionState.COMPLETE, Next.FOLLOW),
        (SubmissionState.FAILED, Next.INIT),
        (SubmissionState.ABANDONED, Next.INIT),
    ],
)
def test_every_state_has_one_next_step(state: SubmissionState, expected: Next) -> None:
    assert next_step(found(state)) is expected


def test_the_table_covers_every_state_and_nothing_asked_means_init() -> None:
    assert next_step(None) is Next.INIT
    again = {state for state in SubmissionState if next_step(found(state)) is Next.INIT}
    assert again == {SubmissionState.FAILED, SubmissionState.ABANDONED}, "only what is settled lets a new one begin"


@pytest.fixture
def post(ledger: Ledger) -> Post:
    add_account(ledger)
    options = Options(privacy=Privacy.SELF_ONLY, form=Form.PHOTO)
    recorded = posts.record(ledger, make_request("photos", options), ["/pictures/a.jpg"], who="test")
    for state in (PostState.PREPARING, PostState.READY, PostState.PUBLISHING):
        recorded = posts.move(ledger, recorded.id, state, who="test", why="on its way")
    return recorded


@pytest.fixture
def engine(ledger: Ledger, settings: Settings) -> Engine:
    return Engine(settings, ledger, Store(settings.store), lambda _seconds: None)


@pytest.fixture
def lease(ledger: Ledger, post: Post) -> Iterator[Lease]:
    claimed = claim(ledger, post.id, 30)
    assert isinstance(claimed, Lease)
    with claimed:
        yield claimed


def begun(ledger: Ledger, lease: Lease, to: SubmissionState = SubmissionState.ASKED) -> Submission:
    submission = submissions.intend(
        ledger,
        lease.post_id,
        lease.epoch,
        mode=Mode.DIRECT,
        sha256="a" * 64,
        plan=(10, 0, 0),
        transfer=Transfer.PULL,
    )
    if to is SubmissionState.INTENDED:
        return submission
    return submissions.move(ledger, submission, lease.epoch, to, asked_at=ledger.now())


def only(ledger: Ledger, post: Post) -> Submission:
    (submission,) = submissions.of_post(ledger, post.id)
    return submission


@pytest.mark.parametrize("state", [SubmissionState.OPEN, SubmissionState.COMMITTING])
def test_no_pull_begins_beside_an_upload_that_may_go_live(
    engine: Engine, post: Post, lease: Lease, state: SubmissionState
) -> None:
    """A slideshow was under way when the settings came that make it a photo post; an old rendition takes that road."""
    upload = submissions.intend(
        engine.ledger, post.id, lease.epoch, mode=Mode.DIRECT, sha256="a" * 64, plan=(10, 10, 1)
    )
    for each in (SubmissionState.ASKED, SubmissionState.OPEN, state):
        upload = submissions.move(engine.ledger, upload, lease.epoch, each)
    with pytest.raises(Transient) as caught:
        begun(engine.ledger, lease)
    assert caught.value.code == "submission_unsettled"
    assert only(engine.ledger, post).state is state


def test_what_was_only_intended_is_abandoned(engine: Engine, post: Post, lease: Lease) -> None:
    begun(engine.ledger, lease, SubmissionState.INTENDED)
    assert pulling.settle(engine, lease) is None
    assert only(engine.ledger, post).state is SubmissionState.ABANDONED


def test_what_was_asked_is_parked_and_stays_so(engine: Engine, post: Post, lease: Lease) -> None:
    begun(engine.ledger, lease)
    for _ in range(2):
        assert steps.resume(engine, lease).state is PostState.PROCESSING
        parked = posts.get(engine.ledger, post.id)
        assert parked.unconfirmed
        assert (parked.error or {})["code"] == "init_unknown"
        assert only(engine.ledger, post).state is SubmissionState.UNKNOWN


def test_a_failing_step_does_not_lose_a_pull_that_was_asked(engine: Engine, post: Post, lease: Lease) -> None:
    begun(engine.ledger, lease)
    gone = NeedsPerson("source_gone", "the source is gone", fix="bring it back")
    assert steps.fail(engine, lease, gone).state is PostState.PROCESSING
    assert only(engine.ledger, post).state is SubmissionState.UNKNOWN


@pytest.mark.parametrize("stop", [decisions.hold, decisions.cancel])
def test_nobody_stops_what_was_asked(engine: Engine, post: Post, lease: Lease, stop: object) -> None:
    begun(engine.ledger, lease)
    with pytest.raises(NeedsPerson) as caught:
        stop(engine, post.id, who="ana", why="the agency called")  # type: ignore[operator]
    assert caught.value.code == "cannot_be_stopped"


def test_what_was_only_intended_can_be_stopped(engine: Engine, post: Post, lease: Lease) -> None:
    intended = begun(engine.ledger, lease, SubmissionState.INTENDED)
    assert decisions.cancel(engine, post.id, who="ana", why="the agency called").state is PostState.CANCELLED
    with pytest.raises(LeaseLost):
        submissions.move(engine.ledger, intended, lease.epoch, SubmissionState.ASKED)


def test_an_answer_is_kept_whoever_holds_the_post_by_now(engine: Engine, post: Post, lease: Lease) -> None:
    asked = begun(engine.ledger, lease)
    pulling.settle(engine, lease)
    pulls.accept(engine.ledger, asked, "p_pub_url~v2.1", log_id="L1", who="a worker that slept")
    followed = posts.get(engine.ledger, post.id)
    assert (followed.state, followed.unconfirmed, followed.error) == (PostState.PROCESSING, False, None)
    assert followed.publish_id == "p_pub_url~v2.1"
    assert (only(engine.ledger, post).state, only(engine.ledger, post).log_ids) == (SubmissionState.ACCEPTED, ("L1",))
    assert "late" in posts.story(engine.ledger, post.id)[-1].why


def test_an_answer_before_anybody_took_over_moves_the_post_on(engine: Engine, post: Post, lease: Lease) -> None:
    asked = begun(engine.ledger, lease)
    pulls.accept(engine.ledger, asked, "p_pub_url~v2.1", log_id=None, who="worker")
    assert posts.get(engine.ledger, post.id).state is PostState.PROCESSING
    assert pulling.settle(engine, lease) is None
    assert only(engine.ledger, post).state is SubmissionState.ACCEPTED


def test_an_answer_after_a_persons_word_changes_nothing_but_is_kept(engine: Engine, post: Post, lease: Lease) -> None:
    asked = begun(engine.ledger, lease)
    pulling.settle(engine, lease)
    decisions.resolve_not_published(engine, post.id, who="ana", why="it is not there")
    pulls.accept(engine.ledger, asked, "p_pub_url~v2.1", log_id="L1", who="a worker that slept")
    assert posts.get(engine.ledger, post.id).state is PostState.FAILED
    assert only(engine.ledger, post).publish_id == "p_pub_url~v2.1"
    assert "p_pub_url~v2.1" in posts.story(engine.ledger, post.id)[-1].why


def test_a_worker_that_lost_its_lease_parks_nothing(engine: Engine, post: Post, lease: Lease) -> None:
    asked = begun(engine.ledger, lease)
    with pytest.raises(LeaseLost):
        pulls.lose(engine.ledger, asked, lease.epoch - 1, why="lost", error={}, who="an old worker")
    assert only(engine.ledger, post).state is SubmissionState.ASKED


def test_a_lease_outlives_the_request(ledger: Ledger, post: Post, lease: Lease) -> None:
    before = ledger.now()
    lease.outlive(150)
    with ledger.read() as connection:
        until = connection.exec_driver_sql("SELECT lease_until FROM posts").scalar_one()
    at = until if isinstance(until, datetime) else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert at >= before + timedelta(seconds=150)
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE posts SET lease_epoch = lease_epoch + 1")
    with pytest.raises(LeaseLost):
        lease.outlive(150)


def test_pictures_of_a_post_on_its_way_stay(ledger: Ledger, post: Post, lease: Lease) -> None:
    pull = Pull("ab" * 20 + ".jpg", post.id, 0, "a" * 64, 10, ledger.now())
    pulls.announce(ledger, post.id, lease.epoch, [pull])
    real = ledger.now
    ledger.now = lambda: real() + timedelta(days=9)  # type: ignore[method-assign]
    assert pulls.outdated(ledger) == []
    assert not pulls.give_up(ledger, pull)
    assert pulls.of_post(ledger, post.id) == [pull]
    with pytest.raises(LeaseLost):
        pulls.announce(ledger, post.id, lease.epoch - 1, [pull])
