"""The film of a slideshow as it is written: each group of pictures is encoded once, and repeated as packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, repeat
from typing import Any

import av
from av.video.frame import PictureType

from airdate.media.slides.moving import Planes

BT709 = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames between two key pictures: the unique ones, and how many are shown, beginning over where they run out."""

    unique: Iterator[Planes]
    count: int
    shown: int


class Reel:
    """An MP4 that is encoded segment by segment; what a segment repeats is copied as packets."""

    def __init__(self, out: str, size: tuple[int, int], fps: int, options: dict[str, str]) -> None:
        self._file = av.open(out, "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._file.add_stream("libx264", rate=fps, options=options)
        self._repeats = options.get("bf") == "0"
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.sample_aspect_ratio = Fraction(1)
        context = self._stream.codec_context
        context.thread_type = "FRAME"  # PyAV cuts pictures into slices by itself, which takes a third more room
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, BT709, BT709, BT709
        self._base = Fraction(1, fps)
        self._size = size
        self._fed = 0
        self._open: deque[tuple[int, int]] = deque()
        self._group: list[av.Packet[Any]] = []
        self.written = 0

    def add(self, segment: Segment) -> None:
        """Encode a segment's unique frames."""
        self._open.append((segment.count, segment.shown))
        first, frame, drawn = True, None, None
        for planes in segment.unique:
            if frame is None or planes is not drawn:
                frame, drawn = self._drawn(planes), planes
            frame.pts, frame.time_base = self._fed, self._base
            frame.pict_type = PictureType.I if first and self._repeats else PictureType.NONE
            self._fed += 1
            first = False
            self._take(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what is on its way and write the index."""
        self._take(self._stream.encode(None))
        self._file.close()

    def _drawn(self, planes: Planes) -> av.VideoFrame:
        frame = av.VideoFrame(*self._size, "yuv420p")
        for plane, picture in zip(frame.planes, planes, strict=True):
            plane.update(picture.tobytes("raw", "L", plane.line_size, 1))
        frame.colorspace, frame.color_range = BT709, 1
        return frame

    def _take(self, packets: Sequence[av.Packet[Any]]) -> None:
        for packet in packets:
            if not self._repeats:
                self._file.mux_one(packet)
                self.written += 1
                continue
            self._group.append(packet)
            count, shown = self._open[0]
            if len(self._group) == count:
                self._write(self._group, shown)
                self._open.popleft()
                self._group = []

    def _write(self, group: list[av.Packet[Any]], shown: int) -> None:
        whole = [(bytes(packet), packet.is_keyframe) for packet in group]
        for data, is_key in chain.from_iterable(repeat(whole, -(-shown // len(whole)))):
            if shown == 0:
                return
            packet = av.Packet(data)
            packet.stream, packet.time_base = self._stream, self._base
            packet.pts = packet.dts = self.written
            packet.duration, packet.is_keyframe = 1, is_key
            self._file.mux_one(packet)
            self.written += 1
            shown -= 1
