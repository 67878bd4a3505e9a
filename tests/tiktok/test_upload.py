"""The upload against a strict host that breaks in every way a real one was seen to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from upload_host import Fault, Host, answer, early, read, reset, say, stored_but_unanswered, take
from uploading import NOW, PLAN, SIZE, WHOLE, Hooks, Stage

from airdate.errors import NeedsPerson, Transient
from airdate.files import SealedFile, seal
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import MAX_ATTEMPTS, Progress, UploadUrlDead, upload


def test_every_chunk_is_sent_once_with_exactly_the_three_headers(stage: Stage) -> None:
    stage.upload()
    assert stage.is_complete
    assert [put.range for put in stage.host.puts] == [PLAN.range_of(index) for index in range(4)]
    assert {put.connection for put in stage.host.puts} == {1}
    for put in stage.host.puts:
        first, last = put.range
        assert put.line == "PUT /up%7Eload/../x?upload_id=75&upload_token=%2fcanary HTTP/1.1"
        assert put.headers == {
            "host": stage.host.url.split("/")[2],
            "content-type": "video/mp4",
            "content-length": str(last + 1 - first),
            "content-range": f"bytes {first}-{last}/{SIZE}",
        }
    assert stage.waits == []


def test_the_record_is_kept_in_order(stage: Stage) -> None:
    stage.upload()
    assert stage.hooks.calls == [
        ("send", 0), ("has", 250_000),
        ("send", 250_000), ("has", 500_000),
        ("send", 500_000), ("has", 750_000),
        ("last", 3), ("send", 750_000), ("send", 750_000), ("out", 4), ("has", SIZE),
    ]  # fmt: skip


@pytest.mark.parametrize("is_count", [True, False])
def test_the_header_may_be_a_count_or_an_index(stage: Stage, is_count: bool) -> None:
    stage.host.count_header = is_count
    stage.upload()
    assert stage.is_complete
    assert len(stage.host.puts) == 4


@pytest.mark.parametrize(
    ("start", "first"), [(250_000, 250_000), (249_999, 250_000), (260_000, 250_000), (750_000, 750_000), (12, 0)]
)
def test_a_resume_begins_with_the_chunk_the_bytes_end_in(stage: Stage, start: int, first: int) -> None:
    stage.host.film += stage.film.path.read_bytes()[:first]
    stage.upload(start=start)
    assert stage.host.puts[0].range[0] == first
    assert stage.is_complete


@pytest.mark.parametrize("start", [SIZE, SIZE - 1, SIZE + 5])
def test_nothing_is_sent_when_tiktok_has_it_all(stage: Stage, start: int) -> None:
    stage.upload(start=start)
    assert stage.hooks.calls == []
    assert stage.host.puts == []


@pytest.mark.parametrize(
    "fault",
    [
        reset(0),
        reset(100_000),
        answer(502, b"<html>bad gateway</html>"),
        answer(500),
        answer(503),
        answer(429),
        answer(400, b"no idea"),
        stored_but_unanswered,
        early(502),
        answer(204),
        answer(206, Content_Range=f"bytes 0-0/{SIZE}"),
        answer(416),
        answer(416, Content_Range=f"bytes */{SIZE}"),
    ],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_one_fault_anywhere_costs_a_repetition_and_no_byte(stage: Stage, fault: Fault, place: int) -> None:
    stage.host.faults = [None] * place + [fault]
    stage.upload()
    assert stage.is_complete
    assert len(stage.hooks.told("last")) == 1
    assert len(stage.host.puts) <= 5


@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_206_for_a_body_that_was_not_read_is_found_out(stage: Stage, place: int) -> None:
    """The whole chunk was in the socket's buffer, so only the next answer, or the missing 201, tells."""
    stage.host.faults = [None] * place + [early(206)]
    stage.upload()
    assert stage.is_complete


def test_the_commit_mark_is_written_once_and_before_the_last_chunk(stage: Stage) -> None:
    stage.host.faults = [None, None, None, answer(502), answer(502)]
    stage.upload()
    assert stage.hooks.told("last") == [3]
    assert stage.is_complete


def test_a_chunk_whose_answer_was_lost_is_not_sent_again_when_tiktok_says_it_has_it(stage: Stage) -> None:
    stage.host.faults = [None, stored_but_unanswered]
    stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 500_000, 750_000]
    assert stage.hooks.told("has") == [250_000, 500_000, 750_000, SIZE]


def test_a_lost_last_answer_is_settled_by_asking(stage: Stage) -> None:
    stage.host.faults = [stored_but_unanswered]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("ask") == [0]


def test_when_nobody_knows_the_same_range_is_sent_again_and_its_416_is_read(stage: Stage) -> None:
    """status/fetch is down; the host's own 416 tells that it has the chunk."""

    def down() -> Progress:
        raise Transient("http_503", "down")

    stage.hooks.progress = down
    stage.host.faults = [None, stored_but_unanswered]
    stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 250_000, 500_000, 750_000]
    assert stage.is_complete


def test_a_host_that_lost_a_chunk_gets_it_again(stage: Stage) -> None:
    def forgets(host: Host, connection: object, put: object) -> bool:
        del host.film[250_000:]
        return take(host, connection, put)

    stage.host.faults = [None, None, forgets]
    stage.upload()
    assert stage.is_complete
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 500_000, 250_000, 500_000, 750_000]


def out_of_step(host: Host, connection: object, put: object) -> bool:
    read(connection, put)
    say(connection, 416, Content_Range=f"bytes 0-{put.range[0] + 1000}/{SIZE}")
    return True


