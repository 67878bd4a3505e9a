"""The normal form of a rendition, checked from the bytes and decoded pictures, apart from the media engine's eyes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

OWN_WORDS = {"major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id", "language"}
BT709, LIMITED, UNSPECIFIED = 1, 1, 2
LOUD = 4000
BRIGHT = 150


@dataclass(frozen=True, slots=True)
class Shown:
    """What a player would show.

    Attributes:
        sums: a hash of each picture.
        times: of each picture, in seconds.
        flash_s: when the first white picture is shown.
        beep_s: when the first loud sample is heard.
        bars: mean colour in the middle of each of the bars, red, green and blue.
    """

    sums: list[int]
    times: list[float]
    flash_s: float | None
    beep_s: float | None
    bars: Any


def outer_boxes(path: Path) -> list[str]:
    """The types of an MP4's outermost boxes, in order."""
    content, at, found = path.read_bytes(), 0, []
    while at + 8 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        found.append(content[at + 4 : at + 8].decode("latin-1"))
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, at + 8)
        assert size >= 8, found
        at += size
    return found


def faults_of(path: Path, *, is_copy: bool) -> list[str]:
    """In what a rendition differs from the normal form."""
    boxes = outer_boxes(path)
    wrong = [] if boxes[0] == "ftyp" and boxes.index("moov") < boxes.index("mdat") else [f"boxes {boxes}"]
    with av.open(str(path)) as film:
        picture = film.streams.video[0]
        context = picture.codec_context
        first = next(film.decode(picture))
        colour = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        words = [film.metadata, *(stream.metadata for stream in film.streams)]
        checks = [
            (len(film.streams) == 1 + len(film.streams.audio) <= 2, f"{len(film.streams)} streams"),
            (context.name == "h264" and context.pix_fmt == "yuv420p", f"{context.name} {context.pix_fmt}"),
            (colour == (BT709, BT709, BT709, LIMITED), f"colour {colour}"),
            (picture.sample_aspect_ratio in (None, 0, 1), f"pixels {picture.sample_aspect_ratio}"),
            (first.rotation == 0 and not first.interlaced_frame, "turned or interlaced"),
            (all(side % 2 == 0 and 360 <= side <= 4096 for side in (first.width, first.height)), f"{first}"),
            (not film.chapters(), "chapters"),
            (all(set(each) <= OWN_WORDS for each in words), f"{words}"),
        ]
        for sound in film.streams.audio:
            kind = (sound.codec_context.name, sound.profile, sound.channels, sound.rate)
            is_plain = kind[:2] == ("aac", "LC") and kind[2] in (1, 2) and kind[3] in (44_100, 48_000)
            checks.append((is_plain, f"sound {kind}"))
    times, ends = _packets(path)
    gaps = np.diff(times)
    checks += [
        (abs(times[0]) <= (0.1 if is_copy else 0.001), f"starts at {times[0]}"),
        (gaps.max() - gaps.min() < 0.0025, f"gaps of {gaps.min()} to {gaps.max()} s"),
        (22.97 <= 1 / gaps.mean() <= 60.03, f"{1 / gaps.mean()} frames a second"),
        (max(ends) - min(ends) <= 0.25, f"ends {ends}"),
    ]
    return wrong + [fault for is_right, fault in checks if not is_right]


def _packets(path: Path) -> tuple[list[float], list[float]]:
    """Times of the pictures in their order, and when each stream ends."""
    times: list[float] = []
    ends: dict[int, float] = {}
    with av.open(str(path)) as film:
        for packet in film.demux():
            if packet.pts is None:
                continue
            at = float(packet.pts * packet.time_base)
            ends[packet.stream_index] = max(
                ends.get(packet.stream_index, 0.0), at + float((packet.duration or 0) * packet.time_base)
            )
            if packet.stream.type == "video":
                times.append(at)
    return sorted(times), list(ends.values())


def shown(path: Path, bars: int) -> Shown:
    """Decode a film whole.

    Args:
        bars: how many upright bars of one width its picture has.
    """
    sums: list[int] = []
    times: list[float] = []
    flash = beep = colours = None
    with av.open(str(path)) as film:
        for frame in film.decode(film.streams.video[0]):
            sums.append(hash(frame.to_ndarray().tobytes()))
            times.append(float(frame.time or 0))
            bright = frame.reformat(16, 16, "gray").to_ndarray().mean() > BRIGHT
            flash = times[-1] if bright and flash is None else flash
            if colours is None and len(sums) == 10:
                colours = _middles(frame, bars)
    with av.open(str(path)) as film:
        plain = AudioResampler("s16", "mono", 48_000)
        for heard in film.decode(audio=0) if film.streams.audio else ():
            for frame in plain.resample(heard):
                loud = np.flatnonzero(np.abs(frame.to_ndarray()[0].astype(int)) > LOUD)
                if loud.size and beep is None:
                    beep = float(frame.time or 0) + loud[0] / 48_000
    return Shown(sums, times, flash, beep, colours)


def _middles(frame: Any, bars: int) -> Any:
    """BT.709 limited to RGB by the book, from the planes themselves."""
    planes = frame.to_ndarray()
    width, height = frame.width, frame.height
    if frame.format.name != "yuv420p":
        return None
    luma = planes[:height]
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    found = []
    for bar in range(bars):
        x, y = int((bar + 0.5) * width / bars), height // 2
        grey = (luma[y, x] - 16.0) / 219
        blue, red = ((chroma[plane, y // 2, x // 2] - 128.0) / 224 for plane in (0, 1))
        r, b = grey + 1.5748 * red, grey + 1.8556 * blue
        found.append((r, (grey - 0.2126 * r - 0.0722 * b) / 0.7152, b))
    return np.clip(np.array(found) * 255, 0, 255)
