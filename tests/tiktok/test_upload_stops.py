"""What ends an upload before its last byte: the clock, a silent host, a changed film, a lost lease."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from upload_host import Host, answer, deaf, read
from uploading import WHOLE, Hooks, Stage

from airdate.errors import Refused
from airdate.files import SealedFile, seal
from airdate.tiktok import wire
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import UploadUrlDead


def test_no_wait_ends_after_the_deadline(stage: Stage) -> None:
    stage.host.faults = [answer(503)] * 99
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload(minutes=0.001 / 60)
    assert dead.value.code == "upload_url_lapsed"
    assert sum(stage.waits) < 0.001


def test_nothing_is_sent_after_the_deadline(stage: Stage) -> None:
    with pytest.raises(UploadUrlDead):
        stage.upload(minutes=-1)
    assert stage.host.puts == []
    assert stage.hooks.calls == []


def test_a_host_that_does_not_read_is_given_up(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    path = tmp_path / "large.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[deaf]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan.for_size(24_000_000))
        assert stage.is_complete


def test_a_host_that_never_answers_is_asked_about(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        host.film += put.body
        return deaf(host, connection, put)

    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    stage.host.faults = [silent]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("ask") == [0]


def test_an_attempt_that_drips_ends_by_its_whole_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def drips(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        while not host.closing.wait(0.02):
            connection.sendall(b"H")
        return False

    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    monkeypatch.setattr(wire, "SECONDS_PER_MB", 0.1)
    stage.host.faults = [drips]
    stage.upload(WHOLE)
    assert stage.is_complete
    assert len(stage.host.puts) == 2


def change(film: SealedFile) -> None:
    with film.path.open("r+b") as writing:
        writing.seek(10)
        writing.write(b"changed")


def test_a_film_changed_between_chunks_never_gets_its_last_block(stage: Stage) -> None:
    stage.hooks.fence = lambda first: change(stage.film) if first == 500_000 else None
    with pytest.raises(Refused) as refused:
        stage.upload()
    assert refused.value.code == "file_changed"
    assert stage.hooks.told("last") == []
    assert len(stage.host.film) == 500_000


def test_a_film_changed_in_mid_chunk_never_gets_its_last_block(tmp_path: Path) -> None:
    """The host reads half of the only chunk, the film changes, the host reads on: the end does not come."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    film = seal(path)

    def changes(host: Host, connection: object, put: object) -> bool:
        read(connection, put, 12_000_000)
        change(film)
        read(connection, put)
        assert len(put.body) < 24_000_000
        return False

    with Host(24_000_000, faults=[changes]) as host:
        stage = Stage(film, host, Hooks(host))
        with pytest.raises(Refused):
            stage.upload(ChunkPlan.for_size(24_000_000))
        assert not host.film
        assert len(host.puts) == 1


def test_a_hard_link_made_meanwhile_stops_nothing(stage: Stage) -> None:
    link = stage.film.path.with_name("link.mp4")
    stage.hooks.fence = lambda first: link.hardlink_to(stage.film.path) if first == 500_000 else None
    stage.upload()
    assert stage.is_complete


class LostError(Exception):
    """The lease is another worker's."""


def lose(at_call: int) -> Callable[[int], None]:
    calls = iter(range(100))

    def fence(first: int) -> None:
        if next(calls) == at_call:
            raise LostError

    return fence


def test_who_lost_the_lease_sends_nothing_more(stage: Stage) -> None:
    stage.hooks.fence = lose(2)
    with pytest.raises(LostError):
        stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000]


def test_who_lost_the_lease_during_the_last_chunk_does_not_finish_it(stage: Stage) -> None:
    stage.hooks.fence = lose(1)
    with pytest.raises(LostError):
        stage.upload(WHOLE)
    assert not stage.host.film
