"""What slideshows cost, beside MoviePy and beside x264 alone, how much memory they take, and whether they shake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
from PIL import Image

from airdate.media.plan import Plan
from airdate.media.prepare import decide, inspect
from airdate.media.profile import Profile
from airdate.media.programs.ffmpeg import program
from airdate.media.slides.slideshow import make_slideshow
from airdate.media.verify import verify
from benchmarks.media.films import STANDARD, TALL, proved, x264_alone
from benchmarks.media.material import Material
from benchmarks.media.measure import Cost, Result, best, children_cpu_s, cost, family_peak_mb

FPS = 30
STAND_S, CROSS_S = 3.0, 0.5

MOVIEPY = """
import sys
from moviepy import CompositeVideoClip, ImageClip, vfx
*paths, out = sys.argv[1:]
clips = []
for number, path in enumerate(paths):
    clip = ImageClip(path).resized(width=1080).with_duration(3.0).with_start(number * 2.5).with_position("center")
    clips.append(clip.with_effects([vfx.CrossFadeIn(0.5)] if number else []))
film = CompositeVideoClip(clips, size=(1080, 1920))
film.write_videofile(
    out, fps=30, codec="libx264", preset="veryfast", audio=False, threads=2, ffmpeg_params=["-crf", "20"], logger=None
)
"""
"""The same slideshow as its users write it, on a plain ground."""


def slideshow(material: Material, turns: int, moviepy: Path | None) -> Iterator[Result]:
    """Ten photos and thirty-five, which shall not take more memory."""
    peaks = {}
    for count in (10, 35):
        paths, out = material.photos(count), material.folder / f"show{count}.mp4"
        plan = planned(paths)
        ours, x264 = _beside_x264(plan, out, turns)
        peaks[count] = family_peak_mb([sys.executable, "-m", "airdate", "prepare", *paths, "-o", out])
        words = f"CPU s: ours {ours.cpu_s:.2f}, x264 {x264:.2f}; {proved(plan, out, turns)}"
        yield Result(f"show {count}", f"of x264 alone on the ready frames; {words}", ours.cpu_s / x264, 0.8)
        theirs = _by_moviepy(moviepy, paths, material.folder / "moviepy.mp4")
        words = "" if theirs is None else f"; CPU s: MoviePy {theirs.cpu_s:.1f}"
        ratio = None if theirs is None else ours.cpu_s / theirs.cpu_s
        yield Result(f"show {count}", f"of MoviePy{words}", ratio, 1 / 6)
    yield Result("show memory", f"MB at 35 photos, {peaks[10]:.0f} at 10; the whole command", peaks[35], 700)
    yield Result("show growth", "memory at 35 photos of that at 10", peaks[35] / peaks[10], 1.25)


def ken_burns(material: Material, turns: int) -> Iterator[Result]:
    """Ten photos that move, beside x264 alone, and how evenly they do."""
    profile = replace(STANDARD, ken_burns=True)
    plan, out = planned(material.photos(10), profile), material.folder / "moving.mp4"
    ours, x264 = _beside_x264(plan, out, turns)
    words = f"CPU s: ours {ours.cpu_s:.2f}, x264 {x264:.2f}; {proved(plan, out, turns)}"
    yield Result("ken burns", f"of x264 alone on the ready frames; {words}", ours.cpu_s / x264, 1.5)
    still = planned([material.spots()] * 2, profile)
    out = material.folder / "spots.mp4"
    make_slideshow(still, out, on_progress=None, cancel=None)
    yield Result("jitter", "px: mean change of displacement per frame", jitter(places(out)), 0.06)


def planned(paths: list[Path], profile: Profile = STANDARD) -> Plan:
    """The plan of a slideshow."""
    return decide(paths, replace(profile, seconds_per_photo=STAND_S, crossfade_s=CROSS_S))


def _beside_x264(plan: Plan, out: Path, turns: int) -> tuple[Cost, float]:
    """The best of making a slideshow, and the CPU seconds x264 takes for its frames when it is handed them."""
    ours = best(turns, lambda: make_slideshow(plan, out, on_progress=None, cancel=None))[0]
    verify(plan, inspect(out))
    alone = min(_fed(out, encoding=True) - _fed(out, encoding=False) for _ in range(turns))
    return ours, alone


def _fed(film: Path, *, encoding: bool) -> float:
    """CPU seconds of an ffmpeg that is handed a film's frames through a pipe, and encodes them or only takes them."""
    arguments = x264_alone("pipe:0", TALL, FPS)
    if not encoding:
        arguments = (*arguments[: arguments.index("pipe:0") + 1], "-c", "copy", "-f", "null", "-")
    decoder = [program(), "-v", "error", "-nostdin", "-i", film, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    with subprocess.Popen(decoder, stdout=subprocess.PIPE) as frames:
        before = children_cpu_s()
        subprocess.run([program(), "-v", "error", *map(str, arguments)], stdin=frames.stdout, check=True)
        return children_cpu_s() - before


def _by_moviepy(python: Path | None, paths: list[Path], out: Path) -> Cost | None:
    """One turn of it: it takes minutes."""
    if python is None:
        return None
    return cost(lambda: subprocess.run([python, "-c", MOVIEPY, *paths, out], check=True))


def places(film: Path) -> list[list[tuple[float, float]]]:
    """Where the spots of the first photo are, frame by frame, to fractions of a pixel."""
    found: list[list[tuple[float, float]]] = []
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == round((STAND_S - CROSS_S) * FPS):
                break
            plane = frame.planes[0]
            grey = Image.frombytes("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)
            before = found[-1] if found else [(grey.width * x / 4, grey.height * y / 5) for x in (1, 2) for y in (2, 3)]
            found.append([_centre(grey, place, wide=not found) for place in before])
    return found


def _centre(grey: Image.Image, near: tuple[float, float], *, wide: bool) -> tuple[float, float]:
    """The centre of light around a place; looked for twice, because the window cuts what is not in its middle."""
    for reach in (150, 60, 40, 40) if wide else (40, 40):
        left, top = round(near[0]) - reach, round(near[1]) - reach
        window = grey.crop((left, top, left + 2 * reach, top + 2 * reach)).point(lambda value: max(0, value - 100))
        light = list(window.getdata())
        total = sum(light) or 1
        across = sum((index % (2 * reach)) * value for index, value in enumerate(light)) / total
        down = sum((index // (2 * reach)) * value for index, value in enumerate(light)) / total
        near = (left + across, top + down)
    return near


def jitter(track: list[list[tuple[float, float]]]) -> float:
    """The mean change of displacement from one frame to the next, over all spots and both directions."""
    steps = [
        [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in zip(before, after, strict=True)]
        for before, after in pairwise(track)
    ]
    changes = [
        ((dx2 - dx1) ** 2 + (dy2 - dy1) ** 2) ** 0.5
        for before, after in pairwise(steps)
        for (dx1, dy1), (dx2, dy2) in zip(before, after, strict=True)
    ]
    return sum(changes) / len(changes)
