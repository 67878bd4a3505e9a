from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from airdate.errors import Refused, WrongUsage
from airdate.post import AssetRef
from airdate.sources.files import FileSource, resolve_file


def test_a_file_and_a_link_to_it(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    (tmp_path / "link.mp4").symlink_to(film)
    assert resolve_file(f"{tmp_path}/../{tmp_path.name}/film.mp4") == film
    assert resolve_file(str(tmp_path / "link.mp4")) == film


def test_a_file_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x.mp4").write_bytes(b"film")
    assert resolve_file("-x.mp4") == tmp_path / "-x.mp4"


@pytest.mark.parametrize("text", ["", "missing.mp4", "a\0b", "x" * 5000, "film.mp4/below"])
def test_no_such_file(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"film")
    with pytest.raises(WrongUsage) as refused:
        resolve_file(text)
    assert (refused.value.code, refused.value.exit_code) == ("file_missing", 2)


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("broken", "loop"):
        with pytest.raises(WrongUsage, match="no such file"):
            resolve_file(str(tmp_path / name))


def test_a_folder_and_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, code in ((tmp_path, "file_is_folder"), (tmp_path / "pipe", "file_not_regular")):
        with pytest.raises(WrongUsage) as refused:
            resolve_file(str(path))
        assert (refused.value.code, refused.value.exit_code) == (code, 2)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    film.chmod(0)
    monkeypatch.setattr(os, "access", lambda path, mode: bool(Path(path).stat().st_mode & 0o400))  # as root reads all
    with pytest.raises(WrongUsage) as refused:
        resolve_file(str(film))
    assert refused.value.code == "file_unreadable"


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    film = tmp_path / os.fsdecode(b"\xff.mp4")
    film.write_bytes(b"film")
    with pytest.raises(WrongUsage) as refused:
        resolve_file(str(film))
    assert refused.value.code == "file_name_invalid"
    str(refused.value).encode()


def test_fetching_pins_the_content(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    sha256 = hashlib.sha256(b"film").hexdigest()
    ref = AssetRef("file", str(film))
    original = FileSource().fetch(ref, str(film))
    assert (original.path, original.sha256, original.size) == (film, sha256, 4)
    assert original.ref == AssetRef("file", str(film), sha256)
    film.write_bytes(b"another film")
    with pytest.raises(Refused) as changed:
        FileSource().fetch(original.ref, str(film))
    assert (changed.value.code, changed.value.exit_code) == ("changed_since_approval", 3)
    assert FileSource().fetch(AssetRef("file", str(film), "v7"), str(film)).ref.revision == "v7"


def test_a_file_without_bytes(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    assert resolve_file(str(film)) == film
    with pytest.raises(Refused) as refused:
        FileSource().fetch(AssetRef("file", str(film)), str(film))
    assert (refused.value.code, refused.value.exit_code) == ("media_empty", 3)
