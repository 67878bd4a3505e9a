"""Films of fields: interlaced from the beginning or only later, upright or turned, they become whole pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from airdate.media.prepare import decide
from airdate.post import PlanKind

from .conftest import H264, QUICK, TO_709, MakeFilm, ffmpeg, pictures, rendered

pytestmark = pytest.mark.e2e

FIELDS = (*H264, "-flags", "+ilme+ildct", "-x264-params", "tff=1:keyint=25")
WHOLE = (*H264, "-x264-params", "fake-interlaced=1:keyint=25")


def bar(make_film: MakeFilm, name: str, *options: str, into: str) -> Path:
    """A bar from top to bottom that moves sideways, fifty times a second, before it is made 25 pictures."""
    moving = f"drawbox=x=100:w=60:h=ih:c=white:t=fill,scroll=horizontal=0.02,{into},{TO_709}"
    return make_film(name, *options, picture="color=black:size=640x360:rate=50", filters=moving, tone=None)


def combed(image: Image.Image) -> float:
    """How much neighbouring rows differ, of a picture whose rows all show the same."""
    rows = np.asarray(image.convert("L"), dtype=np.int16)
    return float(np.abs(np.diff(rows, axis=0)).mean())


def test_a_film_that_becomes_interlaced_in_its_middle_is_made_whole(make_film: MakeFilm, tmp_path: Path) -> None:
    film = tmp_path / "later.ts"
    whole = bar(make_film, "whole.ts", *WHOLE, into="fps=25")
    fields = bar(make_film, "fields.ts", *FIELDS, into="interlace")
    film.write_bytes(whole.read_bytes() + fields.read_bytes())
    assert decide([film], QUICK).kind is PlanKind.REMUX
    done = rendered(film, tmp_path / "out.mp4")
    assert any("interlaced at 3.20 s" in reason for reason in done.plan.reasons)
    assert max(combed(image) for _, image in pictures(fields)) > 4.0
    assert max(combed(image) for _, image in pictures(done.path)) < 1.0


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_fields_that_were_turned_are_made_whole(make_film: MakeFilm, tmp_path: Path, degrees: int) -> None:
    film = tmp_path / "turned.mp4"
    fields = bar(make_film, "fields.mp4", *FIELDS, into="interlace")
    ffmpeg("-display_rotation", str(degrees), "-i", str(fields), "-c", "copy", str(film))
    done = rendered(film, tmp_path / "out.mp4")
    shown = [image.rotate(-degrees, expand=True) for _, image in pictures(done.path)]
    assert max(combed(image) for image in shown) < 1.0
