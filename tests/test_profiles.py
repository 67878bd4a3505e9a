"""Profiles by name and from a file: what a file leaves out is standard, and each fault in one is named."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageFont

from airdate.commands.media import Making
from airdate.errors import NeedsPerson, WrongUsage
from airdate.media.plan import Plan
from airdate.media.profile import BOUNDS, PROFILES, Cover, Duration, Framing, Profile
from airdate.post import PlanKind
from airdate.profiles import check_files, default_profile, profile_named, rendition_facts
from airdate.settings import load_settings


def test_a_file_says_what_is_other_than_standard(tmp_path: Path) -> None:
    path = tmp_path / "brand.toml"
    path.write_text('framing = "blur"\nduration = "trim"\ncover = "auto"\nloudness = -14\nmusic = "jingle.mp3"\n')
    assert profile_named(str(path)) == Profile(
        name="brand",
        framing=Framing.BLUR,
        duration=Duration.TRIM,
        cover=Cover.AUTO,
        loudness=-14,
        music=tmp_path / "jingle.mp3",
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("widht = 720", "no widht"),
        ('framing = "oval"', "framing"),
        ('fps = "many"', "fps"),
        ("width =", "Invalid value"),
        ("width = 1081", "even"),
        ('preset = "placebo"', "preset"),
        ('music = "~nobody-of-this-name/x.mp3"', "home"),
        (f"fps = {'1' * 5000}", "5000 digits"),
        (f"fps = {'[' * 20_000}", "recursion"),
    ],
)
def test_a_fault_in_a_file_is_named(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(WrongUsage) as caught:
        profile_named(str(path))
    assert word in str(caught.value)


@pytest.mark.parametrize("name", ["best", "missing.toml", "", "~nobody-of-this-name/x.toml", f"{'x' * 5000}.toml"])
def test_a_profile_that_is_not_there_is_wrong_usage(name: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        profile_named(name)
    assert caught.value.code == "profile_unknown"


@pytest.mark.parametrize("name", BOUNDS)
def test_each_number_has_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    for value in (least, most):
        assert getattr(replace(Profile(), **{name: value}), name) == value
    for value in (least - 2, most + 2, float("nan")):
        with pytest.raises(WrongUsage) as caught:
            replace(Profile(), **{name: value})
        assert caught.value.item == name


def test_a_wrong_setting_needs_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """A post is held for it and goes out later; it is no fault of the film."""
    monkeypatch.setenv("AIRDATE_PROFILE", "best")
    with pytest.raises(NeedsPerson) as caught:
        default_profile(load_settings())
    assert (caught.value.code, caught.value.item) == ("setting_invalid", "AIRDATE_PROFILE")


def test_what_is_not_seen_in_a_film_does_not_make_it_anew(tmp_path: Path) -> None:
    """The store finds a rendition by these facts; each that differs costs an encode."""
    music = tmp_path / "music.wav"
    music.write_bytes(b"one")

    def facts(kind: PlanKind, **wishes: Any) -> dict[str, Any]:
        return rendition_facts(Plan(kind, (), (), Profile(**wishes), seconds=8.0))

    films, shows = facts(PlanKind.ENCODE), facts(PlanKind.SLIDESHOW)
    assert films == facts(PlanKind.ENCODE, name="brand", music=music, ken_burns=True, duration=Duration.TRIM)
    assert films != facts(PlanKind.ENCODE, crf=18)
    first = facts(PlanKind.SLIDESHOW, music=music)
    assert first != shows
    music.write_bytes(b"another")
    assert facts(PlanKind.SLIDESHOW, music=music) != first
    assert json.dumps(first)


def test_a_file_of_the_profile_that_is_gone_needs_a_person(tmp_path: Path) -> None:
    profile = Profile(music=tmp_path / "gone.mp3")
    with pytest.raises(NeedsPerson) as caught:
        check_files(Plan(PlanKind.SLIDESHOW, (), (), profile))
    assert caught.value.code == "profile_file_missing"
    check_files(Plan(PlanKind.ENCODE, (), (), profile))
    with pytest.raises(NeedsPerson):
        check_files(Plan(PlanKind.SLIDESHOW, (), (), Profile(music=tmp_path / ("x" * 5000))))


@pytest.mark.e2e
def test_a_font_of_the_profile_that_cannot_be_read_needs_a_person_before_any_work(tmp_path: Path) -> None:
    font = tmp_path / "brand.ttf"
    font.write_bytes(b"\0\1\0\0" + bytes(2000))
    with pytest.raises(NeedsPerson) as caught:
        check_files(Plan(PlanKind.SLIDESHOW, (), (), Profile(titles=font)))
    assert (caught.value.code, caught.value.item) == ("font_unreadable", str(font))
    check_files(Plan(PlanKind.ENCODE, (), (), Profile(titles=font)))
    held = ImageFont.load_default(20)
    assert isinstance(held, ImageFont.FreeTypeFont)
    assert isinstance(held.path, BytesIO)
    font.write_bytes(held.path.getvalue())
    check_files(Plan(PlanKind.SLIDESHOW, (), (), Profile(titles=font)))


def test_every_field_of_a_profile_is_in_the_documentation() -> None:
    page = (Path(__file__).parent.parent / "docs" / "media.md").read_text()
    rows = page.split("| field | default |")[1].split("\n\n")[0]
    assert not [field for field in Profile.__dataclass_fields__ if field != "name" and f"`{field}`" not in rows]


def test_a_command_changes_only_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "brand.toml"
    path.write_text('ken_burns = true\nloudness = -14\nsafe_zones = true\nduration = "trim"\n')
    monkeypatch.setenv("AIRDATE_PROFILE", str(path))
    brand = profile_named(str(path))
    assert Making().resolved() == brand
    assert Making(ken_burns=False, loudness="off").resolved() == replace(brand, ken_burns=False, loudness=None)
    assert Making(profile="fast", cover=Cover.AUTO).resolved() == replace(PROFILES["fast"], cover=Cover.AUTO)
    with pytest.raises(WrongUsage):
        Making(loudness="loud").resolved()
