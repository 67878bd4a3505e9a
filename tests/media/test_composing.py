"""Photos in the frame, and which of them are drawn before the encoder takes its memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from airdate.errors import Refused
from airdate.media.slides import composing
from airdate.media.slides.composing import drawings, drawn
from airdate.media.slides.slide import Look, Slide

LOOK = Look(frame=(108, 192), framing="blur", safe=False, moving=False, font="")


@pytest.fixture
def slide(tmp_path: Path) -> Slide:
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return Slide(str(path), "photo.png", None, 30)


def test_a_photo_that_takes_much_memory_is_drawn_ahead(
    slide: Slide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composing, "LARGE_BYTES", 0)
    plain = drawn(slide, LOOK)
    (draw,) = drawings([slide], LOOK, tmp_path)
    Path(slide.path).unlink()
    for _ in range(2):
        assert ImageChops.difference(draw(), plain).getbbox() is None
    assert list(tmp_path.iterdir()) == [], "what is kept has no name"


def test_any_other_is_drawn_when_it_is_shown(slide: Slide, tmp_path: Path) -> None:
    (draw,) = drawings([slide], LOOK, tmp_path)
    Path(slide.path).unlink()
    with pytest.raises(Refused, match=r"photo\.png"):
        draw()
