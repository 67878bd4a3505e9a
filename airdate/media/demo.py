"""A film and photos for the demo and the tests, drawn by ourselves: as cameras write them, not as TikTok likes."""

from __future__ import annotations

from pathlib import Path

import ffmpeg as graph
from PIL import Image, ImageDraw

from airdate.media.programs.ffmpeg import command
from airdate.media.programs.runner import run

VIDEO_SECONDS = 6

PHOTOS = (
    ("meadow", (1600, 1200), (126, 178, 92)),
    ("tower", (1080, 1920), (92, 122, 178)),
    ("square", (1400, 1400), (188, 112, 84)),
    ("shore", (2400, 1000), (84, 156, 170)),
)


def make_demo_video(out: Path) -> Path:
    """Six seconds of a dive into the Mandelbrot set with a tone: a lying MOV, MPEG-4 at 25 frames with PCM sound."""
    dive = f"mandelbrot=size=1280x720:rate=25:maxiter=300:end_scale=0.02:end_pts={4 * 25 * VIDEO_SECONDS}"
    picture = graph.input(dive, f="lavfi", t=VIDEO_SECONDS)
    tone = graph.input(f"sine=frequency=330:sample_rate=44100:duration={VIDEO_SECONDS}", f="lavfi")
    options = {"c:v": "mpeg4", "q:v": 4, "c:a": "pcm_s16le", "pix_fmt": "yuv420p", "f": "mov", "t": VIDEO_SECONDS}
    full = command(graph.output(picture, tone, f"file:{out}", metadata="title=Airdate demo", **options))
    run(full, item=out.name, seconds=VIDEO_SECONDS)
    return out


def make_demo_photos(folder: Path) -> list[Path]:
    """Four JPEG photos of four shapes, in the folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _draw(folder / f"{number}-{name}.jpg", size, ground) for number, (name, size, ground) in enumerate(PHOTOS, 1)
    ]


def _draw(path: Path, size: tuple[int, int], ground: tuple[int, int, int]) -> Path:
    """Hills under a sky, and a sun."""
    width, height = size
    photo = Image.linear_gradient("L").resize(size)
    scene = Image.composite(Image.new("RGB", size, (238, 240, 246)), Image.new("RGB", size, (140, 176, 222)), photo)
    pen = ImageDraw.Draw(scene)
    radius = min(size) // 9
    pen.ellipse((width // 5 - radius, height // 4 - radius, width // 5 + radius, height // 4 + radius), (250, 214, 110))
    for step in range(3):
        shade = tuple(int(part * (1 - 0.18 * step)) for part in ground)
        top = height * (11 + 2 * step) // 18
        pen.ellipse((width * (step - 2) // 3, top, width * (step + 3) // 3, top + height), shade)
    scene.save(path, quality=90)
    return path
