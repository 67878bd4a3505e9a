"""The child's side of pictures for people: glances into a film, each small, upright and in the colours it has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil, floor
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from PIL import Image

from airdate.media.clauses import assumed_matrix
from airdate.media.reading.opening import guarded, opened
from airdate.media.reading.tracks import Crop

MOST_DECODED = 300
"""Pictures that are decoded on the way from a key picture to the one that is wanted: ten seconds of a film without
others. Farther off the last of them is taken; its own time is told with it."""

EXACT_S = 0.0005
"""A cover is named in whole milliseconds."""

LOOKED_FOR = 3
"""Key pictures after a seek of which the first that can be decoded is taken; the first of a broadcast often cannot."""

FILM_KNEE = 0.5
"""Light up to which HDR stays as it is here: films are tone-mapped by a softer curve than photos."""

_TURNS: Final = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
_FROM_2020 = (1.6605, -0.5876, -0.0728, 0, -0.1246, 1.1329, -0.0083, 0, -0.0182, -0.1006, 1.1187, 0)
"""From the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087)."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One picture of a film, `at_s` seconds after the film's beginning."""

    image: Image.Image
    at_s: float


class Film:
    """A film that is open for glances."""

    def __init__(
        self, container: InputContainer, index: int, zero_s: float, sar: float, crop: Crop, box: tuple[int, int]
    ) -> None:
        """Prepare it.

        Args:
            index: of the stream.
            zero_s: the time in the file that people call its beginning.
            sar: shape of a pixel, width by height.
            crop: what the container leaves out of a picture; FFmpeg's library decodes it all the same.
            box: width and height that glances fit into.
        """
        self._container = container
        self._video = guarded(next(stream for stream in container.streams.video if stream.index == index))
        self._video.codec_context.thread_count = 1  # more would decode pictures ahead that nobody looks at
        self._zero_s, self._sar, self._crop, self._box = zero_s, sar, crop, box
        self._step_s = 1 / float(self._video.average_rate or 30)

    def near(self, at_s: float) -> Glance | None:
        """The key picture at an instant or before it: one seek, one decoded picture."""
        self._seek(at_s)
        self._video.codec_context.skip_frame = "DEFAULT"
        packets = islice(self._container.demux(self._video), MOST_DECODED)
        for packet in islice((packet for packet in packets if packet.is_keyframe and packet.size), LOOKED_FOR):
            if frames := self._decoded_alone(packet):
                return self._glance(frames[0])
        return None

    def at(self, at_s: float, *, most: int = MOST_DECODED) -> Glance | None:
        """The picture that is shown at an instant.

        On the way to it, pictures that no other refers to are not decoded, which halves the work.

        Args:
            most: pictures on the way; farther off the last of them is taken.
        """
        self._seek(at_s)
        found: av.VideoFrame | None = None
        for frame in self._decoded(at_s - 2 * self._step_s, most):
            if found is not None and self._time(frame) > at_s + EXACT_S:
                break
            found = frame
        return self._glance(found) if found is not None else None

    def nearest(self, at_s: float) -> Glance | None:
        """The picture that begins nearest to an instant: where a film of another rate has its picture of it."""
        return self.at(at_s + self._step_s / 2)

    def _seek(self, at_s: float) -> None:
        base = self._video.time_base or 1
        try:
            self._container.seek(round((self._zero_s + at_s) / base), stream=self._video, backward=True)
        except FFmpegError:  # there is no key picture before it
            self._container.seek(0, backward=False)

    def _decoded_alone(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        """A key picture without those that follow, for which its decoder would wait."""
        context = self._video.codec_context
        context.flush_buffers()
        try:
            return [*packet.decode(), *context.decode(None)]
        except (FFmpegError, ValueError):
            return []

    def _decoded(self, whole_from_s: float, most: int) -> Iterator[av.VideoFrame]:
        """Pictures in the order they are shown, all of them from an instant on; what cannot be decoded is left out."""
        context = self._video.codec_context
        context.skip_frame = "NONREF"
        for packet in islice(self._container.demux(self._video), most):
            if packet.pts is not None and float(packet.pts * packet.time_base) - self._zero_s >= whole_from_s:
                context.skip_frame = "DEFAULT"
            try:
                yield from packet.decode()
            except (FFmpegError, ValueError):
                continue
        with suppress(FFmpegError):
            yield from context.decode(None)

    def _time(self, frame: av.VideoFrame) -> float:
        return float((frame.pts or 0) * (self._video.time_base or 0)) - self._zero_s

    def _glance(self, frame: av.VideoFrame) -> Glance:
        turn = _turn(frame)
        room = self._box[::-1] if turn is not None and turn in _SIDEWAYS else self._box
        factor = min(room[0] / (frame.width * self._sar), room[1] / frame.height, 1.0)
        image: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
            width=max(2, round(frame.width * self._sar * factor)),
            height=max(2, round(frame.height * factor)),
            src_colorspace=_colorspace(frame),
        )
        if frame.color_trc == ColorTrc.SMPTE2084:
            image = _toned_down(image, is_wide=frame.color_primaries == ColorPrimaries.BT2020)
        if any(self._crop):
            image = image.crop(_kept(image, frame, self._crop))
        if turn is not None:
            image = image.transpose(turn)
        return Glance(image, max(0.0, self._time(frame)))


_SIDEWAYS: Final = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)


@contextmanager
def glanced(film: dict[str, Any], box: tuple[int, int]) -> Iterator[Film]:
    """A film by its order: `path`, `index`, `zero_s`, `sar` and `crop`."""
    with opened(Path(film["path"])) as container:
        yield Film(container, film["index"], film["zero_s"], film["sar"], film["crop"], box)


def _kept(image: Image.Image, frame: av.VideoFrame, crop: Crop) -> tuple[int, int, int, int]:
    """What is left of a small image of the whole frame: left, top, right and bottom of it."""
    wide, high = image.width / frame.width, image.height / frame.height
    left, top, right, bottom = crop
    return ceil(left * wide), ceil(top * high), floor(image.width - right * wide), floor(image.height - bottom * high)


def _colorspace(frame: av.VideoFrame) -> int:
    """What a picture says of itself, or what its size suggests, as where it is encoded."""
    said = int(frame.colorspace)
    if said in list(Colorspace):
        return said
    return int(Colorspace.ITU709 if assumed_matrix(frame.height) == "bt709" else Colorspace.ITU601)


def _turn(frame: av.VideoFrame) -> Image.Transpose | None:
    """How a player turns or mirrors it; the matrix is in fixed point, and its rows are swapped in the y axis."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    matrix = bytes(data) if data is not None else b""
    if len(matrix) != 36:
        return None
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    return _TURNS.get(tuple(_sign(each) for each in (a, b, c, d)))  # type: ignore[arg-type]


def _sign(value: int) -> int:
    return (value > 1 << 15) - (value < -(1 << 15))


def _toned_down(image: Image.Image, *, is_wide: bool) -> Image.Image:
    """PQ as SDR, roughly: a curve for each colour in eight bits, where the real thing would cost a second."""
    import numpy as np  # noqa: PLC0415  (few films are HDR)

    from airdate.media.photos.light import encoded, of_pq, toned_down  # noqa: PLC0415

    curve = encoded(toned_down(of_pq(np.arange(256) / 255), FILM_KNEE)).tolist()
    narrow = image.point(curve * 3)
    return narrow.convert("RGB", _FROM_2020) if is_wide else narrow
