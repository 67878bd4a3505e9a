"""A film opened with PyAV, in a child: by its content and not its name, and so that it reaches nothing but itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,asf,ogg,dv,mxf,gif,apng"
"""Containers we open; a playlist or a script that names other files is none of them."""

MAX_PIXELS = 71_000_000
"""Of one picture; a larger header is refused before anything is decoded."""

MAX_STREAMS = 32

IGNORED_INDEX = {"flv": {"fflags": "+ignidx"}}
"""Options of containers whose index is better not read: that of an FLV may claim 268 million key pictures, for which
FFmpeg makes room at once."""

READ_BYTES = 256 * 1024
"""At a time."""


@contextmanager
def opened(path: Path, *, formats: str = FORMATS, **options: str) -> Iterator[InputContainer]:
    """A film that is open for reading.

    Args:
        formats: FFmpeg's names of the containers it may be.
        options: more of FFmpeg's.

    Raises:
        FFmpegError, OSError: it cannot be read.
    """
    import av  # noqa: PLC0415  (the parents of children import what is above, and do not decode)

    av.logging.set_level(av.logging.PANIC)
    guard = {
        "format_whitelist": formats,
        "protocol_whitelist": "file",
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
    }
    with nameless(path) as file:
        options |= IGNORED_INDEX["flv"] if file.read(3) == b"FLV" else {}
        file.seek(0)
        with av.open(
            file, "r", options=guard | options, metadata_errors="replace", buffer_size=READ_BYTES
        ) as container:
            yield container


def guarded(video: VideoStream, **options: str) -> VideoStream:
    """A picture whose decoder heeds the limit too: its size may stand in the pictures alone, or change among them."""
    video.codec_context.options = {"max_pixels": str(MAX_PIXELS), **options}
    return video


def nameless(path: Path) -> BinaryIO:
    """A file as bytes without a name: one with a pattern in it would be taken for a row of pictures."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb")
