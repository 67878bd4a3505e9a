"""What one packet of a film says: when it is shown, whether it decodes, whether there is a picture in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

TIMELESS = ("avi", "asf", "mxf")
"""Containers that FFmpeg tells only the times of decoding from."""


def shown_at(packet: av.Packet[Any], video: av.VideoStream) -> int | None:
    """When a packet is shown, in its stream's time base.

    An AVI says only when it is decoded, which is the same where pictures keep their order; FFmpeg guesses, up to two
    pictures late.
    """
    is_counted = video.container.format.name == "avi" and not video.codec_context.has_b_frames
    return packet.dts if is_counted or packet.pts is None else packet.pts


def decodes(packet: av.Packet[Any]) -> bool:
    """Whether a packet can be decoded alone."""
    from av.error import FFmpegError  # noqa: PLC0415

    try:
        packet.decode()
    except (FFmpegError, ValueError):
        return False
    return True


def form_of_aac(packet: bytes) -> tuple[int, int] | None:
    """Profile, rate and channels of an AAC packet of a broadcast, as bits of its header (ISO 13818-7, 6.2)."""
    if len(packet) < 4 or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return None
    return packet[2] & 0xFD, packet[3] & 0xC0


def has_picture(packet: bytes) -> bool:
    """Whether a GIF's packet is more than comments, which may follow its last picture."""
    at = 0
    while packet[at : at + 1] == b"!":
        at += 2
        while at < len(packet) and packet[at]:
            at += 1 + packet[at]
        at += 1
    return packet[at : at + 1] == b","
