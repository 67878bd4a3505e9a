from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from airdate.errors import WrongUsage
from airdate.post import AssetRef
from airdate.sources.reference import reference


def test_a_url_without_a_query() -> None:
    assert reference("HTTPS://DAM.Example:443/a b/film.mp4#part") == (
        AssetRef("url", "https://dam.example/a%20b/film.mp4"),
        "https://dam.example/a%20b/film.mp4",
    )


def test_a_query_is_hashed_in_the_id_and_whole_in_the_locator() -> None:
    ref, locator = reference("https://dam.example:8443/film.mp4?sig=canary&x=%2F")
    digits = hashlib.sha256(b"sig=canary&x=%2F").hexdigest()[:12]
    assert ref == AssetRef("url", f"https://dam.example:8443/film.mp4#{digits}")
    assert locator == "https://dam.example:8443/film.mp4?sig=canary&x=%2F"
    assert reference("https://dam.example:8443/film.mp4?sig=other")[0] != ref


@pytest.mark.parametrize(
    "name",
    ["film.mp4", "a:b.mp4", "-x.mp4", "two words.mp4", "Übung 電影.mp4", "https:", "100%25.mp4", "s3:x", "'\".mp4"],
)
def test_paths_with_odd_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"film")
    expected = (AssetRef("file", str(tmp_path / name)), str(tmp_path / name))
    assert reference(name) == expected
    assert reference(str(tmp_path / name)) == expected
    assert reference((tmp_path / name).as_uri()) == expected


def test_a_path_that_looks_like_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "https:" / "dam"
    folder.mkdir(parents=True)
    (folder / "film.mp4").write_bytes(b"film")
    assert reference("https://dam/film.mp4")[0] == AssetRef("file", str(folder / "film.mp4"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("missing.mp4", "file_missing"),
        ("a:b.mp4", "file_missing"),
        ("file:///no/such/film.mp4", "file_missing"),
        ("file://elsewhere/film.mp4", "file_url_host"),
        ("ftp://h/film.mp4", "url_scheme"),
        ("s3://bucket/film.mp4", "url_scheme"),
        ("https://user:canary@h/film.mp4", "url_userinfo"),
        ("", "file_missing"),
    ],
)
def test_what_names_no_asset(text: str, code: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        reference(text)
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert "canary" not in str(refused.value)
