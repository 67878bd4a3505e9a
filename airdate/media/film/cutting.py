"""Where the end of a film can be cut off without an encode: after a picture that no later one is shown before."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import Any

from airdate.media.probe import SCAN_BYTES_A_SECOND, WALL_S, Picture, Probe
from airdate.media.programs.child import Said, call
from airdate.media.reading.opening import opened
from airdate.media.reading.packets import shown_at


@dataclass(frozen=True, slots=True)
class Cut:
    """What stays of a film.

    Attributes:
        pictures: how many packets of the picture, in the order of the file.
        seconds: when the last of them ends.
        decoded_s: when the last packet is decoded.
    """

    pictures: int
    seconds: float
    decoded_s: float


def clean_cut(probe: Probe, picture: Picture, limit: float, cancel: threading.Event | None = None) -> Cut:
    """The longest beginning of a film that a copy can have within `limit` seconds.

    The packets of a film are stored in another order than they are shown in, so that a plain cut by time would leave
    out pictures in front of the last one, or keep some that refer to what was left out.

    Raises:
        Refused: the film ends its reader.
        Transient: it was cancelled.
    """
    found: list[Said] = []
    zero = min(probe.start_s, picture.start_s)
    order = {
        "path": str(probe.path.absolute()),
        "index": picture.index,
        "until": zero + limit,
        "frame_s": 1 / picture.fps,
    }
    call(
        "airdate.media.film.cutting:look",
        order,
        item=probe.name,
        wall_s=WALL_S + probe.size / SCAN_BYTES_A_SECOND,
        on_said=found.append,
        cancel=cancel,
    )
    return Cut(found[0]["pictures"], found[0]["end_s"] - zero, found[0]["decoded_s"] - zero)


def look(path: str, index: int, until: float, frame_s: float) -> Iterator[dict[str, Any]]:
    """In a child: says `pictures`, `end_s` and `decoded_s` of the longest clean beginning.

    Args:
        index: of the stream.
        until: when it must have ended, in seconds of the file's own clock.
        frame_s: how long a picture is shown.
    """
    with opened(Path(path)) as container:
        video = next(stream for stream in container.streams.video if stream.index == index)
        times = list(_times(container.demux(video), video, until))
        pictures, end_s = longest((shown for shown, _ in times), until, frame_s)
    yield {"pictures": pictures, "end_s": end_s, "decoded_s": times[pictures - 1][1] if pictures else 0.0}


def _times(packets: Iterable[Any], video: Any, until: float) -> Iterator[tuple[float, float]]:
    """When each packet's picture is shown and decoded. None is shown before that, so a later one ends the search."""
    for packet in packets:
        known = (shown_at(packet, video), packet.dts)
        times = [float(time * packet.time_base) for time in known if time is not None]
        if not times:
            continue
        yield times[0], times[-1]
        if times[-1] > until:
            return


def longest(shown: Iterable[float], until: float, frame_s: float) -> tuple[int, float]:
    """How many packets make the longest beginning in which no picture is missing, and when its last picture ends.

    Args:
        shown: when the pictures are shown, in the order of the file.
        until: when the last of them must have ended.
        frame_s: how long a picture is shown.
    """
    times = list(shown)
    latest = list(accumulate(times, max))
    next_earliest = [*reversed(list(accumulate(reversed(times[1:]), min))), inf]
    slack = frame_s / 10
    for count in range(len(times), 0, -1):
        end_s = latest[count - 1] + frame_s
        if end_s <= until + slack and latest[count - 1] < next_earliest[count - 1]:
            return count, end_s
    return 0, 0.0