def test_progress_inside_a_chunk_is_given_up_after_one_repetition_before_the_commit(stage: Stage) -> None:
    stage.host.faults = [None] + [out_of_step] * 9
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload()
    assert dead.value.code == "upload_out_of_step"
    assert len(stage.host.puts) == 3


def test_after_the_commit_it_is_left_until_the_url_lapsed(stage: Stage) -> None:
    stage.host.faults = [out_of_step] * 9
    with pytest.raises(Transient) as failed:
        stage.upload(WHOLE)
    assert type(failed.value) is Transient
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize("fault", [answer(502, b"<html>"), reset(10)])
def test_the_attempts_are_bounded_with_growing_waits(stage: Stage, fault: Fault) -> None:
    stage.host.faults = [fault] * 99
    with pytest.raises(Transient) as failed:
        stage.upload()
    assert failed.value.code == "upload_unfinished"
    assert len(stage.host.puts) == MAX_ATTEMPTS
    assert len(stage.waits) == MAX_ATTEMPTS - 1
    assert all(wait <= min(30, 2**number) for number, wait in enumerate(stage.waits))


def test_a_host_that_is_not_there_is_temporary_and_tiktok_is_not_asked(film: SealedFile) -> None:
    with Host(SIZE) as host:
        stage = Stage(film, host, Hooks(host))
        url = host.url
    with pytest.raises(Transient):
        upload(
            film,
            PLAN,
            url,
            start=0,
            deadline=NOW + timedelta(hours=1),
            hooks=stage.hooks,
            pause=stage.waits.append,
            now=stage.now,
        )
    assert stage.hooks.told("ask") == []


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("make", [answer, early])
def test_a_dead_url_is_not_tried_again(stage: Stage, status: int, make: Callable[..., Fault]) -> None:
    stage.host.faults = [None, make(status, x_tt_logid="2026U")]
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload()
    assert (dead.value.code, dead.value.log_id) == (f"http_{status}", "2026U")
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize("status", [403, 416, 502])
def test_a_refusal_in_the_middle_of_a_large_body_is_read_as_that(tmp_path: Path, status: int) -> None:
    """The body is larger than all socket buffers, so the reset comes while we still send."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[early(status, 200_000, Content_Range="bytes 0-0/24000000")]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        if status == 403:
            with pytest.raises(UploadUrlDead):
                stage.upload(ChunkPlan.for_size(24_000_000))
        else:
            stage.upload(ChunkPlan.for_size(24_000_000))
            assert stage.is_complete
        assert stage.hooks.told("ask") == []


def test_a_success_before_the_end_of_the_body_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[early(201, 200_000)]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan.for_size(24_000_000))
        assert stage.is_complete
        assert len(host.puts) == 2


def test_a_second_400_is_a_persons_and_its_words_are_kept(stage: Stage) -> None:
    stage.host.faults = [answer(400, b"bad range; see https://x.example/?sig=canary", x_tt_logid="2026U")] * 2
    with pytest.raises(NeedsPerson) as refused:
        stage.upload()
    assert (refused.value.code, refused.value.log_id) == ("http_400", "2026U")
    assert "bad range" in str(refused.value)
    assert "canary" not in str(refused.value)
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize(
    ("fault", "is_told"), [(answer(502), True), (reset(10), True), (answer(429), True), (answer(400), False)]
)
def test_only_a_refused_last_chunk_is_known_not_to_arrive(stage: Stage, fault: Fault, is_told: bool) -> None:
    stage.host.faults = [fault, answer(401)]
    with pytest.raises(NeedsPerson):
        stage.upload(WHOLE)
    assert stage.hooks.told("out") == ([1] if is_told else [])


@pytest.mark.parametrize(("status", "code"), [(307, "tiktok_redirect"), (415, "http_415"), (401, "http_401")])
def test_other_refusals_stop_at_once(stage: Stage, status: int, code: str) -> None:
    stage.host.faults = [answer(status, Location="http://127.0.0.1:1/")]
    with pytest.raises(NeedsPerson) as refused:
        stage.upload()
    assert refused.value.code == code
    assert len(stage.host.puts) == 1


@pytest.mark.parametrize("finished", [True, False])
def test_a_status_beyond_the_upload_ends_it(stage: Stage, finished: bool) -> None:
    stage.hooks.progress = lambda: Progress(None, finished)
    stage.host.faults = [reset(10)]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == (1 if finished else 2)


def test_a_plan_for_another_size_is_a_bug(stage: Stage) -> None:
    with pytest.raises(ValueError, match="plan"):
        stage.upload(ChunkPlan.for_size(5))


def beyond(host: Host, connection: object, put: object) -> bool:
    read(connection, put)
    say(connection, 416, Content_Range=f"bytes 0-{SIZE}/{SIZE}")
    return True


def test_a_host_that_says_it_has_what_nobody_sent_is_not_believed(stage: Stage) -> None:
    stage.host.faults = [None, beyond]
    stage.upload()
    assert stage.is_complete
    assert len(stage.host.puts) == 5


def test_one_that_may_have_been_sent_everything_before_is_believed(stage: Stage) -> None:
    stage.host.faults = [beyond]
    stage.upload(was_committed=True)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("has") == [SIZE]


@pytest.mark.parametrize("value", ["9" * 5000, str(SIZE + 1), "-5", "nan", "1e9", ""])
def test_a_progress_that_is_no_number_is_none(stage: Stage, value: str) -> None:
    def told(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        say(connection, 416, Content_Range=f"bytes 0-{value}/{SIZE}")
        return True

    stage.host.faults = [told]
    stage.upload()
    assert stage.is_complete
