"""The child's side of a proof: every packet is whole, and pictures from beginning to end decode."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from airdate.media.reading.opening import guarded, opened
from airdate.media.reading.sps import UNIT, first_header, read_header

MOST_KEYS = 100
"""Key pictures that are decoded, spread over the film; they hold most of its bytes and cost a second at most."""

WHOLE_PIXELS = 1_000_000_000
"""A film of fewer pixels in all is decoded whole: sixteen seconds at 1080×1920, a second or two of work."""

ENDS_S = 1.0
"""Of a longer film the first and the last second are decoded picture by picture."""


def scan(path: str, seconds: float, keys_only: bool) -> Iterator[dict[str, Any]]:
    """Read all packets and decode some; says `fault`, `change` or `combs`.

    What is damaged first, where its size changes, where it becomes interlaced; None for each where all is well.

    Args:
        keys_only: leave it at packets and key pictures.
    """
    fault = change = combs = None
    try:
        with opened(Path(path)) as container:
            video = guarded(container.streams.video[0], err_detect="explode", threads="1")
            proof = _Proof(container, video)
            proof.read_packets(seconds)
            whole = proof.pictures * video.width * video.height <= WHOLE_PIXELS
            parts = [(0.0, seconds)] if whole else [(0.0, ENDS_S), (max(0.0, seconds - ENDS_S), seconds)]
            for begin, end in () if keys_only else parts:
                proof.decode_part(begin, end)
    except _Damage as damage:
        fault = str(damage)
    except _Change as found:
        change = str(found)
    except _Combs as found:
        combs = str(found)
    except FFmpegError as failed:
        fault = failed.strerror
    except (ValueError, OSError, LookupError) as failed:
        fault = type(failed).__name__
    yield {"fault": fault, "change": change, "combs": combs}


class _Damage(Exception):
    """A picture that is not whole."""


class _Change(Exception):
    """A picture of another size, depth or colour matrix than those before it."""


class _Combs(Exception):
    """A picture of two fields."""


class _Proof:
    """What is read of one film.

    Attributes:
        pictures: how many packets of the picture were read.
    """

    def __init__(self, container: InputContainer, video: av.VideoStream) -> None:
        extra = video.codec_context.extradata or b""
        is_framed = video.codec_context.name == "h264" and len(extra) > 6 and extra[0] == 1
        self._prefix = (extra[4] & 3) + 1 if is_framed else 0
        self._header = first_header(extra)
        self._container, self._video = container, video
        self._streams = [video, *container.streams.audio[:1]]
        self._form: tuple[int, int, str, int] | None = None
        self.pictures = 0

    def read_packets(self, seconds: float) -> None:
        """Look at every packet of the film; key pictures are decoded at even distances."""
        next_key_s = 0.0
        decoded: set[bytes] = set()
        for packet in self._container.demux():
            if packet.is_corrupt:
                raise _Damage(f"the packet at {packet.pos} is damaged")
            if packet.stream_index != self._video.index or not packet.size:
                continue
            self.pictures += 1
            at_s = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else 0.0
            self._check_units(bytes(packet), at_s)
            if (
                packet.is_keyframe
                and at_s >= next_key_s
                and (digest := md5(packet, usedforsecurity=False).digest()) not in decoded
            ):
                next_key_s = at_s + seconds / MOST_KEYS
                decoded.add(digest)
                self._decode_alone(packet, at_s)

    def _check_units(self, data: bytes, at_s: float) -> None:
        for unit in _units(data, self._prefix) if self._prefix else ():
            if unit[0] & 31 != UNIT or self._header is None or (header := read_header(unit)) is None:
                continue
            if not header.is_as_large_as(self._header):
                raise _Change(f"at {at_s:.2f} s")

    def _decode_alone(self, packet: av.Packet[Any], at_s: float) -> None:
        frames = [*packet.decode(), *self._video.codec_context.decode(None)]
        self._video.codec_context.flush_buffers()
        if not frames:
            raise _Damage(f"the picture at {at_s:.2f} s does not decode")
        for frame in frames:
            self._check_frame(frame, at_s)

    def decode_part(self, begin_s: float, end_s: float) -> None:
        """Decode a part of the film, picture by picture, and its sound."""
        start_s = float((self._video.start_time or 0) * (self._video.time_base or 0))
        self._container.seek(int((start_s + begin_s) * 1e6), backward=True)
        for stream in self._streams:
            stream.codec_context.flush_buffers()
        last_s = -1.0
        for frame in self._decoded():
            last_s = frame.time - start_s if frame.time is not None else last_s
            self._check_frame(frame, last_s)
            if last_s > end_s:
                return
        if last_s <= end_s - ENDS_S / 2:
            raise _Damage(f"nothing decodes after {max(last_s, begin_s):.2f} s")

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """The pictures from here on; sound is decoded beside them. Its first packet may be the rest of one."""
        begun: set[int] = set()
        for packet in self._container.demux(*self._streams):
            is_first = packet.stream_index not in begun
            begun.add(packet.stream_index)
            try:
                frames = packet.decode()
            except FFmpegError as failed:
                if packet.stream_index != self._video.index and is_first:
                    continue
                raise _Damage(f"{packet.stream.type} does not decode: {failed.strerror}") from None
            yield from (frame for frame in frames if isinstance(frame, av.VideoFrame))

    def _check_frame(self, frame: av.VideoFrame, at_s: float) -> None:
        if frame.is_corrupt:
            raise _Damage(f"the picture at {at_s:.2f} s is damaged")
        form = (frame.width, frame.height, frame.format.name, int(frame.colorspace))
        if self._form not in (None, form):
            raise _Change(f"at {at_s:.2f} s")
        self._form = form
        if frame.interlaced_frame:
            raise _Combs(f"at {at_s:.2f} s")


_HOLE = b"\0\0\0"
"""Never inside a picture's unit of H.264, which escapes it (ITU-T H.264, 7.4.1): here a download left something out."""

_PICTURES = range(1, 6)
"""Types of units that hold a picture, or a part of one."""


def _units(data: bytes, prefix: int) -> Iterator[bytes]:
    """The units in a packet, which must fill it to its end; none has a forbidden bit, and no picture a hole of zeros.

    Args:
        prefix: how many bytes tell the length of each.
    """
    at = 0
    while at + prefix < len(data):
        length = int.from_bytes(data[at : at + prefix])
        unit = data[at + prefix : at + prefix + length]
        if not unit or unit[0] & 0x80 or (unit[0] & 31 in _PICTURES and _HOLE in unit.rstrip(b"\0")):
            raise _Damage(f"a picture of {len(data):,} bytes is damaged")
        yield unit
        at += prefix + length
    if at != len(data):
        raise _Damage(f"a picture of {len(data):,} bytes is cut off")
