"""Films that change in their middle: what comes out has one form, and looks right from beginning to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from airdate.post import PlanKind

from .conftest import H264, TO_709, MakeFilm, colour, pictures, rendered

pytestmark = pytest.mark.e2e

TO_601 = TO_709.replace("matrix=bt709", "matrix=bt601").replace("=bt709", "=smpte170m")
RGB = (30, 160, 90)
FILL = f"color=0x{bytes(RGB).hex()}:size=640x360:rate=30"


def joined(make_film: MakeFilm, film: Path, *filters: str, codec: tuple[str, ...] = H264) -> Path:
    """One recording behind the other, each through other filters."""
    parts = [
        make_film(f"{number}.ts", *codec, "-output_ts_offset", str(60 * number), picture=FILL, filters=chain, tone=None)
        for number, chain in enumerate(filters)
    ]
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    return film


@pytest.mark.parametrize("codec", [H264, ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")])
@pytest.mark.parametrize("filters", [(TO_709, TO_601), (TO_601, TO_709)])
def test_colours_are_right_on_both_sides_of_a_join(
    make_film: MakeFilm, tmp_path: Path, filters: tuple[str, str], codec: tuple[str, ...]
) -> None:
    film = joined(make_film, tmp_path / "colours.ts", *filters, codec=codec)
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    shown = pictures(done.path)
    before, after = (colour(image) for _, image in (shown[30], shown[-30]))
    assert before == pytest.approx(RGB, abs=6)
    assert after == pytest.approx(before, abs=6)


@pytest.mark.parametrize("change", ["scale=1920:1080", "format=yuv420p10le"])
def test_no_picture_is_lost_where_the_form_changes(make_film: MakeFilm, tmp_path: Path, change: str) -> None:
    codec = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    film = joined(
        make_film, tmp_path / "form.ts", TO_709, f"{change},{TO_709.replace('format=yuv420p,', '')}", codec=codec
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert len(pictures(done.path)) == 2 * 96


def test_a_copy_that_would_become_deeper_is_encoded(make_film: MakeFilm, tmp_path: Path) -> None:
    deeper = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")
    film = tmp_path / "deeper.ts"
    parts = [make_film(f"{codec[-1]}.ts", *codec, picture=FILL, tone=None) for codec in (H264, deeper)]
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    assert any("changes its size, depth or colours" in reason for reason in done.plan.reasons)
