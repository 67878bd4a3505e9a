"""The child's side of a proof: every packet is whole, and pictures from beginning to end decode."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from airdate.media.reader import FORMATS, MAX_PIXELS, READ_BYTES, nameless

MOST_KEYS = 100
"""Key pictures that are decoded, spread over the film; they hold most of its bytes and cost a second at most."""

WHOLE_PIXELS = 1_000_000_000
"""A film of fewer pixels in all is decoded whole: sixteen seconds at 1080×1920, a second or two of work."""

ENDS_S = 1.0
"""Of a longer film the first and the last second are decoded picture by picture."""


def scan(path: str, seconds: float, keys_only: bool) -> Iterator[dict[str, Any]]:
    """Read all packets and decode some; says `pictures`, how many there are, and `fault`, what is wrong first.

    Args:
        keys_only: leave it at packets and key pictures.
    """
    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    pictures, fault = 0, None
    try:
        with (
            nameless(Path(path)) as file,
            av.open(file, "r", options=options, metadata_errors="replace", buffer_size=READ_BYTES) as container,
        ):
            video = container.streams.video[0]
            for packet, count in _packets(container, video, seconds):
                pictures = count
                if fault is None and packet.is_corrupt:
                    fault = f"the packet at {packet.pos} is damaged"
            whole = pictures * video.width * video.height <= WHOLE_PIXELS
            parts = [(0.0, seconds)] if whole else [(0.0, ENDS_S), (max(0.0, seconds - ENDS_S), seconds)]
            for begin, end in () if keys_only else parts:
                fault = fault or _bad_part(container, video, begin, end)
    except _Damage as damage:
        fault = str(damage)
    except FFmpegError as failed:
        fault = failed.strerror
    except (ValueError, OSError, LookupError) as failed:
        fault = type(failed).__name__
    yield {"pictures": pictures, "fault": fault}


_HOLE = b"\0\0\0"
"""Never inside a unit of H.264, which escapes it (ITU-T H.264, 7.4.1): here a download left something out."""


class _Damage(Exception):
    """A picture that is not whole."""


def _packets(
    container: av.container.InputContainer, video: av.VideoStream, seconds: float
) -> Iterator[tuple[av.Packet[Any], int]]:
    """Every packet and the count of pictures so far; key pictures are decoded at even distances."""
    context = video.codec_context
    context.options = {"err_detect": "explode", "threads": "1"}
    prefix = _prefix_bytes(context)
    next_key_s, pictures = 0.0, 0
    decoded: set[bytes] = set()
    for packet in container.demux():
        if packet.stream_index == video.index and packet.size:
            pictures += 1
            if prefix and not _is_framed(bytes(packet), prefix):
                raise _Damage(f"picture {pictures} is damaged")
            at = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else 0.0
            if (
                packet.is_keyframe
                and at >= next_key_s
                and (digest := md5(packet, usedforsecurity=False).digest()) not in decoded
            ):
                next_key_s = at + seconds / MOST_KEYS
                decoded.add(digest)
                _decode_alone(video, packet, at)
        yield packet, pictures


def _decode_alone(video: av.VideoStream, packet: av.Packet[Any], at: float) -> None:
    frames = [*packet.decode(), *video.codec_context.decode(None)]
    video.codec_context.flush_buffers()
    if not frames or any(frame.is_corrupt for frame in frames):
        raise _Damage(f"the picture at {at:.2f} s does not decode")


def _prefix_bytes(context: av.VideoCodecContext) -> int:
    """How wide the lengths before H.264 units are; 0 where there are none."""
    extra = context.extradata or b""
    return (extra[4] & 3) + 1 if context.name == "h264" and len(extra) > 6 and extra[0] == 1 else 0


def _is_framed(data: bytes, prefix: int) -> bool:
    """Whether the units in a packet fill it to its end, and none has a forbidden bit or a hole of zeros."""
    at = 0
    while at + prefix < len(data):
        length = int.from_bytes(data[at : at + prefix])
        unit = data[at + prefix : at + prefix + length]
        if not unit or unit[0] & 0x80 or _HOLE in unit.rstrip(b"\0"):
            return False
        at += prefix + length
    return at == len(data)


def _bad_part(container: av.container.InputContainer, video: av.VideoStream, begin: float, end: float) -> str | None:
    """What is wrong with a part of the film, decoded picture by picture."""
    start = float((video.start_time or 0) * (video.time_base or 0))
    container.seek(int((start + begin) * 1e6), backward=True)
    video.codec_context.flush_buffers()
    last = -1.0
    for frame in container.decode(video):
        last = frame.time - start if frame.time is not None else last
        if frame.is_corrupt:
            return f"the picture at {last:.2f} s is damaged"
        if last > end:
            return None
    return None if last > end - ENDS_S / 2 else f"nothing decodes after {max(last, begin):.2f} s"
