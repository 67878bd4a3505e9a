from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from airdate import files
from airdate.errors import Refused
from airdate.files import seal


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(300_000))
    return path


def test_a_seal_is_size_and_sha256(film: Path) -> None:
    parts: list[float] = []
    sealed = seal(film, on_progress=parts.append)
    assert (sealed.size, sealed.sha256) == (300_000, hashlib.sha256(film.read_bytes()).hexdigest())
    assert parts[-1] == 1.0


def test_an_empty_file_has_a_seal(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert seal(tmp_path / "empty").sha256 == hashlib.sha256().hexdigest()


def test_blocks_are_the_range_whatever_their_size(film: Path) -> None:
    with seal(film).opened() as reader:
        assert b"".join(reader.blocks(0, 299_999, size=7_000)) == film.read_bytes()
        assert b"".join(reader.blocks(100, 100)) == film.read_bytes()[100:101]


@pytest.mark.parametrize("path", ["missing.mp4", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Refused) as refused:
        seal(tmp_path / path)
    assert refused.value.code == "file_unreadable"
    assert refused.value.fix


def test_a_changed_byte_is_noticed_although_size_and_mtime_are_put_back(film: Path) -> None:
    sealed = seal(film)
    with film.open("r+b") as writing:
        writing.seek(299_999)
        writing.write(bytes([film.read_bytes()[-1] ^ 1]))
    os.utime(film, ns=(sealed.signature.mtime_ns, sealed.signature.mtime_ns))
    with sealed.opened() as reader, pytest.raises(Refused, match="changed") as refused:
        list(reader.blocks(0, 99))
    assert refused.value.code == "file_changed"


def test_a_change_right_after_sealing_has_another_signature(tmp_path: Path) -> None:
    """The file system's clock stands still for milliseconds; a seal may not fall into the same tick as a change."""
    path = tmp_path / "film.mp4"
    for _ in range(5):
        path.write_bytes(b"before")
        sealed = seal(path)
        path.write_bytes(b"after!")
        with sealed.opened() as reader, pytest.raises(Refused):
            list(reader.blocks(0, 5))


def test_a_change_between_two_blocks_stops_the_second(film: Path) -> None:
    with seal(film).opened() as reader:
        blocks = reader.blocks(0, 299_999, size=100_000)
        next(blocks)
        with film.open("ab") as writing:
            writing.write(b"x")
        with pytest.raises(Refused):
            next(blocks)


def test_a_cut_file_is_refused(film: Path) -> None:
    with seal(film).opened() as reader:
        os.truncate(film, 150_000)
        with pytest.raises(Refused):
            list(reader.blocks(100_000, 299_999))


def test_a_hard_link_costs_one_hashing_and_goes_on(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(film)
    film.with_name("link.mp4").hardlink_to(film)
    hashings: list[Path] = []
    really = files._hashed
    monkeypatch.setattr(files, "_hashed", lambda path, *rest: hashings.append(path) or really(path, *rest))
    with sealed.opened() as reader:
        assert b"".join(reader.blocks(0, 299_999, size=10_000)) == film.read_bytes()
    assert hashings == [film]


def test_a_block_read_during_a_change_that_was_undone_is_read_again(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block in memory is from the change; the file, hashed afterwards, is the sealed one again."""
    content = film.read_bytes()
    with seal(film).opened() as reader:
        really = os.pread
        changes = [b"\0" * 300_000]

        def pread(descriptor: int, length: int, offset: int) -> bytes:
            if changes:
                film.write_bytes(changes.pop())
                block = really(descriptor, length, offset)
                film.write_bytes(content)
                return block
            return really(descriptor, length, offset)

        monkeypatch.setattr(os, "pread", pread)
        assert b"".join(reader.blocks(0, 299_999)) == content


def test_a_film_replaced_under_its_name_is_still_read_from_the_opened_file(film: Path) -> None:
    content = film.read_bytes()
    with seal(film).opened() as reader:
        other = film.with_name("other.mp4")
        other.write_bytes(os.urandom(300_000))
        other.replace(film)
        assert b"".join(reader.blocks(0, 299_999)) == content


def test_a_file_that_keeps_changing_is_not_sealed(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if offset == 0:
            with film.open("ab") as writing:
                writing.write(b"x")
        return really(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    with pytest.raises(Refused) as refused:
        seal(film)
    assert refused.value.code == "file_changed"


def test_a_file_that_is_written_to_all_the_time_is_not_waited_for(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter(range(1000))
    monkeypatch.setattr(time, "sleep", lambda _seconds: next(waits))
    monkeypatch.setattr(files, "_signature", lambda _file: files.Signature(1, 1, 1, time.time_ns(), time.time_ns()))
    with pytest.raises(Refused) as refused:
        seal(film)
    assert refused.value.code == "file_changed"
