"""The child's side of a probe: reads a file's facts with PyAV, Pillow and our own box reader."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airdate.errors import Refused
from airdate.media.reading import matroska
from airdate.media.reading.boxes import MOST_BYTES, Boxes, read_boxes
from airdate.media.reading.opening import MAX_PIXELS, guarded, opened
from airdate.media.reading.packets import TIMELESS
from airdate.media.reading.sps import first_header
from airdate.media.reading.times import SoundTimes, Times, read_times
from airdate.media.reading.tracks import EVEN_S, ROUNDED_S
from airdate.media.refusals import cut_short, unreadable

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

COVER_CODECS = ("mjpeg", "png", "bmp", "webp")
"""Of a track beside the film that holds its cover, where the container does not say so."""

BELIEVED_S = 10_000_000.0
"""No film lasts months; the times of one that says so are damaged."""

CHANGING_CODECS = ("h264", "mpeg2video", "vc1")
"""Of broadcasts, which go from progressive to interlaced and back; a header of H.264 may say that it never does."""

FRAMES_LOOKED_AT = 8
"""Decoded pictures that tell rotation, colour and interlacing; the first of a broadcast may be undecodable."""

PACKETS_LOOKED_AT = 600
"""Packets read to find them."""

RATE_SLACK = 0.02
"""Frames may keep to the rate that a file names this loosely: one that is missing makes a film seem slower. Farther
off, the frames are believed; DV, FLV and fragmented films name rates that they do not keep."""

_HEAD = 64 * 1024
_MOVING = (b"\x89PNG", b"GIF8")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RAW = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 11: "smpte431",
    12: "smpte432",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 11: "iec61966-2-4",
    13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67",
}  # fmt: skip
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2",
    16: "ycgco-re", 17: "ycgco-ro",
}  # fmt: skip
_RANGES = {1: "tv", 2: "pc"}
_ALPHA = ("yuva", "rgba", "argb", "bgra", "abgr", "gbrap", "ya8", "ya16", "pal8")


def read(paths: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The facts of each file, as `airdate.media.probe.Probe` holds them.

    Raises:
        Refused: one of them is no film or picture.
    """
    for place, name in zip(paths, names, strict=True):
        yield _read(Path(place), name)


def _read(path: Path, name: str) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    boxes = read_boxes(path)
    if (is_raw := _is_raw(head)) or _looks_like_photo(head):
        from airdate.media.photos.photo import check_bytes, damaged_photo, raw_photo, read_facts  # noqa: PLC0415

        if is_raw:
            raise raw_photo(name)
        if not head.startswith(_MOVING):
            check_bytes(path.stat().st_size, name)
        photo = read_facts(path, name)
        if photo is not None and boxes is not None and boxes.truncated:  # libheif shows grey for what is missing
            raise damaged_photo(name, f"its boxes reach past its end at {path.stat().st_size:,} bytes")
        if photo is not None:
            return _facts(path, photo["format"], photo=photo)
        if not head.startswith(_MOVING) and (boxes is None or not boxes.has_index):
            raise unreadable(name, "it begins as a photo does, and is cut off, damaged or of a rare kind")
    if boxes.encrypted if boxes is not None else matroska.is_encrypted(head):
        raise Refused(
            "media_encrypted",
            "the film is encrypted",
            item=name,
            rule="a film without DRM",
            fix="export it without protection",
        )
    if boxes is not None and not boxes.has_index:
        raise Refused(
            "media_truncated",
            f"the file ends at {path.stat().st_size:,} bytes, before its index",
            item=name,
            rule="every box of an MP4 lies inside the file",
            fix="copy or export it again; the upload, download or recording it came from was cut off",
        )
    if boxes is not None and boxes.unpacked_bytes > MOST_BYTES:
        raise unreadable(name, f"its index has {boxes.unpacked_bytes:,} bytes once it is unpacked")
    return _read_film(path, name, head, boxes)


