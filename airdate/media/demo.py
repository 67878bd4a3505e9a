"""Media for the demo, made on the spot: a film that needs work, and photos of four shapes."""

from __future__ import annotations

import colorsys
from pathlib import Path

import ffmpeg as graph
from PIL import Image, ImageDraw

from airdate.media.ffmpeg import program
from airdate.media.runner import run

SECONDS = 6
PHOTO_SIZES = ((1600, 1200), (1080, 1350), (1200, 1200), (1000, 1778))


def make_demo_video(out: Path) -> Path:
    """A moving picture with sound, as an editor might export it: MOV, MPEG-4 part 2, 24 frames a second, mono."""
    picture = graph.input(
        f"mandelbrot=size=1280x720:rate=24:maxiter=300:end_scale=0.02:end_pts={24 * SECONDS * 4}", f="lavfi", t=SECONDS
    )
    sound = graph.input(f"sine=frequency=220:beep_factor=4:sample_rate=44100:duration={SECONDS}", f="lavfi")
    command = (
        graph.output(
            picture.video,
            sound.audio,
            f"file:{out}",
            **{
                "c:v": "mpeg4",
                "q:v": 4,
                "c:a": "pcm_s16le",
                "f": "mov",
                "t": SECONDS,
            },
        )
        .global_args("-hide_banner", "-v", "error")
        .overwrite_output()
        .compile(cmd=program())
    )
    run(list(command), item=out.name, seconds=SECONDS)
    return out


def make_demo_photos(folder: Path) -> list[Path]:
    """Four photos: a sky, hills and a sun at four hours of a day, in four shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, size in enumerate(PHOTO_SIZES):
        path = folder / f"photo-{number + 1}.jpg"
        _landscape(size, number / len(PHOTO_SIZES)).save(path, quality=90)
        made.append(path)
    return made


def _landscape(size: tuple[int, int], hour: float) -> Image.Image:
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for row in range(height):
        draw.line((0, row, width, row), fill=_colour(0.55 + 0.4 * hour, 0.6, 0.95 - 0.5 * row / height))
    sun = (width * (0.2 + 0.6 * hour), height * (0.5 - 0.3 * (1 - abs(2 * hour - 1))))
    radius = min(size) * 0.09
    draw.ellipse((sun[0] - radius, sun[1] - radius, sun[0] + radius, sun[1] + radius), fill=_colour(0.13, 0.5, 1.0))
    for layer in range(3):
        base = height * (0.62 + 0.12 * layer)
        hills = [
            (x, base + height * 0.06 * ((x / width * (5 + 2 * layer) + hour * 3) % 2 - 1) ** 2)
            for x in range(0, width + 20, 20)
        ]
        shade = _colour(0.3 + 0.1 * hour, 0.5, 0.55 - 0.15 * layer)
        draw.polygon([*hills, (width, height), (0, height)], fill=shade)
    return picture


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
