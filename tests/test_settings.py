"""Settings that are wrong need a person, who is told which one it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airdate.errors import NeedsPerson
from airdate.settings import load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRDATE_HOME", "~nobody-of-this-name/x"),
        ("AIRDATE_FFMPEG", "~nobody-of-this-name/x"),
        ("AIRDATE_PROFILE", "~nobody-of-this-name/x.toml"),
        ("AIRDATE_LOG_LEVEL", "loud"),
        ("AIRDATE_LOG_LEVEL", ""),
    ],
)
def test_a_value_that_means_nothing_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(NeedsPerson, match=f"{name}: ") as caught:
        load_settings()
    assert caught.value.code == "setting_invalid"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRDATE_HOME", "HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(NeedsPerson, match="AIRDATE_HOME: "):
        load_settings()


def test_a_relative_path_in_a_folder_that_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRDATE_HOME", "home")
    folder.rmdir()
    with pytest.raises(NeedsPerson, match="AIRDATE_HOME: "):
        load_settings()


@pytest.mark.parametrize("level", ["debug", "WARNING"])
def test_a_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("AIRDATE_LOG_LEVEL", level)
    assert load_settings().log_level == level.upper()


def test_a_file_of_settings_that_is_no_text(folder: Path) -> None:
    (folder / ".env").write_bytes(b"AIRDATE_PROFILE=\xff\xfe\n")
    with pytest.raises(NeedsPerson, match="UTF-8"):
        load_settings()


def test_a_pipe_of_settings_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / ".env")
    with pytest.raises(NeedsPerson, match="pipe"):
        load_settings()


def test_a_file_of_settings_is_read(folder: Path) -> None:
    (folder / ".env").write_text("AIRDATE_PROFILE=fast\n")
    assert load_settings().profile == "fast"