def _facts(path: Path, container: str, **found: Any) -> dict[str, Any]:
    nothing = {"picture": None, "sound": None, "boxes": None, "photo": None, "cut_off": None, "unheard": None}
    times = {"start_s": 0.0, "lead_s": 0.0, "duration_s": 0.0}
    return {"size": path.stat().st_size, "container": container, "streams": 1, **nothing, **times, **found}


def _looks_like_photo(head: bytes) -> bool:
    starts = (b"\xff\xd8\xff", b"\x89PNG", b"BM", *_TIFF, b"GIF8", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
    heif = head[4:8] == b"ftyp" and head[8:12] in (
        b"heic",
        b"heix",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
        b"heim",
        b"heis",
    )
    return head.startswith(starts) or heif or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _is_raw(head: bytes) -> bool:
    """Whether a camera wrote what its sensor saw; raw files that are TIFFs show when they are opened."""
    return head.startswith(_RAW) or head[4:12] == b"ftypcrx " or head[6:14] == b"HEAPCCDR"


def _read_film(path: Path, name: str, head: bytes, boxes: Boxes | None) -> dict[str, Any]:
    from av.error import FFmpegError  # noqa: PLC0415  (a photo does not need it)

    options = {"threads": "1"}
    if boxes is not None and not boxes.fragmented and _shows_only_avc(boxes):
        options["skip_frame"] = "all"  # what FFmpeg would decode to find out, the index and the header tell
    try:
        with opened(path, **options) as container:
            return _film(path, name, head, container, boxes)
    except (FFmpegError, ValueError, OSError, ArithmeticError, LookupError, TypeError, AttributeError):
        raise unreadable(name, "its content is of no kind we know") from None


def _shows_only_avc(boxes: Boxes) -> bool:
    return {track.entry for track in boxes.tracks if track.handler == "vide"} == {"avc1"}


def _without_picture(container: InputContainer) -> str:
    """Why there is nothing to see: a picture that no decoder knows is there all the same."""
    is_unknown = any(stream.codec_context is None for stream in container.streams.video)
    return "no decoder knows its picture's codec" if is_unknown else "it has no moving picture"


def _film(path: Path, name: str, head: bytes, container: InputContainer, boxes: Boxes | None) -> dict[str, Any]:
    from av.stream import Disposition  # noqa: PLC0415

    videos = [
        s for s in container.streams.video
        if s.codec_context is not None and not s.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]  # fmt: skip
    if not videos:
        raise unreadable(name, _without_picture(container))
    video = max(
        videos,
        key=lambda s: (bool(s.disposition & Disposition.default), s.name not in COVER_CODECS, s.width * s.height),
    )
    if video.width * video.height > MAX_PIXELS:
        raise Refused(
            "media_picture_too_large",
            f"its picture is {video.width}×{video.height}",
            item=name,
            rule=f"at most {MAX_PIXELS:,} pixels",
            fix="export it at 4096 pixels or less a side",
        )
    look = _look(container, guarded(video, skip_loop_filter="all"))
    if look["frame"] is None:
        raise _undecodable(path, name, head, boxes)
    sounds = [s for s in container.streams.audio if s.codec_context is not None and s.codec_context.sample_rate > 0]
    sound = max(sounds, key=lambda s: bool(s.disposition & Disposition.default), default=None)
    times = read_times(container, video, sound, boxes)
    declared = container.duration / 1e6 if container.duration and 0 < container.duration < 2**62 else None
    duration = times.end_s - times.start_s
    if not 0 < duration < BELIEVED_S:
        raise unreadable(name, "the times of its pictures make no sense")
    cut_off = _cut_off(path, head, boxes)
    is_told = declared is not None and not times.is_indexed and not times.is_joined
    if cut_off is None and declared is not None and is_told and times.last_s < 0.9 * declared - 1:
        cut_off = f"it says that it lasts {declared:.2f} s, and {times.last_s:.2f} s are there"
    dolby = boxes.dolby_vision if boxes is not None else matroska.dolby_vision(head)
    track = boxes.track(video.id) if boxes is not None else None
    crop = track.crop if track is not None else matroska.crop(head)
    begins_s = (container.start_time or 0) / 1e6
    lead_s = max(0.0, -begins_s) if boxes is not None and boxes.fragmented else 0.0
    is_mixed = track is not None and track.entries > 1
    unheard = _unheard(container, sound, boxes)
    sound = sound if unheard is None else None
    return _facts(
        path,
        container.format.name,
        start_s=begins_s + lead_s,
        lead_s=lead_s,
        duration_s=duration,
        streams=len(container.streams) + len(container.chapters()),
        cut_off=cut_off,
        unheard=unheard,
        picture={**_picture(video, look, times), "dolby_vision": dolby, "crop": crop, "is_mixed": is_mixed},
        sound=_sound(sound, times.sound, boxes) if sound is not None and times.sound is not None else None,
        boxes=asdict(boxes) if boxes is not None else None,
    )


def _look(container: InputContainer, video: av.VideoStream) -> dict[str, Any]:
    """What only decoded pictures tell; the first packets are enough."""
    from av.error import FFmpegError  # noqa: PLC0415

    context = video.codec_context
    header = first_header(context.extradata or b"") if context.name == "h264" else None
    is_alone = header is not None and header.is_progressive
    seen: dict[str, Any] = {"rotation": 0, "is_interlaced": False, "matrix": b"", "frame": None}
    seen["may_interlace"] = not is_alone and context.name in CHANGING_CODECS
    count = 0
    for packet in islice(container.demux(video), PACKETS_LOOKED_AT):
        try:
            frames = _decoded_alone(packet, context) if is_alone and packet.is_keyframe else packet.decode()
        except (FFmpegError, ValueError):
            continue
        for frame in frames:
            count += 1
            seen["is_interlaced"] = seen["is_interlaced"] or frame.interlaced_frame
            if seen["frame"] is None:
                seen["frame"], seen["rotation"] = frame, int(frame.rotation)
                seen["matrix"] = _display_matrix(frame)
        if count >= (1 if is_alone else FRAMES_LOOKED_AT):
            break
    return seen


def _decoded_alone(packet: av.Packet[av.VideoStream], context: av.VideoCodecContext) -> list[av.VideoFrame]:
    """A key picture without those that follow, for which its decoder would wait.

    One that an edit list hides is no less a look at the film; its decoder would drop it as a packet of the file.
    """
    import av  # noqa: PLC0415

    whole = av.Packet(bytes(packet)) if packet.is_discard else packet
    frames = [*context.decode(whole), *context.decode(None)]
    context.flush_buffers()
    return frames


def _display_matrix(frame: av.VideoFrame) -> bytes:
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return bytes(data) if data is not None else b""


def _picture(video: av.VideoStream, look: dict[str, Any], times: Times) -> dict[str, Any]:
    context, frame = video.codec_context, look["frame"]
    told = frame if frame is not None else context
    pix_fmt = frame.format.name if frame is not None else context.pix_fmt
    sar = video.sample_aspect_ratio or context.sample_aspect_ratio
    named = [float(rate) for rate in (video.guessed_rate, video.average_rate, video.base_rate) if rate]
    measured = times.fps or next(iter(named), 0.0)
    likely = [rate for rate in named if abs(rate - measured) <= RATE_SLACK * measured]
    codec = context.codec.canonical_name
    is_webm_alpha = codec in ("vp8", "vp9") and video.metadata.get("alpha_mode") == "1"
    return {
        "index": video.index,
        "codec": codec,
        "profile": context.profile,
        "pix_fmt": pix_fmt,
        "width": frame.width if frame is not None else video.width,
        "height": frame.height if frame is not None else video.height,
        "sar": float(sar) if sar and 0.01 < sar < 100 else 1.0,
        "rotation": look["rotation"],
        "is_turned": times.is_turned or look["rotation"] % 360 != 0 or _mirrors(look["matrix"]),
        "is_interlaced": look["is_interlaced"],
        "may_interlace": look["may_interlace"],
        "has_alpha": is_webm_alpha or (pix_fmt or "").startswith(_ALPHA),
        "fps": min(likely, key=lambda rate: abs(rate - measured), default=measured),
        "is_variable": times.is_variable,
        "is_rounded": EVEN_S < times.spread_s < ROUNDED_S,
        "matrix": _MATRICES.get(int(told.colorspace)) or _MATRICES.get(int(context.colorspace)),
        "primaries": _PRIMARIES.get(int(told.color_primaries)) or _PRIMARIES.get(int(context.color_primaries)),
        "transfer": _TRANSFERS.get(int(told.color_trc)) or _TRANSFERS.get(int(context.color_trc)),
        "range": _RANGES.get(int(told.color_range)) or _RANGES.get(int(context.color_range)),
        "start_s": times.start_s,
        "end_s": times.end_s,
        "hidden_s": times.hidden_s,
        "edits": times.edits,
        "starts_whole": times.starts_whole,
        "is_joined": times.is_joined,
        "wait_s": times.wait_s,
        "is_timed": video.container.format.name not in TIMELESS or not context.has_b_frames,
    }


def _mirrors(matrix: bytes) -> bool:
    """Whether a display matrix is another than the identity."""
    if len(matrix) != 36:
        return False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    return not (a > 0 and d > 0 and b == c == 0)


def _sound(stream: av.AudioStream, times: SoundTimes, boxes: Boxes | None) -> dict[str, Any]:
    context = stream.codec_context
    track = boxes.track(stream.id) if boxes is not None else None
    return {
        "index": stream.index,
        "codec": context.codec.canonical_name,
        "profile": context.profile,
        "channels": context.channels,
        "rate": context.sample_rate,
        "start_s": times.start_s,
        "end_s": times.end_s,
        "is_timed": times.is_timed,
        "is_trimmed": boxes is not None and not boxes.fragmented and track is not None and track.is_trimmed,
        "edits": times.edits,
        "starts_whole": times.starts_whole,
        "is_mixed": times.is_mixed,
    }


def _unheard(container: InputContainer, sound: av.AudioStream | None, boxes: Boxes | None) -> str | None:
    """Why nothing is heard of what the film has to be heard; None if something is, or it has nothing."""
    tracks = [] if boxes is None or boxes.fragmented else [track for track in boxes.tracks if track.handler == "soun"]
    if not container.streams.audio or (tracks and not any(track.samples for track in tracks)):
        return None
    if sound is None:
        return "no decoder knows its codec"
    return "the index does not say where it is" if tracks and len(sound.index_entries) == 0 else None


def _cut_off(path: Path, head: bytes, boxes: Boxes | None) -> str | None:
    """How a file's own sizes tell that its end is missing."""
    size = path.stat().st_size
    if boxes is not None:
        return f"its boxes reach past its end at {size:,} bytes" if boxes.truncated else None
    if head[:4] == b"RIFF" and 8 + int.from_bytes(head[4:8], "little") > size + 1:
        return f"it says that it has {8 + int.from_bytes(head[4:8], 'little'):,} bytes, and {size:,} are there"
    promised = matroska.promised_size(head)
    return f"it says that it has {promised:,} bytes, and {size:,} are there" if promised > size else None


def _undecodable(path: Path, name: str, head: bytes, boxes: Boxes | None) -> Refused:
    """Why no picture of a film can be decoded, as far as its container tells."""
    if why := _cut_off(path, head, boxes):
        return cut_short(name, why, is_salvable=False)
    return unreadable(name, "no picture in it can be decoded")
